"""The scores of an evaluation, named and explained for a reader."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from softplex._text import MISSING, number, percent
from softplex.evaluation import Estimate, Evaluation

# key: (name, what it means, whether it is read as a percentage, ends of the scale it lies on)
_SCORES: Mapping[str, tuple[str, str, bool, tuple[float, float] | None]] = {
    "accuracy": ("Accuracy", "share of rows whose likeliest class is the true one", True, (0, 1)),
    "baseline_accuracy": (
        "Majority baseline", "accuracy of always guessing the commonest class", True, (0, 1),
    ),
    "balanced_accuracy": ("Balanced accuracy", "recall, averaged over the classes", True, (0, 1)),
    "top_3_accuracy": (
        "Top-3 accuracy", "share whose true class is among the three likeliest", True, (0, 1),
    ),
    "top_5_accuracy": (
        "Top-5 accuracy", "share whose true class is among the five likeliest", True, (0, 1),
    ),
    "mcc": ("Matthews correlation", "agreement beyond chance; 1 is perfect", False, (-1, 1)),
    "roc_auc": ("ROC-AUC", "one class against the rest, averaged; 0.5 is chance", False, (0, 1)),
    "pr_auc": ("PR-AUC", "precision over all recalls, one class against the rest", False, (0, 1)),
    "log_loss": ("Log-loss, nats", "mean of ln 1/p(true class); 0 is perfect", False, None),
    "bits": ("Log-loss, bits", "what naming a row's class still costs", False, None),
    "bits_saved": ("Bits saved", "against knowing only class frequencies", False, None),
    "brier": ("Brier score", "squared error of the probabilities; 0 is perfect", False, None),
    "ece": ("ECE, equal width", "mean gap between confidence and accuracy", True, (0, 1)),
    "ece_equal_mass": ("ECE, equal mass", "the same in bins of equally many rows", True, (0, 1)),
    "classwise_ece": ("Classwise ECE", "the same gap for every class, averaged", True, (0, 1)),
}  # fmt: skip


@dataclass(frozen=True)
class Track:
    """Where a score and its interval lie on a scale, as shares of its length."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Score:
    """One line of the table of scores."""

    key: str
    name: str
    meaning: str
    value: str
    interval: str
    track: Track | None


def scores(evaluation: Evaluation) -> tuple[Score, ...]:
    """All scores in reading order; unknown ones follow under their own key."""
    known = [key for key in _SCORES if key in evaluation.metrics]
    others = [key for key in evaluation.metrics if key not in _SCORES]
    return tuple(score(key, evaluation.metrics[key]) for key in (*known, *others))


def score(key: str, estimate: Estimate) -> Score:
    """One score with its interval, written out."""
    name, meaning, is_share, scale = _SCORES.get(
        key, (key.replace("_", " ").capitalize(), "", False, None)
    )
    write = percent if is_share else number
    interval = ""
    if math.isfinite(estimate.low) and math.isfinite(estimate.high):
        interval = f"{write(estimate.low)} to {write(estimate.high)}"
    if math.isnan(estimate.value):
        meaning = "not defined on these rows"
    elif math.isinf(estimate.value):
        meaning = "a true class got no probability at all"
    return Score(key, name, meaning, write(estimate.value), interval, _track(estimate, scale))


def _track(estimate: Estimate, scale: tuple[float, float] | None) -> Track | None:
    if scale is None or not math.isfinite(estimate.value):
        return None
    start, end = scale

    def place(value: float) -> float:
        inside = min(max(value, start), end) if math.isfinite(value) else estimate.value
        return (inside - start) / (end - start)

    return Track(place(estimate.value), place(estimate.low), place(estimate.high))


@dataclass(frozen=True)
class Card:
    """One of the large numbers at the top of the page."""

    name: str
    value: str
    unit: str
    interval: str
    note: str


def cards(evaluation: Evaluation, uncalibrated: Evaluation | None) -> tuple[Card, ...]:
    """Accuracy, log-loss, bits saved and calibration error."""
    metrics = evaluation.metrics
    listed = {key: score(key, metrics[key]) for key in metrics}

    def text(key: str) -> str:
        return listed[key].value if key in listed else MISSING

    def card(key: str, name: str, unit: str, note: str) -> Card | None:
        found = listed.get(key)
        return Card(name, found.value, unit, found.interval, note) if found else None

    before = ""
    if uncalibrated is not None and "ece" in uncalibrated.metrics:
        before = f"{score('ece', uncalibrated.metrics['ece']).value} before calibration"
    made = (
        card(
            "accuracy", "Accuracy", "",
            f"{text('baseline_accuracy')} by always guessing the commonest class",
        ),
        card("log_loss", "Log-loss", "nats", f"{text('bits')} bits a row"),
        card("bits_saved", "Bits saved", "a row", _share_of_prior(metrics)),
        card("ece", "Calibration error", "ECE", before or "confidence against accuracy"),
    )  # fmt: skip
    return tuple(card for card in made if card is not None)


def _share_of_prior(metrics: Mapping[str, Estimate]) -> str:
    missing = Estimate(math.nan, math.nan, math.nan)
    saved, bits = (metrics.get(key, missing).value for key in ("bits_saved", "bits"))
    prior = saved + bits
    if not math.isfinite(prior) or prior <= 0:
        return "against knowing only the class frequencies"
    return f"of {number(prior)} that the class frequencies alone leave"


@dataclass(frozen=True)
class Change:
    """One score before and after calibration."""

    name: str
    before: str
    after: str


def changes(evaluation: Evaluation, uncalibrated: Evaluation) -> tuple[Change, ...]:
    """List the scores that calibration is meant to mend."""
    keys = ("log_loss", "brier", "ece", "classwise_ece", "accuracy")
    return tuple(
        Change(
            _SCORES[key][0],
            score(key, uncalibrated.metrics[key]).value,
            score(key, evaluation.metrics[key]).value,
        )
        for key in keys
        if key in evaluation.metrics and key in uncalibrated.metrics
    )
