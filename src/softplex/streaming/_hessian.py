"""The Hessian of the softmax cross-entropy of a small linear head."""

from __future__ import annotations

from typing import Any, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from softplex.streaming._features import DenseFeatures
from softplex.streaming._linear import Targets, score_blocks

# Numbers in the tilted rows that are held at a time: they stay in the cache.
_TILTED_NUMBERS = 1 << 17
_MIN_ROWS = 64

Array = TypeVar("Array", Tensor, NDArray[np.floating[Any]])


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
    for rows, scores in score_blocks(features, weight, bias, targets.n_classes):
        probabilities = torch.softmax(scores.T, 0)[first:]
        design = probabilities.new_ones(width, rows.stop - rows.start)
        design[:-1] = features.block(rows).T
        design *= targets.weight[rows].sqrt().to(design.dtype)
        if features.device.type == "cpu":  # NumPy recognises A A^T and does half the work
            add_hessian(hessian.numpy(), probabilities.numpy(), design.numpy())
        else:
            add_hessian(hessian, probabilities, design)
    return hessian


def add_hessian(hessian: Array, probabilities: Array, design: Array) -> None:
    r"""Add the Hessian over some rows, whose design holds the roots of their weights.

    With :math:`a_{ic} = p_{ic} \sqrt{s_i}\, \tilde x_i` the entry of the classes c and m is
    :math:`[c = m] \sum_i a_{ic}\, \sqrt{s_i}\, \tilde x_i^T - \sum_i a_{ic}\, a_{im}^T`.

    Parameters
    ----------
    hessian : tensor or array (r w, r w) in float64
        Class by class.
    probabilities : tensor or array (r, n)
        Of the classes whose parameters these are.
    design : tensor or array (w, n)
        :math:`\sqrt{s_i}\, \tilde x_i` by column.
    """
    r, width = len(probabilities), len(design)
    if r == 1:
        tilted = design * (probabilities * (1.0 - probabilities)) ** 0.5
        hessian += tilted @ tilted.T
        return
    step = max(_TILTED_NUMBERS // (r * width), _MIN_ROWS)
    for start in range(0, design.shape[1], step):
        part = design[:, start : start + step]
        tilted = (probabilities[:, None, start : start + step] * part).reshape(r * width, -1)
        hessian -= tilted @ tilted.T
        products = (tilted @ part.T).reshape(r, width, width)
        for place, product in enumerate(products):
            own = slice(place * width, (place + 1) * width)
            hessian[own, own] += product
