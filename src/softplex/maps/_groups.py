"""Ragged groups along one dimension: who belongs where, and sums over each group.

``index`` names the group of every entry, in any order; ``offsets`` says where sorted groups begin
and end. Both become :class:`Groups`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from softplex._arrays import to_tensor
from softplex._checks import check_number
from softplex._tensors import place_of, values_known
from softplex.exceptions import InvalidInput

_INTEGERS = (
    *(torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64),
    *(torch.uint16, torch.uint32, torch.uint64),
)


@dataclass(frozen=True)
class Groups:
    """The group of each entry along ``dim`` (not negative), and how many groups there are."""

    index: Tensor
    n_segments: int
    dim: int
    offsets: Tensor | None = None

    def spread(self, values: Tensor) -> Tensor:
        """Give each entry the value of its group."""
        return values.index_select(self.dim, self.index)

    def total(self, values: Tensor) -> Tensor:
        """Sum over each group."""
        start = values.new_zeros(self._shape(values))
        if values_known(values):
            return start.index_add_(self.dim, self.index, values)
        return start.index_add(self.dim, self.index, values)

    def top(self, values: Tensor) -> Tensor:
        """Largest value of each group; the lowest finite number where there is none above it.

        So an entry at -inf minus its top is -inf, never NaN.
        """
        lowest = torch.finfo(values.dtype).min
        if self.offsets is not None and self.dim == 0 and values_known(values):
            return torch.segment_reduce(
                values.contiguous(), "max", offsets=self.offsets, initial=lowest, unsafe=True
            )
        start = values.new_full(self._shape(values), lowest)
        index = self.index
        if values.ndim > 1:
            wanted = [1] * values.ndim
            wanted[self.dim] = -1
            index = index.view(wanted).expand_as(values)
        if values_known(values):
            return start.scatter_reduce_(self.dim, index, values, "amax")
        return start.scatter_reduce(self.dim, index, values, "amax")

    def _shape(self, values: Tensor) -> tuple[int, ...]:
        shape = values.shape
        return (*shape[: self.dim], self.n_segments, *shape[self.dim + 1 :])


def groups_of(
    who: str, scores: Tensor, index: Any, offsets: Any, n_segments: int | None, dim: int
) -> Groups:
    """Read the groups along a dimension of the scores, from an index or from offsets."""
    if scores.ndim == 0:
        raise InvalidInput(f"{who} needs scores with at least one dimension, but got a number.")
    if (index is None) == (offsets is None):
        raise InvalidInput(
            f"{who} needs either index (the group of each entry) or offsets (where sorted groups "
            f"begin and end), but got {'neither' if index is None else 'both'}."
        )
    dim %= scores.ndim
    if offsets is None:
        return _from_index(who, scores, index, n_segments, dim)
    if n_segments is not None:
        raise InvalidInput(f"{who} takes n_segments with index alone: offsets count the groups.")
    return _from_offsets(who, scores, offsets, dim)


def _integers(who: str, name: str, given: Any, device: torch.device) -> Tensor:
    values = to_tensor(given, device=device)
    if values.ndim != 1:
        raise InvalidInput(
            f"{who} needs {name} with one dimension, but got shape {tuple(values.shape)}."
        )
    if values.numel() and values.dtype not in _INTEGERS:
        raise InvalidInput(
            f"{who} needs whole numbers in {name}, but got {values.dtype}. Use {name}.long(), or "
            f"{name}.astype(int)."
        )
    return values.long()


def _from_index(who: str, scores: Tensor, given: Any, n_segments: int | None, dim: int) -> Groups:
    index = _integers(who, "index", given, scores.device)
    if len(index) != scores.shape[dim]:
        raise InvalidInput(
            f"{who} needs one index for each entry along dim {dim}, that is {scores.shape[dim]}, "
            f"but got {len(index)}."
        )
    if n_segments is not None:
        check_number("n_segments", n_segments, low=0, integer=True)
    known = values_known(index)
    if n_segments is None and not known:
        raise InvalidInput(
            f"{who} needs n_segments under torch.compile and torch.func, where the largest index "
            "cannot be looked at."
        )
    lowest, largest = _range(index) if known else (0, -1)
    if lowest < 0:
        place = place_of(index < 0)[0]
        raise InvalidInput(
            f"{who} needs an index of at least 0, but entry {place} holds {int(index[place])}. "
            "Leave such entries out, or mask them and give them any group."
        )
    if n_segments is not None and largest >= n_segments:
        place = place_of(index >= n_segments)[0]
        raise InvalidInput(
            f"{who} needs indices below n_segments={n_segments}, but entry {place} holds "
            f"{int(index[place])}. n_segments must be at least {largest + 1}."
        )
    return Groups(index, largest + 1 if n_segments is None else int(n_segments), dim)


def _range(index: Tensor) -> tuple[int, int]:
    """Smallest and largest index; 0 and -1 where there is none."""
    if index.numel() == 0:
        return 0, -1
    lowest, largest = torch.aminmax(index)
    return int(lowest), int(largest)


def _from_offsets(who: str, scores: Tensor, given: Any, dim: int) -> Groups:
    offsets = _integers(who, "offsets", given, scores.device)
    length = scores.shape[dim]
    if len(offsets) == 0:
        raise InvalidInput(f"{who} needs offsets that begin with 0, but got none.")
    counts = offsets.diff()
    if values_known(offsets):
        first, last = int(offsets[0]), int(offsets[-1])
        if first != 0 or last != length:
            raise InvalidInput(
                f"{who} needs offsets from 0 to the {length} entries along dim {dim}, but got "
                f"offsets from {first} to {last}."
            )
        if bool((counts < 0).any()):
            place = place_of(counts < 0)[0]
            raise InvalidInput(
                f"{who} needs offsets that never fall, but they go from {int(offsets[place])} to "
                f"{int(offsets[place + 1])} at entry {place + 1}."
            )
    index = torch.repeat_interleave(counts, output_size=length)
    return Groups(index, len(counts), dim, offsets)
