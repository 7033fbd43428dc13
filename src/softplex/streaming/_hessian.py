"""The Hessian of the softmax cross-entropy of a small linear head."""

from __future__ import annotations

import torch
from torch import Tensor

from softplex.streaming._features import DenseFeatures, self_product
from softplex.streaming._linear import Targets, score_blocks


def linear_hessian(
    features: DenseFeatures, weight: Tensor, bias: Tensor, targets: Targets
) -> Tensor:
    r"""Give the Hessian in the stacked parameters ``[W | b]``, ``(r (d + 1), r (d + 1))``.

    .. math:: H = \sum_i s_i\, (diag(p_i) - p_i p_i^T) \otimes \tilde x_i \tilde x_i^T,
              \qquad \tilde x = (x, 1)

    which does not depend on the targets.
    """
    r, width = len(weight), features.d + 1
    first = targets.n_classes - r
    hessian = torch.zeros(r * width, r * width, dtype=torch.float64, device=features.device)
    blocks = torch.zeros(r, width, width, dtype=torch.float64, device=features.device)
    for rows, scores in score_blocks(features, weight, bias, targets.n_classes):
        p = torch.softmax(scores, 1)[:, first:].contiguous()
        extended = torch.nn.functional.pad(features.block(rows), (0, 1), value=1.0)
        scaled = p[:, :, None] * extended[:, None, :]
        weighted = targets.weight[rows, None] * extended
        blocks += scaled.permute(1, 2, 0) @ weighted
        root = targets.weight[rows].sqrt()
        hessian -= self_product((scaled * root[:, None, None]).reshape(len(p), r * width))
    for place, block in enumerate(blocks):
        part = slice(place * width, (place + 1) * width)
        hessian[part, part] += block
    return hessian
