"""Newton directions and the compact objective, against the streamed objective and its products."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from softplex.exceptions import SolverRefused
from softplex.losses import CrossEntropy
from softplex.objective import Coordinates, RidgeObjective, Status, hessian_product
from softplex.solvers._lbfgs import Progress
from softplex.solvers._newton import NewtonSystem, newton
from softplex.solvers._newton_compact import CompactObjective, is_compact
from softplex.streaming import DenseFeatures, Targets

N, D = 60, 3
CASES = [
    pytest.param(k, columns, fit_intercept, soft, id=f"{k}-{columns}-{fit_intercept}-{soft}")
    for k, columns in ((2, 1), (2, 2), (3, 3), (5, 5))
    for fit_intercept in (True, False)
    for soft in (True, False)
]


def make(
    k: int,
    columns: int,
    fit_intercept: bool = True,
    soft: bool = False,
    quadratic: tuple[float, ...] = (1.0, 0.5, 2.0),
) -> tuple[RidgeObjective, CompactObjective, torch.Tensor]:
    """The same objective twice, on random data with rows of weight zero, and parameters."""
    rng = np.random.default_rng(k)
    X = torch.from_numpy(rng.normal(size=(N, D)) * [1.0, 10.0, 0.1] + [0.0, 5.0, 1.0])
    values = rng.dirichlet(np.ones(k), size=N) if soft else rng.integers(0, k, size=N)
    weight = rng.exponential(size=N) * (rng.random(N) < 0.9)
    targets = Targets(torch.from_numpy(values), torch.from_numpy(weight), k)
    share = targets.weight / targets.weight.sum()
    coordinates = Coordinates.of_moments(share @ X, share @ X.square(), centre=fit_intercept)
    streamed = RidgeObjective(
        features=DenseFeatures((X - coordinates.shift) / coordinates.scale, torch.float64),
        targets=targets,
        loss=CrossEntropy(0.1),
        coordinates=coordinates,
        transformed=True,
        fit_intercept=fit_intercept,
        class_curvature=torch.full((columns,), (1 - 1 / k) / k, dtype=torch.float64),
        quadratic=torch.tensor(quadratic, dtype=torch.float64),
    )
    theta = torch.from_numpy(rng.normal(size=(columns, D + 1)))
    if columns == k:
        theta -= theta.mean(0)
    if not fit_intercept:
        theta[:, -1] = 0.0
    return streamed, CompactObjective.of(streamed, X), theta


@pytest.mark.parametrize(("k", "columns", "fit_intercept", "soft"), CASES)
def test_the_compact_objective_gives_the_same_point(
    k: int, columns: int, fit_intercept: bool, soft: bool
) -> None:
    streamed, compact, theta = make(k, columns, fit_intercept, soft)
    one, other = streamed(theta), compact(theta)
    assert other.value == pytest.approx(one.value, rel=1e-13)
    assert other.gap == pytest.approx(one.gap, rel=1e-12)
    torch.testing.assert_close(other.gradient, one.gradient, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(("k", "columns", "fit_intercept", "soft"), CASES)
def test_a_newton_direction_solves_the_whole_system(
    k: int, columns: int, fit_intercept: bool, soft: bool
) -> None:
    """Its product with the Hessian over all classes is minus the gradient."""
    for objective in make(k, columns, fit_intercept, soft)[:2]:
        theta = make(k, columns, fit_intercept)[2]
        point = objective(theta)
        direction = NewtonSystem(objective).direction(point)
        product = hessian_product(objective, theta, direction)
        torch.testing.assert_close(product, -point.gradient, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("k", [2, 4])
def test_the_hessian_matches_finite_differences(k: int) -> None:
    """In the parameters of the classes after the first, where the penalty has been centred."""
    _, compact, theta = make(k, 1 if k == 2 else k)
    hessian, step = NewtonSystem(compact).hessian(compact(theta)), 1e-6

    def slope(change: torch.Tensor) -> torch.Tensor:
        moved = theta[-len(change) :] + change
        if len(theta) == k:
            moved = torch.cat([theta[:1], moved])
            moved = moved - moved.mean(0)
        return compact(moved).gradient[-len(change) :].reshape(-1)

    for column, place in enumerate(np.ndindex(k - 1, D + 1)):
        change = torch.zeros(k - 1, D + 1, dtype=torch.float64)
        change[place] = step
        numeric = (slope(change) - slope(-change)) / (2 * step)
        np.testing.assert_allclose(hessian[:, column], numeric, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("columns", [1, 2])
def test_collinear_columns_without_a_penalty_still_give_a_descent(columns: int) -> None:
    streamed, _, theta = make(2, columns, quadratic=(0.0, 0.0, 0.0))
    X = streamed.features.block(slice(0, N))
    twice = replace(streamed, features=DenseFeatures(X[:, [0, 0, 2]], torch.float64))
    point = twice(theta)
    direction = NewtonSystem(twice).direction(point)
    assert bool(torch.isfinite(direction).all())
    assert float((direction * point.gradient).sum()) < 0.0


@pytest.mark.parametrize("tol", [1e-2, 1e-6])
@pytest.mark.parametrize(("k", "columns"), [(2, 1), (4, 4)])
def test_newton_goes_beyond_the_asked_gap(k: int, columns: int, tol: float) -> None:
    for objective in make(k, columns)[:2]:
        progress = Progress(100, lambda _: None)
        point, status = newton(
            objective, torch.zeros(columns, D + 1, dtype=torch.float64), progress, tol=tol
        )
        assert status is Status.CONVERGED
        assert point.gap <= tol**1.5 * point.value
        assert progress.n_iter < 12
        assert len(progress.history) == progress.n_iter + 1


def test_newton_ends_where_the_arithmetic_does() -> None:
    _, compact, theta = make(4, 4)
    point, status = newton(compact, theta, Progress(100, lambda _: None), tol=1e-300)
    assert status is Status.STALLED
    assert point.gap < 1e-25 * point.value


def test_newton_respects_the_iteration_limit() -> None:
    _, compact, theta = make(4, 4)
    progress = Progress(2, lambda _: None)
    _, status = newton(compact, theta, progress, tol=1e-12)
    assert status is Status.MAX_ITER
    assert progress.n_iter == 2


def test_features_in_other_coordinates_are_refused() -> None:
    streamed, _, _ = make(3, 3)
    with pytest.raises(SolverRefused, match="use L-BFGS"):
        NewtonSystem(replace(streamed, transformed=False))


@pytest.mark.parametrize(
    ("n", "d", "k", "compact"),
    [(1797, 64, 10, True), (60_000, 784, 10, False), (1000, 3, 1000, False)],
)
def test_compact_means_one_block(n: int, d: int, k: int, compact: bool) -> None:
    assert is_compact(torch.zeros(1, 1).expand(n, d), k) is compact
