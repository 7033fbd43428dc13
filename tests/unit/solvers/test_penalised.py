"""Penalised fits: against scikit-learn, a plain proximal gradient method, and their own bounds."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest
import scipy.special
import torch
from scipy import sparse
from sklearn.datasets import load_breast_cancer, load_digits, load_wine
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import scale

from softplex import SoftmaxClassifier
from softplex.exceptions import GapNotReached
from softplex.losses import smoothing_line
from softplex.objective import Status
from softplex.penalties import ElasticNet, GroupLasso, Lasso, Ridge, SparseGroupLasso

# Rounding of two primal values that are compared, relative to them.
ROUNDING = 1e-12


class Oracle:
    """The objective in NumPy, and a proximal gradient method with acceleration for it."""

    def __init__(self, X, y, C, penalty, *, weight=None, smoothing=0.0, fit_intercept=True):
        self.k = y.shape[1] if y.ndim == 2 else int(y.max()) + 1
        self.X = np.column_stack([X, np.full(len(X), float(fit_intercept))])
        q = y if y.ndim == 2 else np.eye(self.k)[y]
        slope, floor = smoothing_line(smoothing, "others", self.k)
        self.q = slope * q + floor
        self.s = C * (np.ones(len(X)) if weight is None else weight)
        self.r = 1 if self.k == 2 else self.k
        self.parts = penalty.parts(X.shape[1])

    def smooth(self, theta: np.ndarray) -> tuple[float, np.ndarray]:
        scores = self.X @ theta.T
        if self.r == 1:
            scores = np.column_stack([np.zeros(len(scores)), scores])
        log_p = scores - scipy.special.logsumexp(scores, axis=1, keepdims=True)
        loss = -float(self.s @ (self.q * log_p).sum(1))
        gradient = ((np.exp(log_p) - self.q) * self.s[:, None]).T @ self.X
        return loss, gradient[self.k - self.r :]

    def value(self, weight: np.ndarray, bias: np.ndarray) -> float:
        theta = np.column_stack([weight, bias])
        return self.smooth(theta)[0] + self.parts.value(torch.from_numpy(weight))

    def prox(self, theta: np.ndarray, step: float) -> np.ndarray:
        """Soft thresholds written out, column by column."""
        out = theta.copy()
        for j in range(theta.shape[1] - 1):
            q, l1, group = (float(x[j]) for x in vars(self.parts).values())
            column = np.sign(theta[:, j]) * np.maximum(np.abs(theta[:, j]) - step * l1, 0.0)
            norm = np.linalg.norm(column)
            share = max(0.0, 1.0 - step * group / norm) if norm > 0 else 0.0
            out[:, j] = share * column / (1.0 + step * q)
        return out

    def minimise(self, steps: int = 20_000) -> tuple[float, np.ndarray]:
        length = 2.0 / (self.s.max() * np.linalg.norm(self.X, 2) ** 2)
        here = ahead = np.zeros((self.r, self.X.shape[1]))
        momentum = 1.0
        for _ in range(steps):
            following = self.prox(ahead - length * self.smooth(ahead)[1], length)
            if float(((ahead - following) * (following - here)).sum()) > 0:
                momentum = 1.0
            grown = 0.5 * (1 + np.sqrt(1 + 4 * momentum**2))
            moved = np.abs(following - here).max()
            ahead = following + (momentum - 1) / grown * (following - here)
            here, momentum = following, grown
            if moved < 1e-13:
                break
        return self.value(here[:, :-1], here[:, -1]), here


def fit(X, y, C, penalty, *, weight=None, tol=1e-10, **options: Any) -> SoftmaxClassifier:
    return SoftmaxClassifier(C, penalty=penalty, tol=tol, **options).fit(X, y, weight)


def data(seed: int = 0, *, n: int = 120, d: int = 6, k: int = 4) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, d)) * 10.0 ** rng.uniform(-0.5, 0.5, size=d)
    weight = rng.normal(size=(k, d)) * (rng.random(d) < 0.6)
    y = (X @ weight.T + 2 * rng.gumbel(size=(n, k))).argmax(1)
    y[:k] = range(k)
    return X, y


@pytest.mark.parametrize("l1_ratio", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("load", [load_wine, load_breast_cancer])
def test_optima_are_those_of_scikit_learn(load, l1_ratio: float) -> None:
    X, y = load(return_X_y=True)
    X = scale(X)
    model = SoftmaxClassifier(0.05, l1_ratio=l1_ratio, tol=1e-11).fit(X, y)
    peer = LogisticRegression(
        C=0.05, l1_ratio=l1_ratio, solver="saga", tol=1e-10, max_iter=50_000, random_state=0
    ).fit(X, y)
    oracle = Oracle(X, y, 0.05, ElasticNet(l1_ratio=l1_ratio))
    value = oracle.value(peer.coef_, peer.intercept_)
    assert model.certificate_.dual <= value * (1 + ROUNDING)
    assert model.certificate_.primal == pytest.approx(value, rel=1e-9)
    np.testing.assert_allclose(model.coef_, peer.coef_, atol=3e-6)
    if l1_ratio == 1.0:
        np.testing.assert_array_equal(model.coef_ == 0, np.abs(peer.coef_) < 1e-7)


PENALTIES = [
    GroupLasso(),
    Lasso((0.0, 1.0, 2.0, 0.5, 1.0, 3.0)),
    GroupLasso((0.0, 1.0, 2.0, 0.5, 1.0, 3.0)),
    SparseGroupLasso((1.0, 1.0, 2.0, 0.0, 1.0, 3.0), l1_ratio=0.3),
    ElasticNet((0.0, 1.0, 2.0, 0.5, 1.0, 0.0), l1_ratio=0.7),
    Ridge((0.0, 1.0, 2.0, 0.0, 1.0, 3.0)),
]


@pytest.mark.parametrize("penalty", PENALTIES, ids=lambda penalty: type(penalty).__name__)
@pytest.mark.parametrize("k", [2, 4])
def test_optima_are_those_of_a_proximal_gradient_method(penalty, k: int) -> None:
    X, y = data(k, k=k)
    value, theta = Oracle(X, y, 0.3, penalty).minimise()
    model = fit(X, y, 0.3, penalty)
    assert model.certificate_.status is Status.CONVERGED
    assert model.certificate_.primal == pytest.approx(value, rel=1e-9)
    weight = theta[:, :-1]
    if not isinstance(penalty, Lasso):  # one number may be added to all classes of a lasso
        np.testing.assert_allclose(model.coef_, weight, atol=1e-4)
    np.testing.assert_array_equal((model.coef_ != 0).any(0), (np.abs(weight) > 1e-6).any(0))


def problem(rng: np.random.Generator) -> dict[str, Any]:
    n, d, k = int(rng.integers(8, 60)), int(rng.integers(1, 8)), int(rng.integers(2, 6))
    X = rng.normal(size=(n, d)) @ (np.eye(d) + 0.5 * rng.normal(size=(d, d)))
    style = rng.choice(["plain", "scaled", "duplicated", "rounded"])
    if style == "scaled":
        X *= 10.0 ** rng.integers(-3, 4, size=d)
    elif style == "duplicated":
        X[:, -1] = X[:, 0]
    elif style == "rounded":
        X = np.round(X)
    y = rng.integers(0, k, size=n)
    y[:k] = range(k)
    soft = rng.random() < 0.25
    weights = rng.exponential(size=d) * (rng.random(d) < 0.8)
    ratio = float(rng.choice([0.05, 0.5, 0.95]))
    penalty = rng.choice(
        [
            Lasso(weights),
            GroupLasso(weights),
            Ridge(weights),
            ElasticNet(weights, l1_ratio=ratio),
            SparseGroupLasso(weights, l1_ratio=ratio),
            Lasso(),
            GroupLasso(),
        ]
    )
    return {
        "X": X,
        "y": rng.dirichlet(np.full(k, 0.5), size=n) if soft else y,
        "C": 10.0 ** rng.uniform(-2, 1),
        "penalty": penalty,
        "weight": rng.exponential(size=n) if rng.random() < 0.5 else np.ones(n),
        "smoothing": float(rng.choice([0.0, 0.1])),
        "fit_intercept": bool(rng.random() < 0.7),
    }


def check_bounds(seed: int) -> int:
    """Stop a fit early; its dual bounds what a finished one reaches. Say how many were bounded."""
    case = problem(np.random.default_rng(seed))
    oracle = Oracle(**case)
    bounded = 0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", GapNotReached)
        best = fit(tol=1e-13, **case)
        assert best.certificate_.gap >= 0.0
        for max_iter in (0, 2, 5, 100):
            model = fit(max_iter=max_iter, tol=1e-6, **case)
            certificate = model.certificate_
            value = oracle.value(model.coef_, model.intercept_)
            assert certificate.primal == pytest.approx(value, rel=1e-10)
            assert certificate.dual <= best.certificate_.primal * (1 + ROUNDING)
            bounded += np.isfinite(certificate.gap)
        if np.isfinite(best.certificate_.gap):
            assert best.certificate_.relative_gap <= 1e-8
    return bounded


def test_the_gap_bounds_the_truth() -> None:
    assert sum(check_bounds(seed) for seed in range(12)) > 35


@pytest.mark.slow
def test_the_gap_bounds_the_truth_in_many_problems() -> None:
    assert sum(check_bounds(seed) for seed in range(100, 400)) > 850


@pytest.mark.parametrize("penalty", [Lasso(), GroupLasso(), ElasticNet()])
def test_sparse_features_and_weights_are_what_they_stand_for(penalty) -> None:
    X, y = data(3)
    X = X * (np.abs(X) > 0.5)
    weight = np.random.default_rng(0).integers(0, 3, size=len(X)).astype(float)
    weight[:4] = 1.0
    one = fit(X, y, 0.2, penalty, weight=weight).certificate_.primal
    places = np.repeat(np.arange(len(X)), weight.astype(int))
    assert fit(sparse.csr_matrix(X), y, 0.2, penalty, weight=weight).certificate_.primal == (
        pytest.approx(one, rel=1e-9)
    )
    assert fit(X[places], y[places], 0.2, penalty).certificate_.primal == pytest.approx(
        one, rel=1e-9
    )


@pytest.mark.parametrize("penalty", [Lasso(), GroupLasso(), ElasticNet(l1_ratio=0.9)])
def test_a_duplicated_column_changes_no_lasso(penalty) -> None:
    """Two equal columns share a weight, at no gain for the lasso and some for the ridge part."""
    X, y = data(4)
    single = fit(X, y, 0.2, penalty).certificate_
    double = fit(np.column_stack([X, X[:, :2]]), y, 0.2, penalty).certificate_
    assert double.relative_gap <= 1e-10
    if isinstance(penalty, ElasticNet):
        assert double.primal < single.primal
    else:
        assert double.primal == pytest.approx(single.primal, rel=1e-9)


def test_single_precision_ends_in_double() -> None:
    """Large enough to begin in float32, where gradients cannot reach the asked gap."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(4000, 120)) @ (np.eye(120) + 0.2 * rng.normal(size=(120, 120)))
    y = (X[:, :7] + rng.gumbel(size=(4000, 7))).argmax(1)
    model = SoftmaxClassifier(0.01, l1_ratio=1.0, tol=1e-9).fit(X.astype(np.float32), y)
    assert model.certificate_.relative_gap <= 1e-9
    assert 0 < np.count_nonzero(model.coef_) < model.coef_.size / 2


def test_digits_with_a_lasso() -> None:
    X, y = load_digits(return_X_y=True)
    model = SoftmaxClassifier(0.01, l1_ratio=1.0, tol=1e-8).fit(X, y)
    assert model.certificate_.relative_gap <= 1e-8
    assert model.n_iter_[0] < 60


def test_a_warm_start_at_the_optimum_stays() -> None:
    X, y = data(5)
    model = SoftmaxClassifier(0.2, l1_ratio=1.0, tol=1e-8, warm_start=True).fit(X, y)
    before = model.coef_
    model.fit(X, y)
    assert model.n_iter_[0] <= 2
    np.testing.assert_allclose(model.coef_, before, atol=1e-6)


def test_a_strong_lasso_leaves_no_weight() -> None:
    """At zero weights and the prior's intercept, every moment is below 1 for C small enough."""
    X, y = data(6)
    residual = np.eye(4)[y] - np.bincount(y) / len(y)
    edge = 1.0 / np.abs(residual.T @ X).max()
    assert not SoftmaxClassifier(0.999 * edge, l1_ratio=1.0, tol=1e-9).fit(X, y).coef_.any()
    assert SoftmaxClassifier(1.01 * edge, l1_ratio=1.0, tol=1e-9).fit(X, y).coef_.any()
