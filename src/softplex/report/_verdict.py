"""How far to trust the model, in plain sentences made from its scores."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from softplex._text import listed, number, percent, quoted, rows, whole_percent
from softplex.evaluation import Estimate, Evaluation, ReliabilityCurve
from softplex.report._selection import confused_pairs

FEW_ROWS = 100
ROWS_FOR_A_SENTENCE = 10
SMALL_ERROR = 0.02
_UNKNOWN = Estimate(math.nan, math.nan, math.nan)


@dataclass(frozen=True)
class Verdict:
    """A headline with its tone (``good``, ``caution`` or ``bad``) and the sentences behind it."""

    tone: str
    headline: str
    sentences: tuple[str, ...]


def verdict(evaluation: Evaluation) -> Verdict:
    """Say what the scores tell about trust, most important first."""
    tone, headline = _headline(evaluation)
    sentences = (
        _accuracy(evaluation),
        *_said_and_was(evaluation.reliability),
        _lean(evaluation),
        _code_length(evaluation),
        _weakest(evaluation),
        _unseen(evaluation),
        _size(evaluation),
    )
    return Verdict(tone, headline, tuple(sentence for sentence in sentences if sentence))


def metric(evaluation: Evaluation, key: str) -> Estimate:
    """Find a score, or NaN where it was not computed."""
    return evaluation.metrics.get(key, _UNKNOWN)


def _headline(evaluation: Evaluation) -> tuple[str, str]:
    if not _beats_guessing(evaluation):
        return "bad", "Do not rely on it: no better than guessing the commonest class."
    if evaluation.n < FEW_ROWS:
        return "caution", f"Promising, but {rows(evaluation.n)} are too few to be sure."
    excess = _excess_confidence(evaluation.reliability)
    if _is_honest(evaluation):
        return "good", "Its probabilities can be taken at their word, on data like this."
    if excess > SMALL_ERROR / 2:
        return "caution", "Over-confident: it is right less often than it says."
    if excess < -SMALL_ERROR / 2:
        return "caution", "Too modest: it is right more often than it says."
    return "caution", "Right on average, but single probabilities are off: see the diagram below."


def _beats_guessing(evaluation: Evaluation) -> bool:
    accuracy, baseline = metric(evaluation, "accuracy"), metric(evaluation, "baseline_accuracy")
    saved = metric(evaluation, "bits_saved")
    return _floor(accuracy) > baseline.value or _floor(saved) > 0


def _floor(estimate: Estimate) -> float:
    return estimate.low if math.isfinite(estimate.low) else estimate.value


def _is_honest(evaluation: Evaluation) -> bool:
    """Tell a small error, or one that the bins' own intervals explain, from a real one."""
    if metric(evaluation, "ece").value <= SMALL_ERROR:
        return True
    curve = evaluation.reliability
    inside = (curve.low <= curve.confidence) & (curve.confidence <= curve.high)
    filled = np.asarray(curve.count, dtype=float)
    return bool(filled[inside].sum() >= 0.8 * filled.sum())


def _excess_confidence(curve: ReliabilityCurve) -> float:
    filled = np.asarray(curve.count) > 0
    weight = np.asarray(curve.count, dtype=float)[filled]
    return float(np.average((curve.confidence - curve.accuracy)[filled], weights=weight))


def _accuracy(evaluation: Evaluation) -> str:
    accuracy, baseline = metric(evaluation, "accuracy"), metric(evaluation, "baseline_accuracy")
    interval = ""
    if math.isfinite(accuracy.low) and math.isfinite(accuracy.high):
        level = whole_percent(evaluation.interval_level)
        interval = f" ({level} interval: {percent(accuracy.low)} to {percent(accuracy.high)})"
    versus = ""
    if math.isfinite(baseline.value):
        versus = (
            f"; always guessing the commonest class would be right on {percent(baseline.value)}"
        )
    return f"It is right on {percent(accuracy.value)} of {rows(evaluation.n)}{interval}{versus}."


def _said_and_was(curve: ReliabilityCurve) -> tuple[str, ...]:
    """Quote the bins nearest to 60, 80 and 95 % that hold enough rows to be worth a sentence."""
    full = np.flatnonzero(np.asarray(curve.count) >= ROWS_FOR_A_SENTENCE)
    if full.size == 0:
        return ()
    said = np.asarray(curve.confidence)[full]
    nearest = {int(full[np.argmin(np.abs(said - level))]) for level in (0.6, 0.8, 0.95)}
    return tuple(
        f"When it says {whole_percent(curve.confidence[index])}, it was right "
        f"{whole_percent(curve.accuracy[index])} of the time ({rows(curve.count[index])})."
        for index in sorted(nearest)
    )


def _lean(evaluation: Evaluation) -> str:
    excess, error = _excess_confidence(evaluation.reliability), metric(evaluation, "ece").value
    if not math.isfinite(error):
        return ""
    text = f"Its confidence is off by {100 * error:.1f} percentage points on average"
    if abs(excess) < 0.005:
        return f"{text}, without leaning to either side."
    side = "too high" if excess > 0 else "too low"
    return f"{text}, mostly {side}." if abs(excess) > error / 2 else f"{text}, on the whole {side}."


def _code_length(evaluation: Evaluation) -> str:
    bits, saved = metric(evaluation, "bits").value, metric(evaluation, "bits_saved").value
    if not (math.isfinite(bits) and math.isfinite(saved)):
        return ""
    if saved <= 0:
        return "Its probabilities tell less about a row than the class frequencies alone do."
    return (
        f"Of the {number(bits + saved)} bits that it takes to name a row's class, "
        f"its prediction saves {number(saved)}."
    )


def _weakest(evaluation: Evaluation) -> str:
    scored = [
        (scores.recall, index)
        for index, scores in enumerate(evaluation.per_class)
        if scores.support >= ROWS_FOR_A_SENTENCE and math.isfinite(scores.recall)
    ]
    if len(scored) < 2 or min(scored)[0] >= 1:
        return ""
    recall, index = min(scored)
    text = (
        f"The weakest class is {quoted(evaluation.classes[index])}: "
        f"{whole_percent(recall)} of its rows are found"
    )
    confusion = np.asarray(evaluation.confusion)
    only_this = np.where(np.arange(len(confusion))[:, None] == index, confusion, 0)
    pairs = confused_pairs(only_this, limit=1)
    return f"{text}; most often it is taken for {quoted(evaluation.classes[pairs[0].predicted])}."


def _unseen(evaluation: Evaluation) -> str:
    names = [quoted(scores.label) for scores in evaluation.per_class if scores.support == 0]
    if not names:
        return ""
    classes = "class" if len(names) == 1 else "classes"
    return f"No test row has the {classes} {listed(names)}: nothing is known about them here."


def _size(evaluation: Evaluation) -> str:
    if evaluation.n >= FEW_ROWS:
        return ""
    return (
        f"With {rows(evaluation.n)} every number here is rough; more test rows would narrow them."
    )
