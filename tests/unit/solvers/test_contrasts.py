"""The blocks of the contrasts: what they invert, and when they are built."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy import sparse

from softplex.losses import CrossEntropy
from softplex.objective import Coordinates, RidgeObjective
from softplex.solvers import _contrasts
from softplex.solvers._contrasts import contrast_preconditioner, evaluations_worth_contrasts
from softplex.streaming import (
    DenseFeatures,
    SparseFeatures,
    Targets,
    contrast_curvature,
    mean_class_covariance,
)

N, D = 50, 3


@pytest.fixture
def all_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    """Blocks of every row, which are exact."""
    monkeypatch.setattr(_contrasts, "_BULK", 1.0)


def make(k: int, *, transformed: bool, fit_intercept: bool = True, is_sparse: bool = False):
    rng = np.random.default_rng(k)
    X = torch.from_numpy(rng.normal(size=(N, D)) * [1.0, 10.0, 0.1] + [0.0, 5.0, 1.0])
    targets = Targets(
        torch.from_numpy(rng.integers(0, k, size=N)), torch.from_numpy(rng.exponential(size=N)), k
    )
    share = targets.weight / targets.weight.sum()
    coordinates = Coordinates.of_moments(share @ X, share @ X.square(), centre=fit_intercept)
    rows = 1 if k == 2 else k
    inner = (X - coordinates.shift) / coordinates.scale if transformed else X
    features = DenseFeatures(inner, torch.float64)
    if is_sparse:
        matrix = sparse.csr_matrix(inner.numpy())
        features = SparseFeatures(matrix, torch.float64, torch.device("cpu"), k)
    objective = RidgeObjective(
        features=features,
        targets=targets,
        loss=CrossEntropy(),
        coordinates=coordinates,
        transformed=transformed,
        fit_intercept=fit_intercept,
        class_curvature=torch.full((rows,), (1 - 1 / k) / k, dtype=torch.float64),
        quadratic=torch.ones(features.d, dtype=torch.float64),
    )
    theta = 0.5 * torch.from_numpy(rng.normal(size=(rows, D + 1)))
    if not fit_intercept:
        theta[:, -1] = 0.0
    return objective, theta


@pytest.mark.usefixtures("all_rows")
@pytest.mark.parametrize("fit_intercept", [True, False])
def test_for_two_classes_it_is_newtons_direction(fit_intercept: bool) -> None:
    objective, theta = make(2, transformed=True, fit_intercept=fit_intercept)
    gradient = objective(theta).gradient
    got = contrast_preconditioner(objective, theta).apply(gradient)
    newton = torch.linalg.solve(objective.hessian(theta), gradient.reshape(-1)).reshape(1, -1)
    torch.testing.assert_close(got, newton, rtol=1e-4, atol=1e-6)


@pytest.mark.usefixtures("all_rows")
@pytest.mark.parametrize("k", [3, 5])
def test_each_block_is_the_hessian_along_its_contrast(k: int) -> None:
    objective, theta = make(k, transformed=True)
    features, targets = objective.features, objective.targets
    _, covariance = mean_class_covariance(features, theta[:, :-1], theta[:, -1], targets)
    contrasts = torch.linalg.eigh(covariance).eigenvectors[:, 1:]
    hessian = objective.hessian(theta)
    preconditioner = contrast_preconditioner(objective, theta)
    direction = torch.from_numpy(np.random.default_rng(0).normal(size=D + 1))
    for contrast in contrasts.T:
        basis = torch.kron(contrast[:, None], torch.eye(D + 1, dtype=torch.float64))
        along = basis.T @ hessian @ basis
        got = preconditioner.apply(torch.outer(contrast, along @ direction))
        torch.testing.assert_close(got, torch.outer(contrast, direction), rtol=1e-4, atol=1e-5)


@pytest.mark.usefixtures("all_rows")
@pytest.mark.parametrize("is_sparse", [True, False])
def test_the_coordinates_of_the_data_do_not_matter(is_sparse: bool) -> None:
    inner, theta = make(4, transformed=True)
    outer, _ = make(4, transformed=False, is_sparse=is_sparse)
    gradient = inner(theta).gradient
    torch.testing.assert_close(
        contrast_preconditioner(outer, theta).apply(gradient),
        contrast_preconditioner(inner, theta).apply(gradient),
        rtol=1e-5,
        atol=1e-8,
    )


def test_the_curvature_along_a_contrast_is_that_of_each_rows_covariance() -> None:
    objective, theta = make(4, transformed=True)
    features, targets = objective.features, objective.targets
    weight, bias = theta[:, :-1], theta[:, -1]
    p = torch.softmax(features.block(slice(None)) @ weight.T + bias, 1)
    per_row = torch.diag_embed(p) - p[:, :, None] * p[:, None, :]
    contrast = torch.tensor([0.5, -0.5, 0.7, -0.7], dtype=torch.float64)
    expected = targets.weight * (per_row @ contrast @ contrast)
    got = contrast_curvature(features, weight, bias, targets, contrast[:, None])[0]
    torch.testing.assert_close(got, expected)
    sums, total = mean_class_covariance(features, weight, bias, targets)
    torch.testing.assert_close(total, (targets.weight[:, None, None] * per_row).sum(0))
    torch.testing.assert_close(sums, targets.weight @ p)


def test_directions_are_downhill_and_add_nothing_to_all_classes() -> None:
    objective, theta = make(5, transformed=True)
    gradient = objective(theta).gradient
    direction = contrast_preconditioner(objective, theta).apply(gradient)
    assert float((direction * gradient).sum()) > 0
    torch.testing.assert_close(direction.sum(0), torch.zeros(D + 1, dtype=torch.float64))


def test_wide_data_and_many_large_blocks_do_without() -> None:
    objective, _ = make(3, transformed=True)
    wide = DenseFeatures(torch.zeros(10, 3000, dtype=torch.float64), torch.float64)
    object.__setattr__(objective, "features", wide)
    assert evaluations_worth_contrasts(objective) is None
    many, _ = make(3, transformed=True)
    square = DenseFeatures(torch.zeros(400, 400, dtype=torch.float64), torch.float64)
    object.__setattr__(many, "features", square)
    object.__setattr__(many, "class_curvature", torch.ones(1000, dtype=torch.float64))
    assert evaluations_worth_contrasts(many) is None


def test_the_rows_that_hold_little_are_left_out_and_the_sum_stays() -> None:
    generator = torch.Generator().manual_seed(0)
    curvature = torch.rand(2000, generator=generator, dtype=torch.float64) ** 8
    kept = _contrasts.bulk(curvature)
    held = kept > 0
    assert float(held.double().mean()) < 0.7
    assert float(curvature[held].sum()) >= 0.98 * float(curvature.sum())
    torch.testing.assert_close(kept.sum(), curvature.sum())
    assert _contrasts.bulk(torch.zeros(5, dtype=torch.float64)).tolist() == [0.0] * 5
