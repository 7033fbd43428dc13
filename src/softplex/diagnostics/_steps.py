"""The arithmetic of one row, from scores to probabilities, and on to the loss of a label."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from softplex.diagnostics._row import LinearPart, RowScores
from softplex.diagnostics._terms import ScoreTerms, score_terms
from softplex.diagnostics._values import FloatArray, frozen
from softplex.information import entropy
from softplex.losses import crammer_singer, cross_entropy, weston_watkins
from softplex.maps import softmax


@dataclass(frozen=True, eq=False)
class Surprise:
    """What one label costs.

    Parameters
    ----------
    target : int
        Column of the label.
    nats, bits : float
        -log p_y and -log2 p_y; infinite for an absent class.
    gradient : array (k,), or None where the loss is infinite
        p - q: the gradient of the loss in the scores that softmax takes (after the temperature).
    margin : float
        The score of the label less the highest other score, before any temperature.
    weston_watkins, crammer_singer : float
        What the two hinge losses say of the scores before any temperature.
    """

    target: int
    nats: float
    bits: float
    gradient: FloatArray | None
    margin: float
    weston_watkins: float
    crammer_singer: float


@dataclass(frozen=True, eq=False)
class Steps:
    """Every number on the way of one row; arrays have one entry a class, and are read-only."""

    classes: tuple[Any, ...]
    scores: FloatArray
    shares_one_score: bool
    temperature: float | None
    scaled: FloatArray
    shift: float
    shifted: FloatArray
    exponentials: FloatArray
    total: float
    probabilities: FloatArray
    entropy: float
    predicted: int
    runner_up: int | None
    surprise: Surprise | None
    terms: tuple[ScoreTerms, ...]
    n_features: int | None
    is_encoded: bool
    top_classes: int

    @property
    def confidence(self) -> float:
        """The probability of the prediction."""
        return float(self.probabilities[self.predicted])

    @property
    def odds(self) -> float:
        """How many times likelier the prediction is than the runner-up; inf without one."""
        if self.runner_up is None:
            return math.inf
        difference = float(-self.shifted[self.runner_up])
        return math.exp(difference) if difference < 709.0 else math.inf


def walk(row: RowScores, target: int | None, top_classes: int, top_features: int) -> Steps:
    """Compute every step of a row."""
    scaled = _over_temperature(row.scores, row.temperature)
    shift = float(scaled.max())
    shifted = scaled - shift
    exponentials = np.exp(shifted)
    probabilities = np.asarray(softmax(scaled))
    predicted, runner_up = _first_two(scaled)
    surprise = None if target is None else _surprise(row.scores, scaled, probabilities, target)
    return Steps(
        classes=row.classes,
        scores=frozen(row.scores),
        shares_one_score=row.shares_one_score,
        temperature=row.temperature,
        scaled=frozen(scaled),
        shift=shift,
        shifted=frozen(shifted),
        exponentials=frozen(exponentials),
        total=float(exponentials.sum()),
        probabilities=frozen(probabilities),
        entropy=float(entropy(shifted, from_scores=True)),
        predicted=predicted,
        runner_up=runner_up,
        surprise=surprise,
        terms=_terms(
            row, predicted, runner_up if target in (None, predicted) else target, top_features
        ),
        n_features=row.n_features,
        is_encoded=row.is_encoded,
        top_classes=top_classes,
    )


def _over_temperature(scores: FloatArray, temperature: float | None) -> FloatArray:
    if temperature is None:
        return scores
    finite = np.isfinite(scores)
    return np.where(finite, np.where(finite, scores, 0.0) / temperature, scores)


def _first_two(scores: FloatArray) -> tuple[int, int | None]:
    order = np.argsort(-scores, kind="stable")
    present = order[np.isfinite(scores[order])]
    return int(present[0]), int(present[1]) if len(present) > 1 else None


def _surprise(
    scores: FloatArray, scaled: FloatArray, probabilities: FloatArray, target: int
) -> Surprise:
    index = torch.tensor([target])
    raw, hot = (torch.from_numpy(np.array(each))[None, :] for each in (scores, scaled))
    if np.isneginf(scores[target]):
        return Surprise(target, math.inf, math.inf, None, -math.inf, math.inf, math.inf)
    nats = float(cross_entropy(hot, index))
    others = np.delete(scores, target)
    return Surprise(
        target=target,
        nats=nats,
        bits=nats / math.log(2.0),
        gradient=frozen(_gradient(probabilities, target)),
        margin=float(scores[target] - others.max()) if others.size else math.inf,
        weston_watkins=float(weston_watkins(raw, index)),
        crammer_singer=float(crammer_singer(raw, index)),
    )


def _gradient(probabilities: FloatArray, target: int) -> FloatArray:
    """Give p - q; the entry of the target from the others, so that no digit cancels."""
    gradient = probabilities.copy()
    gradient[target] = 0.0
    gradient[target] = -gradient.sum()
    return gradient


def _terms(row: RowScores, predicted: int, other: int | None, top: int) -> tuple[ScoreTerms, ...]:
    if row.linear is None:
        return ()
    if row.shares_one_score:
        return (_terms_of(row.linear, 1, 0, top),)
    columns = [predicted] if other is None else [predicted, other]
    return tuple(_terms_of(row.linear, column, column, top) for column in columns)


def _terms_of(linear: LinearPart, index: int, line: int, top: int) -> ScoreTerms:
    intercept = float(linear.intercepts[line])
    return score_terms(index, linear.values, linear.weights[line], intercept, linear.names, top)
