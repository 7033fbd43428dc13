"""The Hessian as a sum over pairs of classes, and when which preconditioner is built."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor

from softplex.losses import CrossEntropy
from softplex.objective import Coordinates, RidgeObjective
from softplex.solvers import _contrasts, _metric, _pairs
from softplex.solvers._metric import Metric
from softplex.solvers._pairs import evaluations_worth_pairs, pairwise_preconditioner
from softplex.solvers._preconditioner import make_basis, renewed_preconditioner
from softplex.streaming import DenseFeatures, Features, SparseFeatures, Targets

N, D = 80, 3
Making = Callable[..., tuple[RidgeObjective, Tensor]]


@pytest.fixture(autouse=True)
def all_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_contrasts, "_BULK", 1.0)
    monkeypatch.setattr(_pairs, "_JITTER", 1e-9)


def make(
    k: int, *, transformed: bool = True, fit_intercept: bool = True, quadratic: float = 1.0
) -> tuple[RidgeObjective, Tensor]:
    rng = np.random.default_rng(k)
    X = torch.from_numpy(3.0 * rng.normal(size=(N, D)) + 1.0)
    targets = Targets(
        torch.from_numpy(rng.integers(0, k, N)), torch.from_numpy(rng.uniform(0.5, 2, N)), k
    )
    share = targets.weight / targets.weight.sum()
    coordinates = Coordinates.of_moments(share @ X, share @ X.square(), centre=fit_intercept)
    inner = (X - coordinates.shift) / coordinates.scale if transformed else X
    rows = 1 if k == 2 else k
    objective = RidgeObjective(
        features=DenseFeatures(inner, torch.float64),
        targets=targets,
        loss=CrossEntropy(),
        coordinates=coordinates,
        transformed=transformed,
        fit_intercept=fit_intercept,
        class_curvature=torch.full((rows,), 0.2, dtype=torch.float64),
        quadratic=torch.full((D,), quadratic, dtype=torch.float64),
    )
    theta = 0.5 * torch.from_numpy(rng.normal(size=(rows, D + 1)))
    if not fit_intercept:
        theta[:, -1] = 0.0
    return objective, theta


@pytest.mark.parametrize("narrow", [0, 48])
@pytest.mark.parametrize("quadratic", [0.0, 1.0])
@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("k", [3, 5])
def test_the_sum_over_pairs_is_the_hessian(
    k: int, fit_intercept: bool, quadratic: float, narrow: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_pairs, "_NARROW", narrow)
    monkeypatch.setattr(_pairs, "_ROWS", 30)
    objective, theta = make(k, fit_intercept=fit_intercept, quadratic=quadratic)
    theta = theta - theta.mean(0)  # as the solver's: the gradient then sums to zero too
    gradient = objective(theta).gradient
    got = pairwise_preconditioner(objective, theta)
    assert got is not None
    direction = got.apply(gradient)
    along = objective.hessian(theta) @ direction.reshape(-1)
    torch.testing.assert_close(along.reshape(gradient.shape), gradient, rtol=1e-3, atol=1e-4)
    torch.testing.assert_close(direction.sum(0), torch.zeros(D + 1, dtype=torch.float64))


def test_the_coordinates_of_the_data_do_not_matter() -> None:
    inner, theta = make(4)
    outer, _ = make(4, transformed=False)
    gradient = inner(theta).gradient
    results = [pairwise_preconditioner(objective, theta) for objective in (inner, outer)]
    first, second = (result.apply(gradient) for result in results if result is not None)
    torch.testing.assert_close(first, second, rtol=1e-4, atol=1e-6)


def test_pairs_need_three_classes_dense_features_and_a_factor_that_fits() -> None:
    objective, _ = make(3)
    assert evaluations_worth_pairs(objective) is not None
    assert evaluations_worth_pairs(make(2)[0]) is None
    wide = DenseFeatures(torch.zeros(5, 9000, dtype=torch.float64), torch.float64)
    assert evaluations_worth_pairs(replace(objective, features=wide)) is None


@pytest.mark.parametrize("transformed", [True, False])
@pytest.mark.parametrize("whitened", [True, False])
@pytest.mark.parametrize("is_sparse", [True, False])
def test_the_renewed_curvature_is_that_of_each_class_in_the_basis(
    transformed: bool, whitened: bool, is_sparse: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not whitened:
        monkeypatch.setattr("softplex.solvers._preconditioner._MAX_GRAM_SIZE", 0)
    objective, theta = make(4, transformed=transformed)
    inner = make(4)[0].features
    assert isinstance(inner, DenseFeatures)
    if is_sparse:
        objective = replace(objective, features=as_sparse(objective.features))
    basis = make_basis(objective)
    X = inner.block(slice(None))
    p = torch.softmax(X @ theta[:, :-1].T + theta[:, -1], 1)
    weight = objective.targets.weight[:, None] * p * (1 - p)
    transform = torch.eye(D, dtype=torch.float64) if basis.transform is None else basis.transform
    curvature = weight.T @ (X @ transform).square() + basis.penalty
    gradient = torch.zeros(4, D + 1, dtype=torch.float64)
    gradient[:, :-1] = (curvature * 0.3) @ torch.linalg.inv(transform)
    got = renewed_preconditioner(objective, basis, theta).apply(gradient)
    expected = (0.3 * torch.ones(4, D, dtype=torch.float64)) @ transform.T
    torch.testing.assert_close(got[:, :-1], expected - expected.mean(0), rtol=1e-6, atol=1e-9)


def as_sparse(features: Features) -> SparseFeatures:
    from scipy import sparse

    assert isinstance(features, DenseFeatures)
    matrix = sparse.csr_matrix(features.block(slice(None)).numpy())
    return SparseFeatures(matrix, torch.float64, torch.device("cpu"), 4)


def test_the_metric_changes_as_the_fit_grows_long() -> None:
    objective, theta = make(3)
    metric = Metric(objective)
    seen = [metric.preconditioner]
    built = [count for count in range(1, 100) if metric.renew(objective, theta, count)]
    seen.append(metric.preconditioner)
    assert built[:2] == [_metric._FIRST_RENEWAL, _metric._SECOND_RENEWAL]
    assert _contrasts._LONG in built
    cost = evaluations_worth_pairs(objective)
    assert cost is not None
    assert [count for count in built if count >= 2 * cost] == list(range(2 * cost, 100, cost))
    assert seen[0] is not seen[1]
