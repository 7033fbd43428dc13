"""Calibration errors and reliability curves: published values, closed forms, properties."""

from __future__ import annotations

import itertools
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import softmax
from scipy.stats import binomtest
from sklearn.calibration import calibration_curve

from softplex.evaluation import evaluate, expected_calibration_error, log_loss, reliability_curve


@pytest.fixture(scope="module")
def densenet(shared_data: Path) -> tuple[Any, Any]:
    path = shared_data / "calibration" / "densenet40_c10_NNcal.npz"
    if not path.is_file():
        pytest.skip(f"no {path.name} in {path.parent}")
    with np.load(path) as file:
        return softmax(file["test_logits"].astype(float), axis=1), file["test_labels"]


def test_published_values_of_a_densenet(densenet: tuple[Any, Any]) -> None:
    """Kull et al. 2019, uncalibrated DenseNet-40 on CIFAR-10."""
    p, y = densenet
    found = evaluate(p, y, n_bootstrap=0).metrics
    assert 100 * (1 - found["accuracy"].value) == pytest.approx(7.58)
    assert found["ece"].value == pytest.approx(0.055003, abs=5e-7)
    assert found["log_loss"].value == pytest.approx(0.430059, abs=5e-7)
    assert log_loss(p, y, clip=1e-15) == pytest.approx(0.428207, abs=5e-7)
    published = expected_calibration_error(p, y, convention="classwise_sum_linspace")
    assert published == pytest.approx(0.114303, abs=5e-7)


def test_conventions_agree_with_each_other(densenet: tuple[Any, Any]) -> None:
    p, y = densenet
    found = evaluate(p, y, n_bootstrap=0).metrics
    assert expected_calibration_error(p, y) == pytest.approx(found["ece"].value, rel=1e-12)
    by_mass = expected_calibration_error(p, y, binning="mass")
    assert by_mass == pytest.approx(found["ece_equal_mass"].value, rel=1e-12)
    mean = expected_calibration_error(p, y, convention="classwise_mean")
    assert mean == pytest.approx(found["classwise_ece"].value, rel=1e-12)
    total = expected_calibration_error(p, y, convention="classwise_sum")
    assert total == pytest.approx(10 * mean, rel=1e-12)
    fourteen = expected_calibration_error(p, y, convention="classwise_sum", bins=14)
    published = expected_calibration_error(p, y, convention="classwise_sum_linspace", bins=15)
    assert fourteen == published


def slow_error(claim: Any, hit: Any, weight: Any, edges: Any) -> float:
    """The definition, bin by bin."""
    total = 0.0
    for number, (low, high) in enumerate(itertools.pairwise(edges)):
        inside = (claim > low) & (claim <= high)
        if number == 0:
            inside |= claim == 0
        total += abs((weight * (claim - hit))[inside].sum())
    return total / float(weight.sum())


@settings(max_examples=80, deadline=None)
@given(
    n=st.integers(1, 30),
    k=st.integers(2, 5),
    bins=st.integers(1, 12),
    grid=st.sampled_from([2, 10, 12, 1000]),
    seed=st.integers(0, 10_000),
)
def test_agrees_with_the_definition(n: int, k: int, bins: int, grid: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    # Shares of a whole number: many fall exactly on an edge, some are exactly 0 or 1.
    p = rng.multinomial(grid, rng.dirichlet(np.ones(k)), size=n) / grid
    y, w = rng.integers(0, k, n), rng.exponential(size=n)
    edges = np.linspace(0, 1, bins + 1)
    options: Any = {"bins": bins, "classes": range(k), "sample_weight": w}
    top = slow_error(p.max(axis=1), p.argmax(axis=1) == y, w, edges)
    assert expected_calibration_error(p, y, **options) == pytest.approx(top, abs=1e-12)
    each = [slow_error(p[:, c], y == c, w, edges) for c in range(k)]
    classwise = expected_calibration_error(p, y, convention="classwise_sum", **options)
    assert classwise == pytest.approx(sum(each), abs=1e-12)
    found = evaluate(p, y, n_bootstrap=0, **options).metrics
    assert found["classwise_ece"].value == pytest.approx(np.mean(each), abs=1e-12)


def test_certainty_falls_in_the_outer_bins() -> None:
    curve = reliability_curve([[0.0, 1.0], [0.5, 0.5]], [1, 0], bins=4)
    assert curve.count.tolist() == [0, 1, 0, 1]
    # For class 0 the probabilities are exactly 0 and 1/2.
    certain = expected_calibration_error(
        [[0.0, 1.0], [0.0, 1.0]], [0, 1], convention="classwise_sum", bins=4
    )
    assert certain == 1.0


def test_one_bin_is_the_gap_of_the_means() -> None:
    rng = np.random.default_rng(0)
    p, y = rng.dirichlet(np.ones(4), size=50), rng.integers(0, 4, 50)
    gap = abs(p.max(axis=1).mean() - (p.argmax(axis=1) == y).mean())
    for binning in ("width", "mass"):
        found = expected_calibration_error(p, y, bins=1, binning=binning)
        assert found == pytest.approx(gap, rel=1e-12)


def test_bins_of_equal_mass_are_equal() -> None:
    rng = np.random.default_rng(0)
    p, y = rng.dirichlet(np.ones(4), size=150), rng.integers(0, 4, 150)
    curve = reliability_curve(p, y, binning="mass")
    assert curve.count.tolist() == [10] * 15
    claim, hit = p.max(axis=1), p.argmax(axis=1) == y
    parts = np.array_split(np.argsort(claim), 15)
    gaps = [abs(claim[part].mean() - hit[part].mean()) for part in parts]
    found = expected_calibration_error(p, y, binning="mass")
    assert found == pytest.approx(np.mean(gaps), rel=1e-12)
    uneven = reliability_curve(p[:100], y[:100], binning="mass")
    assert set(uneven.count) <= {6.0, 7.0}


def test_bins_of_equal_mass_keep_ties_together() -> None:
    p = np.array([[0.6, 0.4]] * 8 + [[0.9, 0.1]] * 2)
    curve = reliability_curve(p, [0] * 9 + [1], binning="mass", bins=5)
    assert curve.edges.tolist() == [0.0, 0.6, 1.0]
    assert curve.count.tolist() == [8, 2]
    constant = reliability_curve([[1.0, 0.0]] * 4, [0, 1, 0, 1], binning="mass", bins=5)
    assert constant.count.tolist() == [4]


def test_curve_agrees_with_scikit_learn() -> None:
    rng = np.random.default_rng(0)
    p, y = rng.dirichlet(np.ones(3), size=500), rng.integers(0, 3, 500)
    curve = reliability_curve(p, y, bins=10)
    accuracy, confidence = calibration_curve(p.argmax(axis=1) == y, p.max(axis=1), n_bins=10)
    filled = curve.count > 0
    assert curve.accuracy[filled] == pytest.approx(accuracy, rel=1e-12)
    assert curve.confidence[filled] == pytest.approx(confidence, rel=1e-12)
    gaps = np.abs(curve.accuracy - curve.confidence)[filled]
    error = expected_calibration_error(p, y, bins=10)
    assert error == pytest.approx((curve.count[filled] * gaps).sum() / 500, rel=1e-12)


def test_intervals_are_wilsons() -> None:
    rng = np.random.default_rng(0)
    p, y = rng.dirichlet(np.ones(3), size=200), rng.integers(0, 3, 200)
    curve = reliability_curve(p, y, bins=10, confidence=0.9)
    for count, accuracy, low, high in zip(
        curve.count, curve.accuracy, curve.low, curve.high, strict=True
    ):
        if count == 0:
            assert all(math.isnan(x) for x in (accuracy, low, high))
            continue
        test = binomtest(round(count * accuracy), int(count))
        expected = test.proportion_ci(confidence_level=0.9, method="wilson")
        assert (low, high) == pytest.approx((expected.low, expected.high), abs=1e-12)


def test_equal_weights_leave_the_curve_as_it_is() -> None:
    rng = np.random.default_rng(0)
    p, y = rng.dirichlet(np.ones(3), size=80), rng.integers(0, 3, 80)
    plain = reliability_curve(p, y)
    heavy = reliability_curve(p, y, sample_weight=np.full(80, 7.0))
    assert heavy.count == pytest.approx(7 * plain.count)
    for name in ("confidence", "accuracy", "low", "high"):
        assert getattr(heavy, name) == pytest.approx(getattr(plain, name), nan_ok=True), name
