"""The duality gap of the hinges: weak duality, and a balance that holds exactly."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from softplex.losses import CrammerSinger, WestonWatkins
from softplex.objective import HingeDual, certified_hinge_gap
from softplex.objective._hinge_balance import balanced, feasible, imbalance
from softplex.streaming import Targets, as_features

LOSSES = [
    WestonWatkins(0.7),
    CrammerSinger(0.7),
    WestonWatkins(0.7, squared=True),
    CrammerSinger(0.7, squared=True),
]


@pytest.fixture(params=LOSSES, ids=lambda x: f"{type(x).__name__}{'-squared' * x.squared}")
def pieces(request: pytest.FixtureRequest) -> HingeDual:
    return HingeDual(request.param)


class Case:
    """A small problem, points of its primal and its dual, and the formulas in NumPy."""

    def __init__(self, pieces: HingeDual, k: int, seed: int) -> None:
        self.rng = rng = np.random.default_rng(seed)
        self.pieces, self.k = pieces, k
        n, d = int(rng.integers(k, 40)), int(rng.integers(1, 6))
        self.X = rng.normal(size=(n, d))
        if seed % 3 == 0:
            self.X = self.X[rng.integers(0, n, n)]  # duplicated rows
        self.y = np.concatenate([np.arange(k), rng.integers(0, k, n - k)])
        if seed % 4 == 0:
            self.y[k:] = 0  # the other classes have one row each
        self.s = rng.exponential(size=n) * 10.0 ** rng.uniform(-2, 2, n) ** (seed % 2)
        self.rows = 1 if k == 2 else k

    def parameters(self, size: float) -> tuple[np.ndarray, np.ndarray]:
        shape = (self.rows, self.X.shape[1])
        return size * self.rng.normal(size=shape), size * self.rng.normal(size=self.rows)

    def dual(self, kind: int) -> np.ndarray:
        """Numbers of every kind: inside U, at its corners, outside."""
        u = self.rng.random(size=(len(self.y), self.k)) ** (1 + kind)
        if kind == 1:
            u = np.round(u)
        return u if kind < 3 else 5 * self.rng.normal(size=u.shape)

    def scores(self, weight, bias) -> np.ndarray:
        scores = self.X @ weight.T + bias
        return np.column_stack([np.zeros(len(scores)), scores]) if self.rows == 1 else scores

    def primal(self, weight, bias) -> float:
        scores = torch.from_numpy(self.scores(weight, bias))
        losses = self.pieces.loss.per_example(scores, torch.from_numpy(self.y)).numpy()
        return float(self.s @ losses + 0.5 * (weight**2).sum())

    def certify(self, weight, bias, dual, *, fit_intercept: bool) -> tuple[float, float]:
        return certified_hinge_gap(
            as_features(self.X, torch.float64, torch.device("cpu"), self.k),
            torch.from_numpy(weight),
            torch.from_numpy(bias),
            Targets(torch.from_numpy(self.y), torch.from_numpy(self.s), self.k),
            self.pieces,
            torch.from_numpy(dual),
            fit_intercept=fit_intercept,
        )


@pytest.mark.parametrize("fit_intercept", [False, True])
@pytest.mark.parametrize("k", [2, 3, 6])
def test_no_parameters_lie_below_the_dual(pieces: HingeDual, k: int, fit_intercept: bool) -> None:
    """On 40 problems, the dual of any rows is below the primal of any parameters."""
    for seed in range(40):
        case = Case(pieces, k, seed)
        duals, primals = [], []
        for kind, size in enumerate((0.0, 0.1, 1.0, 10.0)):
            weight, bias = case.parameters(size)
            if not fit_intercept:
                bias = 0.0 * bias
            primal, gap = case.certify(weight, bias, case.dual(kind), fit_intercept=fit_intercept)
            assert gap >= 0
            assert primal == pytest.approx(case.primal(weight, bias), rel=1e-12)
            duals.append(primal - gap)
            primals.append(primal)
        assert max(duals) <= min(primals) * (1 + 1e-12)


@pytest.mark.parametrize("k", [2, 3, 6])
def test_balanced_rows_stay_in_u_and_balance(pieces: HingeDual, k: int) -> None:
    """Whatever is out of balance: a little, a lot, or all of it."""
    kept = 0
    for seed in range(60):
        case = Case(pieces, k, seed)
        y, s = torch.from_numpy(case.y), torch.from_numpy(case.s)
        u = feasible(torch.from_numpy(case.dual(seed % 4)), y, pieces)
        repaired = balanced(u, y, s, pieces)
        mass = float((s @ repaired).sum())
        assert float(imbalance(repaired, y, s).abs().max()) <= 1e-13 * mass
        assert float(repaired.min()) >= 0.0
        assert (repaired.gather(1, y[:, None]) == 0.0).all()
        if not pieces.loss.squared:
            assert float((repaired.sum(1) if pieces.joint else repaired).max()) <= 1.0
        kept += mass > 0.0
    assert kept >= 50


def test_a_small_imbalance_costs_little(pieces: HingeDual) -> None:
    """The repair moves about as much mass as was missing."""
    case = Case(pieces, 4, 5)
    y, s = torch.from_numpy(case.y), torch.from_numpy(case.s)
    exact = balanced(feasible(torch.from_numpy(case.dual(0)), y, pieces), y, s, pieces)
    assert float(exact.sum()) > 1.0
    off = exact * (1.0 + 1e-6 * torch.rand(exact.shape, dtype=torch.float64))
    repaired = balanced(feasible(off, y, pieces), y, s, pieces)
    missing = float(imbalance(feasible(off, y, pieces), y, s).abs().sum())
    assert float(s @ (repaired - exact).abs().sum(1)) <= 100 * missing + 1e-6 * float(s.sum())
    assert not torch.equal(repaired, off)


def test_rows_without_room_give_the_bound_zero() -> None:
    """Crammer-Singer rows of one class, all of whose mass is given, have no balanced neighbour."""
    pieces = HingeDual(CrammerSinger())
    y, s = torch.tensor([0, 0, 1]), torch.tensor([1.0, 1.0, 1e-3], dtype=torch.float64)
    u = torch.tensor([[0.0, 1.0, 0.0], [0.0, 0.0, 1.0], [0.0, 0.0, 0.0]], dtype=torch.float64)
    repaired = balanced(u, y, s, pieces)
    assert float(imbalance(repaired, y, s).abs().max()) == 0.0


@pytest.mark.parametrize("k", [2, 4])
def test_the_gap_is_primal_less_dual_written_out(pieces: HingeDual, k: int) -> None:
    case = Case(pieces, k, 1)
    weight, bias = case.parameters(0.3)
    u = feasible(torch.from_numpy(case.dual(0)), torch.from_numpy(case.y), pieces).numpy()
    own = np.eye(k)[case.y]
    pull = case.s[:, None] * (own * u.sum(axis=1, keepdims=True) - u)
    moment = (pull.T @ case.X)[k - case.rows :]
    conjugate = 0.25 * (u.sum(axis=1) ** 2 if pieces.joint else (u**2).sum(axis=1))
    gain = 0.7 * u.sum(axis=1) - conjugate * pieces.loss.squared
    dual = case.s @ gain - 0.5 * (moment**2).sum()
    primal, gap = case.certify(weight, 0.0 * bias, u, fit_intercept=False)
    assert primal - gap == pytest.approx(dual, rel=1e-9, abs=1e-9 * primal)


def test_rounding_is_part_of_the_gap() -> None:
    """A row on its margin may be past it by the rounding of its score."""
    pieces = HingeDual(WestonWatkins())
    case = Case(pieces, 2, 1)
    case.X, case.y, case.s = np.array([[1e8]]), np.array([1]), np.ones(1)
    weight = np.array([[1e-8]])
    _, gap = case.certify(weight, np.zeros(1), np.array([[1e-16, 0.0]]), fit_intercept=False)
    assert 1e-17 < gap < 1e-14
