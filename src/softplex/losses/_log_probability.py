r"""Losses that are a sum over classes of one function of the log-probability.

.. math:: l = \sum_c q_c\, f(\log p_c), \qquad
          \frac{\partial l}{\partial z_j} = g_j - p_j \sum_c g_c, \quad g_c = q_c f'(\log p_c)

Cross-entropy has f(s) = -s, focal loss (1 - e^s)^gamma (-s), generalised cross-entropy
(1 - e^{qs})/q. The sum takes only the classes that the target names, so a class at -inf outside of
it takes no part.
"""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from torch import Tensor

from softplex.losses._base import gather_target, one_hot
from softplex.maps import softmax


def complement(logarithms: Tensor) -> Tensor:
    """Give 1 - e^s for s <= 0, with derivatives that keep their digits.

    Torch's expm1 takes its derivative as 1 + (e^s - 1), which has lost a small e^s to rounding.
    """
    near = logarithms > -1.0
    below = 1.0 - torch.exp(torch.where(near, -1.0, logarithms))
    return torch.where(near, -torch.expm1(torch.where(near, logarithms, -1.0)), below)


class LogProbabilityLoss(ABC):
    """A loss given by f and its derivative."""

    map = staticmethod(softmax)

    @abstractmethod
    def value_at(self, logarithms: Tensor) -> Tensor:
        """Give f, elementwise, with finite derivatives at 0 and at -inf."""

    @abstractmethod
    def slope_at(self, logarithms: Tensor) -> Tensor:
        """Give the derivative of f, elementwise."""

    def weigh_classes(self, targets: Tensor) -> Tensor:
        """Give the weight of each class for soft targets ``(n, k)``; by default the target."""
        return targets

    def weigh_targets(self, values: Tensor, targets: Tensor) -> Tensor:
        """Weigh the values of class indices ``(n,)``; by default all alike."""
        del targets
        return values

    def per_example(self, scores: Tensor, targets: Tensor) -> Tensor:
        """Give the loss of each row, ``(n,)``."""
        logarithms = torch.log_softmax(scores, 1)
        if targets.ndim == 1:
            values = self.value_at(gather_target(logarithms, targets))
            return self.weigh_targets(values, targets)
        values = self.value_at(torch.where(targets > 0, logarithms, 0.0))
        return (self.weigh_classes(targets) * torch.where(targets > 0, values, 0.0)).sum(1)

    def value_and_score_gradient(self, scores: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
        """Give the loss of each row ``(n,)`` and its gradient in the scores ``(n, k)``."""
        soft = one_hot(targets, scores)
        logarithms = torch.log_softmax(scores, 1)
        own = self.weigh_classes(soft)
        own = torch.where(soft > 0, own * self.slope_at(logarithms), 0.0)
        gradient = own - logarithms.exp() * own.sum(1, keepdim=True)
        return self.per_example(scores, targets), gradient
