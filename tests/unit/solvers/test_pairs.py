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
    monkeypatch.setattr(_pairs, "_JITTERS", (1e-9,))
    monkeypatch.setattr(_pairs, "_LOST", np.inf)


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


def test_a_lost_row_is_as_curved_as_its_way_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """The secant's curvature to the mirrored lead, a bound on the log-odds' loss between the two.

    Jaakkola and Jordan (2000), equation 10: tanh(lead / 2) / (2 lead).
    """
    monkeypatch.setattr(_pairs, "_LOST", 3.0)
    scores = torch.tensor([[0.0, 0.0, 0.0], [8.0, 2.0, -5.0]], dtype=torch.float64)
    targets = Targets(torch.tensor([0, 0, 0]), torch.tensor([2.0, 1, 1], dtype=torch.float64), 2)
    got = _pairs._Curvature.of(scores, targets, slice(0, 3)).between(1, 0)
    p = torch.softmax(scores, 0)
    expected = p[0] * p[1]
    expected[0] = 2.0 * np.tanh(4.0) / 16.0
    torch.testing.assert_close(got, expected)
    swapped = _pairs._Curvature.of(scores, targets, slice(0, 3)).between(
        torch.tensor([1, 0]), torch.tensor([0, 1])
    )
    torch.testing.assert_close(swapped, expected.expand(2, 3))


def test_lost_rows_do_not_throw_a_fit_far_away() -> None:
    """One row of a rare column of its own, far on the wrong side: the step stays in reach."""
    objective, theta = make(3)
    theta = 40.0 * theta
    theta = theta - theta.mean(0)
    point = objective(theta)
    steps = []
    for lost in (np.inf, 3.0):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(_pairs, "_LOST", lost)
            preconditioner = pairwise_preconditioner(objective, theta)
        assert preconditioner is not None
        steps.append(preconditioner.apply(point.gradient).norm())
    assert steps[1] < 0.1 * steps[0]


def test_soft_targets_have_no_lost_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_pairs, "_LOST", 0.0)
    scores = torch.tensor([[0.0], [8.0]], dtype=torch.float64)
    one = torch.ones(1, dtype=torch.float64)
    targets = Targets(torch.tensor([[1.0, 0.0]]), one, 2)
    p = torch.softmax(scores, 0)
    got = _pairs._Curvature.of(scores, targets, slice(0, 1)).between(1, 0)
    torch.testing.assert_close(got, p[0] * p[1])


def test_a_matrix_that_rounding_spoilt_gets_more_jitter() -> None:
    generator = torch.Generator().manual_seed(0)
    rows = torch.nn.functional.normalize(torch.randn(60, 20, generator=generator), dim=1)
    matrix = rows @ rows.T - 3e-6 * torch.eye(60)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_pairs, "_JITTERS", (-1e-3, 1e-5))
        lower = _pairs._factor(matrix.tril())
        assert lower is not None
        torch.testing.assert_close(
            (lower.tril() @ lower.tril().T), rows @ rows.T, atol=3e-5, rtol=0
        )
        patch.setattr(_pairs, "_JITTERS", (-1e-3,))
        assert _pairs._factor(matrix.tril()) is None


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
