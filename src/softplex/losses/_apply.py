"""From a loss of rows to a public function: any shape, checks, one reduction, an answer in kind.

A NaN, a +inf score or a row without classes shows as NaN in the loss of its row, and a target at
-inf as an infinite loss. So a finite result tells that all is well, and the scores are looked at
only when it is not.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from softplex._arrays import answer_in_kind, to_float_tensor
from softplex._tensors import (
    check_dim,
    named_slice,
    refuse_unusable_scores,
    values_known,
    widened,
)
from softplex.exceptions import InvalidInput
from softplex.losses._reduce import (
    check_reduction,
    read_class_weight,
    reduce_rows,
    row_weight,
)
from softplex.losses._targets import read_targets

PerExample = Callable[[Tensor, Tensor], Tensor]
AtOnce = Callable[[Tensor, Tensor, Tensor | None, str], Tensor]


def reduced_loss(
    who: str,
    per_example: PerExample,
    scores: Any,
    targets: Any,
    *,
    dim: int,
    class_weight: Any,
    sample_weight: Any,
    ignore_index: int | None,
    reduction: str,
    at_once: AtOnce | None = None,
) -> Any:
    """Apply a loss of rows ``(n, k)`` to scores of any shape, and reduce it.

    ``at_once`` gives the mean or sum over class indices, weighted by class at most, in one step,
    where that is faster.

    Float16 and bfloat16 are computed in float32 and rounded at the end, but stay float32 under
    autocast.
    """
    check_reduction(reduction)
    given = to_float_tensor(scores)
    if not given.ndim:
        raise InvalidInput(f"{who} needs scores with a dimension of classes, but got one number.")
    check_dim(who, given, dim)
    read = read_targets(who, given, targets, dim, ignore_index)
    moved = given if dim in (-1, given.ndim - 1) else given.movedim(dim, -1)
    batch = moved.shape[:-1]
    scores_of_rows = moved if moved.ndim == 2 else moved.reshape(batch.numel(), moved.shape[-1])
    rows = _Rows(who, widened(scores_of_rows), read.values, batch)
    if not rows.scores.shape[1]:  # no row can count, and there is nothing to take
        per_example, at_once = _no_loss, None
    per_class = read_class_weight(who, class_weight, rows.scores)
    plain = sample_weight is None and ignore_index is None and read.values.ndim == 1
    if plain and at_once is not None and reduction != "none" and values_known(rows.scores):
        result = at_once(rows.scores, read.values, per_class, reduction)
        if math.isfinite(result.detach().item()):
            return answer_in_kind(_rounded(result, given), scores)
    weight = row_weight(who, read, batch, rows.scores, per_class, sample_weight)
    result = _checked(rows, per_example, weight, reduction)
    if reduction == "none":
        result = result.reshape(batch)
    return answer_in_kind(_rounded(result, given), scores)


def _rounded(result: Tensor, given: Tensor) -> Tensor:
    if result.dtype == given.dtype or torch.is_autocast_enabled(given.device.type):
        return result
    return result.to(given.dtype)


@dataclass(frozen=True)
class _Rows:
    """Scores ``(n, k)`` and targets of the rows of a batch, and who asks."""

    who: str
    scores: Tensor
    targets: Tensor
    batch: torch.Size


def _checked(rows: _Rows, per_example: PerExample, weight: Tensor | None, reduction: str) -> Tensor:
    """Give the reduced loss, or an error that says which row spoils it."""
    if not values_known(rows.scores):
        return reduce_rows(_carefully(rows, per_example, weight), weight, reduction)
    values = per_example(rows.scores, rows.targets)
    if math.isfinite(values.detach().sum().item()):
        return reduce_rows(values, weight, reduction)
    if weight is None:
        refuse_unusable_scores(rows.who, rows.scores.reshape(*rows.batch, -1))
    else:
        kept = torch.where((weight > 0)[:, None], rows.scores, 0.0)
        refuse_unusable_scores(rows.who, kept.reshape(*rows.batch, -1))
    if reduction != "none":
        _refuse_absent_targets(rows, weight)
    return reduce_rows(_carefully(rows, per_example, weight), weight, reduction)


def _no_loss(scores: Tensor, targets: Tensor) -> Tensor:
    del targets
    return scores.sum(1)


def _carefully(rows: _Rows, per_example: PerExample, weight: Tensor | None) -> Tensor:
    """Give the losses with what does not count and what is absent kept from spoiling gradients."""
    scores = rows.scores
    if weight is not None:
        scores = torch.where((weight > 0)[:, None], scores, 0.0)
    absent = (scores == -math.inf).all(1)
    values = per_example(torch.where(absent[:, None], 0.0, scores), rows.targets)
    return torch.where(absent, math.inf, values)


def _refuse_absent_targets(rows: _Rows, weight: Tensor | None) -> None:
    """Refuse a target at -inf, where its infinite loss would spoil a mean or a sum.

    When there is none, the loss itself is beyond the largest number of its dtype.
    """
    absent = rows.scores == -math.inf
    soft = rows.targets.ndim == 2
    hit = absent & (rows.targets > 0) if soft else absent.gather(1, rows.targets[:, None])
    if weight is not None:
        hit = hit & (weight > 0)[:, None]
    if not bool(hit.any()):
        return
    row, column = (int(index) for index in hit.nonzero()[0])
    place = tuple(int(index) for index in (hit.any(1).reshape(rows.batch).nonzero()[0]))
    label = column if soft else int(rows.targets[row])
    raise InvalidInput(
        f"{rows.who} needs the true class to be present, but {named_slice(place)} has its target "
        f"{label} at -inf, so its loss is infinite. Leave the row out, or use reduction='none'."
    )
