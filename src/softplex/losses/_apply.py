"""From a loss of rows to a public function: any shape, checks, one reduction, an answer in kind.

A NaN, a +inf score or a row without classes shows as NaN in the loss of its row, and a target at
-inf as an infinite loss unless the loss is bounded. So a finite result tells that all is well, and
the scores are looked at only when it is not.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
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
from softplex.losses._adjust import Adjustment
from softplex.losses._reduce import (
    check_reduction,
    read_class_weight,
    reduce_rows,
    row_weight,
)
from softplex.losses._targets import read_targets

PerExample = Callable[[Tensor, Tensor], Tensor]
AtOnce = Callable[[Tensor, Tensor, Tensor | None, str], Tensor]
PLAIN = Adjustment()


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
    adjustment: Adjustment = PLAIN,
    at_once: AtOnce | None = None,
) -> Any:
    """Apply a loss of rows ``(n, k)`` to adjusted scores of any shape, and reduce it.

    ``at_once`` gives the mean or sum over class indices, weighted by class at most, in one step,
    where that is faster.

    Float16 and bfloat16 are computed in float32 and rounded at the end, but stay float32 under
    autocast.
    """
    check_reduction(reduction)
    given = to_float_tensor(scores, who)
    if not given.ndim:
        raise InvalidInput(f"{who} needs scores with a dimension of classes, but got one number.")
    check_dim(who, given, dim)
    read = read_targets(who, given, targets, dim, ignore_index)
    wide, batch = _as_rows(given, dim)
    adjustment = adjustment.of_rows(who, given, dim)
    if not wide.shape[1]:  # no row can count, and there is nothing to take
        per_example, at_once, adjustment = _no_loss, None, PLAIN
    per_class = read_class_weight(who, class_weight, wide)
    plain = sample_weight is None and ignore_index is None and read.values.ndim == 1
    if plain and at_once is not None and reduction != "none" and values_known(wide):
        adjusted, _ = adjustment.apply(who, wide)
        result = at_once(adjusted, read.values, per_class, reduction)
        if math.isfinite(result.item()):
            return answer_in_kind(_rounded(result, given), scores)
    rows = _Rows(who, wide, read.values, batch, dim, adjustment)
    weight = row_weight(who, read, batch, wide, per_class, sample_weight)
    result = _checked(rows, per_example, weight, reduction)
    if reduction == "none":
        result = result.reshape(batch)
    return answer_in_kind(_rounded(result, given), scores)


def _as_rows(given: Tensor, dim: int) -> tuple[Tensor, torch.Size]:
    """Give the scores as rows ``(n, k)``, in float32 at least, and the shape of the rows."""
    moved = given if dim in (-1, given.ndim - 1) else given.movedim(dim, -1)
    batch = moved.shape[:-1]
    rows = moved if moved.ndim == 2 else moved.reshape(batch.numel(), moved.shape[-1])
    return widened(rows), batch


def _rounded(result: Tensor, given: Tensor) -> Tensor:
    if result.dtype == given.dtype:
        return result
    automatic = given.device.type != "meta" and torch.is_autocast_enabled(given.device.type)
    return result.to(widened(given[:0]).dtype if automatic else given.dtype)


@dataclass(frozen=True)
class _Rows:
    """Scores ``(n, k)`` and targets of the rows of a batch, and who asks."""

    who: str
    scores: Tensor
    targets: Tensor
    batch: torch.Size
    dim: int
    adjustment: Adjustment

    def values(self, per_example: PerExample, scores: Tensor) -> Tensor:
        """Give the losses of the rows, ``(n,)``."""
        adjusted, offset = self.adjustment.apply(self.who, scores)
        values = per_example(adjusted, self.targets)
        if self.adjustment.z_loss:
            values = values + self.adjustment.price(adjusted, offset)
        return values

    def refuse_unusable(self, scores: Tensor) -> None:
        """Refuse NaN and +inf, and name their place in the scores as they were given."""
        refuse_unusable_scores(self.who, scores.reshape(*self.batch, -1).movedim(-1, self.dim))


def _checked(rows: _Rows, per_example: PerExample, weight: Tensor | None, reduction: str) -> Tensor:
    """Give the reduced loss, or an error that says which row spoils it."""
    if not values_known(rows.scores):
        return reduce_rows(_carefully(rows, per_example, weight), weight, reduction)
    values = rows.values(per_example, rows.scores)
    if math.isfinite(values.detach().sum().item()):
        return reduce_rows(values, weight, reduction)
    rows.refuse_unusable(_counted(rows.scores, weight))
    values = _carefully(rows, per_example, weight)
    if reduction != "none":
        _refuse_absent_targets(rows, values)
    result = reduce_rows(values, weight, reduction)
    if bool(torch.isfinite(result).all()):
        return result
    values = _without_overflow(rows, per_example, values, weight)
    return reduce_rows(values, weight, reduction).to(rows.scores.dtype)


def _no_loss(scores: Tensor, targets: Tensor) -> Tensor:
    del targets
    return scores.sum(1)


def _counted(scores: Tensor, weight: Tensor | None) -> Tensor:
    """Give zeros in place of the scores of rows that do not count."""
    return scores if weight is None else torch.where((weight > 0)[:, None], scores, 0.0)


def _carefully(rows: _Rows, per_example: PerExample, weight: Tensor | None) -> Tensor:
    """Give the losses with what does not count and what is absent kept from spoiling gradients."""
    scores = _counted(rows.scores, weight)
    absent = (scores == -math.inf).all(1)
    values = rows.values(per_example, torch.where(absent[:, None], 0.0, scores))
    values = torch.where(absent, math.inf, values)
    return values if weight is None else torch.where(weight > 0, values, 0.0)


def _without_overflow(
    rows: _Rows, per_example: PerExample, values: Tensor, weight: Tensor | None
) -> Tensor:
    """Give the losses again where the way to them overflows and they themselves do not.

    Float32 becomes float64. Float64 has scores that differ by more than its largest number: they
    are so far apart that a quarter of them gives the same probabilities and a quarter of the loss.
    """
    if rows.scores.dtype != torch.float64:
        return _carefully(replace(rows, scores=rows.scores.double()), per_example, weight)
    quarter = replace(rows, scores=0.25 * rows.scores)
    fourfold = 4.0 * _carefully(quarter, per_example, weight)
    return torch.where(torch.isinf(values) & torch.isfinite(fourfold), fourfold, values)


def _refuse_absent_targets(rows: _Rows, values: Tensor) -> None:
    """Refuse a target that is absent, where its infinite loss would spoil a mean or a sum.

    When there is none, the loss itself is beyond the largest number of its dtype.
    """
    absent = rows.adjustment.absent(rows.who, rows.scores)
    soft = rows.targets.ndim == 2
    hit = absent & (rows.targets > 0) if soft else absent.gather(1, rows.targets[:, None])
    hit = hit & torch.isinf(values)[:, None]
    if not bool(hit.any()):
        return
    row, column = (int(index) for index in hit.nonzero()[0])
    place = tuple(int(index) for index in (hit.any(1).reshape(rows.batch).nonzero()[0]))
    label = column if soft else int(rows.targets[row])
    where = "at -inf" if float(rows.scores[row, label]) == -math.inf else "with a prior of 0"
    raise InvalidInput(
        f"{rows.who} needs the true class to be present, but {named_slice(place)} has its target "
        f"{label} {where}, so its loss is infinite. Leave the row out, or use reduction='none'."
    )
