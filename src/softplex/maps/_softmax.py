"""Softmax, its logarithm, and the log-sum-exp that both rest on.

With the maximum subtracted first, every exponential lies in (0, 1], so nothing overflows, and the
three are invariant to a constant added to all scores. A score of ``-inf`` is an absent class, with
zero gradient. A row that has no class left gives what ``empty`` says. NaN and ``+inf`` are refused.
Float16 and bfloat16 are computed in float32, for torch's own kernels round the sum on the way.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from softplex._arrays import answer_in_kind, to_float_tensor
from softplex._tensors import (
    apply_mask,
    check_dim,
    check_empty,
    check_temperature,
    divided,
    named_slice,
    place_of,
    refuse_unusable_scores,
    values_known,
    widened,
)
from softplex.exceptions import InvalidInput


def softmax(
    scores: Any,
    *,
    temperature: float | Tensor = 1.0,
    mask: Any = None,
    empty: str = "zero",
    dim: int = -1,
) -> Any:
    r"""Turn scores into probabilities.

    .. math:: p_j = \exp(z_j / T) / \sum_i \exp(z_i / T)

    Parameters
    ----------
    scores : array or tensor of any shape
        Raw class scores; integers are read as float64. ``-inf`` is an absent class.
    temperature : float > 0, or a tensor of such that broadcasts, default 1.0
        T: below 1 sharpens, above 1 flattens.
    mask : boolean array or tensor that broadcasts to the scores, optional
        True = take part. What is masked out may hold anything, NaN included.
    empty : "zero", "nan" or "raise", default "zero"
        What a row with no class left gives: zeros with zero gradient, NaN, or an error.
    dim : int, default -1
        The dimension of the classes.

    Returns
    -------
    array or tensor like ``scores``
        Probabilities that sum to 1 along ``dim``.

    Raises
    ------
    InvalidInput
        When the temperature is not positive, a score is NaN or +inf, the mask does not fit, or a
        row is empty under ``empty="raise"``. Under ``torch.compile`` and ``torch.func`` values
        cannot be looked at, and only shapes are checked.

    References
    ----------
    Bridle (1990), "Probabilistic interpretation of feedforward classification network outputs".

    Examples
    --------
    >>> import numpy as np
    >>> softmax(np.log([1.0, 2.0, 5.0])).round(3).tolist()
    [0.125, 0.25, 0.625]
    >>> softmax(np.zeros(3), mask=np.array([True, True, False])).tolist()
    [0.5, 0.5, 0.0]
    """
    kept = _kept("softmax", scores, temperature, mask, empty, dim)
    shifted = widened(kept) if _is_one(temperature) else divided(kept, temperature, dim)[0]
    result = _settled("softmax", torch.softmax, shifted, kept, empty, 0.0, dim)
    return answer_in_kind(result.to(kept.dtype), scores)


def log_softmax(
    scores: Any,
    *,
    temperature: float | Tensor = 1.0,
    mask: Any = None,
    empty: str = "zero",
    dim: int = -1,
) -> Any:
    r"""Give the logarithms of the softmax probabilities, in nats.

    .. math:: \log p_j = z_j / T - \log \sum_i \exp(z_i / T)

    Takes and raises what :func:`softmax` does. An absent class gives ``-inf``, and so does every
    class of an empty row under ``empty="zero"``, with zero gradient.

    Examples
    --------
    >>> import numpy as np
    >>> log_softmax(np.array([1000.0, 0.0])).tolist()
    [0.0, -1000.0]
    """
    kept = _kept("log_softmax", scores, temperature, mask, empty, dim)
    shifted = widened(kept) if _is_one(temperature) else divided(kept, temperature, dim)[0]
    result = _settled("log_softmax", torch.log_softmax, shifted, kept, empty, -math.inf, dim)
    return answer_in_kind(result.to(kept.dtype), scores)


def logsumexp(
    scores: Any,
    *,
    temperature: float | Tensor = 1.0,
    mask: Any = None,
    empty: str = "zero",
    dim: int = -1,
) -> Any:
    r"""Give the smooth maximum :math:`\log \sum_i \exp(z_i / T)` along a dimension.

    It lies between max z / T and max z / T + log k. Takes and raises what :func:`softmax` does. An
    empty row gives ``-inf`` (the logarithm of zero) under ``empty="zero"``, with zero gradient.

    Examples
    --------
    >>> import numpy as np
    >>> float(logsumexp(np.array([1e4, 1e4])) - 1e4 - np.log(2)) < 1e-9
    True
    """
    kept = _kept("logsumexp", scores, temperature, mask, empty, dim)
    # Also at T = 1: torch's gradient, exp(z - lse), is as wrong as the rounding of a large lse.
    shifted, top = divided(kept, temperature, dim)
    result = _settled("logsumexp", _lse, shifted, kept, empty, -math.inf, dim) + top
    squeezed = result.squeeze(dim) if kept.ndim else result
    return answer_in_kind(squeezed.to(kept.dtype), scores)


def _kept(
    who: str, scores: Any, temperature: float | Tensor, mask: Any, empty: str, dim: int
) -> Tensor:
    """Give the scores that take part; all else is -inf."""
    check_temperature(temperature)
    check_empty(empty)
    tensor = to_float_tensor(scores)
    check_dim(who, tensor, dim)
    return apply_mask(who, tensor, mask)


def _is_one(temperature: float | Tensor) -> bool:
    return not isinstance(temperature, Tensor) and temperature == 1.0


def _lse(scores: Tensor, dim: int) -> Tensor:
    return torch.logsumexp(scores, dim, keepdim=True)


def _settled(
    who: str,
    operation: Callable[[Tensor, int], Tensor],
    shifted: Tensor,
    kept: Tensor,
    empty: str,
    filler: float,
    dim: int,
) -> Tensor:
    """Map the shifted scores; give rows in which no class is kept what ``empty`` says.

    A NaN, a +inf or an empty row turns a whole row of the result into NaN (a log-sum-exp into an
    infinity), so one entry of each row tells that something is amiss, without a pass over all.
    """
    known = values_known(kept)
    if known and kept.ndim and kept.shape[dim]:
        result = operation(shifted, dim)
        first = result.select(dim, 0)
        strange = ~torch.isfinite(first) if operation is _lse else torch.isnan(first)
        if not bool(strange.any()):
            return result
        refuse_unusable_scores(who, kept)
    absent = (kept == -math.inf).all(dim, keepdim=True)
    if known and empty == "raise":
        _refuse_empty(who, absent, dim)
    result = operation(torch.where(absent, 0.0, shifted), dim)
    return torch.where(absent, math.nan if empty == "nan" else filler, result)


def _refuse_empty(who: str, absent: Tensor, dim: int) -> None:
    empty = absent.squeeze(dim) if absent.ndim else absent
    if bool(empty.any()):
        raise InvalidInput(
            f"{who} needs a class in every row, but {named_slice(place_of(empty))} has none left "
            f"(all masked or at -inf). Use empty='zero' to give it zeros, or leave the row out."
        )
