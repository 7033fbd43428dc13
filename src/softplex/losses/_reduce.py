r"""The one reduction rule.

The weight of row i is its example weight times the class weight of its target, before smoothing,

.. math:: w_i = s_i \sum_c q_{ic} \omega_c ,

so class indices and soft targets that say the same give the same number. Rows count when their
weight is positive and they are not ignored. Then ``"mean"`` is :math:`\sum w_i l_i / \sum w_i`,
0 with zero gradients when no row counts; ``"sum"`` is :math:`\sum w_i l_i`; ``"none"`` gives
:math:`w_i l_i`, 0 for rows that do not count.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from softplex._arrays import to_tensor
from softplex._checks import check_choice
from softplex._tensors import place_of, values_known
from softplex.exceptions import InvalidInput
from softplex.losses._targets import ReadTargets

REDUCTIONS = ("mean", "sum", "none")


def check_reduction(reduction: str) -> None:
    """Refuse an unknown reduction."""
    check_choice("reduction", reduction, REDUCTIONS)


def row_weight(
    who: str,
    targets: ReadTargets,
    batch: torch.Size,
    scores: Tensor,
    per_class: Tensor | None,
    sample_weight: Any,
) -> Tensor | None:
    """Give w_i ``(n,)``, zero for the rows that do not count; None when all weigh 1."""
    weight = None
    if sample_weight is not None:
        weight = _sample_weight(who, sample_weight, batch, scores)
    if per_class is not None:
        values = targets.values
        own = per_class[values] if values.ndim == 1 else (values * per_class).sum(1)
        weight = own if weight is None else weight * own
    if targets.ignored is not None:
        if weight is None:
            weight = torch.ones_like(targets.ignored, dtype=scores.dtype)
        weight = weight.masked_fill(targets.ignored, 0.0)
    return weight


def reduce_rows(values: Tensor, weight: Tensor | None, reduction: str) -> Tensor:
    """Reduce the losses of the rows, ``(n,)``, by the rule of this module.

    The losses of rows that do not count must be finite.
    """
    if weight is not None:
        if reduction == "mean" and values.shape[0]:  # or the sum of large weights overflows
            largest = weight.detach().amax()
            weight = weight / (largest + (largest == 0.0))
        values = values * weight
    if reduction == "none":
        return values
    if reduction == "sum" or not values.shape[0]:
        return values.sum()
    if weight is None:
        return values.mean()
    mass = weight.sum()
    return values.sum() / (mass + (mass == 0.0))


def _sample_weight(who: str, sample_weight: Any, batch: torch.Size, scores: Tensor) -> Tensor:
    weight = to_tensor(sample_weight, device=scores.device, dtype=scores.dtype)
    # Sizes of 1 stand for a weight that pixels share; a lone number for all rows is a slip.
    pairs = zip(weight.shape, batch, strict=False)
    fits = weight.shape == batch or (
        weight.ndim == len(batch) > 1 and all(own in (1, size) for own, size in pairs)
    )
    if not fits:
        raise InvalidInput(
            f"{who} needs one sample_weight a row, of shape {tuple(batch)}, but got shape "
            f"{tuple(weight.shape)}."
        )
    _refuse_bad_weights(who, "sample_weight", weight)
    return weight.expand(batch).reshape(-1)


def read_class_weight(who: str, class_weight: Any, scores: Tensor) -> Tensor | None:
    """Check one weight a class, ``(k,)``."""
    if class_weight is None:
        return None
    weight = to_tensor(class_weight, device=scores.device, dtype=scores.dtype)
    k = scores.shape[1]
    if weight.shape != (k,):
        raise InvalidInput(
            f"{who} needs one class_weight a class, of shape ({k},), but got shape "
            f"{tuple(weight.shape)}."
        )
    _refuse_bad_weights(who, "class_weight", weight)
    return weight


def _refuse_bad_weights(who: str, name: str, weight: Tensor) -> None:
    if not values_known(weight):
        return
    if weight.numel() == 0 or 0.0 <= weight.min().item() <= weight.max().item() < math.inf:
        return
    place = place_of(~(weight >= 0) | torch.isinf(weight))
    raise InvalidInput(
        f"{who} needs {name} finite and not negative, but it holds "
        f"{float(weight[place]):g} at {place[0] if len(place) == 1 else place}."
    )
