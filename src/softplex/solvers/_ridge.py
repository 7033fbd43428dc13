"""Ridge-penalised softmax to a certified gap: float32 products first, float64 where needed."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import torch
from torch import Tensor

from softplex.objective import Certificate, Point, RidgeObjective, Status
from softplex.solvers._certification import certified
from softplex.solvers._lbfgs import Progress, lbfgs
from softplex.solvers._metric import Metric
from softplex.solvers._newton import newton
from softplex.solvers._problem import PreparedRidge, RidgeProblem, default_start
from softplex.solvers._result import Iteration, Solution

# Runs of the solver, each to a smaller estimate of the gap, before the arithmetic is called spent.
_STAGES = 8


def solve_ridge(
    problem: RidgeProblem,
    *,
    tol: float,
    max_iter: int,
    start: tuple[Tensor, Tensor] | None = None,
    report: Callable[[Iteration], None] = lambda _: None,
) -> Solution:
    """Minimise the objective until its certified relative gap is at most ``tol``.

    Parameters
    ----------
    problem : RidgeProblem
        What to fit.
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
    prepared = PreparedRidge.of(problem)
    metric = None if problem.goes_to_newton else Metric(prepared.working)
    return solve_prepared(
        prepared,
        metric,
        tol=tol,
        max_iter=max_iter,
        start=start or default_start(problem),
        report=report,
    )


def solve_prepared(
    prepared: PreparedRidge,
    metric: Metric | None,
    *,
    tol: float,
    max_iter: int,
    start: tuple[Tensor, Tensor],
    report: Callable[[Iteration], None] = lambda _: None,
) -> Solution:
    """Minimise by L-BFGS in a metric, or by Newton's method without one.

    The arguments are those of :func:`solve_ridge`.
    """
    precise, working, widens = prepared.precise, prepared.working, prepared.widens
    theta = _centred(precise.coordinates.from_user(*start))
    progress = Progress(max_iter, report)
    floor = _float32_floor(working) if widens else 0.0
    target = max(tol, floor)
    best: tuple[Tensor, Certificate] | None = None
    for _ in range(_STAGES):
        if metric is None:
            point, status = newton(working, theta, progress, tol=target)
        else:
            point, status = lbfgs(working, theta, metric, progress, tol=target)
        theta = _centred(point.theta)
        theta, certificate = certified(prepared, theta, status, tol, point.value)
        if best is None or certificate.gap <= best[1].gap:
            best = theta, certificate
        ended = status in (Status.INTERRUPTED, Status.MAX_ITER)
        if certificate.relative_gap <= tol or ended:
            break
        stalled = status is Status.STALLED
        if widens and (stalled or target <= floor):
            working, widens, floor = precise, False, 0.0
        elif stalled:
            if not progress.pairs:
                break
            progress.pairs.clear()
        target = max(floor, _smaller_target(tol, point, certificate))
    if best is not None and best[1].gap < certificate.gap:  # later stages can go astray in rounding
        theta, certificate = best[0], replace(best[1], status=certificate.status)
    weight, bias = precise.coordinates.to_user(theta)
    return Solution(weight, bias, certificate, progress.n_iter, tuple(progress.history))


def _smaller_target(tol: float, point: Point, certificate: Certificate) -> float:
    """What the estimate of the gap has to reach, seeing how far the gap itself lies above it.

    The estimate leaves out how the weights answer when the intercept is repaired. Without a
    penalty a bound may be known nearer to the optimum only.
    """
    if math.isinf(certificate.gap):
        return 1e-3 * min(tol, point.gap / abs(point.value) if point.value else tol)
    estimate = point.gap / abs(point.value) if point.value else 0.0
    return 0.5 * tol * min(1.0, estimate / certificate.relative_gap)


def _centred(theta: Tensor) -> Tensor:
    """Subtract the mean over the classes: no probability changes, and the penalty falls."""
    return theta - theta.mean(0) if len(theta) > 1 else theta


def _float32_floor(objective: RidgeObjective) -> float:
    """The relative gap below which float32 gradients are rounding noise, roughly.

    An entry of the gradient is off by about eps times the total weight times the size of a
    residual; the gap is half the sum of their squares in the units of the penalty.
    """
    total = float(objective.targets.weight.sum())
    noise = 0.2 * torch.finfo(torch.float32).eps * total
    rows = len(objective.class_curvature)
    rho = objective.penalty_weight
    rho = torch.where(rho > 0.0, rho, float(objective.class_curvature.mean()) * total)
    gap = 0.5 * rows * noise**2 * float((1.0 / rho).sum())
    return gap / (0.1 * total)
