r"""Variances where the information matrix is too large to form.

The contrast of class c against the reference r, by itself, has at least the information

.. math:: I_c = \sum_i w_i\, \frac{p_{ic}\, p_{ir}}{p_{ic} + p_{ir}}\, \tilde x_i \tilde x_i^T
          \; (+ \tfrac{1}{2C} \text{ on the weights}),

that of a separate regression on the rows of the two classes (Begg and Gray 1984, "Calculation of
polychotomous logistic regression parameters using individualized regressions"). It is the sum of
the Schur complements of the rows, and a Schur complement of a sum is at least the sum of those: so
the inverse of a block is never below the exact covariance.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from scipy import sparse
from torch import Tensor

from softplex._arrays import to_numpy
from softplex._text import quoted
from softplex.exceptions import InvalidInput
from softplex.inference._curvature import factor_or_direction, floor_of, separated
from softplex.inference._design import whitened_design
from softplex.inference._linear_model import LinearModel
from softplex.inference._rows import Rows
from softplex.streaming import as_features, score_blocks

# Matrices of the size of the blocks that are held at once.
_COPIES = 3
# Share of a feature's information that is rounding.
_NOTHING = 1e-12


def block_covariance(who: str, model: LinearModel, rows: Rows, memory_limit: float) -> Tensor:
    """Give the inverse of each I_c, ``(k - 1, width, width)`` in the user's coordinates."""
    needed = _COPIES * 8.0 * (model.k - 1) * model.width**2
    if needed > memory_limit:
        raise InvalidInput(
            f"{who} needs about {needed:.3g} bytes for {model.k - 1:,} blocks of {model.width:,} "
            f"coefficients, but memory_limit is {memory_limit:.3g}. Give a larger memory_limit or "
            "fewer features, or take approximation='diagonal'."
        )
    design = whitened_design(who, model, rows)
    blocks = torch.zeros(model.k - 1, model.width, model.width, dtype=torch.float64)
    for _, features, targets in design.blocks():
        for part, scores in score_blocks(features, *design.parameters, model.k):
            x = torch.nn.functional.pad(features.block(part), (0, 1), value=1.0)[:, : model.width]
            for block, curvature in zip(
                blocks, _pairwise(scores, targets.weight[part]), strict=True
            ):
                block += (x * curvature[:, None]).T @ x
    prior = model.contrast_precision * (design.basis.T @ design.basis)
    blocks[:, : model.d, : model.d] += prior
    change = design.to_user_rows
    for place, block in enumerate(blocks):
        factor, weak = factor_or_direction(block, floor_of(model, rows))
        if weak is not None:
            direction = torch.zeros(model.k - 1, model.width, dtype=torch.float64)
            direction[place] = weak
            raise InvalidInput(separated(who, design, direction))
        blocks[place] = change.T @ torch.cholesky_inverse(factor) @ change
    return blocks


def diagonal_variances(who: str, model: LinearModel, rows: Rows) -> Tensor:
    """Give 1 / I_c for each feature with the intercept alone, ``(k - 1, width)``.

    Memory is O(k d). The other features count as known, so that correlated features come out with
    too small a variance.
    """
    r, d = model.k - 1, model.d
    total = torch.zeros(r, dtype=torch.float64)
    first, second = torch.zeros(2, r, d, dtype=torch.float64)
    features = as_features(rows.X, torch.float64, total.device, model.k)
    shift = _shift(rows) if model.fit_intercept else np.zeros(d)
    for part, scores in score_blocks(features, model.weight, model.bias, model.k):
        curvature = _pairwise(scores, rows.targets.weight[part])
        sums, squares = _moments(rows.X[part], to_numpy(curvature), shift)
        total += curvature.sum(1)
        first += torch.from_numpy(sums)
        second += torch.from_numpy(squares)
    spread = second.clone()
    if model.fit_intercept:
        spread -= first.square() / total[:, None]
    _refuse_nothing(who, model, spread, second)
    variances: Tensor = 1.0 / (spread.clamp_min(0.0) + model.contrast_precision)
    if not model.fit_intercept:
        return variances
    mean = first / total[:, None] + torch.from_numpy(shift)
    intercept = 1.0 / total + (mean.square() * variances).sum(1)
    return torch.cat([variances, intercept[:, None]], 1)


def _pairwise(scores: Tensor, weight: Tensor) -> Tensor:
    """w p_c p_r / (p_c + p_r) for each class after the reference, ``(k - 1, rows)``.

    The reference has score 0, so that p_r / (p_c + p_r) is the sigmoid of -z_c.
    """
    p = torch.softmax(scores, 1)[:, 1:]
    pairs: Tensor = p * torch.sigmoid(-scores[:, 1:]) * weight[:, None]
    return pairs.T


def _shift(rows: Rows) -> np.ndarray:
    """The weighted mean of dense features, which would eat the digits of the squares."""
    if sparse.issparse(rows.X):
        return np.zeros(rows.X.shape[1])
    weight = to_numpy(rows.targets.weight)
    return np.asarray((weight / weight.sum()) @ rows.X, dtype=np.float64)


def _moments(X: Any, curvature: np.ndarray, shift: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    if sparse.issparse(X):
        return (X.T @ curvature.T).T, (X.multiply(X).tocsr().T @ curvature.T).T
    centred = X - shift
    return curvature @ centred, curvature @ centred**2


def _refuse_nothing(who: str, model: LinearModel, spread: Tensor, second: Tensor) -> None:
    if model.penalty > 0:
        return
    nothing = torch.nonzero(~(spread > _NOTHING * second))
    if len(nothing):
        place, feature = nothing[0].tolist()
        raise InvalidInput(
            f"{who} found that {quoted(model.feature_names[feature])} says nothing about "
            f"{quoted(model.classes[place + 1])} against {quoted(model.classes[0])}: it is "
            "constant where these classes occur, or they are separated. Drop the feature, or fit "
            "with a penalty (a finite C)."
        )
