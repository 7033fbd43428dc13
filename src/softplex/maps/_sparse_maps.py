"""Sparse relatives of softmax: exact zeros for classes that fall too far behind.

Both solve max_p p.z + H(p) on the simplex for another entropy H than Shannon's, and both give
p_j = [z_j - tau]_+ to a power, with one threshold tau per row. Sorting finds the support exactly.
On the support the threshold is a smooth function of the scores, written out in plain operations,
so that gradients of every order follow; outside they are zero.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from softplex._arrays import answer_in_kind
from softplex._tensors import divided
from softplex.maps._softmax import _kept, _settled


def sparsemax(
    scores: Any,
    *,
    temperature: float | Tensor = 1.0,
    mask: Any = None,
    empty: str = "zero",
    dim: int = -1,
) -> Any:
    r"""Turn scores into the nearest point of the simplex, with exact zeros.

    .. math:: p = \arg\min_{p \in \Delta} \|p - z / T\|^2, \quad p_j = [z_j / T - \tau]_+

    The gradient is g minus its mean over the support, and zero outside. Where a class is just
    about to enter the support, the gradient is that of the row without it.

    Parameters
    ----------
    scores : array or tensor of any shape
        Raw class scores; integers are read as float64. ``-inf`` is an absent class.
    temperature : float > 0, or a tensor of such that broadcasts, default 1.0
        T: below 1 sharpens to fewer classes, above 1 flattens to more.
    mask : boolean array or tensor that broadcasts to the scores, optional
        True = take part. What is masked out may hold anything, NaN included.
    empty : "zero", "nan" or "raise", default "zero"
        What a row with no class left gives: zeros with zero gradient, NaN, or an error.
    dim : int, default -1
        The dimension of the classes.

    Returns
    -------
    array or tensor like ``scores``
        Probabilities that sum to 1 along ``dim``, some of them exactly 0.

    Raises
    ------
    InvalidInput
        When the temperature is not positive, a score is NaN or +inf, the mask does not fit, or a
        row is empty under ``empty="raise"``. Under ``torch.compile`` and ``torch.func`` values
        cannot be looked at, and only shapes are checked.

    References
    ----------
    Martins and Astudillo (2016), "From softmax to sparsemax", equations 2 to 4 and algorithm 1.

    Examples
    --------
    >>> import numpy as np
    >>> sparsemax(np.array([0.5, 0.25, -1.0])).tolist()
    [0.625, 0.375, 0.0]
    """
    return _sparse("sparsemax", _sparsemax, scores, temperature, mask, empty, dim)


def entmax15(
    scores: Any,
    *,
    temperature: float | Tensor = 1.0,
    mask: Any = None,
    empty: str = "zero",
    dim: int = -1,
) -> Any:
    r"""Turn scores into probabilities half-way between softmax and sparsemax.

    .. math:: p_j = [z_j / (2 T) - \tau]_+^2, \quad \sum_j p_j = 1

    This is the entmax with alpha = 1.5: sparse, yet its gradient has no jumps. With
    r_j = sqrt(p_j) the gradient is r (g - r.g / sum r) / T. Takes, gives and raises what
    :func:`sparsemax` does.

    References
    ----------
    Peters, Niculae and Martins (2019), "Sparse sequence-to-sequence models", equations 10 and 13,
    algorithm 2.

    Examples
    --------
    >>> import numpy as np
    >>> entmax15(np.array([0.0, 0.4, -2.0])).round(3).tolist()
    [0.36, 0.64, 0.0]
    """
    return _sparse("entmax15", _entmax15, scores, temperature, mask, empty, dim)


def _sparse(
    who: str,
    operation: Callable[[Tensor, int], Tensor],
    scores: Any,
    temperature: float | Tensor,
    mask: Any,
    empty: str,
    dim: int,
) -> Any:
    kept = _kept(who, scores, temperature, mask, empty, dim)
    shifted, _ = divided(kept, temperature, dim)
    if kept.ndim and kept.shape[dim] == 0:
        return answer_in_kind(shifted.to(kept.dtype), scores)
    result = _settled(who, operation, shifted, kept, empty, 0.0, dim)
    return answer_in_kind(result.to(kept.dtype), scores)


def _sparsemax(shifted: Tensor, dim: int) -> Tensor:
    outside = _outside(shifted, dim, _linear_threshold)
    total = shifted.masked_fill(outside, 0.0).sum(dim, keepdim=True)
    threshold = (total - 1.0) / _size(outside, dim)
    return (shifted - threshold).clamp(min=0.0).masked_fill(outside, 0.0)


def _entmax15(shifted: Tensor, dim: int) -> Tensor:
    """Solve sum over the support of (x - tau)^2 = 1, x = z / 2, for the lower root tau.

    Under the root stands n (mean - tau)^2 / n >= 1 / n^2, because sum r >= sum r^2 = 1.
    """
    halves = 0.5 * shifted
    outside = _outside(halves, dim, _quadratic_threshold)
    size = _size(outside, dim)
    mean = halves.masked_fill(outside, 0.0).sum(dim, keepdim=True) / size
    spread = (halves - mean).masked_fill(outside, 0.0).square().sum(dim, keepdim=True)
    threshold = mean - ((1.0 - spread) / size).sqrt()
    return (halves - threshold).clamp(min=0.0).masked_fill(outside, 0.0).square()


def _outside(
    values: Tensor, dim: int, threshold: Callable[[Tensor, Tensor, int], Tensor]
) -> Tensor:
    """Where values do not exceed the threshold of their row, found in float64.

    A NaN in a row, or a row at -inf, makes its threshold and so its result NaN.
    """
    wide = values.detach().double()
    dim %= max(wide.ndim, 1)
    ordered = wide.sort(dim=dim, descending=True).values
    count = ordered.shape[dim] if wide.ndim else 1
    rank = torch.arange(1, count + 1, dtype=wide.dtype, device=wide.device)
    rank = rank.view([-1 if axis == dim else 1 for axis in range(wide.ndim)])
    return wide - threshold(ordered, rank, dim) <= 0


def _size(outside: Tensor, dim: int) -> Tensor:
    return (~outside).sum(dim, keepdim=True)


def _linear_threshold(ordered: Tensor, rank: Tensor, dim: int) -> Tensor:
    """Threshold of the largest k whose k-th value still exceeds the threshold of the first k."""
    total = ordered.cumsum(dim)
    size = (1.0 + rank * ordered > total).sum(dim, keepdim=True).clamp(min=1)
    return (total.gather(dim, size - 1) - 1.0) / size


def _quadratic_threshold(ordered: Tensor, rank: Tensor, dim: int) -> Tensor:
    """Threshold of the first k, for each k the lower root, at the largest k that it admits.

    The threshold is at least the largest value - 1, so what lies further down is cut off there
    and costs no digits of the sums of squares.
    """
    near = torch.maximum(ordered, ordered.narrow(dim, 0, 1) - 2.0) if ordered.ndim else ordered
    mean = near.cumsum(dim) / rank
    spread = near.square().cumsum(dim) - rank * mean.square()
    threshold = mean - ((1.0 - spread) / rank).clamp(min=0.0).sqrt()
    size = (threshold <= near).sum(dim, keepdim=True).clamp(min=1)
    return threshold.gather(dim, size - 1)
