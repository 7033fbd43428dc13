"""Checks and steps on torch tensors that maps, information and losses share.

A check reads values, and values are there only outside of ``torch.compile``, ``torch.func``
transforms and CUDA graph capture. Inside them nothing is refused, and the same formulas run
without a branch.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from softplex._arrays import to_tensor
from softplex._checks import check_choice, check_number
from softplex.exceptions import InvalidInput

EMPTY = ("zero", "nan", "raise")
_HALVES = (torch.float16, torch.bfloat16)
_SIMPLEX_TOLERANCE = {
    torch.float16: 5e-3,
    torch.bfloat16: 3e-2,
    torch.float32: 1e-4,
    torch.float64: 1e-6,
}


def values_known(*tensors: Tensor) -> bool:
    """Whether the values can be looked at: false while they are traced or mapped over."""
    if torch.compiler.is_compiling() or torch._C._functorch.peek_interpreter_stack() is not None:
        return False
    for tensor in tensors:
        if tensor.is_meta or (tensor.is_cuda and torch.cuda.is_current_stream_capturing()):
            return False
    return True


def widened(tensor: Tensor) -> Tensor:
    """Give float16 and bfloat16 as float32, which holds all their values."""
    return tensor.float() if tensor.dtype in _HALVES else tensor


def place_of(where: Tensor) -> tuple[int, ...]:
    """Index of the first true entry."""
    return tuple(int(index) for index in where.nonzero()[0])


def named_place(place: tuple[int, ...]) -> str:
    """Say where an entry is: 'row 3, class 2', or its whole index beyond two dimensions."""
    if len(place) == 1:
        return f"class {place[0]}"
    if len(place) == 2:
        return f"row {place[0]}, class {place[1]}"
    return f"index {place}"


def named_slice(place: tuple[int, ...]) -> str:
    """Say which slice along the classes is meant: 'row 3', or its whole index."""
    if not place:
        return "the only row"
    return f"row {place[0]}" if len(place) == 1 else f"the row at {place}"


def broadcasts(shape: Sequence[int], onto: Sequence[int]) -> bool:
    """Whether an array of a shape broadcasts to another shape, as it is."""
    try:
        return np.broadcast_shapes(tuple(shape), tuple(onto)) == tuple(onto)
    except ValueError:
        return False


def check_dim(who: str, scores: Tensor, dim: int) -> None:
    """Refuse what is no whole number, and a dimension that the scores do not have."""
    check_whole_dim(who, dim)
    if not -max(scores.ndim, 1) <= dim < max(scores.ndim, 1):
        raise InvalidInput(
            f"{who} needs dim to be a dimension of the scores, but got dim={dim} for scores of "
            f"shape {tuple(scores.shape)}."
        )


def check_whole_dim(who: str, dim: Any) -> None:
    """Refuse a dimension that is no whole number."""
    if isinstance(dim, bool) or not hasattr(dim, "__index__"):
        raise InvalidInput(
            f"{who} needs dim to be a whole number, but got {dim!r}. Use dim=-1 for the last "
            "dimension."
        )


def check_temperature(temperature: float | Tensor) -> None:
    """Refuse a temperature that is no positive finite number, or a tensor of such."""
    if torch.compiler.is_compiling():  # a number that changes between calls is symbolic there
        return
    if not isinstance(temperature, Tensor):
        check_number("temperature", temperature, low=0.0, open_low=True)
    elif values_known(to_tensor(temperature, who="temperature")):
        bad = ~((temperature > 0) & torch.isfinite(temperature))
        if bool(bad.any()):
            raise InvalidInput(
                "temperature must be positive and finite everywhere, but holds "
                f"{float(temperature[place_of(bad)]):g}."
            )


def divided(scores: Tensor, temperature: float | Tensor, dim: int) -> tuple[Tensor, Tensor]:
    """Give ((z - top) / T, top / T), in float32 at least, with top the largest score.

    The top is taken away before the division, so a shift of all scores costs no digit, and halves
    are subtracted, so nothing overflows on the way. A slice at -inf has top 0.
    """
    if isinstance(temperature, Tensor):
        _refuse_unfit(temperature, scores, dim)
    wide = wide_enough(scores, temperature)
    if scores.ndim and not scores.shape[dim]:
        return wide, wide.new_zeros(()).expand(wide.sum(dim, keepdim=True).shape)
    top = wide.detach().amax(dim, keepdim=True)
    top = torch.where(top == -math.inf, 0.0, top)
    if not isinstance(temperature, Tensor) and temperature == 1.0:
        return wide - top, top
    half_top = 0.5 * top
    quotient = half_quotient(0.5 * wide - half_top, temperature)
    return quotient, half_top / (0.5 * temperature)


def wide_enough(scores: Tensor, temperature: float | Tensor) -> Tensor:
    """Give scores in float32 at least, and in float64 where float32 cannot hold the temperature."""
    wide = widened(scores)
    if isinstance(temperature, Tensor):
        return wide
    limits = torch.finfo(wide.dtype)
    return wide if limits.tiny <= temperature <= limits.max else wide.double()


def half_quotient(halves: Tensor, temperature: float | Tensor) -> Tensor:
    """Give halves / (T / 2), without a NaN gradient in T where a score is absent."""
    if not isinstance(temperature, Tensor):
        return halves / (0.5 * temperature)
    absent = halves.detach() == -math.inf
    quotient = halves.masked_fill(absent, 0.0) / (0.5 * temperature)
    return quotient.masked_fill(absent, -math.inf)


def _refuse_unfit(temperature: Tensor, scores: Tensor, dim: int) -> None:
    """Refuse temperatures that differ between the classes of a row, or do not broadcast."""
    place = dim if dim < 0 else dim - max(scores.ndim, 1)
    shapes = f"shape {tuple(temperature.shape)} for scores of shape {tuple(scores.shape)}"
    if temperature.ndim >= -place and temperature.shape[place] != 1:
        raise InvalidInput(
            "temperature must be the same for all classes of a row, of size 1 along the classes, "
            f"but got {shapes}. One temperature a row is temperature[:, None]."
        )
    try:
        ndim = len(np.broadcast_shapes(temperature.shape, scores.shape))
    except ValueError:
        raise InvalidInput(
            f"temperature must broadcast to the scores, but got {shapes}. One temperature a row "
            "is temperature[:, None]."
        ) from None
    if dim >= 0 and ndim > max(scores.ndim, 1):
        raise InvalidInput(
            f"temperature must have no more dimensions than the scores, but got {shapes}. Expand "
            f"the scores first, or count dim={dim} from the end."
        )


def apply_mask(who: str, scores: Tensor, mask: Any) -> Tensor:
    """Set the scores where the mask is false to -inf, whatever they hold."""
    if mask is None:
        return scores
    kept = to_tensor(mask, device=scores.device)
    if kept.dtype != torch.bool:
        raise InvalidInput(
            f"{who} needs a boolean mask (true = take part), but got {kept.dtype}. "
            "Use mask.bool(), or mask.astype(bool)."
        )
    if not broadcasts(kept.shape, scores.shape):
        raise InvalidInput(
            f"{who} needs a mask that broadcasts to the scores, of shape {tuple(scores.shape)}, "
            f"but got shape {tuple(kept.shape)}."
        )
    return scores.masked_fill(~kept, -math.inf)


def check_empty(empty: str) -> None:
    """Refuse an unknown rule for rows with nothing left."""
    check_choice("empty", empty, EMPTY)


def refuse_unusable_scores(who: str, scores: Tensor) -> None:
    """Refuse NaN and +inf, and say where; -inf is an absent class."""
    bad = torch.isnan(scores) | (scores == math.inf)
    if not bool(bad.any()):
        return
    place = place_of(bad)
    shown = "NaN" if bool(torch.isnan(scores[place])) else "+inf"
    raise InvalidInput(
        f"{who} needs scores that are finite, or -inf for an absent class, but "
        f"{named_place(place)} holds {shown}. Find out where it arose: an overflow or a "
        "division by zero before this point."
    )


def check_probabilities(who: str, name: str, values: Tensor, dim: int | tuple[int, int]) -> None:
    """Refuse what is not on the simplex along one dimension or two; say by how much and where."""
    if not values_known(values) or values.numel() == 0:
        return
    detached = values.detach()
    totals = detached.sum(dim, dtype=torch.float32 if values.dtype in _HALVES else values.dtype)
    off = (totals - 1.0).abs()
    worst = off.max()
    if bool((detached.amin() >= 0) & (worst <= _SIMPLEX_TOLERANCE[values.dtype])):
        return
    bad = ~(detached >= 0) | torch.isinf(detached)
    if bool(bad.any()):
        place = place_of(bad)
        raise InvalidInput(
            f"{who} needs {name} that are probabilities, but {named_place(place)} holds "
            f"{float(detached[place]):g}."
        )
    place = place_of(off == worst)
    raise InvalidInput(
        f"{who} needs {name} that sum to 1, but {named_slice(place)} sums to "
        f"{float(totals[place]):.6g} (off by {float(worst):.3g}). Divide by the sum."
    )
