"""The path of a row of probabilities as the temperature, or one score, moves."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from softplex._arrays import answer_in_kind, to_float_tensor
from softplex._checks import check_number
from softplex.exceptions import InvalidInput
from softplex.maps._softmax import softmax


def softmax_trajectory(
    scores: Any, *, temperatures: Any = None, vary: int | None = None, values: Any = None
) -> Any:
    r"""Follow the probabilities of one row as the temperature, or one score, moves.

    .. math:: p^{(t)} = \mathrm{softmax}(z / T_t)
        \quad\text{or}\quad \mathrm{softmax}(z \text{ with } z_j = v_t)

    Give either ``temperatures``, or ``vary`` and ``values``.

    Parameters
    ----------
    scores : array or tensor of shape (k,)
        The scores of one row.
    temperatures : array or tensor of shape (m,), optional
        Positive temperatures T_t, in the order of the path.
    vary : int, optional
        The class whose score moves.
    values : array or tensor of shape (m,), optional
        The values that its score takes.

    Returns
    -------
    array or tensor like ``scores``, of shape (m, k)
        Row t is the point of the path at the t-th temperature or value.

    Raises
    ------
    InvalidInput
        When the shapes do not fit, a temperature is not positive, or both or neither are given.

    Notes
    -----
    As the temperature falls the path tends to the corner of the largest score; as it rises, to
    equal shares among the classes that are not absent. As one score moves, the ratios of the other
    probabilities stay, so the path is a straight line of the simplex towards that class's corner.

    Examples
    --------
    >>> import numpy as np
    >>> softmax_trajectory(np.array([2.0, 1.0, 0.0]), temperatures=[0.1, 1.0, 10.0]).round(3)
    array([[1.   , 0.   , 0.   ],
           [0.665, 0.245, 0.09 ],
           [0.367, 0.332, 0.301]])
    >>> softmax_trajectory(np.zeros(3), vary=0, values=[-np.inf, 0.0]).round(3)
    array([[0.   , 0.5  , 0.5  ],
           [0.333, 0.333, 0.333]])
    """
    row = to_float_tensor(scores)
    if row.ndim != 1:
        raise InvalidInput(
            f"softmax_trajectory needs the scores of one row, of shape (k,), but got shape "
            f"{tuple(row.shape)}. Call it once for every row."
        )
    by_temperature, by_score = temperatures is not None, vary is not None
    if by_temperature == by_score or by_score != (values is not None):
        raise InvalidInput(
            "softmax_trajectory needs either temperatures, or a class to vary and its values."
        )
    if by_temperature:
        result = _by_temperature(row, _steps("temperatures", temperatures, row))
    else:
        result = _by_score(row, vary, _steps("values", values, row))
    return answer_in_kind(result, scores)


def _by_temperature(row: Tensor, temperatures: Tensor) -> Tensor:
    expanded = row.expand(len(temperatures), len(row))
    result: Tensor = softmax(expanded, temperature=temperatures.unsqueeze(-1))
    return result.to(row.dtype)


def _by_score(row: Tensor, vary: Any, values: Tensor) -> Tensor:
    check_number("vary", vary, low=0, high=len(row) - 1, integer=True)
    moved = torch.zeros_like(row, dtype=torch.bool)
    moved[vary] = True
    result: Tensor = softmax(torch.where(moved, values.to(row.dtype).unsqueeze(-1), row))
    return result


def _steps(name: str, given: Any, row: Tensor) -> Tensor:
    steps = to_float_tensor(given).to(row.device)
    if steps.ndim != 1:
        raise InvalidInput(
            f"softmax_trajectory needs {name} of shape (m,), but got shape {tuple(steps.shape)}."
        )
    return steps
