"""The hinge solver as a whole: bounds, forms of the data, precision, rows left out of steps."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy import sparse

from softplex.losses import CrammerSinger, WestonWatkins
from softplex.objective import Status
from softplex.solvers import HingeProblem, _hinge, _hinge_system, solve_hinge
from softplex.streaming import Targets

LOSSES = [
    WestonWatkins(),
    CrammerSinger(),
    WestonWatkins(squared=True),
    CrammerSinger(squared=True),
]


def problem(seed: int, *, form=np.asarray, dtype=None) -> HingeProblem:
    """Small problems of every kind: wide, duplicated, weighted over six decades, lopsided."""
    rng = np.random.default_rng(seed)
    k = int(rng.integers(2, 7))
    n, d = int(rng.integers(k, 60)), int(rng.integers(1, 25))
    X = rng.normal(size=(n, d)) * 10.0 ** rng.uniform(-2, 2)
    if seed % 3 == 0:
        X = X[rng.integers(0, n, n)]
    if seed % 5 == 0:
        X = X + rng.normal(size=d) * 100.0
    y = np.concatenate([np.arange(k), rng.integers(0, k, n - k)])
    if seed % 4 == 0:
        y[k:] = 0
    s = rng.exponential(size=n) * 10.0 ** rng.uniform(-3, 3, n) ** (seed % 2)
    targets = Targets(torch.from_numpy(y), torch.from_numpy(s * 10.0 ** rng.uniform(-3, 3)), k)
    loss = LOSSES[int(rng.integers(4))]
    return HingeProblem(form(X), targets, loss, bool(seed % 7 % 2), 1 if k == 2 else k, dtype)


@pytest.mark.parametrize("part", range(4))
def test_early_ends_bracket_the_optimum(part: int) -> None:
    """On 160 problems: the dual of any early end is below the optimum, the primal above."""
    for seed in range(40 * part, 40 * part + 40):
        case = problem(seed)
        end = solve_hinge(case, tol=1e-7, max_iter=1000).certificate
        assert end.relative_gap <= 1e-4
        for limit in (0, 2, 7):
            early = solve_hinge(case, tol=1e-9, max_iter=limit).certificate
            assert early.gap >= 0
            assert early.dual <= end.primal * (1 + 1e-12)
            assert early.primal >= end.dual * (1 - 1e-12)


@pytest.mark.parametrize("seed", range(8))
def test_sparse_rows_solve_to_the_same(seed: int) -> None:
    dense = solve_hinge(problem(seed), tol=1e-7, max_iter=1000).certificate
    csr = solve_hinge(problem(seed, form=sparse.csr_matrix), tol=1e-7, max_iter=1000).certificate
    assert csr.primal == pytest.approx(dense.primal, rel=2e-7)


@pytest.mark.parametrize("way", ["columns", "parameters", "iterated"])
def test_the_way_does_not_change_the_optimum(way: str, monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = [solve_hinge(problem(seed), tol=1e-6, max_iter=1000).certificate for seed in (1, 2)]
    limits = {"columns": (10_000, -1), "parameters": (-1, 10_000), "iterated": (-1, -1)}[way]
    monkeypatch.setattr(_hinge_system, "_MAX_COLUMNS", limits[0])
    monkeypatch.setattr(_hinge_system, "_MAX_PARAMETERS", limits[1])
    for seed, certificate in zip((1, 2), wanted, strict=True):
        found = solve_hinge(problem(seed), tol=1e-6, max_iter=1000).certificate
        assert found.primal == pytest.approx(certificate.primal, rel=2e-6)


def test_float32_products_go_over_to_float64_where_the_gap_needs_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("softplex.solvers._problem._SMALL", 0)
    kinds = []
    original = _hinge.working_data

    def spy(case, units, dtype):
        kinds.append(dtype)
        return original(case, units, dtype)

    monkeypatch.setattr(_hinge, "working_data", spy)
    fine = solve_hinge(problem(11), tol=1e-9, max_iter=300)
    assert fine.status is Status.CONVERGED
    assert kinds == [torch.float32, torch.float64]
    kinds.clear()
    rough = solve_hinge(problem(11, dtype=torch.float32), tol=1e-9, max_iter=300)
    assert kinds == [torch.float32]
    assert rough.status is not Status.CONVERGED
    assert rough.certificate.dual <= fine.certificate.primal


def test_rows_left_out_of_steps_follow(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = [solve_hinge(problem(seed), tol=1e-7, max_iter=1000) for seed in range(12)]
    monkeypatch.setattr(_hinge, "_BAND", 1e-3)
    monkeypatch.setattr(_hinge, "_NEARLY_ALL", 1.0)
    for seed, solution in enumerate(whole):
        found = solve_hinge(problem(seed), tol=1e-7, max_iter=1000)
        assert found.certificate.primal == pytest.approx(solution.certificate.primal, rel=2e-7)


def test_the_history_counts_newton_steps() -> None:
    seen = []
    solution = solve_hinge(problem(2), tol=1e-6, max_iter=1000, report=seen.append)
    assert seen == list(solution.history)
    numbers = [entry.number for entry in seen]
    assert numbers == sorted(numbers)
    assert numbers[-1] == solution.n_iter
    last = solution.certificate
    assert seen[-1].primal == pytest.approx(last.primal, rel=1e-6)
