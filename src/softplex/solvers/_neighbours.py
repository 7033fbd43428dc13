"""Fits of one table under several weights of its rows: folds, and values of C.

A fold's objective is that of all rows less the held-out part, so near their optima the two have
nearly the same curvature. All rows are fitted first, at each C from the solution at the last; each
fold then begins at that solution, with a preconditioner built there once for all of them, and is
left with the little that its held-out rows change. Data are centred, scaled and converted once.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from softplex.objective import RidgeObjective
from softplex.solvers._contrasts import contrast_preconditioner, evaluations_worth_contrasts
from softplex.solvers._metric import Metric
from softplex.solvers._pairs import evaluations_worth_pairs, pairwise_preconditioner
from softplex.solvers._preconditioner import Preconditioner, make_basis, renewed_preconditioner
from softplex.solvers._problem import PreparedRidge, RidgeProblem, default_start
from softplex.solvers._result import Iteration, Solution
from softplex.solvers._ridge import solve_prepared

# Evaluations that a factor for all pairs of classes may cost: it saves some in every fold.
_WORTH_PAIRS = 60


class NeighbouringFits:
    """Fits of one ridge problem at any C, on all rows or on some of them.

    Parameters
    ----------
    problem : RidgeProblem
        All rows, with their weights at C = 1.
    max_iter : int
        Iterations of a fit.
    """

    def __init__(self, problem: RidgeProblem, max_iter: int) -> None:
        self._problem, self._max_iter = problem, max_iter
        self._prepared = PreparedRidge.of(problem)
        self._newton = problem.goes_to_newton
        self._whole: _Whole | None = None

    def fit_all(
        self, C: float, tol: float, report: Callable[[Iteration], None] = lambda _: None
    ) -> Solution:
        """Fit all rows at C, from the last such solution."""
        return self._fit_whole(C, tol, report).solution

    def fit(
        self,
        rows: Tensor,
        C: float,
        tol: float,
        report: Callable[[Iteration], None] = lambda _: None,
    ) -> Solution:
        """Fit the rows ``(m,)`` at C; all rows are fitted there first, if they were not yet."""
        whole = self._whole
        if whole is None or whole.C != C:
            whole = self._fit_whole(C, tol, lambda _: None)
        every = whole.prepared.precise.targets.weight
        part = whole.prepared.weighted(torch.zeros_like(every).index_copy_(0, rows, every[rows]))
        metric = None if self._newton else Metric(part.working, whole.preconditioner)
        return solve_prepared(
            part, metric, tol=tol, max_iter=self._max_iter, start=whole.start, report=report
        )

    def _fit_whole(self, C: float, tol: float, report: Callable[[Iteration], None]) -> _Whole:
        prepared = self._prepared.weighted(C * self._problem.targets.weight)
        start = self._whole.start if self._whole else default_start(self._problem)
        metric = None if self._newton else Metric(prepared.working)
        solution = solve_prepared(
            prepared, metric, tol=tol, max_iter=self._max_iter, start=start, report=report
        )
        self._whole = _Whole(C, prepared, solution)
        return self._whole


@dataclass(frozen=True)
class _Whole:
    """The fit of all rows at one C."""

    C: float
    prepared: PreparedRidge
    solution: Solution

    @property
    def start(self) -> tuple[Tensor, Tensor]:
        return self.solution.weight, self.solution.bias

    @cached_property
    def preconditioner(self) -> Preconditioner:
        """The best that is affordable, at this optimum."""
        objective = self.prepared.working
        return _best_preconditioner(objective, objective.coordinates.from_user(*self.start))


def _best_preconditioner(objective: RidgeObjective, theta: Tensor) -> Preconditioner:
    """That of all pairs of classes, of the contrasts, or of the classes, as the size allows."""
    cost = evaluations_worth_pairs(objective)
    if cost is not None and cost <= _WORTH_PAIRS:
        whole = pairwise_preconditioner(objective, theta)
        if whole is not None:
            return whole
    if evaluations_worth_contrasts(objective) is not None:
        return contrast_preconditioner(objective, theta)
    return renewed_preconditioner(objective, make_basis(objective), theta)
