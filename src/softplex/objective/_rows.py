"""The rows of a problem at some parameters: probabilities and residuals, without lost digits."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from softplex.losses import CrossEntropy
from softplex.streaming import Features, Targets, score_blocks


@dataclass(frozen=True)
class RowBlock:
    """Some rows: their weights, probabilities and residuals ``r = q - p``."""

    rows: slice
    weight: Tensor
    log_p: Tensor
    p: Tensor
    residual: Tensor
    loss: Tensor
    largest_score: Tensor


@dataclass(frozen=True)
class RowProblem:
    """Data and parameters of a linear head under cross-entropy.

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
    """

    features: Features
    weight: Tensor
    bias: Tensor
    targets: Targets
    loss: CrossEntropy

    @property
    def first(self) -> int:
        """The class of the first score column, 1 when two classes share one column."""
        return self.targets.n_classes - len(self.weight)

    def blocks(self) -> Iterator[RowBlock]:
        """Give the rows, block by block, in float64."""
        k = self.targets.n_classes
        for rows, scores in score_blocks(self.features, self.weight, self.bias, k):
            q = self.loss.smoothed(self.targets.block(rows, torch.float64), k, torch.float64)
            top = scores.argmax(1, keepdim=True)
            shifted = scores - scores.gather(1, top)
            others = shifted.exp().scatter_(1, top, 0.0).sum(1, keepdim=True)
            log_p = shifted - others.log1p()
            p = log_p.exp()
            residual = (q - p).scatter_(1, top, 0.0)
            residual.scatter_(1, top, -residual.sum(1, keepdim=True))
            yield RowBlock(
                rows,
                self.targets.weight[rows],
                log_p,
                p,
                residual,
                -(torch.where(q > 0, q * log_p, 0.0)).sum(1),
                scores.abs().amax(1),
            )
