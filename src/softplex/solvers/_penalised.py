"""Any separable penalty to a certified gap, by the solver that it needs."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import torch
from scipy import sparse
from torch import Tensor

from softplex._arrays import to_numpy, to_tensor
from softplex.objective import (
    Certificate,
    Overlap,
    Separation,
    Status,
    find_separation,
    least_change,
)
from softplex.penalties import PenaltyParts
from softplex.solvers._certification import certify
from softplex.solvers._kinked import KinkedObjective
from softplex.solvers._kinked_model import KinkedModel
from softplex.solvers._problem import (
    RidgeProblem,
    default_start,
    precise_objective,
    working_objective,
)
from softplex.solvers._proximal import KinkedRun
from softplex.solvers._reduced_newton import ReducedNewton
from softplex.solvers._result import Iteration, Solution
from softplex.solvers._ridge import solve_ridge
from softplex.streaming import score_blocks

# Iterations of a fit without a penalty after which a separation of the classes is looked for.
_BEFORE_SEPARATION = 25
# Log-probability in nats below which a bound may be rounding.
_EXTREME = -20.0
# The factor of the smallest probability in a Newton step above which the fit is at an optimum.
_SETTLED = 0.5
# The relative gap to which float32 gradients lead safely.
_SINGLE_FLOOR = 1e-5
# Runs, each to a smaller estimate of the gap, before the arithmetic is called spent.
_STAGES = 8


def solve_penalised(
    problem: RidgeProblem,
    penalty: PenaltyParts,
    *,
    tol: float,
    max_iter: int,
    start: tuple[Tensor, Tensor] | None = None,
    report: Callable[[Iteration], None] = lambda _: None,
) -> Solution:
    """Minimise the loss plus a penalty until the certified relative gap is at most ``tol``.

    Parameters
    ----------
    problem : RidgeProblem
        Data, targets and settings; its ``quadratic`` gives way to that of the penalty.
    penalty : PenaltyParts
        The penalty of each feature.
    tol : float
        The asked relative duality gap.
    max_iter : int
        Iterations over all stages.
    start : (weight, bias), optional
        Where to begin; zero weights and the log prior by default.
    report : callable
        Told of every iteration.

    Returns
    -------
    Solution
    """
    penalty = _with_held_constants(problem, penalty)
    problem = replace(problem, quadratic=penalty.quadratic)

    def solve(limit: int, begin: tuple[Tensor, Tensor] | None) -> Solution:
        if penalty.is_smooth:
            return solve_ridge(problem, tol=tol, max_iter=limit, start=begin, report=report)
        return _solve_kinked(problem, penalty, tol, limit, begin or default_start(problem), report)

    if not bool(penalty.unpenalised.any()):
        return solve(max_iter, start)
    return _solve_where_classes_may_be_separated(problem, penalty, max_iter, start, solve)


def _with_held_constants(problem: RidgeProblem, penalty: PenaltyParts) -> PenaltyParts:
    """Give a ridge to constant columns that have no penalty, so that their weights are zero.

    The intercept says all that they can say, so the optimal value stays what it was; freely they
    would drift along the rounding of their mean.
    """
    if not bool(penalty.unpenalised.any()):
        return penalty
    least, most = problem.X.min(axis=0), problem.X.max(axis=0)
    if sparse.issparse(problem.X):
        least, most = least.toarray()[0], most.toarray()[0]
    held = to_tensor((least == most) & (problem.fit_intercept | (most == 0)), device=problem.device)
    total = float(problem.targets.weight.sum())
    quadratic = torch.where(penalty.unpenalised & held, total, penalty.quadratic)
    return replace(penalty, quadratic=quadratic)


def _solve_where_classes_may_be_separated(
    problem: RidgeProblem,
    penalty: PenaltyParts,
    max_iter: int,
    start: tuple[Tensor, Tensor] | None,
    solve: Callable[[int, tuple[Tensor, Tensor] | None], Solution],
) -> Solution:
    """Look for a separation once a fit without a penalty proves to be a long one."""
    solution = solve(min(max_iter, _BEFORE_SEPARATION), start)
    if solution.status is Status.INTERRUPTED:
        return solution
    if solution.status is Status.CONVERGED and _is_settled(problem, penalty, solution):
        return solution
    separation = _separation(problem, penalty, solution)
    if separation.is_separated:
        return _without_bound(solution, Status.SEPARATED, separation)
    if solution.status is not Status.CONVERGED and solution.n_iter < max_iter:
        following = solve(max_iter - solution.n_iter, (solution.weight, solution.bias))
        solution = replace(
            following,
            n_iter=solution.n_iter + following.n_iter,
            history=solution.history + following.history,
        )
    if solution.status is Status.STALLED and math.isinf(solution.certificate.gap):
        return _without_bound(solution, Status.NO_BOUND, separation)
    return replace(solution, separation=separation)


def _without_bound(solution: Solution, status: Status, separation: Separation) -> Solution:
    certificate = Certificate(solution.certificate.primal, -math.inf, math.inf, status)
    return replace(solution, certificate=certificate, separation=separation)


def _is_settled(problem: RidgeProblem, penalty: PenaltyParts, solution: Solution) -> bool:
    """Whether the fit stands at an optimum, and not on the way to one at infinity."""
    if problem.loss.smoothing > 0.0:  # every class then has mass in every row
        return True
    if _is_extreme(problem, solution):
        return False
    least = least_change(
        problem.features(torch.float64),
        solution.weight,
        solution.bias,
        problem.targets,
        problem.loss,
        fit_intercept=problem.fit_intercept,
        penalty=penalty,
    )
    return least > _SETTLED


def _is_extreme(problem: RidgeProblem, solution: Solution) -> bool:
    """Whether a probability is so near 0 that a bound may be rounding."""
    features = problem.features(torch.float64)
    k = problem.targets.n_classes
    blocks = score_blocks(features, solution.weight, solution.bias, k)
    return any(bool((scores.log_softmax(1) < _EXTREME).any()) for _, scores in blocks)


def _separation(problem: RidgeProblem, penalty: PenaltyParts, solution: Solution) -> Separation:
    if problem.loss.smoothing > 0.0:  # every class then has mass in every row
        return Separation(Overlap.OVERLAPPING)
    coordinates = precise_objective(problem).coordinates
    weight, bias = solution.weight, solution.bias
    if len(weight) < problem.targets.n_classes:
        weight = torch.cat([torch.zeros_like(weight), weight])
        bias = torch.cat([torch.zeros_like(bias), bias])
    return find_separation(
        to_numpy(problem.X),
        to_numpy(problem.targets.values),
        problem.targets.n_classes,
        to_numpy(penalty.unpenalised),
        to_numpy(coordinates.shift),
        to_numpy(coordinates.scale),
        fit_intercept=problem.fit_intercept,
        hint=(to_numpy(weight), to_numpy(bias)),
    )


def _solve_kinked(
    problem: RidgeProblem,
    penalty: PenaltyParts,
    tol: float,
    max_iter: int,
    start: tuple[Tensor, Tensor],
    report: Callable[[Iteration], None],
) -> Solution:
    precise = precise_objective(problem)
    working = working_objective(problem, precise)
    scaled = penalty.with_scaled_columns(precise.coordinates.scale)
    run = KinkedRun(
        KinkedObjective(working, scaled),
        ReducedNewton(working),
        KinkedModel(working, scaled),
        max_iter,
        report,
    )
    theta = precise.coordinates.from_user(*start)
    widens = working.features.dtype == torch.float32 and problem.dtype is None
    target = max(tol, _SINGLE_FLOOR) if widens else tol
    for _ in range(_STAGES):
        point, status = run.minimise(theta, target)
        theta = _centred_where_free(point.theta, penalty)
        certificate = certify(precise, theta, status, tol, penalty)
        if certificate.relative_gap <= tol or status in (Status.INTERRUPTED, Status.MAX_ITER):
            break
        if widens:
            run.objective, widens, target = KinkedObjective(precise, scaled), False, tol
        elif status is Status.STALLED:
            break
        else:
            target *= 0.1
    weight, bias = precise.coordinates.to_user(theta)
    return Solution(weight, bias, certificate, run.n_iter, tuple(run.history))


def _centred_where_free(theta: Tensor, penalty: PenaltyParts) -> Tensor:
    """Subtract the mean over the classes where no absolute value minds it."""
    if len(theta) == 1:
        return theta
    minds = torch.nn.functional.pad(penalty.l1 > 0, (0, 1))
    return theta - torch.where(minds, 0.0, theta.mean(0))
