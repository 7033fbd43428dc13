"""Newton's method with a Cholesky factorisation, for small problems.

Near the optimum each step doubles the number of right digits, so it goes on to the end of what
float64 can resolve: the last steps cost little and make the result independent of the path.
"""

from __future__ import annotations

import torch
from torch import Tensor

from softplex.objective import Point, RidgeObjective, Status
from softplex.solvers._cholesky import damped_cholesky
from softplex.solvers._lbfgs import Progress, line_step

# The gap that Newton's method aims at, whatever larger one was asked for.
_RESOLUTION = 1e-15


def newton(
    objective: RidgeObjective, theta: Tensor, progress: Progress, *, tol: float
) -> tuple[Point, Status]:
    """Minimise until the estimated relative gap is at most ``tol``, and on while steps help."""
    point = objective(theta)
    progress.evaluations += 1
    try:
        while True:
            progress.record(point)
            reached = point.gap <= tol * abs(point.value)
            if point.gap <= min(tol, _RESOLUTION) * abs(point.value):
                return point, Status.CONVERGED
            if progress.n_iter >= progress.max_iter:
                return point, Status.CONVERGED if reached else Status.MAX_ITER
            following = line_step(objective, point, _direction(objective, point), progress)
            if following is None or (reached and following.gap >= point.gap):
                return point, Status.CONVERGED if reached else Status.STALLED
            point = following
            progress.n_iter += 1
    except KeyboardInterrupt:
        return point, Status.INTERRUPTED


def _direction(objective: RidgeObjective, point: Point) -> Tensor:
    factor = damped_cholesky(objective.hessian(point.theta))
    step = torch.cholesky_solve(point.gradient.reshape(-1, 1), factor)
    return -step.reshape(point.gradient.shape)
