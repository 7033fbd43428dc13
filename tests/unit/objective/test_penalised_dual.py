"""The dual bound of every penalty, and where there is none."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy import sparse
from scipy.special import logsumexp, softmax

from softplex.losses import CrossEntropy
from softplex.objective import _unpenalised, certified_gap
from softplex.penalties import ElasticNet, GroupLasso, Lasso, Penalty, Ridge, SparseGroupLasso
from softplex.streaming import Targets, as_features

PENALTIES = [
    Ridge(),
    Ridge((2.0, 0.5, 1.0)),
    Lasso(),
    GroupLasso((1.0, 3.0, 0.5)),
    ElasticNet(l1_ratio=0.8),
    SparseGroupLasso(l1_ratio=0.4),
]
FREE = [
    Ridge((0.0, 0.0, 0.0)),
    Ridge((0.0, 1.0, 0.0)),
    Lasso((1.0, 0.0, 1.0)),
    GroupLasso((0.0, 2.0, 1.0)),
]


class Case:
    """A small problem whose classes overlap."""

    def __init__(self, k: int, seed: int = 0, *, soft: bool = False, n: int = 60) -> None:
        self.rng = np.random.default_rng(seed)
        self.k, self.rows = k, 1 if k == 2 else k
        self.X = self.rng.normal(size=(n, 3)) * [1.0, 30.0, 0.1] + [0.0, 5.0, 1.0]
        labels = np.eye(k)[self.rng.integers(0, k, n)]
        self.q = self.rng.dirichlet(np.ones(k), size=n) if soft else labels
        self.s = self.rng.exponential(size=n)

    def parameters(self, size: float) -> tuple[np.ndarray, np.ndarray]:
        weight = size * self.rng.normal(size=(self.rows, 3)) / [1.0, 30.0, 0.1]
        return weight, size * self.rng.normal(size=self.rows)

    def loss_and_gradient(self, weight, bias) -> tuple[float, np.ndarray, np.ndarray]:
        scores = self.X @ weight.T + bias
        if self.rows < self.k:
            scores = np.column_stack([np.zeros(len(scores)), scores])
        loss = self.s @ (logsumexp(scores, axis=1) - (self.q * scores).sum(1))
        residual = (softmax(scores, axis=1) - self.q) * self.s[:, None]
        residual = residual[:, self.k - self.rows :]
        return float(loss), residual.T @ self.X, residual.sum(0)

    def certify(self, weight, bias, penalty: Penalty, *, fit_intercept=True, csr=False):
        X = sparse.csr_matrix(self.X) if csr else self.X
        return certified_gap(
            as_features(X, torch.float64, torch.device("cpu"), self.k),
            torch.from_numpy(weight),
            torch.from_numpy(bias),
            Targets(torch.from_numpy(self.q), torch.from_numpy(self.s), self.k),
            CrossEntropy(),
            fit_intercept=fit_intercept,
            penalty=penalty.parts(3),
        )

    def newton(self, size: float) -> tuple[np.ndarray, np.ndarray]:
        """The unpenalised optimum by finite differences of the gradient, moved a little."""
        theta = np.zeros((self.rows, 4))

        def gradient(flat: np.ndarray) -> np.ndarray:
            theta = flat.reshape(self.rows, 4) / [1.0, 30.0, 0.1, 1.0]
            _, in_weight, in_bias = self.loss_and_gradient(theta[:, :3], theta[:, 3])
            return np.column_stack([in_weight, in_bias]).ravel() / np.tile(
                [1.0, 30.0, 0.1, 1.0], self.rows
            )

        flat = theta.ravel()
        for _ in range(30):
            columns = [
                (gradient(flat + 1e-5 * e) - gradient(flat - 1e-5 * e)) / 2e-5
                for e in np.eye(len(flat))
            ]
            flat = flat - np.linalg.pinv(np.array(columns).T, rcond=1e-8) @ gradient(flat)
        flat = flat + size * self.rng.normal(size=len(flat))
        theta = flat.reshape(self.rows, 4) / [1.0, 30.0, 0.1, 1.0]
        return np.ascontiguousarray(theta[:, :3]), np.ascontiguousarray(theta[:, 3])


@pytest.mark.parametrize("penalty", PENALTIES, ids=repr)
@pytest.mark.parametrize("k", [2, 4])
@pytest.mark.parametrize("soft", [False, True])
@pytest.mark.parametrize("fit_intercept", [False, True])
def test_no_parameters_lie_below_the_dual(penalty, k: int, soft: bool, fit_intercept: bool) -> None:
    case = Case(k, soft=soft)
    duals, primals = [], []
    for size in (0.0, 0.01, 0.1, 1.0, 10.0):
        weight, bias = case.parameters(size)
        bias *= fit_intercept
        primal, gap = case.certify(weight, bias, penalty, fit_intercept=fit_intercept)
        loss = case.loss_and_gradient(weight, bias)[0]
        by_hand = loss + penalty.parts(3).value(torch.from_numpy(weight))
        assert primal == pytest.approx(by_hand, rel=1e-12)
        assert 0 <= gap < math.inf
        duals.append(primal - gap)
        primals.append(primal)
    assert max(duals) <= min(primals)
    if not bool((penalty.parts(3).quadratic > 0).any()):
        assert max(duals) > 0.0  # drawn to the targets, a has an entropy and a feasible moment


@pytest.mark.parametrize("penalty", FREE, ids=repr)
@pytest.mark.parametrize("k", [2, 3])
def test_a_bound_with_free_features_holds_where_there_is_one(penalty, k: int) -> None:
    case = Case(k, seed=1)
    duals, primals = [-math.inf], []
    for size in (0.0, 0.01, 0.1, 0.3, 3.0, 30.0):
        weight, bias = case.newton(size)
        primal, gap = case.certify(weight, bias, penalty)
        assert gap >= 0.0
        duals.append(primal - gap)
        primals.append(primal)
    assert math.isfinite(max(duals))
    assert max(duals) <= min(primals)
    assert case.certify(*case.newton(300.0), penalty)[1] == math.inf


@pytest.mark.parametrize("k", [2, 3])
def test_without_a_penalty_the_gap_is_the_distance_to_the_optimum(k: int) -> None:
    case = Case(k, seed=2)
    none = Ridge((0.0, 0.0, 0.0))
    optimum = case.certify(*case.newton(0.0), none)[0]
    primal, gap = case.certify(*case.newton(1e-3), none)
    # The next terms of the expansion are of the third order in the distance.
    assert gap == pytest.approx(primal - optimum, rel=0.02)
    assert gap > 0


@pytest.mark.parametrize("k", [2, 3])
def test_the_ways_to_the_newton_step_agree(k: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """The formed matrix, streamed products with a Gram matrix or its diagonal, and sparse rows."""
    case = Case(k, seed=3)
    at = case.newton(1e-2)
    penalty = Ridge((0.0, 1.0, 0.0))
    formed = case.certify(*at, penalty)[1]
    assert case.certify(*at, penalty, csr=True)[1] == pytest.approx(formed, rel=1e-9)
    monkeypatch.setattr(_unpenalised, "_EXPLICIT_SIZE", 0)
    assert case.certify(*at, penalty)[1] == pytest.approx(formed, rel=1e-9)
    monkeypatch.setattr(_unpenalised, "_MAX_GRAM_SIZE", 0)
    assert case.certify(*at, penalty)[1] == pytest.approx(formed, rel=1e-9)


def test_collinear_free_features_have_a_bound() -> None:
    case = Case(3, seed=4)
    case.X[:, 2] = 2.0 * case.X[:, 0] + 1.0
    weight, bias = case.newton(1e-3)
    assert case.certify(weight, bias, Ridge((0.0, 0.0, 0.0)))[1] < 1e-2


@pytest.mark.parametrize("penalty", [Lasso(), GroupLasso(), SparseGroupLasso(l1_ratio=0.5)])
def test_at_zero_weights_a_strong_kink_is_optimal(penalty) -> None:
    """Where all moments are feasible, the prior alone is the optimum: the gap is rounding."""
    case = Case(4, seed=5)
    prior = case.s @ case.q / case.s.sum()
    size = np.abs(case.loss_and_gradient(np.zeros((4, 3)), np.log(prior))[1]).max()
    strong = type(penalty)((10 * size,) * 3)
    primal, gap = case.certify(np.zeros((4, 3)), np.log(prior), strong)
    assert gap <= 1e-12 * primal
