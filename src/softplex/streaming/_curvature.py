r"""Curvature of the softmax cross-entropy in the scores, over data.

Row i has :math:`C_i = diag(p_i) - p_i p_i^T`, whatever its target.
"""

from __future__ import annotations

import torch
from torch import Tensor

from softplex.streaming._features import Features
from softplex.streaming._linear import Targets, score_blocks


def mean_class_covariance(
    features: Features, weight: Tensor, bias: Tensor, targets: Targets
) -> Tensor:
    r"""Give :math:`\sum_i s_i C_i`, ``(k, k)`` in float64."""
    k = targets.n_classes
    total = torch.zeros(k, dtype=torch.float64, device=features.device)
    products = torch.zeros(k, k, dtype=torch.float64, device=features.device)
    for rows, scores in score_blocks(features, weight, bias, k):
        p = torch.softmax(scores, 1).to(torch.float64)
        weighted = targets.weight[rows, None] * p
        total += weighted.sum(0)
        products += weighted.T @ p
    return torch.diag(total) - products


def contrast_curvature(
    features: Features, weight: Tensor, bias: Tensor, targets: Targets, contrast: Tensor
) -> Tensor:
    r"""Give :math:`s_i\, u^T C_i u` for a contrast u ``(r,)``, ``(n,)`` in float64.

    It is the variance of u under p, times the weight. With one score column for two classes, u has
    the entry of the second class alone.
    """
    u = torch.nn.functional.pad(contrast, (targets.n_classes - len(contrast), 0))
    out = torch.empty(features.n, dtype=torch.float64, device=features.device)
    for rows, scores in score_blocks(features, weight, bias, targets.n_classes):
        p = torch.softmax(scores, 1)
        mean = p @ u.to(p.dtype)
        out[rows] = (p * (u.to(p.dtype) - mean[:, None]).square()).sum(1)
    return out.mul_(targets.weight)
