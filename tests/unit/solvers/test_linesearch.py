"""The line search, on functions of one variable."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch

from softplex.objective import Point
from softplex.solvers._linesearch import Trial, search

Scalar = Callable[[float], float]


def run(value: Scalar, slope: Scalar, rounding: float = 0.0) -> tuple[Trial | None, int]:
    def at(step: float) -> tuple[Point, float]:
        here = torch.tensor([step])
        return Point(here, value(step), here, 0.0), slope(step)

    point, derivative = at(0.0)
    return search(at, Trial(0.0, point, derivative), rounding)


@pytest.mark.parametrize("optimum", [1e-6, 1e-3, 0.5, 1.0, 7.0, 1e4])
def test_parabolas(optimum: float) -> None:
    trial, evaluations = run(lambda t: (t - optimum) ** 2, lambda t: 2 * (t - optimum))
    assert trial is not None
    assert trial.point.value <= optimum**2 * (1 - 1e-4)
    assert abs(trial.slope) <= 0.9 * 2 * optimum
    assert evaluations <= 20


def test_the_first_step_is_taken_where_it_is_good() -> None:
    trial, evaluations = run(lambda t: (t - 1) ** 2, lambda t: 2 * (t - 1))
    assert trial is not None
    assert (trial.step, evaluations) == (1.0, 1)


def test_it_comes_back_from_infinity() -> None:
    def value(t: float) -> float:
        return math.inf if t > 0.1 else (t - 0.05) ** 2

    def slope(t: float) -> float:
        return math.nan if t > 0.1 else 2 * (t - 0.05)

    trial, _ = run(value, slope)
    assert trial is not None
    assert 0.0 < trial.step < 0.1


def test_slopes_count_where_values_have_drowned_in_rounding() -> None:
    """The value is flat to its last digit, with noise; the slope still points downhill."""
    trial, _ = run(lambda t: 1.0 + (1e-16 if t else 0.0), lambda t: 1e-12 * (t - 1.0), 1e-15)
    assert trial is not None
    assert trial.step == 1.0


@pytest.mark.parametrize("kink", [1e-6, 1e-4, 0.03, 0.97])
def test_a_slope_like_a_step_function_is_bracketed(kink: float) -> None:
    """Steep down to the kink, nearly flat upwards after it, where chords creep."""

    def slope(t: float) -> float:
        return -1.0 if t < kink else 1e-5 + (t - kink)

    def value(t: float) -> float:
        return -t if t < kink else -kink + 1e-5 * (t - kink) + 0.5 * (t - kink) ** 2

    trial, evaluations = run(value, slope)
    assert trial is not None
    assert trial.point.value < 0
    assert evaluations <= 22


def test_none_where_no_step_helps() -> None:
    trial, evaluations = run(lambda t: float(t > 0), lambda t: -1.0)
    assert trial is None
    assert evaluations <= 25
