"""The headline numbers as functions of row weights, for any number of replicates at once."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import sparse

from softplex.evaluation._calibration import bin_index, edges_of, top_label
from softplex.evaluation._inputs import FloatArray, IntArray, Rows
from softplex.evaluation._proper import row_brier, row_log_loss, surprise
from softplex.evaluation._ranking import RankedClass, areas, rank_class


@dataclass(frozen=True)
class Study:
    """Everything about the rows that does not depend on their weights."""

    rows: Rows
    means: dict[str, FloatArray]
    """Metrics that are means over rows: the value of each row, (n,), which may be infinite."""
    true: Any
    predicted: Any
    hit: Any
    """(k, n) sparse indicators of the true class, the predicted class, and both at once."""
    gaps: dict[str, Any]
    """(bins, n) sparse: top probability minus hit, for each way of making bins."""
    ranked: tuple[RankedClass, ...]

    @property
    def errors(self) -> tuple[str, ...]:
        """Metrics that are norms of calibration gaps."""
        return (*self.gaps, "classwise_ece")

    @property
    def shares(self) -> tuple[str, ...]:
        """Metrics that are shares of rows."""
        return tuple(name for name in self.means if name.endswith("accuracy"))


def prepare(rows: Rows, prior: FloatArray, sizes: Sequence[int], bins: int) -> Study:
    """Do once what all replicates share."""
    claim, hit = top_label(rows)
    rank = _true_rank(rows)
    tops = {f"top_{size}_accuracy": (rank < size) * 1.0 for size in sizes if size < rows.k}
    means = {
        "accuracy": hit * 1.0,
        "baseline_accuracy": (rows.truth == prior.argmax()) * 1.0,
        **tops,
        "log_loss": row_log_loss(rows),
        "prior_loss": surprise(prior)[rows.truth],
        "brier": row_brier(rows),
    }
    excess, everywhere = claim - hit, np.ones(rows.n)
    edges = {
        "ece": edges_of(claim, rows.weight, bins, "width"),
        "ece_equal_mass": edges_of(claim, rows.weight, bins, "mass"),
    }
    return Study(
        rows=rows,
        means=means,
        true=_indicator(rows.truth, everywhere, rows.k),
        predicted=_indicator(rows.predicted, everywhere, rows.k),
        hit=_indicator(rows.truth, means["accuracy"], rows.k),
        gaps={
            name: _indicator(bin_index(claim, cuts), excess, len(cuts) - 1)
            for name, cuts in edges.items()
        },
        ranked=tuple(rank_class(rows, c, bins) for c in range(rows.k)),
    )


def calibration_gaps(study: Study, weights: FloatArray) -> dict[str, FloatArray]:
    """Return, per calibration error, the signed gaps (bins, replicates) that it is a norm of."""
    total = weights.sum(axis=0)
    gaps = {name: (matrix @ weights) / total for name, matrix in study.gaps.items()}
    classwise = [ranked.gaps @ weights for ranked in study.ranked]
    return {**gaps, "classwise_ece": np.concatenate(classwise) / (study.rows.k * total)}


def measure(
    study: Study, weights: FloatArray, gaps: dict[str, FloatArray]
) -> dict[str, FloatArray]:
    """Return every metric, each (replicates,), for weights (n, replicates)."""
    means = _row_means(study, weights)
    prior_loss, log_loss = means.pop("prior_loss"), means.pop("log_loss")
    brier = means.pop("brier")
    accuracies = {name: means.pop(name) for name in ("accuracy", "baseline_accuracy")}
    with np.errstate(invalid="ignore"):  # infinite on both sides: undefined
        saved = (prior_loss - log_loss) / math.log(2)
    return {
        **accuracies,
        **_confusion_metrics(study, weights),
        **_area_metrics(study, weights),
        **means,
        "log_loss": log_loss,
        "bits": log_loss / math.log(2),
        "bits_saved": saved,
        "brier": brier,
        **{name: np.abs(gap).sum(axis=0) for name, gap in gaps.items()},
    }


def _row_means(study: Study, weights: FloatArray) -> dict[str, FloatArray]:
    values = np.stack(list(study.means.values()))
    infinite = np.isinf(values)
    sums = np.where(infinite, 0.0, values) @ weights
    # Infinity times a weight of zero would be NaN: an infinite row counts only where drawn.
    for metric in np.flatnonzero(infinite.any(axis=1)):
        drawn = weights[infinite[metric]].any(axis=0)
        sums[metric, drawn] = np.inf
    return dict(zip(study.means, sums / weights.sum(axis=0), strict=True))


def _confusion_metrics(study: Study, weights: FloatArray) -> dict[str, FloatArray]:
    true, predicted, hit = (m @ weights for m in (study.true, study.predicted, study.hit))
    recall = np.divide(hit, true, out=np.full_like(true, np.nan), where=true > 0)
    total, hits = true.sum(axis=0), hit.sum(axis=0)
    covariance = hits * total - (true * predicted).sum(axis=0)
    spreads = [total**2 - (side**2).sum(axis=0) for side in (true, predicted)]
    # One class alone on either side leaves rounding, not spread.
    defined = np.minimum(*spreads) > 1e-14 * total**2
    root = np.sqrt(np.where(defined, spreads[0] * spreads[1], 1.0))
    return {
        "balanced_accuracy": _mean_of_defined(recall),
        "mcc": np.where(defined, np.clip(covariance / root, -1.0, 1.0), 0.0),
    }


def _area_metrics(study: Study, weights: FloatArray) -> dict[str, FloatArray]:
    both = [areas(ranked, weights) for ranked in study.ranked]
    roc, precision_recall = (np.stack(columns) for columns in zip(*both, strict=True))
    return {"roc_auc": _mean_of_defined(roc), "pr_auc": _mean_of_defined(precision_recall)}


def _mean_of_defined(values: FloatArray) -> FloatArray:
    """Return the mean over classes of what is not NaN; NaN where all are."""
    defined = ~np.isnan(values)
    count = defined.sum(axis=0)
    total = np.where(defined, values, 0.0).sum(axis=0)
    mean = np.full(len(total), np.nan)
    np.divide(total, count, out=mean, where=count > 0)
    return mean


def _true_rank(rows: Rows) -> IntArray:
    """Return how many classes come before the true one; equals go by column, as in argmax."""
    own = rows.true_probability[:, None]
    ahead = (rows.probabilities > own).sum(axis=1)
    earlier = np.arange(rows.k) < rows.truth[:, None]
    rank: IntArray = ahead + ((rows.probabilities == own) & earlier).sum(axis=1)
    return rank


def _indicator(group: IntArray, values: FloatArray, size: int) -> Any:
    """Return the sparse (size, n) matrix that sums rows, times their values, by group."""
    n = len(group)
    return sparse.csr_array((values, (group, np.arange(n))), shape=(size, n))
