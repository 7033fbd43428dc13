"""Log-loss and Brier score: closed forms and scikit-learn."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics as oracle

from softplex.evaluation import brier, log_loss


def test_log_loss_agrees_with_scikit_learn() -> None:
    rng = np.random.default_rng(0)
    p, y, w = rng.dirichlet(np.ones(4), 90), rng.integers(0, 4, 90), rng.exponential(size=90)
    expected = oracle.log_loss(y, p, sample_weight=w)
    assert log_loss(p, y, sample_weight=w) == pytest.approx(expected, rel=1e-12)
    bits = log_loss(p, y, sample_weight=w, unit="bits")
    assert bits * math.log(2) == pytest.approx(expected, rel=1e-12)


def test_brier_agrees_with_scikit_learn() -> None:
    rng = np.random.default_rng(0)
    p, y, w = rng.dirichlet(np.ones(4), 90), rng.integers(0, 4, 90), rng.exponential(size=90)
    expected = oracle.brier_score_loss(y, p, sample_weight=w, scale_by_half=False)
    assert brier(p, y, sample_weight=w) == pytest.approx(expected, rel=1e-12)


def test_two_classes_in_one_column() -> None:
    p, y = np.array([0.3, 0.9, 0.5]), [0, 1, 1]
    assert brier(p, y) == pytest.approx(2 * np.mean((p - y) ** 2))
    assert log_loss(p, y) == pytest.approx(oracle.log_loss(y, p))


def test_zero_probability_is_infinite_and_clipping_makes_it_finite() -> None:
    p, y = [[1.0, 0.0], [0.5, 0.5]], [1, 0]
    assert log_loss(p, y) == math.inf
    expected = (-math.log(1e-15) + math.log(2)) / 2
    assert log_loss(p, y, clip=1e-15) == pytest.approx(expected, rel=1e-12)


def test_certainty_costs_nothing() -> None:
    p = np.eye(3)
    for value in (log_loss(p, [0, 1, 2]), brier(p, [0, 1, 2])):
        assert value == 0.0
        assert math.copysign(1.0, value) == 1.0
    assert brier(p[::-1], [2, 0, 1], classes=[0, 1, 2]) == pytest.approx(4 / 3)


@given(st.integers(2, 300))
def test_uniform_probabilities(k: int) -> None:
    p = np.full((3, k), 1 / k)
    options = {"classes": list(range(k))}
    assert log_loss(p, [0, k - 1, 1], unit="bits", **options) == pytest.approx(math.log2(k))
    assert brier(p, [0, k - 1, 1], **options) == pytest.approx(1 - 1 / k)
