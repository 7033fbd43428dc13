r"""Ridge-penalised hinges to a certified gap: proximal steps in the dual.

The features are shifted (dense ones, where there is an intercept) and divided by one number f, so
that a row has about unit length; with W = W' / f the objective is that of s' = f^2 s, divided by
f^2.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import torch
from scipy import sparse
from torch import Tensor

from softplex._arrays import to_tensor
from softplex.objective import (
    Certificate,
    Coordinates,
    Hinge,
    HingeDual,
    Status,
    certified_hinge_gap,
)
from softplex.solvers._hinge_newton import Proximal, minimise
from softplex.solvers._hinge_rows import HingeRows
from softplex.solvers._hinge_state import Gap, HingeData, HingeState
from softplex.solvers._result import Iteration, Solution
from softplex.streaming import DenseFeatures, Features, Targets, as_features, linear_scores

# Multiplications in one product below which float64 costs nothing that anyone would notice.
_SMALL = 3_000_000
_FIRST_SIGMA, _WARM_SIGMA, _SMOOTH_SIGMA, _LAST_SIGMA = 0.5, 30.0, 1e8, 1e8
_GROWTH = 2.0
# The curvature of the intercept's proximal term, as a share of the total weight.
_RIDGE = 1e-6


@dataclass(frozen=True)
class HingeProblem:
    """Data, targets and settings of one fit.

    Parameters
    ----------
    X : array or CSR matrix (n, d)
        Features, float32 or float64.
    targets : Targets
        Class indices with the weights C w_i, on the device.
    loss : WestonWatkins or CrammerSinger
        The loss of one row.
    fit_intercept : bool
        Whether there is an intercept.
    n_columns : int
        Score columns: k, or 1 for two classes.
    dtype : torch.dtype or None
        Of the products; None begins in float32 where the data are large.
    """

    X: Any
    targets: Targets
    loss: Hinge
    fit_intercept: bool
    n_columns: int
    dtype: torch.dtype | None

    @property
    def device(self) -> torch.device:
        """Where the products are formed."""
        return self.targets.weight.device


def solve_hinge(
    problem: HingeProblem,
    *,
    tol: float,
    max_iter: int,
    start: tuple[Tensor, Tensor] | None = None,
    report: Callable[[Iteration], None] = lambda _: None,
) -> Solution:
    """Minimise the objective until its certified relative gap is at most ``tol``.

    Parameters
    ----------
    problem : HingeProblem
        What to fit.
    tol : float
        The asked relative duality gap.
    max_iter : int
        Newton steps.
    start : (weight, bias), optional
        Where to begin; zero by default.
    report : callable
        Told of every Newton step.

    Returns
    -------
    Solution
    """
    return _Fit(problem, tol, max_iter, report).run(start)


class _Fit:
    def __init__(
        self,
        problem: HingeProblem,
        tol: float,
        max_iter: int,
        report: Callable[[Iteration], None],
    ) -> None:
        self.problem, self.tol, self.max_iter, self.report = problem, tol, max_iter, report
        self.features, self.shift, self.unit = _scaled(problem)
        self.data = _working_data(problem, self.shift, self.unit)
        self.history: list[Iteration] = []
        self.n_iter = 0

    def run(self, start: tuple[Tensor, Tensor] | None) -> Solution:
        state = self._begin(start)
        certificate = None
        status = Status.STALLED
        self.target = self.tol
        sigma = self._first_sigma(start)
        ridge = _RIDGE * float(self.data.weight.sum())
        try:
            for _ in range(200):
                step = Proximal(
                    state.dual,
                    sigma,
                    state.bias,
                    ridge if self.problem.fit_intercept else float("inf"),
                )
                gap = minimise(self.data, state, step, self._stop)
                if gap.total <= self.target * gap.primal:
                    certificate = self._certify(state, Status.CONVERGED)
                    if certificate.relative_gap <= self.tol:
                        break
                    self.target *= 0.5
                    self._refresh(state)
                if self.n_iter >= self.max_iter:
                    status = Status.MAX_ITER
                    break
                sigma = min(sigma * _GROWTH, _LAST_SIGMA)
        except KeyboardInterrupt:
            status = Status.INTERRUPTED
        if certificate is None or certificate.relative_gap > self.tol:
            certificate = self._certify(state, status)
        weight, bias = self._user(state)
        return Solution(weight, bias, certificate, self.n_iter, tuple(self.history))

    def _stop(self, gap: Gap) -> bool:
        entry = Iteration(
            self.n_iter, self.n_iter, gap.primal / self.unit**2, gap.total / self.unit**2
        )
        self.history.append(entry)
        self.report(entry)
        if gap.total <= self.target * gap.primal or self.n_iter >= self.max_iter:
            return True
        self.n_iter += 1
        return False

    def _first_sigma(self, start: tuple[Tensor, Tensor] | None) -> float:
        if self.data.pieces.smooth:
            return _SMOOTH_SIGMA
        return (_FIRST_SIGMA if start is None else _WARM_SIGMA) / self.problem.loss.margin

    def _begin(self, start: tuple[Tensor, Tensor] | None) -> HingeState:
        data = self.data
        r, d = data.n_columns, data.rows.d
        dual = data.pieces.start(data.y, data.n_classes)
        zero = torch.zeros(r, d, dtype=torch.float64, device=data.y.device)
        bias = zero.new_zeros(r)
        state = HingeState(zero, bias, torch.zeros_like(dual), dual, zero, bias)
        if start is not None:
            weight, bias = start
            state.weight = weight * self.unit
            state.bias = bias + weight @ self.shift
            self._refresh(state)
        return state

    def _refresh(self, state: HingeState) -> None:
        """Compute scores and sums anew in float64."""
        data = self.data
        weight, bias = self._centred(state)
        state.scores = data.full(linear_scores(self.features, weight, bias))
        pull = data.pull(state.dual)
        moment = torch.zeros_like(state.weight)
        for rows in self.features.blocks(data.n_classes):
            self.features.add_product(rows, pull[rows].T.contiguous(), moment)
        state.moment, state.balance = moment / self.unit, pull.sum(0)

    def _certify(self, state: HingeState, status: Status) -> Certificate:
        problem = self.problem
        weight, bias = self._centred(state)
        primal, gap = certified_hinge_gap(
            self.features,
            weight,
            bias,
            problem.targets,
            self.data.pieces,
            state.dual,
            fit_intercept=problem.fit_intercept,
        )
        certificate = Certificate(primal, primal - gap, gap, status)
        if certificate.relative_gap <= self.tol:
            return replace(certificate, status=Status.CONVERGED)
        return certificate

    def _centred(self, state: HingeState) -> tuple[Tensor, Tensor]:
        """Weight and bias for the shifted features, without the unit."""
        bias = state.bias
        if self.data.n_columns > 1:
            bias = bias - bias.mean()
        return state.weight / self.unit, bias

    def _user(self, state: HingeState) -> tuple[Tensor, Tensor]:
        weight, bias = self._centred(state)
        return weight, bias - weight @ self.shift


def _scaled(problem: HingeProblem) -> tuple[Features, Tensor, float]:
    """The features in float64, shifted where that is free; the shift; a row's usual length."""
    k = problem.targets.n_classes
    features = as_features(problem.X, torch.float64, problem.device, k)
    mean, mean_square = features.moments(problem.targets.weight)
    centre = problem.fit_intercept and isinstance(features, DenseFeatures)
    coordinates = Coordinates.of_moments(mean, mean_square, centre=centre)
    shift = coordinates.shift
    square = float((mean_square - shift.square()).clamp_min(0.0).sum())
    if centre and isinstance(features, DenseFeatures):
        features = features.centred(shift)
    return features, shift, square**0.5 if square > 0.0 else 1.0


def _working_data(problem: HingeProblem, shift: Tensor, unit: float) -> HingeData:
    n, d = problem.X.shape
    small = n * d * problem.n_columns <= _SMALL
    dtype = problem.dtype or (torch.float64 if small else torch.float32)
    targets = problem.targets
    return HingeData(
        HingeRows(_in_units(problem, shift, unit, dtype), dtype, problem.device),
        targets.values,
        targets.weight * unit**2,
        HingeDual(problem.loss),
        targets.n_classes,
        problem.n_columns,
    )


def _in_units(problem: HingeProblem, shift: Tensor, unit: float, dtype: torch.dtype) -> Any:
    if sparse.issparse(problem.X):
        name = "float32" if dtype == torch.float32 else "float64"
        return (problem.X.astype("float64") / unit).astype(name)
    X = to_tensor(problem.X, device=problem.device)
    scaled = torch.empty(X.shape, dtype=dtype, device=problem.device)
    for start in range(0, len(X), 4096):
        rows = slice(start, start + 4096)
        scaled[rows] = (X[rows].to(torch.float64) - shift) / unit
    return scaled
