"""Hessian products and reduced Hessians, against finite differences of the gradient."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy import sparse

from softplex.exceptions import SolverRefused
from softplex.losses import CrossEntropy
from softplex.objective import Coordinates, RidgeObjective, hessian_product, reduced_hessian
from softplex.streaming import DenseFeatures, Targets, as_features

DOUBLE = torch.float64


def objective(k: int, *, transformed: bool, csr: bool = False, fit_intercept: bool = True):
    rng = np.random.default_rng(k)
    X = rng.normal(size=(700, 4)) * [1.0, 5.0, 0.2, 1.0] + [0.0, 3.0, 0.0, -1.0]
    targets = Targets(
        torch.from_numpy(rng.integers(0, k, 700)), torch.from_numpy(rng.exponential(size=700)), k
    )
    features = as_features(sparse.csr_matrix(X) if csr else X, DOUBLE, torch.device("cpu"), k)
    coordinates = Coordinates.of_moments(*features.moments(targets.weight), centre=fit_intercept)
    if transformed:
        features = DenseFeatures(
            (torch.from_numpy(X) - coordinates.shift) / coordinates.scale, DOUBLE
        )
    return RidgeObjective(
        features=features,
        targets=targets,
        loss=CrossEntropy(),
        coordinates=coordinates,
        transformed=transformed,
        fit_intercept=fit_intercept,
        class_curvature=torch.full((1 if k == 2 else k,), 0.2, dtype=DOUBLE),
        quadratic=torch.tensor([0.0, 1.0, 2.0, 0.5], dtype=DOUBLE),
    )


@pytest.mark.parametrize("k", [2, 5])
@pytest.mark.parametrize(("transformed", "csr"), [(True, False), (False, False), (False, True)])
@pytest.mark.parametrize("fit_intercept", [False, True])
def test_products_are_differences_of_gradients(k, transformed, csr, fit_intercept) -> None:
    smooth = objective(k, transformed=transformed, csr=csr, fit_intercept=fit_intercept)
    generator = torch.Generator().manual_seed(0)
    r = 1 if k == 2 else k
    theta, along = torch.randn(2, r, 5, dtype=DOUBLE, generator=generator)
    along[:, -1] *= fit_intercept
    theta[:, -1] *= fit_intercept
    step = 1e-5
    above, below = smooth(theta + step * along), smooth(theta - step * along)
    expected = (above.gradient - below.gradient) / (2 * step)
    found = hessian_product(smooth, theta, along)
    # The error of a central difference is about step^2, and rounding / step.
    torch.testing.assert_close(found, expected, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("k", [2, 5])
def test_a_reduced_hessian_holds_products_with_unit_vectors(k: int) -> None:
    smooth = objective(k, transformed=True)
    r = 1 if k == 2 else k
    generator = torch.Generator().manual_seed(1)
    theta = torch.randn(r, 5, dtype=DOUBLE, generator=generator)
    free = torch.rand(r, 5, generator=generator) < 0.6
    free[:, -1] = True
    found = reduced_hessian(smooth, theta, free)
    place = torch.nonzero(free.reshape(-1)).squeeze(1)
    for column, unit in enumerate(torch.eye(free.numel(), dtype=DOUBLE)[place]):
        product = hessian_product(smooth, theta, unit.reshape(r, 5)).reshape(-1)[place]
        torch.testing.assert_close(found[:, column], product, rtol=1e-10, atol=1e-10)


def test_a_reduced_hessian_of_raw_features_is_refused() -> None:
    with pytest.raises(SolverRefused, match="needs dense features in the solver's coordinates"):
        reduced_hessian(objective(3, transformed=False), torch.zeros(3, 5), torch.ones(3, 5) > 0)
