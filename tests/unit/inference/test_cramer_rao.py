"""Simulated data: estimates spread as the inverse information says, and intervals cover."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from softplex.inference import fisher_information, infer

N, K = 1500, 3
COEF = np.array([[0.0, 0.0], [0.7, -0.4], [-0.5, 0.6]])
INTERCEPT = np.array([0.0, 0.3, -0.2])
TRUTH = np.column_stack([COEF, INTERCEPT])[1:].ravel()


def simulated(n_sets: int) -> tuple[np.ndarray, np.ndarray]:
    """One design, and labels drawn from the true model for each data set."""
    random = np.random.default_rng(11)
    X = random.normal(size=(N, 2))
    scores = X @ COEF.T + INTERCEPT
    y = (scores + random.gumbel(size=(n_sets, N, K))).argmax(2)
    return X, y


def batched_newton(X: np.ndarray, y: np.ndarray) -> np.ndarray:
    """The maximum-likelihood contrasts of every data set at once, ``(n_sets, size)``."""
    Z = np.column_stack([X, np.ones(N)])
    targets = np.stack([(y == c).astype(float) for c in (1, 2)], 2)
    theta = np.zeros((len(y), 2, 3))
    pairs = (Z[:, :, None] * Z[:, None]).reshape(N, 9)
    for _ in range(12):
        scores = np.exp(np.einsum("np,scp->snc", Z, theta))
        p = scores / (1.0 + scores.sum(2, keepdims=True))
        gradient = np.einsum("snc,np->scp", p - targets, Z).reshape(len(y), 6)
        hessian = np.empty((len(y), 2, 3, 2, 3))
        for a in range(2):
            for b in range(2):
                w = p[..., a] * (a == b) - p[..., a] * p[..., b]
                hessian[:, a, :, b] = (w @ pairs).reshape(-1, 3, 3)
        step = np.linalg.solve(hessian.reshape(-1, 6, 6), gradient[..., None])[..., 0]
        theta -= step.reshape(theta.shape)
    assert np.abs(step).max() < 1e-10
    return theta.reshape(len(y), 6)


def check(n_sets: int) -> None:
    X, y = simulated(n_sets)
    estimates = batched_newton(X, y)
    bound = np.linalg.inv(fisher_information(X, COEF, INTERCEPT))
    deviation = np.sqrt(np.diag(bound))

    spread = np.cov(estimates.T) / np.outer(deviation, deviation)
    # An entry of a sample covariance of unit variables errs by at most sqrt(2 / n_sets); four of
    # them for 21 entries, and 2 % for what a sample of 1,500 is from infinity.
    error = 4.0 * np.sqrt(2.0 / n_sets) + 0.02
    np.testing.assert_allclose(spread, bound / np.outer(deviation, deviation), atol=error)
    bias = (estimates.mean(0) - TRUTH) / deviation
    assert np.abs(bias).max() < 4.0 / np.sqrt(n_sets) + 0.1

    inside = np.empty((n_sets, 6))
    for place, theta in enumerate(estimates):
        ours = infer(_model(theta), X, y[place])
        interval = ours.confidence_intervals(0.95).reshape(6, 2)
        inside[place] = (interval[:, 0] <= TRUTH) & (interval[:, 1] >= TRUTH)
    coverage = inside.mean(0)
    # 95 +- 2 %, which is 2.9 standard errors for 1,000 sets; as many for fewer of them.
    allowed = 0.02 * np.sqrt(1000 / n_sets)
    assert np.abs(coverage - 0.95).max() < allowed
    assert abs(coverage.mean() - 0.95) < allowed


def _model(theta: np.ndarray) -> SimpleNamespace:
    rows = np.vstack([np.zeros(3), theta.reshape(2, 3)])
    return SimpleNamespace(
        coef_=rows[:, :2],
        intercept_=rows[:, 2],
        classes_=np.arange(K),
        C=np.inf,
        fit_intercept=True,
    )


def test_the_bound_is_met_and_intervals_cover_on_100_data_sets() -> None:
    check(100)


@pytest.mark.slow
def test_the_bound_is_met_and_intervals_cover_on_1000_data_sets() -> None:
    check(1000)


def test_the_sandwich_covers_where_weights_are_not_counts() -> None:
    """Rows drawn twice as often as they weigh: the inverse information is wrong by half."""
    X, y = simulated(200)
    double = np.repeat(np.arange(N), 2)
    shares = []
    for covariance in ("observed", "robust"):
        inside = []
        for theta, labels in zip(batched_newton(X, y), y, strict=True):
            options = {} if covariance == "observed" else {"clusters": double}
            ours = infer(_model(theta), X[double], labels[double], covariance=covariance, **options)
            interval = ours.confidence_intervals(0.95).reshape(6, 2)
            inside.append((interval[:, 0] <= TRUTH) & (interval[:, 1] >= TRUTH))
        shares.append(np.mean(inside))
    assert shares[0] < 0.88  # 1.96 / sqrt(2) standard errors cover 83 %
    assert abs(shares[1] - 0.95) < 0.03
