r"""The duality gap of ridge-penalised cross-entropy, rigorous in exact arithmetic.

For any rows a_i on the simplex, with :math:`M = \sum_i s_i (q_i - a_i) x_i^T`, the number
:math:`D = \sum_i s_i H(a_i) - \tfrac12 \|M\|^2` is below every value of the objective, provided
that the residual of the unpenalised intercept, :math:`\sum_i s_i (q_i - a_i)`, is zero. Then

.. math:: P - D = \sum_i s_i\, KL(a_i \| p_i) + \tfrac12 \|W - M\|^2,

in which nothing cancels. With a = p the residual is zero only at the exact optimum of the
intercept, so a is repaired first:

* by a Newton step v of the intercept, a = p (1 + v - p.v), which has the right totals and is
  tight, but must be checked to be non-negative;
* what residual is left then, by shrinking the over-full columns to their totals and handing the
  freed mass to the others.

With one score column for two classes, M and W have the row of the second class alone.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from softplex.losses import CrossEntropy
from softplex.streaming import Features, Targets, score_blocks

# Above this many classes the exact curvature of the intercept, O(n k^2), costs more than the fit.
_EXACT_CURVATURE_CLASSES = 512
# Residual of the intercept, as a share of the total weight, that is float64 rounding.
_ROUNDING = 1e-13


@dataclass(frozen=True)
class _Survey:
    loss: float
    probability_totals: Tensor
    target_totals: Tensor
    curvature: Tensor


@dataclass(frozen=True)
class _Repair:
    """How the rows p become the rows a: a Newton step, then shrinking and handing out."""

    step: Tensor
    shrink: Tensor
    share: Tensor

    @classmethod
    def newton(cls, step: Tensor) -> _Repair:
        return cls(step, torch.ones_like(step), torch.zeros_like(step))

    def then_shrink(self, totals: Tensor, wanted: Tensor) -> _Repair:
        shrink = torch.where(totals > wanted, wanted / totals, 1.0)
        lack = (wanted - totals).clamp_min(0.0)
        return _Repair(self.step, shrink, lack / lack.sum())

    def __call__(self, p: Tensor) -> Tensor:
        a = p * (1.0 + self.step - (p @ self.step)[:, None])
        freed = (a * (1.0 - self.shrink)).sum(1, keepdim=True)
        return a * self.shrink + freed * self.share


@dataclass(frozen=True)
class _Bound:
    gap: float
    totals: Tensor
    smallest: float


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
    problem = (features, weight, bias, targets, loss)
    survey = _survey(*problem)
    primal = survey.loss + 0.5 * float(weight.square().sum())
    step = _newton_step(survey) if fit_intercept else torch.zeros_like(survey.target_totals)
    repair = _Repair.newton(step)
    bound = _bound(*problem, repair)
    if fit_intercept:
        if bound.smallest < 0.0:
            repair = _Repair.newton(torch.zeros_like(step))
            totals = survey.probability_totals
        else:
            totals = bound.totals
        wanted = survey.target_totals
        if float((totals - wanted).abs().max()) > _ROUNDING * float(wanted.sum()):
            bound = _bound(*problem, repair.then_shrink(totals, wanted))
    return primal, bound.gap


def _survey(
    features: Features, weight: Tensor, bias: Tensor, targets: Targets, loss: CrossEntropy
) -> _Survey:
    k = targets.n_classes
    value = 0.0
    totals = torch.zeros(k, dtype=torch.float64, device=features.device)
    wanted = torch.zeros_like(totals)
    exact = k <= _EXACT_CURVATURE_CLASSES
    outer = torch.zeros(k, k, dtype=torch.float64, device=features.device)
    for rows, scores in score_blocks(features, weight, bias, k):
        s = targets.weight[rows]
        q = loss.smoothed(targets.block(rows, torch.float64), k, torch.float64)
        log_p = torch.log_softmax(scores, 1)
        p = log_p.exp()
        value -= float(s @ (q * log_p).sum(1))
        totals += s @ p
        wanted += s @ q
        if exact:
            outer += (p * s[:, None]).T @ p
    if not exact:
        outer = torch.outer(totals, totals) / totals.sum()
    return _Survey(value, totals, wanted, torch.diag(totals) - outer)


def _newton_step(survey: _Survey) -> Tensor:
    """Solve curvature v = residual; adding a constant to v changes nothing, so fix it there."""
    k = len(survey.target_totals)
    residual = survey.target_totals - survey.probability_totals
    gauge = torch.full_like(survey.curvature, float(survey.curvature.trace()) / k**2)
    solution, info = torch.linalg.solve_ex(survey.curvature + gauge, residual)
    usable = int(info) == 0 and bool(torch.isfinite(solution).all())
    return solution if usable else torch.zeros_like(residual)


def _bound(
    features: Features,
    weight: Tensor,
    bias: Tensor,
    targets: Targets,
    loss: CrossEntropy,
    repair: _Repair,
) -> _Bound:
    k, first = targets.n_classes, targets.n_classes - len(weight)
    divergence, smallest = 0.0, 0.0
    totals = torch.zeros(k, dtype=torch.float64, device=features.device)
    moment = torch.zeros_like(weight)
    for rows, scores in score_blocks(features, weight, bias, k):
        s = targets.weight[rows]
        log_p = torch.log_softmax(scores, 1)
        p = log_p.exp()
        a = repair(p)
        smallest = min(smallest, float(a.min()))
        divergence += float(s @ _divergence(a.clamp_min(0.0), p, log_p))
        totals += s @ a
        q = loss.smoothed(targets.block(rows, torch.float64), k, torch.float64)
        features.add_product(rows, ((q - a) * s[:, None]).T[first:], moment)
    gap = divergence + 0.5 * float((weight - moment).square().sum())
    return _Bound(gap, totals, smallest)


def _divergence(a: Tensor, p: Tensor, log_p: Tensor) -> Tensor:
    """KL(a || p) row by row, as a sum of non-negative terms a log(a/p) - a + p."""
    near = (a - p).abs() < 0.5 * p
    relative = torch.where(near, (a - p) / p.clamp_min(torch.finfo(p.dtype).tiny), 0.0)
    close = p * ((1.0 + relative) * relative.log1p() - relative)
    far = torch.xlogy(a, a) - a * log_p - a + p
    return torch.where(near, close, far).clamp_min(0.0).sum(1)
