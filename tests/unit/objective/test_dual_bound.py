"""The duality gap: weak duality of the repaired rows, on every path of the repair."""

from __future__ import annotations

import math

import numpy as np
import pytest
import scipy.special
import torch

from softplex.losses import CrossEntropy
from softplex.objective import _dual, certified_gap
from softplex.objective._rows import RowProblem
from softplex.streaming import Targets, as_features

DOUBLE = torch.float64
CPU = torch.device("cpu")


class Case:
    """A small problem and the NumPy formulas for it."""

    def __init__(
        self, k: int = 3, *, n: int = 25, d: int = 3, seed: int = 0, soft=False, smoothing=0.0
    ) -> None:
        rng = np.random.default_rng(seed)
        self.k, self.X = k, rng.normal(size=(n, d))
        self.q = rng.dirichlet(np.ones(k), size=n) if soft else np.eye(k)[rng.integers(0, k, n)]
        self.s = rng.exponential(size=n)
        self.loss = CrossEntropy(smoothing)
        self.rows = 1 if k == 2 else k
        self.rng = rng

    def parameters(self, size: float) -> tuple[np.ndarray, np.ndarray]:
        d = self.X.shape[1]
        return size * self.rng.normal(size=(self.rows, d)), size * self.rng.normal(size=self.rows)

    def certify(self, weight, bias, *, fit_intercept: bool = True) -> tuple[float, float]:
        return certified_gap(
            as_features(self.X, DOUBLE, CPU, self.k),
            torch.from_numpy(weight),
            torch.from_numpy(bias),
            Targets(torch.from_numpy(self.q), torch.from_numpy(self.s), self.k),
            self.loss,
            fit_intercept=fit_intercept,
        )

    def smoothed(self) -> np.ndarray:
        return self.loss.smoothed(torch.from_numpy(self.q), self.k, DOUBLE).numpy()

    def primal(self, weight, bias) -> float:
        scores = self.X @ weight.T + bias
        if self.rows < self.k:
            scores = np.column_stack([np.zeros(len(scores)), scores])
        losses = scipy.special.logsumexp(scores, axis=1) - (self.smoothed() * scores).sum(axis=1)
        return float(self.s @ losses + 0.5 * (weight**2).sum())


@pytest.fixture(params=["newton", "no step", "far step", "no curvature"])
def path(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Ways through the repair: as it is, without a step, with a useless one, with a rough one."""
    if request.param == "no step":
        monkeypatch.setattr(_dual, "_newton_step", lambda s: torch.zeros_like(s.residual))
    elif request.param == "far step":
        monkeypatch.setattr(_dual, "_newton_step", lambda s: 50.0 * torch.sign(s.residual))
    elif request.param == "no curvature":
        monkeypatch.setattr(_dual, "_EXACT_CURVATURE_CLASSES", 0)
    return request.param


@pytest.mark.parametrize("k", [2, 3, 6])
@pytest.mark.parametrize("soft", [False, True])
@pytest.mark.parametrize("smoothing", [0.0, 0.2])
def test_no_parameters_lie_below_the_dual(path: str, k: int, soft: bool, smoothing: float) -> None:
    """The dual from one point bounds the primal at any other."""
    case = Case(k, soft=soft, smoothing=smoothing)
    duals, primals = [], []
    for size in (0.0, 0.03, 0.3, 3.0, 30.0):
        weight, bias = case.parameters(size)
        primal, gap = case.certify(weight, bias)
        assert gap >= 0
        assert primal == pytest.approx(case.primal(weight, bias), rel=1e-12)
        duals.append(primal - gap)
        primals.append(primal)
    assert max(duals) <= min(primals)


@pytest.mark.parametrize("k", [2, 4])
def test_the_repaired_rows_are_on_the_simplex_with_the_totals_of_the_targets(
    path: str, k: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    repairs = []
    original = _dual._bound

    def spy(problem, parts, repair):
        repairs.append((problem, repair))
        return original(problem, parts, repair)

    monkeypatch.setattr(_dual, "_bound", spy)
    case = Case(k)
    case.certify(*case.parameters(1.0))
    problem, repair = repairs[-1]
    block = next(problem.blocks())
    a = (block.p + repair.change(problem, block)).numpy()
    assert a.min() >= 0
    np.testing.assert_allclose(a.sum(axis=1), 1.0, rtol=1e-14)
    np.testing.assert_allclose(case.s @ a, case.s @ case.smoothed(), rtol=1e-12)


def test_the_gap_is_primal_less_dual_written_out() -> None:
    case = Case(3, smoothing=0.1)
    weight, bias = case.parameters(0.1)
    scores = case.X @ weight.T + bias
    p = scipy.special.softmax(scores, axis=1)
    q, s = case.smoothed(), case.s
    curvature = np.diag(s @ p) - (p * s[:, None]).T @ p
    v = np.linalg.lstsq(curvature, s @ (q - p), rcond=None)[0]
    a = p * (1 + v - (p @ v)[:, None])
    assert a.min() > 0
    entropy = -(a * np.log(a)).sum(axis=1)
    moment = ((q - a) * s[:, None]).T @ case.X
    dual = s @ entropy - 0.5 * (moment**2).sum()
    primal, gap = case.certify(weight, bias)
    assert primal - gap == pytest.approx(dual, rel=1e-12)


@pytest.mark.parametrize("k", [2, 3])
def test_without_an_intercept_the_gap_is_the_squared_gradient(k: int) -> None:
    """P - D = ||grad||^2 / 2, for the penalty's lambda = 1."""
    case = Case(k)
    weight, _ = case.parameters(0.3)
    bias = np.zeros(case.rows)
    scores = case.X @ weight.T
    if k == 2:
        scores = np.column_stack([np.zeros(len(scores)), scores])
    residual = (scipy.special.softmax(scores, axis=1) - case.q) * case.s[:, None]
    gradient = residual.T[k - case.rows :] @ case.X + weight
    _, gap = case.certify(weight, bias, fit_intercept=False)
    assert gap == pytest.approx(0.5 * (gradient**2).sum(), rel=1e-11)


def test_residuals_keep_their_digits_where_a_class_is_nearly_certain() -> None:
    """1 - p_y is 1e-20 here, which a difference from 1 cannot hold."""
    case = Case(2, n=2, d=1)
    case.X, case.q, case.s = np.array([[1.0], [-1.0]]), np.eye(2)[[1, 0]], np.ones(2)
    score = 20 * math.log(10)
    primal, gap = case.certify(np.array([[score]]), np.zeros(1), fit_intercept=False)
    penalty = 0.5 * score**2
    assert primal == pytest.approx(penalty, rel=1e-15)
    assert gap == pytest.approx(penalty, rel=1e-13)
    problem = RowProblem(
        as_features(case.X, DOUBLE, CPU, 2),
        torch.tensor([[score]], dtype=DOUBLE),
        torch.zeros(1, dtype=DOUBLE),
        Targets(torch.from_numpy(case.q), torch.ones(2, dtype=DOUBLE), 2),
        case.loss,
    )
    block = next(problem.blocks())
    np.testing.assert_allclose(block.residual, [[-1e-20, 1e-20], [1e-20, -1e-20]], rtol=1e-13)
    np.testing.assert_allclose(block.loss, [1e-20, 1e-20], rtol=1e-13)


def test_an_absent_class_costs_nothing() -> None:
    case = Case(3)
    case.q = np.eye(3)[np.random.default_rng(0).integers(0, 2, len(case.X))]
    weight, bias = np.zeros((3, 3)), np.zeros(3)
    primal, gap = case.certify(weight, bias, fit_intercept=False)
    assert math.isfinite(gap)
    assert primal == pytest.approx(case.s.sum() * math.log(3))
