"""Ragged groups along one dimension: who belongs where, and sums over each group.

``index`` names the group of every entry, in any order; ``offsets`` says where sorted groups begin
and end. Both become :class:`Groups`.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor

from softplex._arrays import INTEGERS, to_tensor
from softplex._checks import check_number
from softplex._tensors import place_of, values_known
from softplex.exceptions import InvalidInput


class Groups(NamedTuple):
    """The group of each entry along ``dim`` (not negative), and how many groups there are.

    ``members`` holds the group of each entry; ``known`` says whether values can be looked at, and
    steps may be taken in place.
    """

    members: Tensor
    n_segments: int
    dim: int
    known: bool
    offsets: Tensor | None = None

    def spread(self, values: Tensor) -> Tensor:
        """Give each entry the value of its group."""
        return values.index_select(self.dim, self.members)

    def total(self, values: Tensor, start: float = 0.0) -> Tensor:
        """Sum over each group, onto a number to start from."""
        if values.ndim > 1 and self._sorted_constants(values):
            return self._reduced("sum", values, start)
        totals = values.new_full(self._shape(values), start)
        if self.known:
            return totals.index_add_(self.dim, self.members, values)
        return totals.index_add(self.dim, self.members, values)

    def top(self, values: Tensor) -> Tensor:
        """Largest value of each group; the lowest finite number where there is none above it.

        So an entry at -inf minus its top is -inf, never NaN.
        """
        lowest = torch.finfo(values.dtype).min
        if self._sorted_constants(values):
            return self._reduced("max", values, lowest)
        start = values.new_full(self._shape(values), lowest)
        index = self.members
        if values.ndim > 1:
            index = index.view(-1, *(1,) * (values.ndim - self.dim - 1)).expand_as(values)
        if self.known:
            return start.scatter_reduce_(self.dim, index, values, "amax")
        return start.scatter_reduce(self.dim, index, values, "amax")

    def _sorted_constants(self, values: Tensor) -> bool:
        """Whether the faster reduction of sorted groups will do: it differentiates only once."""
        if self.offsets is None or self.dim != 0 or not values_known(values):
            return False
        return not (values.requires_grad and torch.is_grad_enabled())

    def _reduced(self, kind: str, values: Tensor, start: float) -> Tensor:
        return torch.segment_reduce(
            values.contiguous(), kind, offsets=self.offsets, initial=start, unsafe=True
        )

    def check_range(self, who: str) -> None:
        """Refuse an index that names no group."""
        wrong = (self.members < 0) | (self.members >= self.n_segments)
        if not bool(wrong.any()):
            return
        place = place_of(wrong)[0]
        value = int(self.members[place])
        if value < 0:
            raise InvalidInput(
                f"{who} needs an index of at least 0, but entry {place} holds {value}. Leave such "
                "entries out, or mask them and give them any group."
            )
        raise InvalidInput(
            f"{who} needs indices below n_segments={self.n_segments}, but entry {place} holds "
            f"{value}. n_segments must be at least {int(self.members.max()) + 1}."
        )

    def _shape(self, values: Tensor) -> list[int]:
        shape = list(values.shape)
        shape[self.dim] = self.n_segments
        return shape


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
    if values.numel() and values.dtype not in INTEGERS:
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
    known = values_known(index)
    if n_segments is None:
        if not known:
            raise InvalidInput(
                f"{who} needs n_segments under torch.compile and torch.func, where the largest "
                "index cannot be looked at."
            )
        n_segments = int(index.max()) + 1 if index.numel() else 0
    else:
        check_number("n_segments", n_segments, low=0, integer=True)
    groups = Groups(index, max(int(n_segments), 0), dim, known)
    if known and not index.is_cpu:
        groups.check_range(who)
    return groups


def _from_offsets(who: str, scores: Tensor, given: Any, dim: int) -> Groups:
    offsets = _integers(who, "offsets", given, scores.device)
    length = scores.shape[dim]
    if len(offsets) == 0:
        raise InvalidInput(f"{who} needs offsets that begin with 0, but got none.")
    counts = offsets.diff()
    known = values_known(offsets)
    if known:
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
    return Groups(index, len(counts), dim, known, offsets)
