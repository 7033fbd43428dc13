r"""A duality gap from one evaluation, for objectives that penalise every feature quadratically.

With the gradient :math:`G = W - M` at a = p, only the residual r of the intercept keeps a = p from
being dual feasible. First the intercept takes Newton steps, which make r tiny. Then the repair
that cuts over-full columns and hands the freed mass on (see ``_dual``) need not be carried out: it
moves the share :math:`f_i` of row i with :math:`\sum_i s_i f_i = \epsilon = \tfrac12 \|r\|_1`, so

* it adds at most :math:`f_i (1 + \log(1 / \min_j p_{ij}))` to KL(a_i || p_i), by convexity of KL
  in a, and :math:`\log(1 / p_{ij}) \le` the range of the row's scores :math:`+ \log k`, where the
  range is at most :math:`2 \max_j \|w_j\| \max_i \|x_i\|` and the range of the intercepts;
* it moves M by at most :math:`2 \epsilon \max_i \|x_i\|`.

Hence :math:`P - D \le \tfrac12 (\|G\| + 2 \epsilon X)^2 + \epsilon (1 + R + \log k)`, with lengths
in the metric of the penalty and the features measured from any fixed point, here their mean.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from softplex.losses import smoothing_line
from softplex.objective._ridge import RidgeObjective
from softplex.streaming import class_totals

# Above this many classes the whole curvature of the intercept, O(n k^2), costs too much.
_WHOLE_CURVATURE_CLASSES = 256
_STEPS = 4
# A residual of share r becomes about r^2; this factor keeps a distance.
_SQUARED = 0.1
# What the intercept may add to the gap, as a share of the asked one.
_SMALL_SHARE = 0.02
# Rounding errors of sums over rows and of scores, in units of eps.
_ROUNDING = 16.0


def quick_gap(
    objective: RidgeObjective, theta: Tensor, allowed: float
) -> tuple[Tensor, float, float, float]:
    """Give the parameters with a better intercept, the primal value, the gap, and its floor.

    Parameters
    ----------
    objective : RidgeObjective
        In float64, with a quadratic penalty on every feature.
    theta : tensor (r, d + 1)
        The parameters.
    allowed : float
        The asked gap, in the units of the objective, which says how good the intercept has to be.

    Returns
    -------
    theta : tensor (r, d + 1)
    primal, gap : float
    floor : float
        The part of the gap that is the gradient's in the weights: what no repair of the intercept
        can take away.
    """
    reach = objective.largest_norm
    total = float(objective.targets.weight.sum())
    if objective.fit_intercept:
        spread = _spread(objective, theta, reach)
        theta = _polished(objective, theta, _SMALL_SHARE * allowed / spread)
    spread = _spread(objective, theta, reach)
    point = objective(theta)
    gradient = point.gradient
    size = math.sqrt(float((gradient[:, :-1].square() / objective.penalty_weight).sum()))
    epsilon = 0.5 * float(gradient[:, -1].abs().sum()) * (2.0 if len(theta) == 1 else 1.0)
    rounding = _ROUNDING * torch.finfo(torch.float64).eps * total
    moved = 2.0 * (epsilon + rounding) * reach
    gap = 0.5 * (size + moved) ** 2 + (epsilon + rounding) * spread
    return theta, point.value, gap, 0.5 * size**2


def _polished(objective: RidgeObjective, theta: Tensor, allowed: float) -> Tensor:
    """Newton steps of the intercept alone, until its residual is at most ``allowed``.

    Near the optimum each of them squares the residual; one that does not halve it is not taken.
    """
    wanted = _target_totals(objective)
    before, best = math.inf, theta
    for _ in range(_STEPS):
        totals, curvature = _curvature(objective, theta)
        residual = totals - wanted
        size = 0.5 * float(residual.abs().sum())
        if not size < 0.5 * before:
            return best
        before, best = size, theta
        if size <= allowed:
            return best
        step = _solve(curvature, residual)
        theta = theta.clone()
        theta[:, -1] -= step if len(theta) > 1 else step[1:] - step[:1]
        if size * size <= _SQUARED * allowed * float(totals.sum()):
            return theta  # good enough after this step, which the evaluation to come will show
    return best


def _curvature(objective: RidgeObjective, theta: Tensor) -> tuple[Tensor, Tensor]:
    if objective.targets.n_classes <= _WHOLE_CURVATURE_CLASSES:
        return objective.class_covariance(theta)
    weight, bias = objective.user_parameters(theta)
    totals, squares = class_totals(objective.features, weight, bias, objective.targets)
    return totals, torch.diag(totals - squares)


def _solve(curvature: Tensor, residual: Tensor) -> Tensor:
    """The step; adding a constant to it changes nothing, so it is fixed there."""
    k = len(residual)
    gauge = torch.full_like(curvature, float(curvature.trace()) / k**2)
    solution, failed = torch.linalg.solve_ex(curvature + gauge, residual)
    usable = int(failed) == 0 and bool(torch.isfinite(solution).all())
    return solution if usable else torch.zeros_like(residual)


def _target_totals(objective: RidgeObjective) -> Tensor:
    loss, targets = objective.loss, objective.targets
    total = float(targets.weight.sum())
    slope, floor = smoothing_line(loss.smoothing, loss.smoothing_kind, targets.n_classes)
    return slope * targets.totals() + floor * total


def _spread(objective: RidgeObjective, theta: Tensor, reach: float) -> float:
    """A bound on 1 + log(1 / p_ij) over all rows and classes."""
    lengths = (theta[:, :-1].square() @ objective.penalty_weight).sqrt()
    intercepts = torch.nn.functional.pad(
        theta[:, -1], (objective.targets.n_classes - len(theta), 0)
    )
    scores = 2.0 * float(lengths.max()) * reach + float(intercepts.max() - intercepts.min())
    return 1.0 + math.log(objective.targets.n_classes) + scores
