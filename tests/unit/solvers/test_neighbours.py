"""Folds that begin at the fit of all rows end where fits of their own end."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits, load_iris
from sklearn.preprocessing import scale

from softplex.losses import CrossEntropy
from softplex.solvers import NeighbouringFits, RidgeProblem, solve_ridge
from softplex.streaming import Targets


def problem(X: np.ndarray, y: np.ndarray, weight: np.ndarray, solver: str = "auto") -> RidgeProblem:
    k = int(y.max()) + 1
    targets = Targets(torch.from_numpy(y), torch.from_numpy(weight), k)
    return RidgeProblem(X, targets, CrossEntropy(), True, 1 if k == 2 else k, None, solver=solver)


@pytest.mark.parametrize("solver", ["lbfgs", "newton"])
@pytest.mark.parametrize("classes", [2, 3])
def test_a_fold_has_the_optimum_of_its_rows(solver: str, classes: int) -> None:
    X, y = load_iris(return_X_y=True)
    X, y = X[y < classes], y[y < classes]
    rng = np.random.default_rng(0)
    weight = rng.uniform(0.5, 2.0, len(y))
    fits = NeighbouringFits(problem(X, y, weight, solver), max_iter=500)
    for C in (0.01, 1.0, 100.0):
        rows = np.flatnonzero(rng.random(len(y)) < 0.7)
        got = fits.fit(torch.from_numpy(rows), C, 1e-10)
        alone = solve_ridge(problem(X[rows], y[rows], C * weight[rows]), tol=1e-10, max_iter=500)
        assert got.certificate.primal == pytest.approx(alone.certificate.primal, rel=1e-9)
        assert got.certificate.relative_gap <= 1e-10
        # By strong convexity both are within sqrt(2 tol x primal) of the optimum.
        distance = np.sqrt(2e-10 * alone.certificate.primal)
        torch.testing.assert_close(got.weight, alone.weight, rtol=0, atol=2 * distance)


def test_a_fold_needs_few_iterations() -> None:
    X, y = load_digits(return_X_y=True)
    X = scale(X)
    fits = NeighbouringFits(problem(X, y, np.ones(len(y)), "lbfgs"), max_iter=500)
    whole = fits.fit_all(0.1, 1e-6)
    rows = torch.from_numpy(np.flatnonzero(np.arange(len(y)) % 5))
    fold = fits.fit(rows, 0.1, 1e-6)
    assert fold.n_iter < 0.5 * whole.n_iter
    assert fold.certificate.relative_gap <= 1e-6
