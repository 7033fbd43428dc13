r"""Ridge-penalised hinges to a certified gap: proximal steps in the dual.

A proximal step of size sigma smooths the hinge over scores 1 / sigma apart, around the dual rows of
the step before, and moves these to the exact dual optimum as the steps go on, the faster the larger
sigma is. Steps begin with a smooth problem and grow as long as Newton's method follows easily. Rows
far from their margin are left out of a step and looked at after it.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from softplex.objective import Certificate, Status, certified_hinge_gap
from softplex.solvers._certification import judged
from softplex.solvers._hinge_newton import Outcome, Proximal, minimise
from softplex.solvers._hinge_setup import HingeProblem, precise_features, working_data
from softplex.solvers._hinge_state import Gap, HingeState, merge
from softplex.solvers._result import Iteration, Solution
from softplex.streaming import linear_scores

Start = tuple[Tensor, Tensor]

# Smoothing at the start, in units of 1 / margin: cold, near the optimum, and for losses that are
# smooth by themselves.
_COLD, _WARM, _SMOOTH = 1.0, 5.0, 1e8
# Limits of sigma times the largest weight: of a first step that Newton follows, of any step (beyond
# it float64 has no digits left), and of the steps of smooth losses.
_FIRST_CURVATURE, _LAST_CURVATURE, _SMOOTH_CURVATURE = 1e5, 1e14, 1e10
# Growth of sigma after so many Newton steps, and what a step in vain leaves of it.
_GROWTH = ((1, 2.0), (2, 1.5), (4, 1.2), (25, 1.0))
_SHRINKAGE = 0.25
# Growth at least, where the gap has kept more than this share.
_PUSH, _SLOW = 1.5, 0.7
# Curvature of the intercept's proximal term at sigma = 1, where a row's weight is 1.
_RIDGE = 0.05
# What is left of it where the balance lags behind the rest.
_LOOSER = 0.2
# Rows within so many margins of a change take part in a step; above this share, all do.
_BAND, _NEARLY_ALL = 0.25, 0.8
_MAX_PROXIMAL_STEPS = 400
# A share of the objective below which an imbalance that no longer falls is left to the certificate.
_NEARLY_BALANCED = 1e-3
# Certificates that may fail to improve before the arithmetic is called spent.
_FRUITLESS = 4


def solve_hinge(
    problem: HingeProblem,
    *,
    tol: float,
    max_iter: int,
    start: Start | None = None,
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
    progress = _Progress(max_iter, report)
    return _Fit(problem, tol, progress).run(start)


@dataclass
class _Progress:
    max_iter: int
    report: Callable[[Iteration], None]
    n_iter: int = 0
    history: list[Iteration] = field(default_factory=list)

    @property
    def is_spent(self) -> bool:
        return self.n_iter >= self.max_iter

    def record(self, primal: float, gap: float) -> None:
        entry = Iteration(self.n_iter, self.n_iter, primal, gap)
        self.history.append(entry)
        self.report(entry)


class _Fit:
    """One problem on its way; the state is kept in the units of the solver."""

    def __init__(self, problem: HingeProblem, tol: float, progress: _Progress) -> None:
        self.problem, self.tol, self.target, self.progress = problem, tol, tol, progress
        self.features, self.units = precise_features(problem)
        self.data = working_data(problem, self.units, problem.first_dtype)
        self.largest = float(self.data.weight.max())
        self.ridge = math.inf
        if problem.fit_intercept:
            self.ridge = _RIDGE * min(1.0, float(self.data.weight.sum()))
        self.elsewhere = 0.0
        self.last = Gap(math.inf, math.inf, math.inf, math.inf)
        self.best, self.fruitless = math.inf, 0
        self.proof: Certificate | None = None

    def run(self, start: Start | None) -> Solution:
        state = self._begin(start)
        sigma, status = self._first_sigma(start), None
        try:
            for _ in range(_MAX_PROXIMAL_STEPS):
                outcome = self._step(state, sigma)
                status = self._judge(state, outcome)
                if status is not None:
                    break
                sigma = self._next_sigma(state, sigma, outcome)
        except KeyboardInterrupt:
            status = Status.INTERRUPTED
        certificate = self.proof or self._certify(state, status or Status.STALLED)
        weight, bias = self._user(state)
        progress = self.progress
        return Solution(weight, bias, certificate, progress.n_iter, tuple(progress.history))

    def _judge(self, state: HingeState, outcome: Outcome) -> Status | None:
        """How the fit ends here, or None where it goes on."""
        gap, before = outcome.gap, self.last
        stuck = 0.5 * before.unbalanced < gap.unbalanced <= _NEARLY_BALANCED * gap.primal
        hopeful = gap.total - stuck * gap.unbalanced
        if hopeful <= self.target * gap.primal:
            certificate = self._certify(state, Status.STALLED)
            relative = certificate.relative_gap
            if relative <= self.tol:
                self.proof = certificate
                return Status.CONVERGED
            self.fruitless += relative > 0.5 * self.best
            if self.fruitless == _FRUITLESS and not self._widen(state):
                return Status.STALLED
            self.best = min(self.best, relative)
            self.target *= 0.5
            self._refresh(state)
        return Status.MAX_ITER if self.progress.is_spent else None

    def _widen(self, state: HingeState) -> bool:
        """Go over to float64 products; False where they are already, or where the user says no."""
        if self.problem.dtype is not None or self.data.rows.dtype == torch.float64:
            return False
        self.data = working_data(self.problem, self.units, torch.float64)
        self.fruitless = 0
        self._refresh(state)
        return True

    def _next_sigma(self, state: HingeState, sigma: float, outcome: Outcome) -> float:
        gap, before = outcome.gap, self.last
        self.last = gap
        if not outcome.reached:
            return sigma if self._widen(state) else sigma * _SHRINKAGE
        if gap.unbalanced > gap.slack + gap.infeasible:
            self.ridge *= _LOOSER
        growth = next(factor for steps, factor in _GROWTH if outcome.steps <= steps)
        if gap.total > _SLOW * before.total:
            growth = max(growth, _PUSH)
        return min(sigma * growth, _LAST_CURVATURE / self.largest)

    def _step(self, state: HingeState, sigma: float) -> Outcome:
        """Take a proximal step over the rows that may change; the others follow."""
        data = self.data
        ridge = self.ridge / sigma
        near = data.near(state, _BAND * self.problem.loss.margin)
        if len(near) > _NEARLY_ALL * len(data.y):
            self.elsewhere = 0.0
            step = Proximal(state.dual, sigma, state.bias, ridge)
            return minimise(data, state, step, self._watch)
        part, view = data.select(near), state.rows(near)
        step = Proximal(view.dual, sigma, view.bias, ridge)
        outcome = minimise(part, view, step, self._watch)
        self.elsewhere, missed = merge(data, state, view, near)
        gap = outcome.gap
        whole = replace(gap, primal=gap.primal + self.elsewhere, slack=gap.slack + missed)
        return replace(outcome, gap=whole)

    def _watch(self, gap: Gap, settled: bool) -> bool:
        square = self.units.length**2
        primal = gap.primal + self.elsewhere
        self.progress.record(primal / square, gap.total / square)
        if settled or gap.total <= self.target * primal or self.progress.is_spent:
            return True
        self.progress.n_iter += 1
        return False

    def _first_sigma(self, start: Start | None) -> float:
        if self.data.pieces.smooth:
            return min(_SMOOTH, _SMOOTH_CURVATURE / self.largest)
        usual = _COLD if start is None else _WARM
        if not self.data.pieces.joint:
            usual *= 0.5  # at scores of 0 a longer step ends at the corners of the box
        return min(usual / self.problem.loss.margin, _FIRST_CURVATURE / self.largest)

    def _begin(self, start: Start | None) -> HingeState:
        data = self.data
        r, d = data.n_columns, data.rows.d
        dual = data.pieces.start(data.y, data.n_classes)
        zero = torch.zeros(r, d, dtype=torch.float64, device=data.y.device)
        bias = zero.new_zeros(r)
        state = HingeState(zero, bias, torch.zeros_like(dual), dual, zero, bias)
        if start is not None:
            weight, bias = start
            state.weight = weight * self.units.length
            state.bias = bias + weight @ self.units.shift
            state.scores = data.scores(state.weight) + data.full(state.bias[None])
        return state

    def _refresh(self, state: HingeState) -> None:
        """Compute scores and sums anew in float64."""
        data = self.data
        weight, bias = self._centred(state)
        scores = linear_scores(self.features, weight, bias)
        state.scores = data.full(scores)
        pull = data.pull(state.dual)
        moment = torch.zeros_like(state.weight)
        for rows in self.features.blocks(data.n_classes):
            self.features.add_product(rows, pull[rows].T.contiguous(), moment)
        state.moment, state.balance = moment / self.units.length, pull.sum(0)

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
        return judged(Certificate(primal, primal - gap, gap, status), self.tol)

    def _centred(self, state: HingeState) -> tuple[Tensor, Tensor]:
        """Weight and bias for the shifted features, without the unit."""
        bias = state.bias - state.bias.mean() if self.data.n_columns > 1 else state.bias
        return state.weight / self.units.length, bias

    def _user(self, state: HingeState) -> tuple[Tensor, Tensor]:
        weight, bias = self._centred(state)
        return weight, bias - weight @ self.units.shift
