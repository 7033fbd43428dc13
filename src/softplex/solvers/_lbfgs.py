"""L-BFGS with a preconditioner as its initial inverse Hessian.

Nocedal and Wright (2006), Numerical Optimization, algorithm 7.4, in which the scaled identity is
replaced by the preconditioner; the iterates are those of plain L-BFGS in whitened coordinates.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from softplex.objective import Point, RidgeObjective, Status
from softplex.solvers._linesearch import Trial, search
from softplex.solvers._metric import Metric
from softplex.solvers._preconditioner import Preconditioner, vector_dtype
from softplex.solvers._result import Iteration

HISTORY = 10
# Gradients below this many units of rounding are noise: steps along it would go anywhere.
_NOISE = 16.0
# Iterations over which the pace of a fit is judged.
_PACE = 10


@dataclass(frozen=True)
class _Pair:
    """A step, the change of the gradient over it, their product, and the change's own size.

    The size is that of the change in the metric of the preconditioner.
    """

    step: Tensor
    change: Tensor
    curvature: float
    change_size: float


@dataclass
class Progress:
    """What one stage hands to the next: curvature pairs, counts, history."""

    max_iter: int
    report: Callable[[Iteration], None]
    pairs: deque[_Pair] = field(default_factory=lambda: deque(maxlen=HISTORY))
    history: list[Iteration] = field(default_factory=list)
    n_iter: int = 0
    evaluations: int = 0

    def learn(self, point: Point, following: Point, preconditioner: Preconditioner) -> None:
        """Keep the pair of a step, if the objective is curved along it."""
        step = following.theta - point.theta
        change = following.gradient - point.gradient
        curvature = _dot(step, change)
        dtype = vector_dtype(step)
        step, change = step.to(dtype), change.to(dtype)
        size = _dot(change, preconditioner.apply(change).to(dtype))
        if curvature > 0.0 and size > 0.0:
            self.pairs.append(_Pair(step, change, curvature, size))

    def measure_anew(self, preconditioner: Preconditioner) -> None:
        """Measure the newest pair, which scales the next step, in another metric."""
        if self.pairs:
            newest = self.pairs.pop()
            change = newest.change
            size = _dot(change, preconditioner.apply(change).to(change.dtype))
            self.pairs.append(replace(newest, change_size=size))

    def remaining(self, target: float) -> float:
        """Evaluations until the gap falls to a target, at the pace of the last iterations."""
        if len(self.history) <= _PACE or target <= 0.0:
            return math.inf
        gaps = [entry.gap for entry in self.history]
        before, now = min(gaps[:-_PACE]), min(gaps)
        if not 0.0 < now < before:
            return math.inf
        spent = self.evaluations - self.history[-_PACE - 1].evaluations
        return max(0.0, spent * math.log(now / target) / math.log(before / now))

    def record(self, point: Point) -> None:
        """Note where the fit stands."""
        entry = Iteration(self.n_iter, self.evaluations, point.value, point.gap)
        self.history.append(entry)
        self.report(entry)


def lbfgs(
    objective: RidgeObjective,
    theta: Tensor,
    metric: Metric,
    progress: Progress,
    *,
    tol: float,
) -> tuple[Point, Status]:
    """Minimise until the estimated relative gap is at most ``tol``.

    Returns the last point and how the stage ended. Ctrl-C ends it too, with the best point so far.
    """
    # The gap is a square of the gradient.
    tol = max(tol, (_NOISE * torch.finfo(objective.features.dtype).eps) ** 2)
    point = objective(theta)
    progress.evaluations += 1
    try:
        while True:
            progress.record(point)
            if point.gap <= tol * abs(point.value):
                return point, Status.CONVERGED
            if progress.n_iter >= progress.max_iter:
                return point, Status.MAX_ITER
            remaining = progress.remaining(tol * abs(point.value))
            if metric.renew(objective, point.theta, progress.evaluations, remaining):
                progress.measure_anew(metric.preconditioner)
            direction = -_inverse_hessian(point.gradient, progress.pairs, metric.preconditioner)
            following = line_step(objective, point, direction, progress)
            if following is None:
                return point, Status.STALLED
            progress.learn(point, following, metric.preconditioner)
            point = following
            progress.n_iter += 1
    except KeyboardInterrupt:
        return point, Status.INTERRUPTED


def line_step(
    objective: RidgeObjective, point: Point, direction: Tensor, progress: Progress
) -> Point | None:
    """Go along a direction to a point that meets the Wolfe conditions, or give None."""
    slope = _dot(direction, point.gradient)
    if not slope < 0.0:
        return None

    def at(step: float) -> tuple[Point, float]:
        trial = objective(point.theta + step * direction)
        return trial, _dot(trial.gradient, direction)

    rounding = 4 * torch.finfo(objective.features.dtype).eps * abs(point.value)
    trial, evaluations = search(at, Trial(0.0, point, slope), rounding)
    progress.evaluations += evaluations
    return None if trial is None else trial.point


def _inverse_hessian(
    gradient: Tensor, pairs: deque[_Pair], preconditioner: Preconditioner
) -> Tensor:
    """The two-loop recursion."""
    vector, weights = gradient.to(vector_dtype(gradient), copy=True), []
    for pair in reversed(pairs):
        weight = _dot(pair.step, vector) / pair.curvature
        weights.append(weight)
        vector.sub_(pair.change, alpha=weight)
    vector = preconditioner.apply(vector).to(vector.dtype)
    if pairs:
        newest = pairs[-1]
        vector *= max(newest.curvature / newest.change_size, preconditioner.smallest_scale)
    for pair, weight in zip(pairs, reversed(weights), strict=True):
        vector.add_(pair.step, alpha=weight - _dot(pair.change, vector) / pair.curvature)
    return vector.to(torch.float64)


def _dot(left: Tensor, right: Tensor) -> float:
    return float(torch.dot(left.reshape(-1), right.reshape(-1)))
