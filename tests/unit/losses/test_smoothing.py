"""Label smoothing in its two conventions."""

from __future__ import annotations

import numpy as np
import pytest

from softplex.exceptions import InvalidInput
from softplex.losses import SMOOTHING_KINDS, smoothing_line


@pytest.mark.parametrize("kind", SMOOTHING_KINDS)
@pytest.mark.parametrize("k", [2, 3, 10])
def test_a_smoothed_target_stays_on_the_simplex(kind: str, k: int) -> None:
    slope, floor = smoothing_line(0.3, kind, k)
    q = np.random.default_rng(0).dirichlet(np.ones(k), size=20)
    smoothed = slope * q + floor
    np.testing.assert_allclose(smoothed.sum(axis=1), 1.0, rtol=1e-14)
    assert (smoothed >= 0).all()


def test_each_convention_is_its_formula() -> None:
    k, eps = 4, 0.2
    q = np.eye(k)[1]
    slope, floor = smoothing_line(eps, "others", k)
    np.testing.assert_allclose(slope * q + floor, (1 - eps) * q + eps * (1 - q) / (k - 1))
    slope, floor = smoothing_line(eps, "uniform", k)
    np.testing.assert_allclose(slope * q + floor, (1 - eps) * q + eps / k)


@pytest.mark.parametrize("k", [2, 5, 100])
def test_the_conventions_agree_under_their_exchange_rate(k: int) -> None:
    others = smoothing_line(0.1, "others", k)
    uniform = smoothing_line(0.1 * k / (k - 1), "uniform", k)
    np.testing.assert_allclose(others, uniform, rtol=1e-14)


@pytest.mark.parametrize("kind", SMOOTHING_KINDS)
def test_one_class_or_no_smoothing_leaves_the_target(kind: str) -> None:
    assert smoothing_line(0.5, kind, 1) == (1.0, 0.0)
    assert smoothing_line(0.0, kind, 3) == (1.0, 0.0)


@pytest.mark.parametrize("smoothing", [1.0, -0.1, 2, float("nan"), "0.1", None])
def test_smoothing_outside_its_interval_is_refused(smoothing: object) -> None:
    with pytest.raises(InvalidInput, match=r"smoothing must be a finite number in \[0, 1\)"):
        smoothing_line(smoothing, "others", 3)


def test_a_misspelt_kind_is_recognised() -> None:
    with pytest.raises(InvalidInput, match="Did you mean 'uniform'"):
        smoothing_line(0.1, "unifrom", 3)
