"""Ridge-penalised softmax to a certified gap: float32 products first, float64 where needed."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import torch
from scipy import sparse
from torch import Tensor

from softplex._arrays import to_tensor
from softplex.losses import CrossEntropy, smoothing_line
from softplex.objective import (
    Certificate,
    Coordinates,
    Point,
    RidgeObjective,
    Status,
    certified_gap,
    quick_gap,
)
from softplex.penalties import PenaltyParts
from softplex.solvers._lbfgs import Progress, lbfgs
from softplex.solvers._metric import Metric
from softplex.solvers._newton import newton
from softplex.solvers._newton_compact import CompactObjective, is_compact
from softplex.solvers._result import Iteration, Solution
from softplex.streaming import DenseFeatures, Features, Targets, as_features

# Multiplications in one product below which float64 costs nothing that anyone would notice.
_SMALL = 3_000_000
# Parameters above which the Hessian is not formed unasked, and not at all.
_NEWTON_SIZE, MAX_NEWTON_PARAMETERS = 1500, 16_000
# Runs of the solver, each to a smaller estimate of the gap, before the arithmetic is called spent.
_STAGES = 8


@dataclass(frozen=True)
class RidgeProblem:
    """Data, targets and settings of one fit.

    Parameters
    ----------
    X : array or CSR matrix (n, d)
        Features, float32 or float64.
    targets : Targets
        With the weights C w_i, on the device.
    loss : CrossEntropy
        The loss of one row.
    fit_intercept : bool
        Whether there is an intercept.
    n_columns : int
        Score columns: k, or 1 for two classes.
    dtype : torch.dtype or None
        Of the products; None begins in float32 where the data are large.
    quadratic : tensor (d,) in float64, optional
        The penalty weight of each feature; 1 for all by default.
    solver : str, default "auto"
        "newton", "lbfgs", or what the cost model finds.
    """

    X: Any
    targets: Targets
    loss: CrossEntropy
    fit_intercept: bool
    n_columns: int
    dtype: torch.dtype | None
    quadratic: Tensor | None = None
    solver: str = "auto"

    @property
    def n_parameters(self) -> int:
        """Weights and intercepts."""
        return int(self.n_columns * (self.X.shape[1] + 1))

    @property
    def goes_to_newton(self) -> bool:
        """Whether Newton's method takes it: when asked to, or by the cost model."""
        return self.solver == "newton" or (self.solver != "lbfgs" and _newton_pays(self))

    @property
    def device(self) -> torch.device:
        """Where the products are formed."""
        return self.targets.weight.device

    def features(self, dtype: torch.dtype) -> Features:
        """Give the data as features of a dtype."""
        return as_features(self.X, dtype, self.device, self.targets.n_classes)


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
        start=start or _default_start(problem),
        report=report,
    )


@dataclass(frozen=True)
class PreparedRidge:
    """A problem in the solver's coordinates, ready for any weights of its rows.

    Parameters
    ----------
    precise : RidgeObjective
        On the data as they came, in float64.
    working : RidgeObjective
        In the dtype of the products.
    widens : bool
        Whether the solver may go from the second to the first where the gap needs it.
    """

    precise: RidgeObjective
    working: RidgeObjective
    widens: bool

    @classmethod
    def of(cls, problem: RidgeProblem) -> PreparedRidge:
        """Centre, scale and convert the data."""
        precise = _precise_objective(problem)
        working = _working_objective(problem, precise)
        widens = working.features.dtype == torch.float32 and problem.dtype is None
        return cls(precise, working, widens)

    def weighted(self, weight: Tensor) -> PreparedRidge:
        """Give the same data with other weights ``s_i`` ``(n,)``, zero for rows left out."""
        targets = replace(self.precise.targets, weight=weight)
        return replace(
            self,
            precise=replace(self.precise, targets=targets),
            working=replace(self.working, targets=targets),
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
        theta, certificate = _certified(prepared, theta, status, tol, point.value)
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


def _precise_objective(problem: RidgeProblem) -> RidgeObjective:
    """The objective on the data as they came, in float64."""
    features = problem.features(torch.float64)
    moments = features.moments(problem.targets.weight)
    prior = _prior(problem)
    return RidgeObjective(
        features=features,
        targets=problem.targets,
        loss=problem.loss,
        coordinates=Coordinates.of_moments(*moments, centre=problem.fit_intercept),
        transformed=False,
        fit_intercept=problem.fit_intercept,
        class_curvature=(prior * (1.0 - prior))[-problem.n_columns :],
        quadratic=torch.ones_like(moments[0]) if problem.quadratic is None else problem.quadratic,
    )


def _working_objective(problem: RidgeProblem, precise: RidgeObjective) -> RidgeObjective:
    """The objective in the dtype of the products; dense data centred and scaled once."""
    n, d = problem.X.shape
    small = n * d * problem.n_columns <= _SMALL or problem.goes_to_newton
    dtype = torch.float64 if problem.goes_to_newton else problem.dtype
    dtype = dtype or (torch.float64 if small else torch.float32)
    sparse_input = sparse.issparse(problem.X)
    if dtype == torch.float64 and not small:
        return precise
    if sparse_input and not problem.goes_to_newton:
        return replace(precise, features=problem.features(dtype))
    shift, scale = precise.coordinates.shift, precise.coordinates.scale
    dense = problem.X.toarray() if sparse_input else problem.X
    X = to_tensor(dense, device=problem.device)
    if X.dtype == dtype == torch.float32 and not small and precise.coordinates.is_near:
        # A centred copy would take as much memory again and win no digit.
        return replace(precise, features=DenseFeatures(X, dtype))
    if dtype == torch.float64 and is_compact(X, problem.targets.n_classes):
        return CompactObjective.of(precise, X)
    scaled = torch.empty(n, d, dtype=dtype, device=problem.device)
    for start in range(0, n, 4096):
        rows = slice(start, start + 4096)
        scaled[rows] = (X[rows].to(torch.float64) - shift) / scale
    return replace(precise, features=DenseFeatures(scaled, dtype), transformed=True)


def _newton_pays(problem: RidgeProblem) -> bool:
    """Whether Newton's method is the cheaper, and its Hessian small."""
    newton, lbfgs = estimated_work(problem)
    return problem.n_parameters <= _NEWTON_SIZE and newton <= lbfgs


def estimated_work(problem: RidgeProblem) -> tuple[float, float]:
    """Eight steps of Newton's method and twenty evaluations of L-BFGS, weighted as timed.

    The unit is a multiplication of a large product. With m = (k - 1) (d + 1) parameters a Newton
    step takes n m (m / 2 + d) for the products of its Hessian (two classes need only the first),
    100 n m to write their factors, m^3 / 3 for the Cholesky factor, and 4 million for its calls.
    An evaluation of L-BFGS takes 15 n d r for two thin products with r score columns, 200 n k for
    the softmax, and 8 million for its calls and vectors.
    """
    (n, d), k = problem.X.shape, problem.targets.n_classes
    size = (k - 1) * (d + 1)
    products = size / 2 + (d if k > 2 else 0)
    newton = 8 * (n * size * (products + 100) + size**3 / 3 + 4e6)
    return newton, 20 * (15 * n * d * problem.n_columns + 200 * n * k + 8e6)


def _prior(problem: RidgeProblem) -> Tensor:
    """Weighted mean of the smoothed targets, ``(k,)``."""
    targets, total = problem.targets, problem.targets.totals()
    slope, floor = smoothing_line(
        problem.loss.smoothing, problem.loss.smoothing_kind, targets.n_classes
    )
    return slope * total / total.sum() + floor


def _default_start(problem: RidgeProblem) -> tuple[Tensor, Tensor]:
    r, d = problem.n_columns, problem.X.shape[1]
    weight = torch.zeros(r, d, dtype=torch.float64, device=problem.device)
    if not problem.fit_intercept:
        return weight, weight.new_zeros(r)
    log_prior = _prior(problem).log()
    return weight, log_prior - log_prior.mean() if r > 1 else log_prior[1:] - log_prior[0]


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


def _certified(
    prepared: PreparedRidge, theta: Tensor, status: Status, tol: float, value: float
) -> tuple[Tensor, Certificate]:
    """Certify by one evaluation, or by the tighter bound where only that can be enough.

    The first improves the intercept on its way.
    """
    precise = prepared.precise
    if bool((precise.penalty_weight > 0.0).all()):
        # Small data in float64 stand in the solver's coordinates once and for all.
        compact = isinstance(prepared.working, CompactObjective)
        view = prepared.working if compact else _centred_view(precise)
        better, primal, gap, floor = quick_gap(view, theta, tol * abs(value))
        if gap <= tol * abs(primal) or floor > tol * abs(primal):
            return better, _judged(Certificate(primal, primal - gap, gap, status), tol)
    return theta, _certify(precise, theta, status, tol)


def _certify(
    objective: RidgeObjective,
    theta: Tensor,
    status: Status,
    tol: float,
    penalty: PenaltyParts | None = None,
) -> Certificate:
    features, weight, bias = _accurate_view(objective, theta)
    primal, gap = certified_gap(
        features,
        weight,
        bias,
        objective.targets,
        objective.loss,
        fit_intercept=objective.fit_intercept,
        penalty=penalty or PenaltyParts.of_quadratic(objective.quadratic),
    )
    return _judged(Certificate(primal, primal - gap, gap, status), tol)


def _judged(certificate: Certificate, tol: float) -> Certificate:
    if certificate.relative_gap <= tol:
        return replace(certificate, status=Status.CONVERGED)
    if certificate.status is Status.CONVERGED:
        return replace(certificate, status=Status.STALLED)
    return certificate


def _centred_view(objective: RidgeObjective) -> RidgeObjective:
    """The same objective and parameters, with features centred where an offset would cancel."""
    features, inner = objective.features, objective.coordinates
    if not (inner.is_far and isinstance(features, DenseFeatures)):
        return objective
    centred = Coordinates(torch.zeros_like(inner.shift), inner.scale)
    return replace(objective, features=features.centred(inner.shift), coordinates=centred)


def _accurate_view(objective: RidgeObjective, theta: Tensor) -> tuple[Features, Tensor, Tensor]:
    """Features, weight and bias with the same scores, without a large offset that cancels.

    A column such as a year, far from zero for its spread, would eat the digits of the scores.
    """
    features, coordinates = objective.features, objective.coordinates
    weight, bias = coordinates.to_user(theta)
    if coordinates.is_far and isinstance(features, DenseFeatures):
        return features.centred(coordinates.shift), weight, theta[:, -1]
    return features, weight, bias
