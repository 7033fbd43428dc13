"""One class against the rest: areas under its curves and its calibration gaps.

A class's column is sorted once. Everything that depends on the weights of the rows is then a
sum over stretches of the sorted rows, so one sparse product serves all bootstrap replicates:
`weights` is (n, replicates) throughout.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import sparse

from softplex.evaluation._calibration import edges_of
from softplex.evaluation._inputs import FloatArray, IntArray, Rows


@dataclass(frozen=True)
class RankedClass:
    """A class's column, sorted from the highest probability to the lowest."""

    stretches: Any
    """(2 m + 1, n) sparse: the rows before, in, and between the m groups of equal probability
    that hold a row of this class."""
    members: Any
    """(m, n) sparse: the rows of this class in each group."""
    gaps: Any
    """(bins, n) sparse: probability minus occurrence, in bins (lo, hi]."""
    has_others: bool
    """Whether any row bears another label."""


def rank_class(rows: Rows, column: int, bins: int) -> RankedClass:
    """Sort a column and note its groups and bins."""
    values = rows.probabilities[:, column]
    order = np.argsort(-values, kind="stable").astype(np.int32)
    ordered, is_member = values[order], rows.truth[order] == column
    places = np.flatnonzero(is_member)
    starts, ends = _groups_with(ordered, places)
    bounds = np.column_stack([starts, ends]).ravel()
    edges = edges_of(values, rows.weight, bins, "width")
    # Sorted downwards the bins are stretches too, the last bin first.
    cuts = np.searchsorted(-ordered, -edges[1:-1][::-1], side="left")
    ones = np.ones(rows.n)
    return RankedClass(
        stretches=_stretches(order, ones, np.concatenate([[0], bounds, [rows.n]]), rows.n),
        members=_stretches(
            order[places], ones, np.append(np.searchsorted(places, starts), len(places)), rows.n
        ),
        gaps=_stretches(order, ordered - is_member, np.concatenate([[0], cuts, [rows.n]]), rows.n),
        has_others=len(places) < rows.n,
    )


def areas(ranked: RankedClass, weights: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return the areas under the ROC and precision-recall curves, each (replicates,).

    ROC: the chance that a row of the class ranks above another row, ties counting one half.
    Precision-recall: average precision, sum over thresholds of (recall step x precision).
    """
    undefined = np.full(weights.shape[1], np.nan)
    if ranked.members.shape[0] == 0:
        return undefined, undefined
    sums = ranked.stretches @ weights
    group, before = sums[1::2], sums[0::2]
    member = ranked.members @ weights
    through = np.cumsum(before[:-1] + group, axis=0)
    member_through = np.cumsum(member, axis=0)
    total = through[-1] + before[-1]
    members = np.where(member_through[-1] > 0, member_through[-1], np.nan)
    precision = np.divide(member_through, through, out=np.zeros_like(through), where=through > 0)
    average_precision = (member * precision).sum(axis=0) / members
    if not ranked.has_others:
        return undefined, average_precision
    # A replicate may have drawn rows of this class alone; what is left is rounding then.
    others = np.where(total - member_through[-1] > 1e-12 * total, total - members, np.nan)
    below = others - (through - member_through) + 0.5 * (group - member)
    roc = (member * below).sum(axis=0) / (members * others)
    return np.clip(roc, 0.0, 1.0), np.clip(average_precision, 0.0, 1.0)


def _groups_with(ordered: FloatArray, places: IntArray) -> tuple[IntArray, IntArray]:
    """Return start and end of each group of equal values that holds one of the places."""
    firsts = np.concatenate([[0], np.flatnonzero(np.diff(ordered)) + 1])
    lasts = np.append(firsts[1:], len(ordered))
    held = np.unique(np.searchsorted(firsts, places, side="right") - 1)
    return firsts[held], lasts[held]


def _stretches(rows: Any, values: FloatArray, bounds: IntArray, n: int) -> Any:
    """Return the sparse matrix whose row j sums the rows listed from bounds[j] to bounds[j+1]."""
    return sparse.csr_array(
        (values[: len(rows)], rows, bounds.astype(np.int32)), shape=(len(bounds) - 1, n)
    )
