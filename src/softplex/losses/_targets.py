"""Targets as a user gives them, checked: class indices or rows on the simplex."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import torch
from torch import Tensor

from softplex._arrays import FLOATS, INTEGERS, to_tensor
from softplex._checks import check_number
from softplex._tensors import check_probabilities, named_slice, place_of, values_known, widened
from softplex.exceptions import InvalidInput

_INDICES = (*INTEGERS, torch.bool)


class ReadTargets(NamedTuple):
    """Class indices ``(n,)`` or soft targets ``(n, k)``, and which rows are ignored, if any."""

    values: Tensor
    ignored: Tensor | None = None


def read_targets(
    who: str, scores: Tensor, targets: Any, dim: int, ignore_index: int | None
) -> ReadTargets:
    """Check targets against scores whose classes lie along ``dim``, and flatten them to rows.

    Soft targets lie along the same dimension as the scores.
    """
    if ignore_index is not None:
        check_number("ignore_index", ignore_index, integer=True)
    values = to_tensor(targets, device=scores.device, who=who)
    batch = list(scores.shape)
    k = batch.pop(dim)
    if list(values.shape) == batch and values.dtype in _INDICES:
        return _read_indices(who, values, k, ignore_index)
    if values.shape == scores.shape and (values.dtype in _INDICES or values.dtype in FLOATS):
        return _read_soft(who, scores, values, dim, ignore_index)
    way_out = ""
    if list(values.shape) == batch:
        way_out = " If these are whole numbers, turn them into integers first."
    elif scores.ndim > 2 and dim in (-1, scores.ndim - 1) and _fits(values, scores, 1):
        way_out = " If the classes lie along dim 1, as in torch, pass dim=1."
    raise InvalidInput(
        f"{who} needs targets as class indices (integers) of shape {tuple(batch)}, or as "
        f"probabilities of shape {tuple(scores.shape)}, for scores of shape "
        f"{tuple(scores.shape)} with classes along dim={dim}, but got {values.dtype} of shape "
        f"{tuple(values.shape)}.{way_out}"
    )


def _fits(values: Tensor, scores: Tensor, dim: int) -> bool:
    shape = list(scores.shape)
    shape.pop(dim)
    return list(values.shape) == shape


def refuse_soft(who: str, targets: Tensor) -> None:
    """Refuse soft targets where only one true class makes sense."""
    if targets.ndim == 2:
        raise InvalidInput(
            f"{who} needs class indices, one true class a row, but got soft targets of shape "
            f"{tuple(targets.shape)}. Use targets.argmax(-1), or cross_entropy."
        )


def _read_indices(who: str, values: Tensor, k: int, ignore_index: int | None) -> ReadTargets:
    indices = (values if values.ndim == 1 else values.reshape(-1)).long()
    ignored = None if ignore_index is None else indices == ignore_index
    if ignored is not None:
        indices = indices.masked_fill(ignored, 0)
    if indices.numel() and values_known(indices):
        low, high = torch.aminmax(indices)
        if int(low) < 0 or int(high) >= k:
            _refuse_range(who, values.long(), k, ignore_index)
    return ReadTargets(indices, ignored)


def _refuse_range(who: str, values: Tensor, k: int, ignore_index: int | None) -> None:
    bad = (values < 0) | (values >= k)
    if ignore_index is not None:
        bad &= values != ignore_index
    if not bool(bad.any()):  # every row is ignored, and there is no class to hold its place
        return
    place = place_of(bad)
    value = int(values[place])
    hint = (
        f" If {value} marks rows to leave out, pass ignore_index={value}."
        if value < 0 and ignore_index is None
        else " Scores need one column a class."
    )
    wanted = f"class indices in 0..{k - 1}" if k else "scores with at least one class"
    raise InvalidInput(
        f"{who} needs {wanted}, but {named_slice(place)} has target {value} "
        f"({int(bad.sum())} of {values.numel()} targets are out of range).{hint}"
    )


def _read_soft(
    who: str, scores: Tensor, values: Tensor, dim: int, ignore_index: int | None
) -> ReadTargets:
    if ignore_index is not None:
        raise InvalidInput(
            f"{who} needs class indices to go with ignore_index, but got soft targets. Give the "
            "rows to leave out a sample_weight of 0."
        )
    soft = values if values.dtype in FLOATS else values.to(scores.dtype)
    check_probabilities(who, "targets", soft, dim)
    moved = soft.movedim(dim, -1)
    k, n_rows = moved.shape[-1], math.prod(moved.shape[:-1])
    if n_rows and not k:
        raise InvalidInput(
            f"{who} needs scores with at least one class, but got {n_rows} rows of no class "
            f"(scores of shape {tuple(scores.shape)})."
        )
    rows = moved.reshape(n_rows, k)
    return ReadTargets(widened(rows))
