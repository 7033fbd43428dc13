"""Geometry of the simplex: log-ratios and distances."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from softplex._arrays import answer_in_kind, to_float_tensor
from softplex._checks import check_choice
from softplex._tensors import check_dim, check_probabilities, widened
from softplex.exceptions import InvalidInput
from softplex.maps._softmax import softmax


def centred_log_ratio(probabilities: Any, *, dim: int = -1) -> Any:
    r"""Give the logarithms of probabilities, less their mean.

    .. math:: \mathrm{clr}(p)_j = \log p_j - \tfrac{1}{k} \sum_i \log p_i

    These are the scores with sum 0 whose softmax is p.

    Parameters
    ----------
    probabilities : array or tensor of any shape
        On the simplex along ``dim``. A row with zeros has no finite log-ratios: its zeros give
        ``-inf``, its other entries ``+inf``, with zero gradients.
    dim : int, default -1
        The dimension of the classes.

    Returns
    -------
    array or tensor like ``probabilities``
        Coordinates that sum to 0 along ``dim``, in nats.

    Raises
    ------
    InvalidInput
        When a row is not on the simplex.

    References
    ----------
    Aitchison (1982), "The statistical analysis of compositional data", and (1986), the book of the
    same title.

    Examples
    --------
    >>> import numpy as np
    >>> centred_log_ratio(np.array([0.2, 0.2, 0.6])).round(4).tolist()
    [-0.3662, -0.3662, 0.7324]
    """
    tensor = _on_simplex("centred_log_ratio", "probabilities", probabilities, dim)
    wide = widened(tensor)
    is_zero = wide == 0
    logarithms = torch.where(is_zero, 1.0, wide).log()
    centred = logarithms - logarithms.mean(dim, keepdim=True)
    at_edge = torch.where(is_zero, -math.inf, math.inf).to(wide.dtype)
    result = torch.where(_any(is_zero, dim), at_edge, centred)
    return answer_in_kind(result.to(tensor.dtype), probabilities)


def inverse_centred_log_ratio(coordinates: Any, *, dim: int = -1) -> Any:
    """Give the probabilities with these log-ratios: their softmax.

    Parameters
    ----------
    coordinates : array or tensor of any shape
        In nats. A constant added to all of them changes nothing; ``-inf`` gives probability 0.
    dim : int, default -1
        The dimension of the classes.

    Returns
    -------
    array or tensor like ``coordinates``
        Probabilities that sum to 1 along ``dim``.

    Raises
    ------
    InvalidInput
        When a coordinate is NaN or +inf.

    References
    ----------
    Aitchison (1986), "The statistical analysis of compositional data".

    Examples
    --------
    >>> import numpy as np
    >>> inverse_centred_log_ratio(centred_log_ratio(np.array([0.2, 0.2, 0.6]))).round(12).tolist()
    [0.2, 0.2, 0.6]
    """
    return softmax(coordinates, dim=dim)


def simplex_distance(p: Any, q: Any, *, kind: str = "aitchison", dim: int = -1) -> Any:
    r"""Measure how far apart two rows of probabilities are.

    ``"aitchison"``
        :math:`\lVert \mathrm{clr}(p) - \mathrm{clr}(q) \rVert_2`, in [0, inf]; ratios count. A
        class at 0 in both rows is left out; one at 0 in a single row gives ``inf``, with zero
        gradient.
    ``"fisher_rao"``
        :math:`2 \arccos \sum_j \sqrt{p_j q_j}`, in [0, pi]: the geodesic of the Fisher metric.
    ``"hellinger"``
        :math:`\lVert \sqrt{p} - \sqrt{q} \rVert_2 / \sqrt{2}`, in [0, 1].
    ``"total_variation"``
        :math:`\tfrac{1}{2} \sum_j |p_j - q_j|`, in [0, 1].

    Parameters
    ----------
    p, q : arrays or tensors of shapes that broadcast
        On the simplex along ``dim``.
    kind : str, default "aitchison"
        Which distance.
    dim : int, default -1
        The dimension of the classes.

    Returns
    -------
    array or tensor like ``p``, without ``dim``
        Distances. Where p = q, they and their gradients are 0.

    Raises
    ------
    InvalidInput
        When a row is not on the simplex, the shapes do not fit, or the kind is unknown.

    Notes
    -----
    The arccosine loses half of the digits as p and q approach each other. The chord
    :math:`c = \lVert \sqrt{p} - \sqrt{q} \rVert_2` does not, and the Fisher-Rao distance is
    :math:`4 \arcsin(c / 2)`. The gradient of a square root is infinite at a zero entry; 0 is taken.

    References
    ----------
    Aitchison (1986), "The statistical analysis of compositional data"; Rao (1945),
    "Information and accuracy attainable in the estimation of statistical parameters".

    Examples
    --------
    >>> import numpy as np
    >>> simplex_distance(np.eye(2)[0], np.eye(2)[1], kind="fisher_rao").round(4).item()
    3.1416
    >>> simplex_distance(np.array([0.5, 0.5]), np.array([0.8, 0.2])).round(4).item()
    0.9803
    """
    check_choice("kind", kind, tuple(_DISTANCES))
    first = _on_simplex("simplex_distance", "p", p, dim)
    second = _on_simplex("simplex_distance", "q", q, dim).to(first.device)
    dtype = torch.promote_types(first.dtype, second.dtype)
    try:
        shape = np.broadcast_shapes(first.shape, second.shape)
    except ValueError as error:
        raise InvalidInput(
            "simplex_distance needs p and q of shapes that broadcast, but got "
            f"{tuple(first.shape)} and {tuple(second.shape)}."
        ) from error
    first, second = first.to(dtype).expand(shape), second.to(dtype).expand(shape)
    result = _DISTANCES[kind](widened(first), widened(second), dim)
    return answer_in_kind(result.to(dtype), p)


def _aitchison(p: Tensor, q: Tensor, dim: int) -> Tensor:
    in_both, in_one = (p > 0) & (q > 0), (p > 0) != (q > 0)
    ratios = _log_ratio(torch.where(in_both, p, 1.0), torch.where(in_both, q, 1.0))
    mean = ratios.sum(dim, keepdim=True) / in_both.sum(dim, keepdim=True).clamp(min=1)
    length = _norm(torch.where(in_both, ratios - mean, 0.0), dim)
    return torch.where(_any(in_one, dim).squeeze(dim), math.inf, length)


def _log_ratio(p: Tensor, q: Tensor) -> Tensor:
    """Give log(p / q) without the cancellation of log p - log q where the two are near.

    p - q is exact there (Sterbenz), so the relative excess of the larger over the smaller is too.
    """
    low, high = torch.minimum(p, q), torch.maximum(p, q)
    is_near = high <= 2.0 * low
    excess = torch.where(is_near, (p - q) / torch.where(is_near, q, 1.0), 0.0)
    return torch.where(is_near, torch.log1p(excess), p.log() - q.log())


def _fisher_rao(p: Tensor, q: Tensor, dim: int) -> Tensor:
    return 4.0 * torch.asin(0.5 * _chord(p, q, dim))


def _hellinger(p: Tensor, q: Tensor, dim: int) -> Tensor:
    return _chord(p, q, dim) / math.sqrt(2.0)


def _total_variation(p: Tensor, q: Tensor, dim: int) -> Tensor:
    return 0.5 * (p - q).abs().sum(dim)


def _chord(p: Tensor, q: Tensor, dim: int) -> Tensor:
    """Give the length of sqrt(p) - sqrt(q), as (p - q) / (sqrt(p) + sqrt(q)): no cancellation."""
    p, q = torch.where(p > 0, p, 0.0), torch.where(q > 0, q, 0.0)  # no gradient at zero entries
    roots = _root(p) + _root(q)
    return _norm((p - q) / torch.where(roots > 0, roots, 1.0), dim)


def _root(values: Tensor) -> Tensor:
    is_positive = values > 0
    return torch.where(is_positive, torch.where(is_positive, values, 1.0).sqrt(), 0.0)


def _norm(values: Tensor, dim: int) -> Tensor:
    """Give the Euclidean length, without overflow, underflow, or a NaN gradient at zero."""
    if values.ndim and not values.shape[dim]:
        return values.sum(dim)
    largest = values.detach().abs().amax(dim, keepdim=True)
    scale = torch.where(largest > 0, largest, 1.0)
    squares = (values / scale).square().sum(dim)
    is_zero = squares == 0
    root = torch.where(is_zero, 1.0, squares).sqrt() * scale.squeeze(dim)
    return torch.where(is_zero, 0.0, root)


def _any(flags: Tensor, dim: int) -> Tensor:
    return flags.any(dim, keepdim=True)


def _on_simplex(who: str, name: str, values: Any, dim: int) -> Tensor:
    tensor = to_float_tensor(values)
    check_dim(who, tensor, dim)
    check_probabilities(who, name, tensor, dim)
    return tensor


_DISTANCES: dict[str, Callable[[Tensor, Tensor, int], Tensor]] = {
    "aitchison": _aitchison,
    "fisher_rao": _fisher_rao,
    "hellinger": _hellinger,
    "total_variation": _total_variation,
}
