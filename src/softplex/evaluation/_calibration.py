"""Calibration in bins: reliability curves and expected calibration errors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtri

from softplex.evaluation._inputs import (
    FloatArray,
    IntArray,
    Rows,
    one_of,
    open_share,
    read_rows,
    weight_by,
    whole_number,
)
from softplex.evaluation._result import ReliabilityCurve
from softplex.exceptions import InvalidInput

Binning = Literal["width", "mass"]
Convention = Literal["top_label", "classwise_mean", "classwise_sum", "classwise_sum_linspace"]


def expected_calibration_error(
    probabilities: ArrayLike,
    y: Any,
    *,
    bins: int = 15,
    binning: Binning = "width",
    convention: Convention = "top_label",
    classes: Sequence[Any] | None = None,
    sample_weight: ArrayLike | None = None,
) -> float:
    r"""Mean distance between what is claimed and what happens, over bins of probability.

    .. math:: \mathrm{ECE} = \sum_b \frac{n_b}{n} |\mathrm{accuracy}_b - \mathrm{confidence}_b|

    Bins are (lo, hi]; a probability of exactly 0 falls in the first bin, of 1 in the last.
    On finite samples the number is biased upwards, and more so the more bins there are.

    Parameters
    ----------
    probabilities : array (n, k), or (n,) with the probability of the second of two classes
    y : sequence of labels (n,)
    bins : int
    binning : {"width", "mass"}
        Bins of equal width on [0, 1], or bins that hold an equal share of the rows. Equal
        probabilities always share a bin, so ties can make bins by mass fewer and uneven.
    convention : str
        ``"top_label"``: the highest probability against whether its class is the true one
        (Guo et al. 2017). ``"classwise_mean"``: each class's probability against its
        occurrence, averaged over all k classes (Nixon et al. 2019; Kull et al. 2019 define
        it so). ``"classwise_sum"``: the same, summed over the classes.
        ``"classwise_sum_linspace"``: summed, with the edges ``linspace(0, 1, bins)``, which
        are ``bins - 1`` bins; the tables of Kull et al. 2019 were computed so. For bins by
        width only.
    classes : sequence of k labels, optional
        The label of each column; by default the sorted labels of `y`.
    sample_weight : array (n,), optional

    Returns
    -------
    float

    Raises
    ------
    InvalidInput
        If the arguments do not fit together, or a name is not on offer.

    Examples
    --------
    >>> round(expected_calibration_error([[0.2, 0.8], [0.1, 0.9]], ["a", "b"]), 3)
    0.45
    """
    caller = "expected_calibration_error"
    one_of(caller, "binning", binning, get_args(Binning))
    one_of(caller, "convention", convention, get_args(Convention))
    bins = whole_number(caller, "bins", bins, least=1)
    if convention == "classwise_sum_linspace":
        if binning != "width" or bins < 2:
            raise InvalidInput(
                f"{caller}: convention='classwise_sum_linspace' needs binning='width' and at "
                f"least 2 edges; binning={binning!r}, bins={bins} came."
            )
        bins -= 1
    rows = read_rows(caller, probabilities, y, classes, sample_weight)
    if convention == "top_label":
        return _error(*top_label(rows), rows.weight, bins, binning)
    errors = [
        _error(rows.probabilities[:, c], rows.truth == c, rows.weight, bins, binning)
        for c in range(rows.k)
    ]
    return float(np.mean(errors) if convention == "classwise_mean" else np.sum(errors))


def reliability_curve(
    probabilities: ArrayLike,
    y: Any,
    *,
    bins: int = 15,
    binning: Binning = "width",
    confidence: float = 0.95,
    classes: Sequence[Any] | None = None,
    sample_weight: ArrayLike | None = None,
) -> ReliabilityCurve:
    """Confidence against accuracy in bins, with an interval for each bin's accuracy.

    Intervals are Wilson's, at the effective number of rows (sum w)^2 / sum w^2.

    Parameters
    ----------
    probabilities : array (n, k), or (n,) with the probability of the second of two classes
    y : sequence of labels (n,)
    bins, binning
        As in `expected_calibration_error`.
    confidence : float
        The level of the intervals.
    classes : sequence of k labels, optional
        The label of each column; by default the sorted labels of `y`.
    sample_weight : array (n,), optional

    Returns
    -------
    ReliabilityCurve

    Raises
    ------
    InvalidInput
        If the arguments do not fit together, or a name is not on offer.

    Examples
    --------
    >>> curve = reliability_curve([[0.2, 0.8], [0.1, 0.9]], ["a", "b"], bins=2)
    >>> curve.count.tolist(), curve.accuracy.tolist()
    ([0.0, 2.0], [nan, 0.5])
    """
    caller = "reliability_curve"
    one_of(caller, "binning", binning, get_args(Binning))
    bins = whole_number(caller, "bins", bins, least=1)
    level = open_share(caller, "confidence", confidence)
    rows = read_rows(caller, probabilities, y, classes, sample_weight)
    return curve_of(rows, bins, binning, level)


def curve_of(rows: Rows, bins: int, binning: Binning, level: float) -> ReliabilityCurve:
    """Return the curve of the top label."""
    claim, hit = top_label(rows)
    edges = edges_of(claim, rows.weight, bins, binning)
    index, size = bin_index(claim, edges), len(edges) - 1
    weight = rows.relative_weight
    total = weight_by(index, weight, size)
    filled = np.where(total > 0, total, np.nan)
    accuracy = weight_by(index, weight * hit, size) / filled
    effective = filled**2 / np.where(total > 0, weight_by(index, weight**2, size), np.nan)
    low, high = wilson(accuracy, effective, level)
    confidence = weight_by(index, weight * claim, size) / filled
    count = weight_by(index, rows.weight, size)
    return ReliabilityCurve(edges, count, confidence, accuracy, low, high)


def top_label(rows: Rows) -> tuple[FloatArray, NDArray[np.bool_]]:
    """Return the highest probability of each row, and whether it is the true class's."""
    return rows.probabilities.max(axis=1), rows.predicted == rows.truth


def edges_of(values: FloatArray, weight: FloatArray, bins: int, binning: Binning) -> FloatArray:
    """Return the edges of the bins, from 0 to 1."""
    if binning == "width":
        return np.linspace(0.0, 1.0, bins + 1)
    order = np.argsort(values, kind="stable")
    ordered, running = values[order], np.cumsum(weight[order])
    # The slack keeps a rounded sum of weights from reaching past the row that it means.
    wanted = np.arange(1, bins) / bins * running[-1] * (1 - 1e-12)
    inner = np.unique(ordered[np.searchsorted(running, wanted)])
    inner = inner[(inner > 0.0) & (inner < ordered[-1])]
    return np.concatenate([[0.0], inner, [1.0]])


def bin_index(values: FloatArray, edges: FloatArray) -> IntArray:
    """Return the bin (lo, hi] of each value; 0 is in the first."""
    return np.searchsorted(edges[1:-1], values, side="left")


def wilson(share: FloatArray, size: FloatArray, level: float) -> tuple[FloatArray, FloatArray]:
    """Wilson's interval (1927) of a share seen in `size` rows; NaN where the size is."""
    z = ndtri(0.5 + level / 2)
    middle = share + z**2 / (2 * size)
    reach = z * np.sqrt(share * (1 - share) / size + z**2 / (4 * size**2))
    scale = 1 + z**2 / size
    # At a share of 0 or 1 the bound is exactly that, which rounding may miss.
    low = np.where(share == 0, 0.0, np.clip((middle - reach) / scale, 0.0, 1.0))
    high = np.where(share == 1, 1.0, np.clip((middle + reach) / scale, 0.0, 1.0))
    return low, high


def _error(
    claim: FloatArray, hit: NDArray[np.bool_], weight: FloatArray, bins: int, binning: Binning
) -> float:
    edges = edges_of(claim, weight, bins, binning)
    gaps = weight_by(bin_index(claim, edges), weight * (claim - hit), len(edges) - 1)
    return float(np.abs(gaps).sum() / weight.sum())
