"""Value, gradient and Hessian of the ridge objective, and the certificate's own arithmetic."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from softplex.exceptions import SolverRefused
from softplex.losses import CrossEntropy
from softplex.objective import Certificate, Coordinates, RidgeObjective, Status
from softplex.streaming import DenseFeatures, Targets

N, D = 40, 3


def make(k: int, *, transformed: bool, fit_intercept: bool = True, smoothing: float = 0.0):
    rng = np.random.default_rng(k)
    X = torch.from_numpy(rng.normal(size=(N, D)) * [1.0, 10.0, 0.1] + [0.0, 5.0, 1.0])
    targets = Targets(
        torch.from_numpy(rng.integers(0, k, size=N)), torch.from_numpy(rng.exponential(size=N)), k
    )
    weight = targets.weight / targets.weight.sum()
    coordinates = Coordinates.of_moments(weight @ X, weight @ X.square(), centre=fit_intercept)
    rows = 1 if k == 2 else k
    inner = (X - coordinates.shift) / coordinates.scale if transformed else X
    objective = RidgeObjective(
        features=DenseFeatures(inner, torch.float64),
        targets=targets,
        loss=CrossEntropy(smoothing),
        coordinates=coordinates,
        transformed=transformed,
        fit_intercept=fit_intercept,
        class_curvature=torch.full((rows,), (1 - 1 / k) / k, dtype=torch.float64),
        quadratic=torch.ones(X.shape[1], dtype=torch.float64),
    )
    theta = torch.from_numpy(rng.normal(size=(rows, D + 1)))
    if not fit_intercept:
        theta[:, -1] = 0.0
    return objective, theta


@pytest.mark.parametrize("k", [2, 4])
@pytest.mark.parametrize("transformed", [True, False])
@pytest.mark.parametrize("fit_intercept", [True, False])
def test_gradient_matches_finite_differences(
    k: int, transformed: bool, fit_intercept: bool
) -> None:
    objective, theta = make(k, transformed=transformed, fit_intercept=fit_intercept, smoothing=0.1)
    gradient = objective(theta).gradient
    step = 1e-6
    for place in np.ndindex(*theta.shape):
        if not fit_intercept and place[1] == D:
            assert gradient[place] == 0.0
            continue
        shift = torch.zeros_like(theta)
        shift[place] = step
        slope = (objective(theta + shift).value - objective(theta - shift).value) / (2 * step)
        assert float(gradient[place]) == pytest.approx(slope, rel=1e-6, abs=1e-6)


@pytest.mark.parametrize("k", [2, 4])
def test_hessian_matches_finite_differences_of_the_gradient(k: int) -> None:
    objective, theta = make(k, transformed=True)
    hessian = objective.hessian(theta)
    if k > 2:  # the curvature that the sum of the intercepts was given
        intercepts = torch.arange(1, k + 1) * (D + 1) - 1
        extra = float(objective.targets.weight.sum()) / k**2
        hessian[intercepts[:, None], intercepts] -= extra
    step = 1e-6
    for column, place in enumerate(np.ndindex(*theta.shape)):
        shift = torch.zeros_like(theta)
        shift[place] = step
        change = objective(theta + shift).gradient - objective(theta - shift).gradient
        torch.testing.assert_close(
            hessian[:, column], change.reshape(-1) / (2 * step), rtol=1e-5, atol=1e-5
        )


def test_hessian_is_positive_definite_without_an_intercept_too() -> None:
    for fit_intercept in (True, False):
        objective, theta = make(3, transformed=True, fit_intercept=fit_intercept)
        assert float(torch.linalg.eigvalsh(objective.hessian(theta)).min()) > 0


def test_both_forms_of_the_features_give_the_same_point() -> None:
    one, theta = make(3, transformed=True)
    other, _ = make(3, transformed=False)
    inner, outer = one(theta), other(theta)
    assert inner.value == pytest.approx(outer.value, rel=1e-12)
    assert inner.gap == pytest.approx(outer.gap, rel=1e-9)
    torch.testing.assert_close(inner.gradient, outer.gradient, rtol=1e-9, atol=1e-9)


def test_hessian_of_untransformed_features_is_refused() -> None:
    objective, theta = make(3, transformed=False)
    with pytest.raises(SolverRefused, match="use L-BFGS"):
        objective.hessian(theta)


def test_the_gap_estimate_is_finite_for_an_absent_class_without_an_intercept() -> None:
    objective, theta = make(3, transformed=True, fit_intercept=False)
    without = RidgeObjective(
        **{**vars(objective), "class_curvature": torch.tensor([0.25, 0.25, 0.0]).double()}
    )
    assert math.isfinite(without(theta).gap)


def test_certificate_arithmetic() -> None:
    certificate = Certificate(primal=4.0, dual=3.0, gap=1.0, status=Status.MAX_ITER)
    assert certificate.relative_gap == 0.25
    assert Certificate(0.0, 0.0, 0.0, Status.CONVERGED).relative_gap == 0.0
    assert Certificate(0.0, -1.0, 1.0, Status.STALLED).relative_gap == math.inf
    plain = certificate.to_dict()
    assert plain == {
        "primal": 4.0,
        "dual": 3.0,
        "gap": 1.0,
        "relative_gap": 0.25,
        "status": "max_iter",
        "sentence": Status.MAX_ITER.sentence,
    }


def test_every_status_is_a_sentence() -> None:
    for status in Status:
        assert status.sentence.endswith(".")
