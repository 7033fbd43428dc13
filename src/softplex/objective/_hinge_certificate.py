r"""The duality gap of a hinge with a ridge penalty, rigorous in exact arithmetic.

With balanced rows u_i in U (see :mod:`softplex.objective._hinge` for the dual)

.. math:: P - D = \sum_i s_i \left(l(z_i) + h(u_i) - u_i \cdot m_i\right)
                  + \tfrac12 \|W - M\|^2,

a sum of non-negative terms. What float64 rounding can hide in the scores, and a last residual of
the balance times the size of the intercept, are added to it.

With one score column for two classes, M and W have the row of the second class alone.
"""

from __future__ import annotations

import torch
from torch import Tensor

from softplex.objective._hinge import HingeDual, hinge_direction
from softplex.objective._hinge_balance import balanced, feasible, imbalance
from softplex.streaming import Features, Targets, score_blocks

# Rounding errors of a row's scores, in units of eps x the largest score.
_SCORE_ERRORS = 4.0


def certified_hinge_gap(
    features: Features,
    weight: Tensor,
    bias: Tensor,
    targets: Targets,
    pieces: HingeDual,
    dual: Tensor,
    *,
    fit_intercept: bool,
) -> tuple[float, float]:
    """Give the primal value and the duality gap at (W, b) and dual rows.

    Parameters
    ----------
    features : Features
        ``(n, d)`` in float64.
    weight, bias : tensors (r, d) and (r,) in float64
        The parameters.
    targets : Targets
        Class indices, with the weights s_i.
    pieces : HingeDual
        The loss.
    dual : tensor (n, k) in float64
        Any numbers: rows outside U are brought into it, and rows out of balance into balance.
    fit_intercept : bool
        Without an intercept nothing needs balance.

    Returns
    -------
    primal, gap : float
    """
    y, s = targets.values, targets.weight
    rows_in_u = feasible(dual, y, pieces)
    unpaid = 0.0
    if fit_intercept:
        rows_in_u = balanced(rows_in_u, y, s, pieces)
        unpaid = float(imbalance(rows_in_u, y, s).abs().sum())
        unpaid *= 1.0 + 2.0 * float(bias.abs().max())
    eps = torch.finfo(torch.float64).eps
    first = targets.n_classes - len(weight)
    loss, slack, rounding = 0.0, 0.0, 0.0
    moment = torch.zeros_like(weight)
    for rows, scores in score_blocks(features, weight, bias, targets.n_classes):
        excess, u = pieces.excess(scores, y[rows]), rows_in_u[rows]
        value = pieces.value(excess)
        loss += float(s[rows] @ value)
        gained = (u * excess).sum(1) - pieces.conjugate(u)
        slack += float(s[rows] @ (value - gained).clamp_min(0.0))
        hidden = _SCORE_ERRORS * eps * (scores.abs().amax(1) + pieces.loss.margin)
        worst = pieces.value(excess + hidden[:, None]) - value
        rounding += float(s[rows] @ (worst + u.sum(1) * hidden + eps * value))
        left = hinge_direction(u, y[rows]) * -s[rows, None]
        features.add_product(rows, left.T[first:], moment)
    penalty = 0.5 * float(weight.square().sum())
    gap = slack + 0.5 * float((weight - moment).square().sum())
    return loss + penalty, gap + unpaid + rounding + eps * penalty
