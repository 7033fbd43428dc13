"""Three classes as the points of a triangle."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from softplex._arrays import answer_in_kind, to_float_tensor
from softplex._tensors import check_probabilities, place_of, values_known, widened
from softplex.exceptions import InvalidInput

HEIGHT = math.sqrt(3) / 2
_OUTSIDE_TOLERANCE = {
    torch.float16: 5e-3,
    torch.bfloat16: 3e-2,
    torch.float32: 1e-5,
    torch.float64: 1e-9,
}


def to_barycentric(probabilities: Any) -> Any:
    r"""Place three probabilities in a triangle of side 1.

    .. math:: (x, y) = p_1 (0, 0) + p_2 (1, 0) + p_3 (1/2, \sqrt{3}/2)

    Class 1 is the lower left corner, class 2 the lower right, class 3 the top; y points upwards.

    Parameters
    ----------
    probabilities : array or tensor of shape (..., 3)
        Rows on the simplex.

    Returns
    -------
    array or tensor like ``probabilities``, of shape (..., 2)

    Raises
    ------
    InvalidInput
        When there are not three classes, or a row is not on the simplex.

    References
    ----------
    Möbius (1827), "Der barycentrische Calcul".

    Examples
    --------
    >>> import numpy as np
    >>> to_barycentric(np.array([[0.5, 0.5, 0.0], [0.0, 1.0, 0.0]])).tolist()
    [[0.5, 0.0], [1.0, 0.0]]
    """
    tensor = to_float_tensor(probabilities)
    if tensor.ndim < 1 or tensor.shape[-1] != 3:
        raise InvalidInput(
            "to_barycentric needs three probabilities in the last dimension, but got shape "
            f"{tuple(tensor.shape)}. Choose three classes, or merge some."
        )
    check_probabilities("to_barycentric", "probabilities", tensor, -1)
    _, second, third = widened(tensor).unbind(-1)
    points = torch.stack([second + 0.5 * third, HEIGHT * third], dim=-1)
    return answer_in_kind(points.to(tensor.dtype), probabilities)


def from_barycentric(points: Any) -> Any:
    r"""Give the three probabilities that a point of the triangle stands for.

    .. math:: p_3 = 2 y / \sqrt{3}, \quad p_2 = x - p_3 / 2, \quad p_1 = 1 - p_2 - p_3

    Undoes :func:`to_barycentric`, to rounding.

    Parameters
    ----------
    points : array or tensor of shape (..., 2)
        x and y, inside the triangle with the corners (0, 0), (1, 0) and (1/2, sqrt(3)/2).

    Returns
    -------
    array or tensor like ``points``, of shape (..., 3)

    Raises
    ------
    InvalidInput
        When the last dimension is not 2, or a point lies outside of the triangle.

    Examples
    --------
    >>> import numpy as np
    >>> from_barycentric(np.array([0.5, 0.0])).tolist()
    [0.5, 0.5, 0.0]
    """
    tensor = to_float_tensor(points)
    if tensor.ndim < 1 or tensor.shape[-1] != 2:
        raise InvalidInput(
            "from_barycentric needs x and y in the last dimension, but got shape "
            f"{tuple(tensor.shape)}."
        )
    x, y = widened(tensor).unbind(-1)
    third = y / HEIGHT
    second = x - 0.5 * third
    shares = torch.stack([1.0 - second - third, second, third], dim=-1)
    _refuse_outside(tensor, shares)
    # Rounding may leave -1e-17 on an edge. It is taken away from the value, not from the gradient.
    inside = shares + (shares.clamp(min=0.0) - shares).detach()
    return answer_in_kind(inside.to(tensor.dtype), points)


def _refuse_outside(points: Tensor, shares: Tensor) -> None:
    if not values_known(points) or not points.numel():
        return
    outside = ~(shares >= -_OUTSIDE_TOLERANCE[points.dtype]).all(-1)
    if bool(outside.any()):
        place = place_of(outside) if outside.ndim else ()
        x, y = points[place].tolist()
        where = f"point {place[0]}" if len(place) == 1 else f"the point at {place}"
        raise InvalidInput(
            f"from_barycentric needs points inside the triangle with corners (0, 0), (1, 0) and "
            f"(0.5, 0.866), but {where if place else 'the point'} is ({x:g}, {y:g})."
        )
