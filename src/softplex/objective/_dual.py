r"""The duality gap of ridge-penalised cross-entropy, rigorous in exact arithmetic.

For any rows a_i on the simplex, with :math:`M = \sum_i s_i (q_i - a_i) x_i^T`, the number
:math:`D = \sum_i s_i H(a_i) - \tfrac12 \|M\|^2` is below every value of the objective, provided
that the residual of the unpenalised intercept, :math:`\sum_i s_i (q_i - a_i)`, is zero. Then

.. math:: P - D = \sum_i s_i\, KL(a_i \| p_i) + \tfrac12 \|W - M\|^2,

in which nothing cancels. With a = p the residual is zero only at the exact optimum of the
intercept, so a is repaired first:

* by a Newton step v of the intercept, a = p (1 + v - p.v), which has the right totals and is
  tight, but must be checked to be non-negative;
* what residual is left then, by cutting the over-full columns to their totals and handing the
  freed mass to the others.

The rows enter as r = q - p and d = a - p, never as differences of numbers near 1, so that the
bound holds where nearly all probability is on the true class. What float64 rounding can hide in
the scores, and a last residual of the intercept times the size of the intercept, are added to the
gap.

With one score column for two classes, M and W have the row of the second class alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from softplex.losses import CrossEntropy
from softplex.streaming import Features, Targets, score_blocks

# Above this many classes the exact curvature of the intercept, O(n k^2), costs more than the fit.
_EXACT_CURVATURE_CLASSES = 512
# Residual of the intercept, as a share of the residuals it sums, that is float64 rounding.
_ROUNDING = 1e-13
# Rounding errors of a row's scores, in units of eps x the largest score.
_SCORE_ERRORS = 4.0


@dataclass(frozen=True)
class _Block:
    """Some rows: their weights, probabilities and residuals ``r = q - p``."""

    rows: slice
    weight: Tensor
    log_p: Tensor
    p: Tensor
    residual: Tensor
    loss: Tensor
    largest_score: Tensor


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
    """How the rows p become the rows a: a Newton step, then cutting and handing out."""

    step: Tensor
    cut: Tensor
    share: Tensor

    @classmethod
    def newton(cls, step: Tensor) -> _Repair:
        return cls(step, torch.zeros_like(step), torch.zeros_like(step))

    def then_cut(self, totals: Tensor, residual: Tensor) -> _Repair:
        lack = residual.clamp_min(0.0)
        if not float(lack.sum()) > 0.0:
            return self
        excess = (-residual).clamp_min(0.0) / totals.clamp_min(torch.finfo(totals.dtype).tiny)
        return _Repair(self.step, excess.clamp_max(1.0), lack / lack.sum())

    def change(self, p: Tensor) -> Tensor:
        """Give ``d = a - p``."""
        change = p * (self.step - (p @ self.step)[:, None])
        if not bool(self.cut.any()):
            return change
        removed = (p + change) * self.cut
        return change - removed + removed.sum(1, keepdim=True) * self.share


@dataclass(frozen=True)
class _Bound:
    gap: float
    totals: Tensor
    residual: Tensor
    smallest: float


@dataclass(frozen=True)
class _Problem:
    features: Features
    weight: Tensor
    bias: Tensor
    targets: Targets
    loss: CrossEntropy

    def blocks(self) -> Iterator[_Block]:
        k = self.targets.n_classes
        for rows, scores in score_blocks(self.features, self.weight, self.bias, k):
            q = self.loss.smoothed(self.targets.block(rows, torch.float64), k, torch.float64)
            top = scores.argmax(1, keepdim=True)
            shifted = scores - scores.gather(1, top)
            others = shifted.exp().scatter_(1, top, 0.0).sum(1, keepdim=True)
            log_p = shifted - others.log1p()
            p = log_p.exp()
            residual = (q - p).scatter_(1, top, 0.0)
            residual.scatter_(1, top, -residual.sum(1, keepdim=True))
            yield _Block(
                rows,
                self.targets.weight[rows],
                log_p,
                p,
                residual,
                -(torch.where(q > 0, q * log_p, 0.0)).sum(1),
                scores.abs().amax(1),
            )


def certified_gap(
    features: Features,
    weight: Tensor,
    bias: Tensor,
    targets: Targets,
    loss: CrossEntropy,
    *,
    fit_intercept: bool,
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
        Without an intercept nothing needs repair.

    Returns
    -------
    primal, gap : float
    """
    problem = _Problem(features, weight, bias, targets, loss)
    survey = _survey(problem)
    penalty = 0.5 * float(weight.square().sum())
    step = _newton_step(survey) if fit_intercept else torch.zeros_like(survey.residual)
    repair = _Repair.newton(step)
    bound = _bound(problem, repair)
    unpaid = 0.0
    if fit_intercept:
        if bound.smallest < 0.0:
            repair = _Repair.newton(torch.zeros_like(step))
            totals, residual = survey.totals, survey.residual
        else:
            totals, residual = bound.totals, bound.residual
        tolerance = _ROUNDING * survey.activity
        if bound.smallest < 0.0 or float(residual.abs().max()) > tolerance:
            bound = _bound(problem, repair.then_cut(totals, residual))
        unpaid = float(bound.residual.abs().sum()) * (1.0 + 2.0 * float(bias.abs().max()))
    eps = torch.finfo(torch.float64).eps
    rounding = _SCORE_ERRORS * eps * (survey.rounding + penalty)
    return survey.loss + penalty, bound.gap + unpaid + rounding


def _survey(problem: _Problem) -> _Survey:
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


def _bound(problem: _Problem, repair: _Repair) -> _Bound:
    first = problem.targets.n_classes - len(problem.weight)
    divergence, smallest = 0.0, 0.0
    totals = torch.zeros_like(repair.step)
    residual = torch.zeros_like(repair.step)
    moment = torch.zeros_like(problem.weight)
    for block in problem.blocks():
        s = block.weight
        change = repair.change(block.p)
        a = block.p + change
        smallest = min(smallest, float(a.min()))
        divergence += float(s @ _divergence(a.clamp_min(0.0), change, block))
        totals += s @ a
        left = block.residual - change
        residual += s @ left
        problem.features.add_product(block.rows, (left * s[:, None]).T[first:], moment)
    gap = divergence + 0.5 * float((problem.weight - moment).square().sum())
    return _Bound(gap, totals, residual, smallest)


def _divergence(a: Tensor, change: Tensor, block: _Block) -> Tensor:
    """KL(a || p) row by row, as a sum of non-negative terms a log(a/p) - a + p."""
    p = block.p
    near = change.abs() < 0.5 * p
    relative = torch.where(near, change / p.clamp_min(torch.finfo(p.dtype).tiny), 0.0)
    close = p * ((1.0 + relative) * relative.log1p() - relative)
    far = torch.xlogy(a, a) - a * block.log_p - change
    return torch.where(near, close, far).clamp_min(0.0).sum(1)
