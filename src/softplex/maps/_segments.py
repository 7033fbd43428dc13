"""Softmax over ragged groups: each entry belongs to a group, and each group is normalised alone.

The edges into a node of a graph, the candidates of a query, the legal moves of a position: groups
of unlike sizes, named by an index. The largest score of each group is subtracted first. A group
that is absent (all at ``-inf`` or masked) gives zeros with zero gradient, never NaN.
"""

from __future__ import annotations

import math
from typing import Any

from torch import Tensor

from softplex._arrays import answer_in_kind, to_float_tensor
from softplex._tensors import (
    apply_mask,
    check_dim,
    check_temperature,
    half_quotient,
    refuse_unusable_scores,
    wide_enough,
)
from softplex.exceptions import InvalidInput
from softplex.maps._groups import Groups, groups_of
from softplex.maps._segment_steps import log_softmax_of, log_total_of, softmax_of


def segment_softmax(
    scores: Any,
    index: Any = None,
    *,
    offsets: Any = None,
    n_segments: int | None = None,
    temperature: float | Tensor = 1.0,
    mask: Any = None,
    dim: int = 0,
) -> Any:
    r"""Turn scores into probabilities group by group.

    .. math:: p_e = \exp(z_e / T) / \sum_{e' : \, i_{e'} = i_e} \exp(z_{e'} / T)

    Parameters
    ----------
    scores : array or tensor with at least one dimension
        Raw scores; ``-inf`` is an absent entry. Dimensions other than ``dim`` stand side by side,
        for example the heads of an attention.
    index : whole numbers of shape (scores.shape[dim],), in any order
        The group of each entry.
    offsets : whole numbers of shape (n_segments + 1,), instead of ``index``
        Sorted groups: group i holds the entries from offsets[i] up to offsets[i + 1].
    n_segments : int, default largest index + 1
        How many groups there are. Needed under ``torch.compile`` and ``torch.func``.
    temperature : float > 0, or a tensor of such with size 1 along ``dim``, default 1.0
        T: below 1 sharpens, above 1 flattens.
    mask : boolean array or tensor that broadcasts to the scores, optional
        True = take part. What is masked out may hold anything, NaN included.
    dim : int, default 0
        The dimension that ``index`` runs along.

    Returns
    -------
    array or tensor like ``scores``
        Probabilities that sum to 1 in each group with an entry left, and zeros in the others.

    Raises
    ------
    InvalidInput
        When a score is NaN or +inf, the index does not fit, or the temperature is not positive.
        Under ``torch.compile`` and ``torch.func`` values cannot be looked at, and only shapes are
        checked.

    References
    ----------
    Velickovic et al. (2018), "Graph attention networks", equation 2.

    Examples
    --------
    >>> import numpy as np
    >>> segment_softmax(np.log([1.0, 5.0, 3.0]), np.array([0, 2, 0])).round(3).tolist()
    [0.25, 1.0, 0.75]
    >>> segment_softmax(np.log([1.0, 3.0, 5.0]), offsets=[0, 2, 2, 3]).round(3).tolist()
    [0.25, 0.75, 1.0]
    """
    who = "segment_softmax"
    kept, groups = _kept(who, scores, index, offsets, n_segments, temperature, mask, dim)
    usable, top, _ = _usable(who, kept, groups, temperature)
    result = softmax_of(usable, top, groups)
    return answer_in_kind(result.to(kept.dtype), scores)


def segment_log_softmax(
    scores: Any,
    index: Any = None,
    *,
    offsets: Any = None,
    n_segments: int | None = None,
    temperature: float | Tensor = 1.0,
    mask: Any = None,
    dim: int = 0,
) -> Any:
    r"""Give the logarithms of the probabilities of :func:`segment_softmax`, in nats.

    .. math:: \log p_e = z_e / T - \log \sum_{e' : \, i_{e'} = i_e} \exp(z_{e'} / T)

    Takes and raises what :func:`segment_softmax` does. An absent entry gives ``-inf``, with zero
    gradient.

    Examples
    --------
    >>> import numpy as np
    >>> segment_log_softmax(np.array([1000.0, 5.0, 0.0]), np.array([0, 1, 0])).tolist()
    [0.0, 0.0, -1000.0]
    """
    who = "segment_log_softmax"
    kept, groups = _kept(who, scores, index, offsets, n_segments, temperature, mask, dim)
    usable, top, _ = _usable(who, kept, groups, temperature)
    result = log_softmax_of(usable, top, groups)
    return answer_in_kind(result.to(kept.dtype), scores)


def segment_logsumexp(
    scores: Any,
    index: Any = None,
    *,
    offsets: Any = None,
    n_segments: int | None = None,
    temperature: float | Tensor = 1.0,
    mask: Any = None,
    dim: int = 0,
) -> Any:
    r"""Give one smooth maximum per group.

    .. math:: \ell_i = \log \sum_{e : \, i_e = i} \exp(z_e / T)

    Takes and raises what :func:`segment_softmax` does.

    Returns
    -------
    array or tensor like ``scores``, with size n_segments at ``dim``
        ``-inf`` (the logarithm of zero) for a group with nothing left, with zero gradient.

    Examples
    --------
    >>> import numpy as np
    >>> scores = np.log([1.0, 5.0, 3.0])
    >>> segment_logsumexp(scores, np.array([0, 2, 0]), n_segments=4).round(3).tolist()
    [1.386, -inf, 1.609, -inf]
    """
    who = "segment_logsumexp"
    kept, groups = _kept(who, scores, index, offsets, n_segments, temperature, mask, dim)
    usable, top, largest = _usable(who, kept, groups, temperature)
    result = log_total_of(usable, top, groups)
    if top is None:
        present = largest.masked_fill(result.detach() == -math.inf, 0.0)
        largest = (0.5 * present) / (0.5 * temperature)
    result = result + largest
    return answer_in_kind(result.to(kept.dtype), scores)


def _kept(
    who: str,
    scores: Any,
    index: Any,
    offsets: Any,
    n_segments: int | None,
    temperature: float | Tensor,
    mask: Any,
    dim: int,
) -> tuple[Tensor, Groups]:
    """Give the scores that take part (all else is -inf), and their groups."""
    check_temperature(temperature)
    tensor = to_float_tensor(scores)
    check_dim(who, tensor, dim)
    groups = groups_of(who, tensor, index, offsets, n_segments, dim)
    if isinstance(temperature, Tensor):
        _check_temperature_shape(who, tensor, temperature, groups.dim)
    return apply_mask(who, tensor, mask), groups


def _check_temperature_shape(who: str, scores: Tensor, temperature: Tensor, dim: int) -> None:
    missing = scores.ndim - temperature.ndim
    along = [1 if axis == dim else size for axis, size in enumerate(scores.shape)]
    given = (1,) * missing + tuple(temperature.shape)
    fits = len(given) == len(along) and all(
        size in (1, wanted) for size, wanted in zip(given, along, strict=True)
    )
    if not fits:
        raise InvalidInput(
            f"{who} needs one temperature for all entries along dim {dim} of scores of shape "
            f"{tuple(scores.shape)}, but got temperatures of shape {tuple(temperature.shape)}. "
            "Divide the scores first for a temperature per entry."
        )


def _usable(
    who: str, kept: Tensor, groups: Groups, temperature: float | Tensor
) -> tuple[Tensor, Tensor | None, Tensor]:
    """Give scores in float32 at least, the top to take from them, and the largest of each group.

    For T != 1 the scores come as (z - top) / T, and None for the top: it is taken away before the
    division, so a shift of all scores costs no digit, and halves are subtracted, so nothing
    overflows on the way. What is absent stays out of the division, or the gradient in T is NaN.
    """
    wide = wide_enough(kept, temperature)
    top = _top(who, wide, groups)
    if groups.known and top.numel() and not float(top.max()) < math.inf:
        refuse_unusable_scores(who, kept)
    if not isinstance(temperature, Tensor) and temperature == 1.0:
        return wide, top, top
    halves = 0.5 * wide - groups.spread(0.5 * top)
    return half_quotient(halves, temperature), None, top


def _top(who: str, wide: Tensor, groups: Groups) -> Tensor:
    """Give the largest score of each group; the look-up itself finds an index out of range."""
    try:
        return groups.top(wide.detach())
    except RuntimeError:
        if groups.known:
            groups.check_range(who)
        raise
