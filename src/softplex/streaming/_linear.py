"""Scores, and the loss with its gradient, of a linear head, without ever holding ``(n, k)``.

Products run in the dtype of the features; sums over rows are carried in float64.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from softplex.losses import CrossEntropy
from softplex.streaming._features import Features

# Rows whose products are summed before they join the float64 sum, which costs a pass each time.
_PARTIAL_ROWS = 2048


@dataclass(frozen=True)
class Targets:
    """Class indices ``(n,)`` or rows on the simplex ``(n, k)``, and the weight of each row.

    Parameters
    ----------
    values : tensor (n,) or (n, k)
        The targets.
    weight : tensor (n,) in float64
        The weight of each row's loss.
    n_classes : int
        The number k of classes.
    """

    values: Tensor
    weight: Tensor
    n_classes: int

    def totals(self) -> Tensor:
        """Give the weight of each class, ``(k,)`` in float64."""
        out = torch.zeros(self.n_classes, dtype=torch.float64, device=self.weight.device)
        if self.values.ndim == 2:
            return out.add_(self.weight @ self.values.to(torch.float64))
        return out.index_add_(0, self.values, self.weight)

    def block(self, rows: slice, dtype: torch.dtype) -> Tensor:
        """Give the targets of a block, soft ones in the dtype of its scores."""
        values = self.values[rows]
        return values.to(dtype) if values.ndim == 2 else values


def score_blocks(
    features: Features, weight: Tensor, bias: Tensor, n_classes: int
) -> Iterator[tuple[slice, Tensor]]:
    """Give each block of rows with its scores as ``(rows, k)``, a view of class-major memory.

    A weight with one row fewer than there are classes is that of the classes after the first,
    whose score is zero: two classes then need one score column.
    """
    weight, bias = weight.to(features.dtype), bias.to(features.dtype)
    for rows in features.blocks(n_classes):
        scores = features.scores(rows, weight, bias)
        if len(weight) < n_classes:
            scores = torch.cat([torch.zeros_like(scores[:1]), scores])
        yield rows, scores.T


def probabilities_of(scores: Tensor) -> Tensor:
    """Give the softmax of each row along the memory of the scores: several times faster."""
    if scores.is_contiguous():
        return torch.softmax(scores, 1)
    return torch.softmax(scores.T, 0).T


def linear_scores(features: Features, weight: Tensor, bias: Tensor) -> Tensor:
    """Give the scores ``X W^T + b``, ``(n, k)`` in the dtype of the features."""
    k = len(weight)
    out = torch.empty(features.n, k, dtype=features.dtype, device=features.device)
    for rows, scores in score_blocks(features, weight, bias, k):
        out[rows] = scores
    return out


def linear_loss_and_gradient(
    features: Features, weight: Tensor, bias: Tensor, targets: Targets, loss: CrossEntropy
) -> tuple[float, Tensor, Tensor]:
    r"""Give the weighted loss and its gradients in weight and bias.

    .. math:: L = \sum_i s_i\, l(W x_i + b, q_i), \quad
              \partial L / \partial W = \sum_i s_i\, \partial l_i / \partial z_i\, x_i^T

    Parameters
    ----------
    features : Features
        ``(n, d)``.
    weight, bias : tensors (r, d) and (r,)
        r = k rows, or k - 1 when the first class has score zero.
    targets : Targets
        Targets and row weights s_i.
    loss : CrossEntropy
        The loss of one row.

    Returns
    -------
    value : float
        In nats, times the weights.
    weight_gradient, bias_gradient : tensors (r, d) and (r,), float64
    """
    first = targets.n_classes - len(weight)
    value = 0.0
    sums = _ProductSum(features, len(weight))
    bias_gradient = torch.zeros(len(weight), dtype=torch.float64, device=features.device)
    for rows, scores in score_blocks(features, weight, bias, targets.n_classes):
        row_weight = targets.weight[rows]
        values, gradient = loss.overwrite_by_gradient(
            scores, targets.block(rows, features.dtype), row_weight
        )
        value += float(torch.dot(values.to(torch.float64), row_weight))
        weighted = gradient.T[first:]
        sums.add(rows, weighted)
        bias_gradient += weighted.sum(1)  # a block has few rows
    return value, sums.total(), bias_gradient


class _ProductSum:
    """``sum over blocks of left @ X[rows]`` in float64, by way of partial sums of small blocks."""

    def __init__(self, features: Features, columns: int) -> None:
        self._features = features
        shape = (columns, features.d)
        self._total = torch.zeros(shape, dtype=torch.float64, device=features.device)
        self._part = torch.zeros(shape, dtype=features.dtype, device=features.device)
        self._rows = 0

    def add(self, rows: slice, left: Tensor) -> None:
        """Add a block."""
        count = rows.stop - rows.start
        if count >= _PARTIAL_ROWS:
            self._features.add_product(rows, left, self._total)
            return
        self._features.add_product(rows, left, self._part)
        self._rows += count
        if self._rows >= _PARTIAL_ROWS:
            self.total()

    def total(self) -> Tensor:
        """Take in what is left, and give the sum."""
        if self._rows:
            self._total += self._part
            self._part.zero_()
            self._rows = 0
        return self._total
