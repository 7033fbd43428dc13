"""Products of rows with rows that are kept from step to step, as few rows become free at a time."""

from __future__ import annotations

import torch
from torch import Tensor

from softplex.solvers._hinge_rows import HingeRows

# Rows beyond which the store is begun anew with those of the moment.
_MAX_ROWS = 6000
# A Gram matrix is formed anew when the rows in use have become fewer by this factor.
_FEWER = 1.5
# It only shapes steps: every so many rows show its form.
_GRAM_ROWS = 2000


class KernelStore:
    """Entries of ``X X^T`` that have been needed.

    Parameters
    ----------
    rows : HingeRows
        All rows.
    """

    def __init__(self, rows: HingeRows) -> None:
        self._rows = rows
        self._clear()

    def __call__(self, ids: Tensor) -> Tensor:
        """Give the entries of some rows ``(m,)``, which may be named twice, ``(m, m)``."""
        new = torch.unique(ids[self._place[ids] < 0])
        if len(new) + len(self._ids) > _MAX_ROWS:
            self._clear()
            new = torch.unique(ids)
        if len(new):
            self._add(new)
        places = self._place[ids]
        return self._entries[places].index_select(1, places)

    def _clear(self) -> None:
        device = self._rows.device
        self._place = torch.full((self._rows.n,), -1, dtype=torch.int64, device=device)
        self._ids = torch.empty(0, dtype=torch.int64, device=device)
        self._entries = torch.empty(0, 0, dtype=self._rows.dtype, device=device)

    def _add(self, new: Tensor) -> None:
        count = len(self._ids)
        total = count + len(new)
        fresh = self._rows.select(new)
        entries = self._entries.new_empty(total, total)
        entries[:count, :count] = self._entries
        if count:
            cross = fresh.kernel(self._rows.select(self._ids))
            entries[count:, :count] = cross
            entries[:count, count:] = cross.T
        entries[count:, count:] = fresh.kernel(fresh)
        self._place[new] = torch.arange(count, total, device=new.device)
        self._ids, self._entries = torch.cat([self._ids, new]), entries


class GramStore:
    """The Gram matrix of the rows in use, roughly: that of the rows at some step before."""

    def __init__(self) -> None:
        self._gram: Tensor | None = None
        self._count = 0

    def __call__(self, rows: HingeRows, row_weight: Tensor) -> Tensor:
        """Give about ``X^T diag(row_weight) X``, ``(d, d)`` in the dtype of the rows."""
        if self._gram is None or not self._count / _FEWER <= rows.n <= self._count * _FEWER:
            part = slice(None, None, max(1, rows.n // max(_GRAM_ROWS, 3 * rows.d)))
            chosen = torch.arange(rows.n, device=row_weight.device)[part]
            weight = row_weight[chosen]
            gram = rows.select(chosen).gram(weight)
            self._gram, self._count = gram / float(weight.sum()), rows.n
        return (self._gram * float(row_weight.sum())).to(rows.dtype)
