"""`diagnose`: four questions to the scores of a classifier, answered in numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from softplex._checks import check_number
from softplex._scored import read_calibration_data
from softplex.diagnostics._chart import draw
from softplex.diagnostics._confidence import measure_confidence
from softplex.diagnostics._judgement import judgements
from softplex.diagnostics._measurements import Measurements
from softplex.diagnostics._outliers import measure_outliers
from softplex.diagnostics._precision import measure_precision
from softplex.diagnostics._saturation import measure_saturation
from softplex.diagnostics._summary import summary
from softplex.diagnostics._values import FloatArray, plain
from softplex.exceptions import InvalidInput


@dataclass(frozen=True, eq=False, repr=False)
class Diagnosis(Measurements):
    """What the scores suffer from: numbers, sentences and one chart.

    Attributes
    ----------
    n : int
        Rows.
    classes : tuple
        The label of each score column.
    saturation : Saturation
        Rows whose score gradient has vanished, under cross-entropy and under Brier.
    over_confidence : OverConfidence
        Confidence against accuracy, and the temperature that mends it.
    outliers : Outliers
        What the worst rows bear of the loss and of the gradient, under three losses.
    precision : tuple of Precision
        Each dtype with the safe formula and with the naive one.
    """

    def __repr__(self) -> str:
        return f"Diagnosis(n={self.n}, k={len(self.classes)}, gap={self.over_confidence.gap:+.4f})"

    def __str__(self) -> str:
        return self.to_text()

    def to_text(self) -> str:
        """Give a summary to read: a sentence of judgement and a small table for each topic."""
        return summary(self)

    def to_dict(self) -> dict[str, Any]:
        """Give a dictionary for JSON; what is not finite becomes None."""
        return {**plain(self), "judgements": judgements(self)}

    def to_svg(self, columns: int = 2) -> str:
        """Draw the four topics as one SVG picture, for light and dark pages.

        Parameters
        ----------
        columns : 1, 2 or 4, default 2
            Panels beside each other: 1 for a narrow page, 4 for a wide one.
        """
        if columns not in (1, 2, 4):
            raise InvalidInput(f"columns must be 1, 2 or 4, but got {columns!r}.")
        return draw(self, columns)


def diagnose(
    scores: Any,
    y: Any,
    *,
    classes: Sequence[Any] | None = None,
    thresholds: Sequence[float] = (1e-3, 1e-2, 1e-1),
    shares: Sequence[float] = (0.01, 0.05),
    bins: int = 15,
) -> Diagnosis:
    r"""Ask what a classifier's scores suffer from.

    Four questions: which rows have a vanishing score gradient :math:`\|p - q\|`; is the confidence
    justified; how much of the loss and of the gradient a few bad rows bear; and what is lost in
    float16, bfloat16 and float32. Each is answered beside an alternative: squared error on the
    probabilities, a temperature, two robust losses, the formula exp(z) / sum exp(z).

    Parameters
    ----------
    scores : array or tensor (n, k), or (n,) for two classes
        Raw scores (not probabilities) of rows that the classifier was not fitted on; ``-inf`` is
        an absent class. Everything is measured against float64.
    y : labels (n,)
    classes : sequence of k labels, optional
        The label of each column. By default 0 to k - 1 where y holds such integers, else the
        sorted labels of y.
    thresholds : sequence of positive floats, default (1e-3, 1e-2, 1e-1)
        Gradient norms below which a row counts as saturated; sentences speak of the first.
    shares : sequence of floats in (0, 1], default (0.01, 0.05)
        How many of the worst rows are looked at, as shares of all rows (rounded up).
    bins : int, default 15
        Bins of confidence, of equal width.

    Returns
    -------
    Diagnosis

    Raises
    ------
    InvalidInput
        For scores that are NaN or +inf, unknown labels, a true class at -inf, and thresholds,
        shares or bins out of range.

    References
    ----------
    Golik, Doetsch, Ney (2013), "Cross-entropy vs. squared error training"; Guo et al. (2017), "On
    calibration of modern neural networks"; Zhang, Sabuncu (2018), "Generalized cross entropy loss
    for training deep neural networks with noisy labels".

    Examples
    --------
    >>> import numpy as np
    >>> scores = np.array([[9.0, 0.0], [8.0, 0.0], [7.0, 0.0], [9.0, 0.0]])
    >>> diagnosis = diagnose(scores, [0, 0, 0, 1])
    >>> diagnosis.over_confidence.gap > 0.2  # sure of all four rows, right in three
    True
    >>> brier = diagnosis.saturation.losses[1]
    >>> float(brier.share_wrong[0])  # the wrong row hardly moves under squared error
    1.0
    """
    check_number("bins", bins, low=1, integer=True)
    limits = _levels("thresholds", thresholds, high=float("inf"))
    parts = _levels("shares", shares, high=1.0)
    data = read_calibration_data("diagnose", scores, y, None, classes)
    values, targets = data.scores.detach().cpu(), data.targets.cpu()
    return Diagnosis(
        n=len(targets),
        classes=tuple(data.classes.tolist()),
        saturation=measure_saturation(values, targets, limits, bins),
        over_confidence=measure_confidence(values, targets, data.classes, bins),
        outliers=measure_outliers(values, targets, data.classes, parts),
        precision=measure_precision(values, targets),
    )


def _levels(name: str, values: Sequence[float], high: float) -> FloatArray:
    levels = list(values)
    if not levels:
        raise InvalidInput(f"diagnose needs at least one of {name}, but got none.")
    for index, level in enumerate(levels):
        check_number(f"{name}[{index}]", level, low=0.0, high=high, open_low=True)
    return np.asarray(levels, dtype=np.float64)
