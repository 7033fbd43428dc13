"""`evaluate`: every headline number of probabilities against labels, with intervals."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from softplex.evaluation._bootstrap import norm_interval, percentile_interval, resampled_weights
from softplex.evaluation._calibration import bin_index, curve_of, top_label, wilson
from softplex.evaluation._inputs import (
    FloatArray,
    Rows,
    open_share,
    read_prior,
    read_rows,
    weight_by,
    whole_number,
)
from softplex.evaluation._metrics import Study, calibration_gaps, measure, prepare
from softplex.evaluation._ranking import areas
from softplex.evaluation._result import ClassScores, Estimate, Evaluation
from softplex.exceptions import InvalidInput


def evaluate(
    probabilities: ArrayLike,
    y: Any,
    *,
    classes: Sequence[Any] | None = None,
    sample_weight: ArrayLike | None = None,
    prior: ArrayLike | None = None,
    top_k: Sequence[int] = (3, 5),
    bins: int = 15,
    n_bootstrap: int = 200,
    confidence: float = 0.95,
    random_state: int | np.random.Generator | None = 0,
) -> Evaluation:
    """Measure probabilities against labels: quality, calibration, and how sure the numbers are.

    The headline numbers, by their key in `Evaluation.metrics`:

    ==================== =======================================================================
    accuracy             share of rows whose highest probability is the true class's
    baseline_accuracy    the same for always naming the most probable class of the prior
    balanced_accuracy    mean recall over the classes that occur
    mcc                  Matthews correlation of k classes (Gorodkin 2004); 0 where undefined
    roc_auc, pr_auc      area under the ROC curve, average precision: each class against the
                         rest, mean over the classes where it is defined
    top_3_accuracy, ...  share of rows whose true class is among the 3 most probable
    log_loss             mean of -log p(true class), in nats; infinite at a probability of 0
    bits                 the same in bits: code length per label
    bits_saved           bits per label that the prior takes, minus `bits`
    brier                squared distance to the truth, summed over classes, mean over rows
    ece, ece_equal_mass  calibration error of the top label, bins of equal width or equal mass
    classwise_ece        mean over classes of each one's calibration error, equal width
    ==================== =======================================================================

    Equal probabilities are ranked by column, first to last. Intervals come from resampling
    rows: percentiles of the replicates; for calibration errors the estimate plus and minus
    the resampled noise, because percentiles are biased there; for a share of 0 or 1, which
    resampling cannot vary, Wilson's interval. An interval always holds its estimate. All are
    NaN for a single row or without replicates.

    Parameters
    ----------
    probabilities : array (n, k), or (n,) with the probability of the second of two classes
        NumPy array, torch tensor or data frame; every row sums to 1.
    y : sequence of labels (n,)
    classes : sequence of k labels, optional
        The label of each column; by default the sorted labels of `y`, which must then all occur.
    sample_weight : array (n,), optional
        Not negative. Rows of weight zero are left out.
    prior : array (k,), optional
        Class distribution for `bits_saved` and the baseline; by default that of `y`.
    top_k : sequence of int
        Sizes for top-k accuracy; those not below the number of classes are left out.
    bins : int
        Bins of the calibration errors and of the reliability curve.
    n_bootstrap : int
        Replicates; 0 for no intervals.
    confidence : float
        The level of every interval.
    random_state : int, numpy Generator or None
        Seeds the resampling.

    Returns
    -------
    Evaluation

    Raises
    ------
    InvalidInput
        If the probabilities, labels, weights or options cannot be used; the message names the
        row and what is wrong with it.

    Examples
    --------
    >>> import numpy as np
    >>> p = np.array([[0.8, 0.2], [0.3, 0.7], [0.6, 0.4]])
    >>> evaluation = evaluate(p, ["no", "yes", "yes"], n_bootstrap=0)
    >>> round(evaluation.metrics["accuracy"].value, 3)
    0.667
    """
    bins = whole_number("evaluate", "bins", bins, least=1)
    replicates = whole_number("evaluate", "n_bootstrap", n_bootstrap, least=0)
    level = open_share("evaluate", "confidence", confidence)
    sizes = [whole_number("evaluate", "top_k", size, least=1) for size in _as_sizes(top_k)]
    rows = read_rows("evaluate", probabilities, y, classes, sample_weight)
    study = prepare(rows, read_prior("evaluate", prior, rows), sizes, bins)
    confusion = _confusion(rows)
    return Evaluation(
        n=rows.n,
        classes=rows.classes,
        metrics=_estimates(study, replicates, level, _generator(random_state)),
        confusion=confusion if rows.weighted else confusion.astype(np.int64),
        per_class=_per_class(study, confusion),
        reliability=curve_of(rows, bins, "width", level),
        confidence_counts=_confidence_counts(rows, bins),
        interval_level=level,
    )


def _estimates(
    study: Study, replicates: int, level: float, generator: np.random.Generator
) -> dict[str, Estimate]:
    rows = study.rows
    relative = rows.relative_weight
    whole = relative[:, None]
    gaps = calibration_gaps(study, whole)
    values = {name: float(value[0]) for name, value in measure(study, whole, gaps).items()}
    if replicates == 0 or rows.n < 2:
        return {name: Estimate(value) for name, value in values.items()}
    draws: dict[str, list[FloatArray]] = {name: [] for name in values}
    for weights in resampled_weights(relative, replicates, generator):
        drawn = calibration_gaps(study, weights)
        for name, value in measure(study, weights, drawn).items():
            draws[name].append(value)
        for name, gap in drawn.items():
            draws[name][-1] = np.abs(gap - gaps[name]).sum(axis=0)
    effective = relative.sum() ** 2 / (relative**2).sum()
    return {
        name: _with_interval(study, name, value, np.concatenate(draws[name]), level, effective)
        for name, value in values.items()
    }


def _with_interval(
    study: Study, name: str, value: float, draws: FloatArray, level: float, effective: float
) -> Estimate:
    if math.isnan(value):
        return Estimate(value)
    if name in study.errors:
        return Estimate(value, *norm_interval(value, draws, level))
    low, high = percentile_interval(draws, level)
    if name in study.shares and low == high:
        lows, highs = wilson(np.array([value]), np.array([effective]), level)
        low, high = float(lows[0]), float(highs[0])
    return Estimate(value, min(low, value), max(high, value))


def _per_class(study: Study, confusion: FloatArray) -> tuple[ClassScores, ...]:
    support, predicted = confusion.sum(axis=1), confusion.sum(axis=0)
    hits = np.diagonal(confusion)
    precision = _ratio(hits, predicted)
    recall = _ratio(hits, support)
    f1 = _ratio(2 * hits, support + predicted)
    weights, scores = study.rows.relative_weight[:, None], []
    for c, label in enumerate(study.rows.classes):
        roc, precision_recall = areas(study.ranked[c], weights)
        numbers = support[c], precision[c], recall[c], f1[c], roc[0], precision_recall[0]
        scores.append(ClassScores(label, *map(float, numbers)))
    return tuple(scores)


def _ratio(above: FloatArray, below: FloatArray) -> FloatArray:
    ratio = np.full(len(below), np.nan)
    np.divide(above, below, out=ratio, where=below > 0)
    return ratio


def _confusion(rows: Rows) -> FloatArray:
    cells = weight_by(rows.truth * rows.k + rows.predicted, rows.weight, rows.k**2)
    return cells.reshape(rows.k, rows.k)


def _confidence_counts(rows: Rows, bins: int) -> NDArray[Any]:
    claim, hit = top_label(rows)
    index = bin_index(claim, np.linspace(0.0, 1.0, bins + 1))
    counts = np.stack([weight_by(index, rows.weight * right, bins) for right in (hit, ~hit)])
    return counts if rows.weighted else counts.astype(np.int64)


def _as_sizes(top_k: Any) -> list[Any]:
    try:
        return list(top_k)
    except TypeError:
        raise InvalidInput(
            f"evaluate: top_k must be a sequence of whole numbers, such as (3, 5); it is {top_k!r}."
        ) from None


def _generator(random_state: Any) -> np.random.Generator:
    try:
        return np.random.default_rng(random_state)
    except (TypeError, ValueError) as error:
        raise InvalidInput(
            "evaluate: random_state must be a whole number that is not negative, a NumPy "
            f"Generator or None; it is {random_state!r}."
        ) from error
