r"""Brier score: the squared error of the probabilities."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from softplex.losses._adjust import Adjustment
from softplex.losses._apply import reduced_loss
from softplex.losses._base import one_hot
from softplex.losses._module import LossModule
from softplex.maps import softmax


@dataclass(frozen=True)
class Brier:
    r"""Brier score per example, :math:`\sum_j (p_j - q_j)^2`, between 0 and 2.

    Proper, like cross-entropy, but bounded and not convex in the scores: its gradient vanishes on
    rows that are wrong with certainty.

    References
    ----------
    Brier (1950), "Verification of forecasts expressed in terms of probability".

    Examples
    --------
    >>> import torch
    >>> float(Brier().per_example(torch.zeros(1, 2), torch.tensor([0])))
    0.5
    """

    map = staticmethod(softmax)

    def per_example(self, scores: Tensor, targets: Tensor) -> Tensor:
        """Give the loss of each row, ``(n,)``."""
        return (torch.softmax(scores, 1) - one_hot(targets, scores)).square().sum(1)

    def value_and_score_gradient(self, scores: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
        """Give the loss of each row ``(n,)`` and 2 p (e - p . e) with e = p - q, ``(n, k)``."""
        probabilities = torch.softmax(scores, 1)
        errors = probabilities - one_hot(targets, scores)
        mean = (probabilities * errors).sum(1, keepdim=True)
        return errors.square().sum(1), 2.0 * probabilities * (errors - mean)


def brier(
    scores: Any,
    targets: Any,
    *,
    dim: int = -1,
    class_weight: Any = None,
    sample_weight: Any = None,
    ignore_index: int | None = None,
    temperature: float | Tensor = 1.0,
    reduction: str = "mean",
) -> Any:
    r"""Give the Brier score :math:`\sum_j (p_j - q_j)^2` of softmax scores.

    Parameters
    ----------
    scores, targets, dim, class_weight, sample_weight, ignore_index, temperature, reduction
        As in :func:`cross_entropy`.

    Returns
    -------
    array or tensor like ``scores``
        Between 0 and 2 a row. (For two classes some take half of it, the error of one class.)

    Raises
    ------
    InvalidInput
        As :func:`cross_entropy` does. The loss is bounded, so a target at -inf is no error.

    References
    ----------
    Brier (1950), "Verification of forecasts expressed in terms of probability".

    Examples
    --------
    >>> import numpy as np
    >>> float(brier(np.zeros((1, 2)), np.array([0])))
    0.5
    """
    return reduced_loss(
        "brier",
        Brier().per_example,
        scores,
        targets,
        dim=dim,
        class_weight=class_weight,
        sample_weight=sample_weight,
        ignore_index=ignore_index,
        reduction=reduction,
        adjustment=Adjustment(temperature),
    )


class BrierLoss(LossModule):
    """The module of :func:`brier`, with its options.

    Examples
    --------
    >>> import torch
    >>> float(BrierLoss()(torch.zeros(1, 2), torch.tensor([1])))
    0.5
    """

    def __init__(
        self,
        *,
        dim: int = -1,
        class_weight: Any = None,
        ignore_index: int | None = None,
        temperature: float | Tensor = 1.0,
        reduction: str = "mean",
    ) -> None:
        super().__init__(dim, class_weight, ignore_index, reduction)
        self.keep("temperature", temperature)

    def forward(self, scores: Any, targets: Any, sample_weight: Any = None) -> Any:
        """Give the loss; see :func:`brier`."""
        return brier(
            scores,
            targets,
            temperature=self.temperature,
            **self.reduction_options(sample_weight),
        )
