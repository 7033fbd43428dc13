"""Confidence against accuracy, and the temperature that mends it."""

from __future__ import annotations

import math

import numpy as np
import pytest

from softplex import softmax
from softplex.calibrators import TemperatureScaling
from softplex.diagnostics import diagnose
from softplex.evaluation import expected_calibration_error, log_loss

SCORES = np.array([[4.0, 0.0, -1.0], [3.0, 0.0, 0.0], [0.0, 2.0, 0.5], [5.0, 0.0, 0.0]])
Y = np.array([0, 0, 1, 2])


def test_figures_are_those_of_the_evaluation() -> None:
    figures = diagnose(SCORES, Y).over_confidence
    p = softmax(SCORES)
    assert figures.accuracy == 0.75
    assert figures.confidence == pytest.approx(p.max(1).mean(), rel=1e-12)
    assert figures.gap == pytest.approx(p.max(1).mean() - 0.75, rel=1e-12)
    assert figures.ece == expected_calibration_error(p, Y)
    assert figures.log_loss == pytest.approx(log_loss(p, Y), rel=1e-12)


def test_the_temperature_is_the_likeliest() -> None:
    figures = diagnose(SCORES, Y).over_confidence
    calibrator = TemperatureScaling().fit(SCORES, Y)
    after = softmax(SCORES, temperature=calibrator.temperature_)
    assert figures.temperature == calibrator.temperature_ > 1
    assert figures.log_loss_after == pytest.approx(log_loss(after, Y), rel=1e-12)
    assert figures.log_loss_after < figures.log_loss
    assert figures.confidence_after == pytest.approx(after.max(1).mean(), rel=1e-12)


def test_scores_three_times_too_large_are_found_out(diagnosis) -> None:
    figures = diagnosis.over_confidence
    assert figures.gap > 0.1
    assert abs(figures.gap_after) < 0.03
    assert figures.ece_after < figures.ece
    # The labels were drawn from scores / 3; the estimate has the error of 500 rows.
    assert figures.temperature == pytest.approx(3.0, rel=0.2)


@pytest.mark.parametrize(
    ("scores", "y", "temperature", "word"),
    [
        (np.eye(2), [0, 1], 1.0, "highest score of its row"),
        (np.eye(2), [1, 0], math.inf, "no better"),
    ],
)
def test_without_a_finite_temperature_the_sentence_says_why(scores, y, temperature, word) -> None:
    diagnosis = diagnose(scores, y)
    assert diagnosis.over_confidence.temperature == temperature
    assert word in diagnosis.over_confidence.temperature_sentence
    assert word in " ".join(diagnosis.to_text().split())


def test_a_column_of_scores_means_two_classes() -> None:
    scores = np.array([1.5, -0.5, 2.0])
    one = diagnose(scores, ["b", "a", "a"]).over_confidence
    two = diagnose(np.column_stack([np.zeros(3), scores]), ["b", "a", "a"]).over_confidence
    assert one.log_loss == two.log_loss
    assert one.ece == two.ece
