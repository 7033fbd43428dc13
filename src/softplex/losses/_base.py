"""What a loss is: scores and targets of rows to one number a row, with its score gradient."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import torch
from torch import Tensor


class Loss(Protocol):
    """A frozen description of a loss.

    ``map`` turns its scores into probabilities; None when it has none. Scores are ``(n, k)`` in
    float32 or float64, targets class indices ``(n,)`` or rows on the simplex ``(n, k)``.
    """

    @property
    def map(self) -> Callable[..., Any] | None:
        """The map from scores to probabilities that belongs to the loss."""

    def per_example(self, scores: Tensor, targets: Tensor) -> Tensor:
        """Give the loss of each row ``(n,)``, differentiable in the scores twice."""

    def value_and_score_gradient(self, scores: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
        """Give the loss of each row ``(n,)`` and its gradient in the scores ``(n, k)``."""


def gather_target(rows: Tensor, targets: Tensor) -> Tensor:
    """Give the entry of the true class in each row, ``(n,)``."""
    return rows.gather(1, targets[:, None]).squeeze(1)


def one_hot(targets: Tensor, like: Tensor) -> Tensor:
    """Give class indices as rows on the simplex; soft targets in the dtype of ``like``."""
    if targets.ndim == 2:
        return targets.to(like.dtype)
    return torch.zeros_like(like).scatter(1, targets[:, None], 1.0)
