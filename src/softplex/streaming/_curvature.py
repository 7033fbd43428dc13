r"""Curvature of the softmax cross-entropy in the scores, over data.

Row i has :math:`C_i = diag(p_i) - p_i p_i^T`, whatever its target.
"""

from __future__ import annotations

import torch
from torch import Tensor

from softplex.streaming._features import Features
from softplex.streaming._linear import Targets, probabilities_of, score_blocks


def mean_class_covariance(
    features: Features, weight: Tensor, bias: Tensor, targets: Targets
) -> tuple[Tensor, Tensor]:
    r"""Give :math:`\sum_i s_i p_i` ``(k,)`` and :math:`\sum_i s_i C_i` ``(k, k)``, in float64."""
    k = targets.n_classes
    total = torch.zeros(k, dtype=torch.float64, device=features.device)
    products = torch.zeros(k, k, dtype=torch.float64, device=features.device)
    for rows, scores in score_blocks(features, weight, bias, k):
        p = probabilities_of(scores).to(torch.float64)
        weighted = targets.weight[rows, None] * p
        total += weighted.sum(0)
        products += weighted.T @ p
    return total, torch.diag(total) - products


def class_totals(
    features: Features, weight: Tensor, bias: Tensor, targets: Targets
) -> tuple[Tensor, Tensor]:
    r"""Give :math:`\sum_i s_i p_i` and :math:`\sum_i s_i\, p_i^2`, ``(k,)`` in float64."""
    totals = torch.zeros(targets.n_classes, dtype=torch.float64, device=features.device)
    squares = torch.zeros_like(totals)
    for rows, scores in score_blocks(features, weight, bias, targets.n_classes):
        p = probabilities_of(scores).to(torch.float64)
        totals += targets.weight[rows] @ p
        squares += targets.weight[rows] @ p.square()
    return totals, squares


def class_curvature(
    features: Features,
    weight: Tensor,
    bias: Tensor,
    targets: Targets,
    basis: Tensor | None,
    shift: Tensor,
) -> tuple[Tensor, Tensor]:
    r"""Give the curvature of each class's score in a basis of the features, and in its intercept.

    .. math:: h_{am} = \sum_i s_i\, p_{ia} (1 - p_{ia})\, (t_m^T x_i - o_m)^2

    Parameters
    ----------
    features, weight, bias, targets
        The linear head, r score columns, over data.
    basis : tensor (d, m) or None
        Columns t_m; without one the features stand for themselves.
    shift : tensor (m,)
        The offsets o_m.

    Returns
    -------
    tensors (r, m) and (r,), float64
        The second is the sum of the weights :math:`s_i p_{ia} (1 - p_{ia})`.
    """
    first = targets.n_classes - len(weight)
    curvature = torch.zeros(len(weight), len(shift), dtype=torch.float64, device=features.device)
    totals = torch.zeros(len(weight), dtype=torch.float64, device=features.device)
    for rows, scores in score_blocks(features, weight, bias, targets.n_classes):
        p = probabilities_of(scores).T[first:]
        weighted = p * (1.0 - p) * targets.weight[rows].to(p.dtype)
        features.add_squares(rows, weighted, basis, shift, curvature)
        totals += weighted.sum(1, dtype=torch.float64)
    return curvature, totals


def contrast_curvature(
    features: Features, weight: Tensor, bias: Tensor, targets: Targets, contrasts: Tensor
) -> Tensor:
    r"""Give :math:`s_i\, u_m^T C_i u_m` for contrasts u_m, the columns ``(r, m)``, as ``(m, n)``.

    It is the variance of u under p, times the weight. With one score column for two classes, u has
    the entry of the second class alone. The difference of the two squares may lose digits, which
    a preconditioner can do without.
    """
    whole = torch.nn.functional.pad(contrasts, (0, 0, targets.n_classes - len(contrasts), 0))
    shape = (contrasts.shape[1], features.n)
    out = torch.empty(shape, dtype=features.dtype, device=features.device)
    for rows, scores in score_blocks(features, weight, bias, targets.n_classes):
        p = probabilities_of(scores)
        u = whole.to(p.dtype)
        out[:, rows] = (p @ u.square()).sub_((p @ u).square_()).T
    return out.clamp_min_(0.0).mul_(targets.weight.to(out.dtype))
