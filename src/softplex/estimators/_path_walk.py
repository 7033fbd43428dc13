"""The walk over C: every fold at one value after the other, each from where it stands."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from softplex.estimators._fold_fits import FoldFits
from softplex.estimators._path_result import (
    RegularisationPath,
    best_index,
    standard_error,
    weighted_mean,
)
from softplex.estimators._path_scoring import Measure
from softplex.objective import Status
from softplex.solvers import Solution

# A walk ends early when the held-out score has been worse than the best for this many values of C.
_PATIENCE = 2
# Worse means by more than this share: below it, scores differ by the tolerance of the path.
_CLEARLY = 1e-2


@dataclass(eq=False)
class Walk:
    """What was met on the way, filled value by value.

    Parameters
    ----------
    Cs : array (m,)
        Ascending.
    fold_weights : array (folds,)
        Held-out weight.
    greater_is_better : bool
    """

    Cs: NDArray[np.float64]
    fold_weights: NDArray[np.float64]
    greater_is_better: bool
    fold_scores: NDArray[np.float64] = field(init=False)
    relative_gaps: NDArray[np.float64] = field(init=False)
    coefficient_norms: NDArray[np.float64] = field(init=False)
    n_iters: NDArray[np.int64] = field(init=False)
    n_nonzeros: NDArray[np.int64] = field(init=False)
    statuses: list[list[Status | None]] = field(init=False)
    reached: int = 0
    best: list[Solution] = field(default_factory=list)

    def __post_init__(self) -> None:
        shape = (len(self.Cs), len(self.fold_weights))
        self.fold_scores = np.full(shape, np.nan)
        self.relative_gaps = np.full(shape, np.nan)
        self.coefficient_norms = np.full(shape, np.nan)
        self.n_iters = np.zeros(shape, dtype=np.int64)
        self.n_nonzeros = np.zeros(shape, dtype=np.int64)
        self.statuses = [[None] * shape[1] for _ in range(shape[0])]

    def keep(self, fold: int, solution: Solution, score: float) -> None:
        """Note a fit at the present value of C."""
        place = self.reached, fold
        self.fold_scores[place] = score
        self.relative_gaps[place] = solution.certificate.relative_gap
        self.coefficient_norms[place] = float(solution.weight.norm())
        self.n_iters[place] = solution.n_iter
        self.n_nonzeros[place] = int(solution.weight.count_nonzero())
        self.statuses[place[0]][fold] = solution.status

    def advance(self, solutions: list[Solution]) -> None:
        """Go on to the next value, and keep the solutions if theirs is the best so far."""
        self.reached += 1
        means = weighted_mean(self.fold_scores[: self.reached], self.fold_weights)
        if best_index(means, self.greater_is_better) == self.reached - 1:
            self.best = list(solutions)

    def path(self, scoring: str, rule: str) -> RegularisationPath:
        """Give the whole as it is kept."""
        return RegularisationPath(
            scoring=scoring,
            greater_is_better=self.greater_is_better,
            rule=rule,
            Cs=self.Cs,
            fold_weights=self.fold_weights,
            fold_scores=self.fold_scores,
            relative_gaps=self.relative_gaps,
            statuses=tuple(tuple(row) for row in self.statuses),
            n_iters=self.n_iters,
            coefficient_norms=self.coefficient_norms,
            n_nonzeros=self.n_nonzeros,
        )

    def has_turned(self) -> bool:
        """Whether the score has passed its best; where it is flat it may yet improve.

        Clearly worse is by more than a hundredth, and by more than a standard error of the
        differences, fold by fold.
        """
        if self.reached <= _PATIENCE:
            return False
        scores = self.fold_scores[: self.reached]
        means = weighted_mean(scores, self.fold_weights)
        best = best_index(means, self.greater_is_better)
        if self.reached - 1 - best < _PATIENCE:
            return False
        worse = np.abs(means[-_PATIENCE:] - means[best])
        errors = standard_error(scores[-_PATIENCE:] - scores[best], self.fold_weights)
        bar = np.maximum(_CLEARLY * abs(means[best]), np.nan_to_num(errors))
        return bool((worse > bar).all())

    def line(self, scoring: str) -> str:
        """Say in a line what the last value of C gave."""
        place = self.reached - 1
        mean = weighted_mean(self.fold_scores[place], self.fold_weights)
        error = standard_error(self.fold_scores[place], self.fold_weights)
        spread = f" +- {float(error):.2g}" if np.isfinite(error) else ""
        return (
            f"C {self.Cs[place]:.4g} ({self.reached} of {len(self.Cs)}): {scoring} "
            f"{float(mean):.6g}{spread}, relative gaps at most "
            f"{self.relative_gaps[place].max():.1e}\n"
        )


def walk_path(
    fits: FoldFits,
    Cs: NDArray[np.float64],
    measure: Measure,
    fold_weights: NDArray[np.float64],
    *,
    tol: float,
    early_stopping: bool,
    verbose: int,
) -> Walk:
    """Fit every fold at each C, the strongest penalty first.

    Raises
    ------
    KeyboardInterrupt
        When a fit was interrupted: a path cut short would name a C that is too small.
    """
    walk = Walk(Cs, fold_weights, measure.greater_is_better)
    solutions: list[Solution] = []
    for C in Cs:
        before, solutions = solutions, []
        for fold, weight in enumerate(fold_weights):
            start = parameters(before[fold]) if before else None
            solution = fits.fit(fold, float(C), tol, start)
            if solution.status is Status.INTERRUPTED:
                raise KeyboardInterrupt
            walk.keep(fold, solution, measure.of(fits, fold, solution) if weight > 0 else np.nan)
            solutions.append(solution)
        walk.advance(solutions)
        if verbose:
            sys.stderr.write(walk.line(measure.name))
        if early_stopping and walk.has_turned():
            break
    return walk


def parameters(solution: Solution) -> tuple[Tensor, Tensor]:
    """Give (weight, bias)."""
    return solution.weight, solution.bias
