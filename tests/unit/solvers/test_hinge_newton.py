"""Newton's equations of the smoothed hinges, three ways, and what they keep."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy import sparse

from softplex.losses import CrammerSinger, WestonWatkins
from softplex.objective import HingeDual
from softplex.solvers import _hinge_kernel, _hinge_system
from softplex.solvers._hinge_kernel import GramStore, KernelStore
from softplex.solvers._hinge_newton import _flat_point
from softplex.solvers._hinge_rows import HingeRows
from softplex.solvers._hinge_system import NewtonSystem, Stores

DOUBLE, CPU = torch.float64, torch.device("cpu")
LOSSES = [
    WestonWatkins(),
    CrammerSinger(),
    WestonWatkins(squared=True),
    CrammerSinger(squared=True),
]
NAMES = [f"{type(loss).__name__}{'-squared' * loss.squared}" for loss in LOSSES]


def rows_of(X, n_columns: int, dtype=DOUBLE) -> HingeRows:
    matrix = X if sparse.issparse(X) else torch.from_numpy(X).to(dtype)
    return HingeRows(matrix, dtype, CPU, n_columns)


def system(loss, k: int, *, form=np.asarray, ridge: float = 0.3) -> tuple[NewtonSystem, np.ndarray]:
    """A system at random scores, and its matrix built row by row."""
    rng = np.random.default_rng(0)
    n, d = 25, 6
    X, y = rng.normal(size=(n, d)), torch.from_numpy(rng.integers(0, k, n))
    pieces = HingeDual(loss)
    scores = torch.from_numpy(rng.normal(size=(n, k)))
    centre = pieces.start(y, k)
    response = pieces.respond(centre, pieces.excess(scores, y), y, 0.7)
    curvature = torch.from_numpy(rng.exponential(size=n)) * response.slope
    r = 1 if k == 2 else k
    rows = rows_of(form(X), r)
    stores = Stores(KernelStore(rows), GramStore())
    made = NewtonSystem(rows, y, response, curvature, k - r, ridge, 1.0, torch.arange(n), stores)
    matrix = np.zeros((r * (d + 1), r * (d + 1)))
    for i in range(n):
        a = response.active[i].double().numpy()
        inner = np.diag(a) - float(response.coupling[i]) * np.outer(a, a)
        lead = np.eye(k) - np.outer(np.ones(k), np.eye(k)[y[i]])
        block = (lead.T @ inner @ lead)[k - r :, k - r :]
        one = np.append(X[i], 1.0)
        matrix += float(curvature[i]) * np.kron(block, np.outer(one, one))
    own = np.tile(np.append(np.ones(d), ridge + 1e-8), r)
    return made, matrix + np.diag(own)


@pytest.mark.parametrize("way", ["_by_columns", "_by_parameters", "_iterated"])
@pytest.mark.parametrize("form", [np.asarray, sparse.csr_matrix])
@pytest.mark.parametrize("k", [2, 4])
@pytest.mark.parametrize("loss", LOSSES, ids=NAMES)
def test_each_way_solves_the_equations(
    loss, k: int, form, way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_hinge_system, "_CG_TOLERANCE", 1e-12)
    made, matrix = system(loss, k, form=form)
    r, d = (1 if k == 2 else k), 6
    rng = np.random.default_rng(1)
    gradient = rng.normal(size=(r, d + 1))
    if r > 1:
        gradient -= gradient.mean(axis=0)  # as sums of the rows' pulls do
    step = getattr(made, way)(
        torch.from_numpy(gradient[:, :-1].copy()), torch.from_numpy(gradient[:, -1].copy())
    )
    found = np.column_stack([step.weight.numpy(), step.bias.numpy()])
    wanted = -np.linalg.solve(matrix, gradient.ravel()).reshape(r, d + 1)
    np.testing.assert_allclose(found, wanted, atol=1e-7)


@pytest.mark.parametrize("way", ["_by_columns", "_by_parameters", "_iterated"])
def test_without_an_intercept_it_stays(way: str) -> None:
    made, _ = system(CrammerSinger(), 4, ridge=float("inf"))
    step = getattr(made, way)(torch.randn(4, 6, dtype=DOUBLE), torch.zeros(4, dtype=DOUBLE))
    assert (step.bias == 0).all()
    assert (step.weight != 0).all()


def test_the_columns_multiply_to_the_curvature() -> None:
    made, matrix = system(CrammerSinger(squared=True), 4)
    owner, q = made.columns()
    one = np.column_stack([made.rows.matrix.numpy()[owner], np.ones(len(owner))])
    columns = (q.numpy()[:, :, None] * one[:, None, :]).reshape(len(owner), -1)
    ridge = np.tile(np.append(np.ones(6), 0.3 + 1e-8), 4)
    np.testing.assert_allclose(columns.T @ columns + np.diag(ridge), matrix, atol=1e-12)


def test_the_diagonal_preconditioner_serves_wide_data(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_hinge_system, "_MAX_GRAM", 1)
    monkeypatch.setattr(_hinge_system, "_CG_TOLERANCE", 1e-12)
    test_each_way_solves_the_equations(
        CrammerSinger(), 4, sparse.csr_matrix, "_iterated", monkeypatch
    )


def test_the_kernel_store_gives_what_it_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_hinge_kernel, "_MAX_ROWS", 12)
    X = np.random.default_rng(0).normal(size=(30, 4))
    store = KernelStore(rows_of(X, 3))
    for ids in ([3, 1, 3], [1, 7, 8, 2], [9, 10, 11, 12, 13], list(range(14, 25)), [3]):
        wanted = X[ids] @ X[ids].T
        np.testing.assert_allclose(store(torch.tensor(ids)).numpy(), wanted, atol=1e-12)


def test_the_flat_point_of_a_broken_line() -> None:
    """A slope that jumps up a steep ramp: found within it."""

    def at(length: float) -> tuple[float, float]:
        on_ramp = 0.37 < length < 0.37 + 1e-6
        slope = -1.0 + 1e8 * min(max(length - 0.37, 0.0), 1e-6) + 1e-3 * length
        return slope, 1e8 * on_ramp + 1e-3

    found = _flat_point(at, -1.0)
    assert abs(at(found)[0]) <= 0.3
    assert _flat_point(lambda t: (t - 20.0, 1.0), -20.0) == pytest.approx(20.0, abs=6.0)
