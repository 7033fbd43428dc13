r"""Newton's method with a Cholesky factorisation, for small problems.

Adding a vector to every class changes no probability, and the penalty is least where the classes
sum to zero. There a direction :math:`D = E - \bar E` is given by E without the first class, whose
Hessian is that of the loss without the first class plus the penalty
:math:`\rho\,(\delta_{ab} - 1/k)`: the share :math:`(1 - 1/k)^2` of the
entries, and positive definite though an intercept has no penalty.

Near the optimum each step doubles the number of right digits, so half as many digits again as
were asked for cost half a step on average; they cover what the estimate of the gap leaves out.
"""

from __future__ import annotations

import numpy as np
import torch
from scipy.linalg import lapack
from torch import Tensor

from softplex._arrays import to_numpy, to_tensor
from softplex.exceptions import SolverRefused
from softplex.objective import Point, RidgeObjective, Status
from softplex.solvers._cholesky import damped_cholesky
from softplex.solvers._lbfgs import Progress, line_step
from softplex.solvers._newton_compact import CompactObjective, CurvedPoint, Matrix
from softplex.streaming import DenseFeatures, add_hessian, linear_hessian

# The relative gap that is taken for none.
_RESOLUTION = 1e-15
_TINY = 1e-10


def newton(
    objective: RidgeObjective, theta: Tensor, progress: Progress, *, tol: float
) -> tuple[Point, Status]:
    """Minimise until the estimated relative gap is ``tol^1.5`` and tiny, or steps cease to help.

    The last step or two cost little and give coefficients to six digits at any tolerance.

    Parameters
    ----------
    objective : RidgeObjective
        On dense features in the coordinates of the solver.
    theta : tensor (r, d + 1)
        Where to begin; with a row for each class, their sum is zero.
    progress : Progress
        Counts and history.
    tol : float
        The asked relative gap; where no more than that can be reached, the point is good enough.
    """
    goal = max(min(tol**1.5, _TINY), min(tol, _RESOLUTION))
    point = objective(theta)
    progress.evaluations += 1
    system = NewtonSystem(objective)
    try:
        while True:
            progress.record(point)
            reached = point.gap <= tol * abs(point.value)
            if point.gap <= goal * abs(point.value):
                return point, Status.CONVERGED
            if progress.n_iter >= progress.max_iter:
                return point, Status.CONVERGED if reached else Status.MAX_ITER
            following = line_step(objective, point, system.direction(point), progress)
            if following is None or (reached and following.gap >= point.gap):
                return point, Status.CONVERGED if reached else Status.STALLED
            point = following
            progress.n_iter += 1
    except KeyboardInterrupt:
        return point, Status.INTERRUPTED


class NewtonSystem:
    """Newton directions of an objective.

    Parameters
    ----------
    objective : RidgeObjective
        On dense features in the coordinates of the solver.
    """

    def __init__(self, objective: RidgeObjective) -> None:
        if not (objective.transformed and isinstance(objective.features, DenseFeatures)):
            raise SolverRefused(
                "Newton's method needs dense features in the solver's coordinates; use L-BFGS."
            )
        self._objective, self._features = objective, objective.features
        rho = np.append(to_numpy(objective.penalty_weight), 0.0)
        k = objective.targets.n_classes
        share = np.eye(k - 1)
        single = len(objective.class_curvature) < k
        self._penalty = (share if single else share - 1.0 / k)[:, :, None] * rho
        if not objective.fit_intercept:
            self._penalty[:, :, -1] = share

    def direction(self, point: Point) -> Tensor:
        """Solve H d = -gradient."""
        gradient, r = to_numpy(point.gradient), len(self._penalty)
        step = _solved(self.hessian(point), gradient[-r:].reshape(-1)).reshape(r, -1)
        if len(gradient) == r:
            direction = -step
        else:
            mean = step.sum(0) / len(gradient)
            direction = np.concatenate([mean[None], mean - step])
        return to_tensor(direction, device=point.gradient.device)

    def hessian(self, point: Point) -> Matrix:
        """Give the Hessian in the parameters of the classes after the first, class by class."""
        r, _, width = self._penalty.shape
        if isinstance(self._objective, CompactObjective) and isinstance(point, CurvedPoint):
            out = np.zeros((r * width, r * width))
            add_hessian(out, point.probabilities[1:], self._objective.weighted_design)
        else:
            theta = point.theta
            relative = theta if len(theta) == r else theta[1:] - theta[:1]
            weight, bias = relative[:, :-1], relative[:, -1]
            out = to_numpy(linear_hessian(self._features, weight, bias, self._objective.targets))
        entries = out.reshape(r, width, r, width)
        if not self._objective.fit_intercept:
            entries[:, -1] = 0.0
            entries[..., -1] = 0.0
        same_feature = np.einsum("ajbj->abj", entries)
        same_feature += self._penalty
        return out


def _solved(hessian: Matrix, right: Matrix) -> Matrix:
    """``H^-1 right``; damped where rounding leaves H not positive definite."""
    _, solution, failed = lapack.dposv(hessian, right, lower=1)
    if failed:
        factor = damped_cholesky(torch.from_numpy(hessian))
        solution = to_numpy(torch.cholesky_solve(torch.from_numpy(right)[:, None], factor))
    return np.asarray(solution)
