r"""Generalised cross-entropy: between cross-entropy and mean absolute error, for noisy labels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from softplex._checks import check_number
from softplex.losses._adjust import Adjustment
from softplex.losses._apply import reduced_loss
from softplex.losses._log_probability import LogProbabilityLoss, complement
from softplex.losses._module import LossModule


@dataclass(frozen=True)
class GeneralisedCrossEntropy(LogProbabilityLoss):
    r"""Generalised cross-entropy per example, :math:`(1 - p_y^q) / q`.

    It is bounded by 1/q, so a wrong label cannot outweigh the others. q near 0 is cross-entropy,
    q = 1 half the absolute error of the probabilities.

    Parameters
    ----------
    power : float in (0, 1], default 0.7
        The exponent q of the formula.

    References
    ----------
    Zhang & Sabuncu (2018), "Generalized cross entropy loss for training deep neural networks with
    noisy labels", eq. 6.

    Examples
    --------
    >>> import torch
    >>> loss = GeneralisedCrossEntropy(power=1.0)
    >>> float(loss.per_example(torch.zeros(1, 4), torch.tensor([0])))
    0.75
    """

    power: float = 0.7

    def __post_init__(self) -> None:
        check_number("power", self.power, low=0.0, high=1.0, open_low=True)

    def value_at(self, logarithms: Tensor) -> Tensor:
        """Give (1 - e^{qs}) / q."""
        return complement(self.power * logarithms) / self.power

    def slope_at(self, logarithms: Tensor) -> Tensor:
        """Give -e^{qs}."""
        return -torch.exp(self.power * logarithms)


def generalised_cross_entropy(
    scores: Any,
    targets: Any,
    *,
    power: float = 0.7,
    dim: int = -1,
    class_weight: Any = None,
    sample_weight: Any = None,
    ignore_index: int | None = None,
    temperature: float | Tensor = 1.0,
    reduction: str = "mean",
) -> Any:
    r"""Give the generalised cross-entropy :math:`(1 - p_y^q) / q` of softmax scores.

    Parameters
    ----------
    scores, targets, dim, class_weight, sample_weight, ignore_index, temperature, reduction
        As in :func:`cross_entropy`.
    power : float in (0, 1], default 0.7
        q: near 0 it is cross-entropy, at 1 the error 1 - p_y.

    Returns
    -------
    array or tensor like ``scores``

    Raises
    ------
    InvalidInput
        As :func:`cross_entropy` does, and for a power outside (0, 1]. The loss is bounded, so a
        target at -inf has the loss 1/q and no gradient.

    References
    ----------
    Zhang & Sabuncu (2018), "Generalized cross entropy loss for training deep neural networks with
    noisy labels", eq. 6.

    Examples
    --------
    >>> import numpy as np
    >>> float(generalised_cross_entropy(np.zeros((1, 4)), np.array([0]), power=1.0))
    0.75
    """
    return reduced_loss(
        "generalised_cross_entropy",
        GeneralisedCrossEntropy(power).per_example,
        scores,
        targets,
        dim=dim,
        class_weight=class_weight,
        sample_weight=sample_weight,
        ignore_index=ignore_index,
        reduction=reduction,
        adjustment=Adjustment(temperature),
    )


class GeneralisedCrossEntropyLoss(LossModule):
    """The module of :func:`generalised_cross_entropy`, with its options.

    Examples
    --------
    >>> import torch
    >>> float(GeneralisedCrossEntropyLoss(power=1.0)(torch.zeros(1, 4), torch.tensor([2])))
    0.75
    """

    def __init__(
        self,
        *,
        power: float = 0.7,
        dim: int = -1,
        class_weight: Any = None,
        ignore_index: int | None = None,
        temperature: float | Tensor = 1.0,
        reduction: str = "mean",
    ) -> None:
        super().__init__(dim, class_weight, ignore_index, reduction)
        self.power = GeneralisedCrossEntropy(power).power
        self.keep("temperature", temperature)

    def forward(self, scores: Any, targets: Any, sample_weight: Any = None) -> Any:
        """Give the loss; see :func:`generalised_cross_entropy`."""
        return generalised_cross_entropy(
            scores,
            targets,
            power=self.power,
            temperature=self.temperature,
            **self.reduction_options(sample_weight),
        )
