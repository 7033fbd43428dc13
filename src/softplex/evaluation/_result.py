"""What an evaluation returns: frozen values, numbers only."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from softplex.evaluation._inputs import FloatArray


@dataclass(frozen=True)
class Estimate:
    """A number with its interval; `low` and `high` are NaN where there is none.

    >>> Estimate(0.9, 0.87, 0.92)
    0.9 [0.87, 0.92]
    """

    value: float
    low: float = math.nan
    high: float = math.nan

    def __repr__(self) -> str:
        if math.isnan(self.low) or math.isnan(self.high):
            return f"{self.value:.4g}"
        return f"{self.value:.4g} [{self.low:.4g}, {self.high:.4g}]"


class Metrics(Mapping[str, Estimate]):
    """Estimates by name; it cannot be changed."""

    __slots__ = ("_estimates",)

    def __init__(self, estimates: Mapping[str, Estimate]) -> None:
        self._estimates = dict(estimates)

    def __getitem__(self, name: str) -> Estimate:
        return self._estimates[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._estimates)

    def __len__(self) -> int:
        return len(self._estimates)

    def __repr__(self) -> str:
        return repr(self._estimates)


@dataclass(frozen=True)
class ClassScores:
    """How one class fares against the rest; NaN where a number is undefined.

    `support` is the weight of the rows that bear the label (their number without weights).
    Precision is undefined for a class that is never predicted, recall, `roc_auc` and `pr_auc`
    for one that no row bears.
    """

    label: Any
    support: float
    precision: float
    recall: float
    f1: float
    roc_auc: float
    pr_auc: float


@dataclass(frozen=True, eq=False)
class ReliabilityCurve:
    """Confidence against accuracy in bins (lo, hi]; arrays of length `bins`, read-only.

    `edges` has one entry more. `count` is the weight in each bin, `confidence` the mean top
    probability, `accuracy` the share of right answers, `low` and `high` its Wilson interval.
    The last four are NaN in an empty bin.
    """

    edges: FloatArray
    count: FloatArray
    confidence: FloatArray
    accuracy: FloatArray
    low: FloatArray
    high: FloatArray

    def __post_init__(self) -> None:
        for name in ("edges", "count", "confidence", "accuracy", "low", "high"):
            object.__setattr__(self, name, frozen(getattr(self, name)))


@dataclass(frozen=True, eq=False, repr=False)
class Evaluation:
    """All that `evaluate` found out about probabilities and labels.

    Attributes
    ----------
    n : int
        Rows that count (those with a weight above zero).
    classes : tuple
        The label of each column.
    metrics : mapping from name to Estimate
        The headline numbers, see `evaluate`.
    confusion : array (k, k)
        Weight of the rows with the true class of the row and the predicted class of the column.
    per_class : tuple of ClassScores
    reliability : ReliabilityCurve
        In bins of equal width.
    confidence_counts : array (2, bins)
        Weight of the right (first row) and wrong (second row) answers in the same bins.
    interval_level : float
        The confidence level of every interval.
    """

    n: int
    classes: tuple[Any, ...]
    metrics: Mapping[str, Estimate]
    confusion: NDArray[Any]
    per_class: tuple[ClassScores, ...]
    reliability: ReliabilityCurve
    confidence_counts: NDArray[Any]
    interval_level: float = 0.95

    def __post_init__(self) -> None:
        object.__setattr__(self, "metrics", Metrics(self.metrics))
        for name in ("confusion", "confidence_counts"):
            object.__setattr__(self, name, frozen(getattr(self, name)))

    def __repr__(self) -> str:
        shown = ("accuracy", "log_loss", "brier", "ece")
        numbers = [f"{name}={self.metrics[name]}" for name in shown if name in self.metrics]
        return f"Evaluation({', '.join([f'n={self.n}', f'k={len(self.classes)}', *numbers])})"

    def __str__(self) -> str:
        return self.summary()

    def summary(self) -> str:
        """Return a few lines to read: every headline number with its interval."""
        lines = [
            f"{self.n:,} rows, {len(self.classes)} classes, "
            f"intervals at {100 * self.interval_level:g} %"
        ]
        for name, estimate in self.metrics.items():
            interval = f"[{estimate.low:.4f}, {estimate.high:.4f}]"
            shown = "" if math.isnan(estimate.low) else f"  {interval}"
            lines.append(f"  {name:<18}{estimate.value:>8.4f}{shown}")
        return "\n".join(lines)

    def to_dict(self) -> dict[str, Any]:
        """Return a dictionary for JSON: metrics by name, intervals, and the tables.

        A number that is not finite becomes None: an undefined one, and the infinite log-loss
        of a model that gave a true label no probability at all.
        """
        return {
            "n": self.n,
            "classes": [_plain(label) for label in self.classes],
            **{name: _plain(estimate.value) for name, estimate in self.metrics.items()},
            "intervals": {
                name: [_plain(estimate.low), _plain(estimate.high)]
                for name, estimate in self.metrics.items()
            },
            "interval_level": self.interval_level,
            "per_class": [_fields(scores) for scores in self.per_class],
            "confusion": _plain(self.confusion),
            "reliability": _fields(self.reliability),
            "confidence_counts": _plain(self.confidence_counts),
        }


def frozen(values: NDArray[Any]) -> NDArray[Any]:
    """Return a copy that cannot be written to."""
    copy = np.array(values)
    copy.setflags(write=False)
    return copy


def _fields(record: ClassScores | ReliabilityCurve) -> dict[str, Any]:
    return {name: _plain(getattr(record, name)) for name in record.__dataclass_fields__}


def _plain(value: Any) -> Any:
    """Return what JSON can hold."""
    if isinstance(value, np.ndarray):
        return [_plain(entry) for entry in value.tolist()]
    if isinstance(value, list):
        return [_plain(entry) for entry in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value if isinstance(value, int | str) else str(value)
