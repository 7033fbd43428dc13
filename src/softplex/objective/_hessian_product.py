"""The Hessian of the smooth objective: times a direction, and formed for some coordinates."""

from __future__ import annotations

import torch
from torch import Tensor

from softplex.exceptions import SolverRefused
from softplex.objective._ridge import RidgeObjective
from softplex.streaming import DenseFeatures, score_blocks

# Rows of the tilted coordinates that are held at a time.
_ROWS = 512


def hessian_product(objective: RidgeObjective, theta: Tensor, direction: Tensor) -> Tensor:
    r"""Give :math:`\nabla^2 P(\theta)\, d` for the loss and the quadratic penalty.

    .. math:: \sum_i s_i\, (diag(p_i) - p_i p_i^T)\, d\, \tilde x_i \tilde x_i^T + \rho\, d

    Parameters
    ----------
    objective : RidgeObjective
        Loss and quadratic penalty.
    theta, direction : tensors (r, d + 1)
        In the coordinates of the solver.

    Returns
    -------
    tensor (r, d + 1) in float64
    """
    features, targets = objective.features, objective.targets
    stacked = torch.cat([theta, direction])
    if objective.transformed:
        weight, bias = stacked[:, :-1], stacked[:, -1]
    else:
        weight, bias = objective.coordinates.to_user(stacked)
    weight, bias = weight.to(features.dtype), bias.to(features.dtype)
    r, k = len(theta), targets.n_classes
    moment = torch.zeros_like(theta[:, :-1])
    residual = torch.zeros_like(theta[:, -1])
    for rows in features.blocks(2 * k):
        both = features.scores(rows, weight, bias)
        scores, change = both[:r], both[r:]
        if r < k:
            p = torch.sigmoid(scores)
            tilted = p * (1.0 - p) * change
        else:
            p = torch.softmax(scores, 0)
            tilted = p * (change - (p * change).sum(0))
        tilted = tilted * targets.weight[rows].to(features.dtype)
        features.add_product(rows, tilted, moment)
        residual += tilted.sum(1, dtype=torch.float64)
    if objective.transformed:
        product = torch.cat([moment, residual[:, None]], 1)
    else:
        product = objective.coordinates.pull_back(moment, residual)
    if not objective.fit_intercept:
        product[:, -1] = 0.0
    product[:, :-1] += direction[:, :-1] * objective.penalty_weight
    return product


def reduced_hessian(objective: RidgeObjective, theta: Tensor, free: Tensor) -> Tensor:
    r"""Give the Hessian of the loss and the quadratic penalty in some coordinates.

    Entry ((c, j), (m, l)) is :math:`\sum_i s_i\, p_{ic} ([c = m] - p_{im})\, x_{ij} x_{il}`.

    Parameters
    ----------
    objective : RidgeObjective
        On dense features in the coordinates of the solver.
    theta : tensor (r, d + 1)
        The parameters.
    free : boolean tensor (r, d + 1)
        The m coordinates, numbered row by row.

    Returns
    -------
    tensor (m, m) in float64

    Raises
    ------
    SolverRefused
        Features that are sparse, or not in these coordinates.
    """
    features, targets = objective.features, objective.targets
    if not (objective.transformed and isinstance(features, DenseFeatures)):
        raise SolverRefused(
            "A reduced Hessian needs dense features in the solver's coordinates; use products with "
            "the Hessian."
        )
    first = targets.n_classes - len(theta)
    row, column = torch.nonzero(free, as_tuple=True)
    ends = torch.cat([torch.zeros(1).to(row), free.sum(1).cumsum(0)]).tolist()
    hessian = torch.zeros(len(row), len(row), dtype=torch.float64, device=row.device)
    for rows, scores in score_blocks(features, theta[:, :-1], theta[:, -1], targets.n_classes):
        p = torch.softmax(scores, 1)[:, first:]
        x = torch.nn.functional.pad(features.block(rows), (0, 1), value=1.0)
        s = targets.weight[rows].to(x.dtype)
        for start in range(0, len(x), _ROWS):
            part = slice(start, start + _ROWS)
            chosen = x[part].index_select(1, column)
            tilted = chosen * p[part].index_select(1, row) * s[part, None].sqrt()
            hessian -= tilted.T @ tilted
            chosen *= s[part, None].sqrt()
            for c in range(len(theta)):
                own = slice(ends[c], ends[c + 1])
                mine = chosen[:, own]
                hessian[own, own] += mine.T @ (mine * p[part, c, None])
    rho = torch.nn.functional.pad(objective.penalty_weight, (0, 1))
    hessian.diagonal().add_(rho[column])
    return hessian
