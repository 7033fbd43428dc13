r"""The duality gap of penalised cross-entropy, rigorous in exact arithmetic.

For any rows a_i on the simplex, with :math:`M = \sum_i s_i (q_i - a_i) x_i^T`, the number
:math:`D = \sum_i s_i H(a_i) - R^*(M)` is below every value of the objective, provided that the
residual of the unpenalised intercept, :math:`\sum_i s_i (q_i - a_i)`, is zero. Then

.. math:: P - D = \sum_i s_i\, KL(a_i \| p_i) + \bigl(R(W) + R^*(M) - M \cdot W\bigr),

in which nothing cancels; for the ridge penalty the bracket is :math:`\tfrac12 \|W - M\|^2`. With
a = p the residual is zero only at the exact optimum of the intercept, so a is repaired first:

* by a Newton step of the intercept, and of the features without a penalty, for which R^* is finite
  only where M = 0: a = p (1 + v - p.v), which has the right totals and is tight, but must be
  checked to be non-negative;
* what residual of the intercept is left then, by cutting the over-full columns to their totals and
  handing the freed mass to the others. Features without a penalty have no such second way: where
  the step leads below zero, no bound is known.

A penalty without a quadratic part has a finite R^* only for small M. There a is drawn towards the
targets, :math:`q - c (q - a)`, which turns M into c M, by the largest c <= 1 that will do.

The rows enter as r = q - p and d = a - p, never as differences of numbers near 1, so that the
bound holds where nearly all probability is on the true class. What float64 rounding can hide in
the scores, and a last residual of what is unpenalised times the size of its parameters, are added
to the gap.

With one score column for two classes, M and W have the row of the second class alone.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from softplex.losses import CrossEntropy
from softplex.objective._rows import RowBlock, RowProblem
from softplex.objective._unpenalised import FreeCoordinates, Step, tilted
from softplex.penalties import PenaltyParts
from softplex.streaming import Features, Targets

# Above this many classes the exact curvature of the intercept, O(n k^2), costs more than the fit.
_EXACT_CURVATURE_CLASSES = 512
# Residual of the intercept, as a share of the residuals it sums, that is float64 rounding.
_ROUNDING = 1e-13
# The same for unpenalised features, in standard units, when the iterations have ended at rounding.
_FREE_RESIDUAL = 1e-9
# Rounding errors of a row's scores, in units of eps x the largest score.
_SCORE_ERRORS = 4.0


@dataclass(frozen=True)
class _Survey:
    """Sums over all rows at p."""

    loss: float
    totals: Tensor
    residual: Tensor
    activity: float
    rounding: float
    curvature: Tensor


@dataclass(frozen=True)
class _Repair:
    """How the rows p become the rows a: a Newton step, cutting and handing out, a share c."""

    step: Tensor
    cut: Tensor
    handed: Tensor
    free_step: Step | None = None
    share: float = 1.0

    @classmethod
    def newton(cls, step: Tensor) -> _Repair:
        return cls(step, torch.zeros_like(step), torch.zeros_like(step))

    def then_cut(self, totals: Tensor, residual: Tensor) -> _Repair:
        lack = residual.clamp_min(0.0)
        if not float(lack.sum()) > 0.0:
            return self
        excess = (-residual).clamp_min(0.0) / totals.clamp_min(torch.finfo(totals.dtype).tiny)
        return replace(self, cut=excess.clamp_max(1.0), handed=lack / lack.sum())

    def change(self, problem: RowProblem, block: RowBlock) -> Tensor:
        """Give ``d = a - p``."""
        p, v = block.p, self.step
        if self.free_step is not None:
            v = v + self.free_step.scores(problem, block.rows)
        change = tilted(p, v)
        if bool(self.cut.any()):
            removed = (p + change) * self.cut
            change = change - removed + removed.sum(1, keepdim=True) * self.handed
        if self.share == 1.0:
            return change
        return (1.0 - self.share) * block.residual + self.share * change


@dataclass(frozen=True)
class _Bound:
    gap: float
    totals: Tensor
    residual: Tensor
    moment: Tensor
    smallest: float


def certified_gap(
    features: Features,
    weight: Tensor,
    bias: Tensor,
    targets: Targets,
    loss: CrossEntropy,
    *,
    fit_intercept: bool,
    penalty: PenaltyParts | None = None,
) -> tuple[float, float]:
    """Give the primal value and the duality gap at (W, b).

    Parameters
    ----------
    features : Features
        ``(n, d)`` in float64.
    weight, bias : tensors (r, d) and (r,) in float64
        The parameters.
    targets : Targets
        With the weights s_i.
    loss : CrossEntropy
        Gives the smoothed targets.
    fit_intercept : bool
        Without an intercept it needs no repair.
    penalty : PenaltyParts, optional
        The penalty; half the squared weights by default.

    Returns
    -------
    primal, gap : float
        The gap is infinite where no bound is known.
    """
    problem = RowProblem(features, weight, bias, targets, loss)
    parts = PenaltyParts.of_quadratic(torch.ones_like(weight[0])) if penalty is None else penalty
    survey = _survey(problem)
    value = parts.value(weight)
    free = torch.nonzero(parts.unpenalised).squeeze(1)
    if len(free):
        coordinates = FreeCoordinates.of(problem, free, fit_intercept=fit_intercept)
        gap = _gap_with_free_features(problem, parts, survey, coordinates)
    else:
        gap = _gap_of_penalised(problem, parts, survey, fit_intercept=fit_intercept)
    eps = torch.finfo(torch.float64).eps
    rounding = _SCORE_ERRORS * eps * (survey.rounding + value)
    rounding += _ROUNDING * float(parts.kinks(weight).sum())
    return survey.loss + value, gap + rounding


def least_change(
    features: Features,
    weight: Tensor,
    bias: Tensor,
    targets: Targets,
    loss: CrossEntropy,
    *,
    fit_intercept: bool,
    penalty: PenaltyParts,
) -> float:
    r"""Give the least factor by which a Newton step of the unpenalised features changes any p.

    Near an optimum it is 1. Where a direction of these features separates classes, a dual point
    ``a`` needs :math:`a_{ij} = 0` in every row that the direction tells apart from a class j, so
    the step takes such :math:`p_{ij}` to nothing however small it is, and the factor stays near 0
    or below it. The arguments are those of :func:`certified_gap`.
    """
    problem = RowProblem(features, weight, bias, targets, loss)
    free = torch.nonzero(penalty.unpenalised).squeeze(1)
    coordinates = FreeCoordinates.of(problem, free, fit_intercept=fit_intercept)
    step = coordinates.newton_step(_survey(problem).activity)
    least = math.inf
    for block in problem.blocks():
        v = step.scores(problem, block.rows)
        factor = 1.0 + v - (block.p * v).sum(1, keepdim=True)
        least = min(least, float(factor.min()))
    return least


def _gap_of_penalised(
    problem: RowProblem, parts: PenaltyParts, survey: _Survey, *, fit_intercept: bool
) -> float:
    """The gap where nothing but the intercept is without a penalty."""
    step = _newton_step(survey) if fit_intercept else torch.zeros_like(survey.residual)
    repair = _Repair.newton(step)
    bound = _bound(problem, parts, repair)
    if fit_intercept:
        if bound.smallest < 0.0:
            repair = _Repair.newton(torch.zeros_like(step))
            totals, residual = survey.totals, survey.residual
        else:
            totals, residual = bound.totals, bound.residual
        tolerance = _ROUNDING * survey.activity
        if bound.smallest < 0.0 or float(residual.abs().max()) > tolerance:
            repair = repair.then_cut(totals, residual)
            bound = _bound(problem, parts, repair)
    bound = _feasible(problem, parts, repair, bound)
    unpaid = float(bound.residual.abs().sum()) * (1.0 + 2.0 * float(problem.bias.abs().max()))
    return bound.gap + (unpaid if fit_intercept else 0.0)


def _gap_with_free_features(
    problem: RowProblem, parts: PenaltyParts, survey: _Survey, free: FreeCoordinates
) -> float:
    """The gap where features have no penalty: their moments have to vanish, or there is none."""
    repair = replace(
        _Repair.newton(torch.zeros_like(survey.residual)),
        free_step=free.newton_step(survey.activity),
    )
    bound = _bound(problem, parts, repair)
    if not bound.smallest >= 0.0:
        return math.inf
    bound = _feasible(problem, parts, repair, bound)
    left = free.gather(bound.moment, bound.residual[problem.first :]).abs().sum(0)
    if not float(left.max()) <= _FREE_RESIDUAL * survey.activity:
        return math.inf
    gap = bound.gap + float(left @ (1.0 + 2.0 * free.size_of_parameters()))
    return gap if math.isfinite(gap) else math.inf


def _feasible(problem: RowProblem, parts: PenaltyParts, repair: _Repair, bound: _Bound) -> _Bound:
    """Draw the rows towards the targets as far as a penalty without a quadratic part needs."""
    share = parts.feasible_share(bound.moment)
    return bound if share == 1.0 else _bound(problem, parts, replace(repair, share=share))


def _survey(problem: RowProblem) -> _Survey:
    k = problem.targets.n_classes
    value, activity, rounding = 0.0, 0.0, 0.0
    totals = torch.zeros(k, dtype=torch.float64, device=problem.features.device)
    residual = torch.zeros_like(totals)
    exact = k <= _EXACT_CURVATURE_CLASSES
    outer = torch.zeros(k, k, dtype=torch.float64, device=problem.features.device)
    for block in problem.blocks():
        s = block.weight
        value += float(s @ block.loss)
        size = block.residual.abs().sum(1)
        activity += float(s @ size)
        rounding += float(s @ (block.loss + size * block.largest_score))
        totals += s @ block.p
        residual += s @ block.residual
        if exact:
            outer += (block.p * s[:, None]).T @ block.p
    if not exact:
        outer = torch.outer(totals, totals) / totals.sum()
    curvature = torch.diag(totals) - outer
    return _Survey(value, totals, residual, activity, rounding, curvature)


def _newton_step(survey: _Survey) -> Tensor:
    """Solve curvature v = residual; adding a constant to v changes nothing, so fix it there."""
    k = len(survey.residual)
    gauge = torch.full_like(survey.curvature, float(survey.curvature.trace()) / k**2)
    solution, info = torch.linalg.solve_ex(survey.curvature + gauge, survey.residual)
    usable = int(info) == 0 and bool(torch.isfinite(solution).all())
    return solution if usable else torch.zeros_like(survey.residual)


def _bound(problem: RowProblem, parts: PenaltyParts, repair: _Repair) -> _Bound:
    divergence, smallest = 0.0, 0.0
    totals = torch.zeros_like(repair.step)
    residual = torch.zeros_like(repair.step)
    moment = torch.zeros_like(problem.weight)
    for block in problem.blocks():
        s = block.weight
        change = repair.change(problem, block)
        a = block.p + change
        smallest = min(smallest, float(a.min()))
        divergence += float(s @ _divergence(a.clamp_min(0.0), change, block))
        totals += s @ a
        left = block.residual - change
        residual += s @ left
        problem.features.add_product(block.rows, (left * s[:, None]).T[problem.first :], moment)
    gap = divergence + float(parts.fenchel_young(problem.weight, moment).sum())
    return _Bound(gap, totals, residual, moment, smallest)


def _divergence(a: Tensor, change: Tensor, block: RowBlock) -> Tensor:
    """KL(a || p) row by row, as a sum of non-negative terms a log(a/p) - a + p."""
    p = block.p
    near = change.abs() < 0.5 * p
    relative = torch.where(near, change / p.clamp_min(torch.finfo(p.dtype).tiny), 0.0)
    close = p * ((1.0 + relative) * relative.log1p() - relative)
    far = torch.xlogy(a, a) - a * block.log_p - change
    return torch.where(near, close, far).clamp_min(0.0).sum(1)
