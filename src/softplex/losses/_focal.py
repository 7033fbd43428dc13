r"""Focal loss: cross-entropy that counts the rows less the better they are known."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from softplex._arrays import to_tensor
from softplex._checks import check_number
from softplex._tensors import values_known
from softplex.exceptions import InvalidInput
from softplex.losses._adjust import Adjustment
from softplex.losses._apply import reduced_loss
from softplex.losses._log_probability import LogProbabilityLoss, complement
from softplex.losses._module import LossModule

_LOG_OF_NOTHING = -1000.0  # e^s is 0 below it, in float64 too


@dataclass(frozen=True)
class Focal(LogProbabilityLoss):
    r"""Focal loss per example, :math:`-\alpha_y (1 - p_y)^\gamma \log p_y`, in nats.

    Soft targets take the sum over classes, weighted by q. Its gradient is finite everywhere, also
    at p_y = 1 for gamma below 1.

    Parameters
    ----------
    gamma : float >= 0, default 2.0
        0 is cross-entropy.
    alpha : array or tensor ``(k,)``, optional
        A factor for each class.

    References
    ----------
    Lin et al. (2017), "Focal loss for dense object detection", eq. 5.

    Examples
    --------
    >>> import torch
    >>> value = Focal(gamma=2.0).per_example(torch.zeros(1, 2), torch.tensor([0]))
    >>> round(float(value), 4)  # log 2 / 4
    0.1733
    """

    gamma: float = 2.0
    alpha: Any = None

    def __post_init__(self) -> None:
        check_number("gamma", self.gamma, low=0.0)
        _check_alpha(self.alpha)

    def value_at(self, logarithms: Tensor) -> Tensor:
        """Give (1 - e^s)^gamma (-s)."""
        return self._factor(logarithms) * -logarithms

    def slope_at(self, logarithms: Tensor) -> Tensor:
        """Give u^gamma (gamma e^s s / u - 1) with u = 1 - e^s, where s / u tends to -1."""
        rest = -torch.expm1(logarithms)
        ratio = torch.where(rest > 0, logarithms / torch.where(rest > 0, rest, 1.0), -1.0)
        pull = torch.where(logarithms == -torch.inf, 0.0, logarithms.exp() * ratio)
        return rest**self.gamma * (self.gamma * pull - 1.0)

    def weigh_classes(self, targets: Tensor) -> Tensor:
        """Give alpha_c q_c."""
        return targets if self.alpha is None else targets * self._alpha(targets)

    def weigh_targets(self, values: Tensor, targets: Tensor) -> Tensor:
        """Give alpha_y times the value."""
        return values if self.alpha is None else values * self._alpha(values)[targets]

    def _factor(self, logarithms: Tensor) -> Tensor:
        """(1 - e^s)^gamma, with derivative 0 at s = 0, where it may have none.

        It is 1 once e^s underflows; the chain rule would make 0 times infinity there.
        """
        if self.gamma == 0.0:
            return torch.ones_like(logarithms)
        certain, hopeless = logarithms == 0.0, logarithms < _LOG_OF_NOTHING
        rest = complement(torch.where(certain | hopeless, -1.0, logarithms))
        factor = torch.where(certain, 0.0, rest**self.gamma)
        return torch.where(hopeless, 1.0, factor)

    def _alpha(self, like: Tensor) -> Tensor:
        return to_tensor(self.alpha, device=like.device, dtype=like.dtype)


def _check_alpha(alpha: Any, n_classes: int | None = None) -> None:
    if alpha is None:
        return
    values = to_tensor(alpha)
    if values.ndim != 1 or (n_classes is not None and len(values) != n_classes):
        wanted = "(k,)" if n_classes is None else f"({n_classes},)"
        raise InvalidInput(
            f"focal needs one alpha a class, of shape {wanted}, but got shape "
            f"{tuple(values.shape)}. A factor for the whole loss belongs outside of it."
        )
    if values_known(values) and not bool((torch.isfinite(values) & (values >= 0)).all()):
        raise InvalidInput(
            f"focal needs every alpha finite and not negative, but got {values.tolist()}."
        )


def focal(
    scores: Any,
    targets: Any,
    *,
    gamma: float = 2.0,
    alpha: Any = None,
    dim: int = -1,
    class_weight: Any = None,
    sample_weight: Any = None,
    ignore_index: int | None = None,
    temperature: float | Tensor = 1.0,
    reduction: str = "mean",
) -> Any:
    r"""Give the focal loss :math:`-\alpha_y (1 - p_y)^\gamma \log p_y` of softmax scores, in nats.

    Parameters
    ----------
    scores, targets, dim, class_weight, sample_weight, ignore_index, temperature, reduction
        As in :func:`cross_entropy`. Alpha is part of the loss; a class weight also enters the
        divisor of the mean.
    gamma : float >= 0, default 2.0
        How much less a well-known row counts; 0 is cross-entropy.
    alpha : array or tensor ``(k,)``, optional
        A factor for each class.

    Returns
    -------
    array or tensor like ``scores``

    Raises
    ------
    InvalidInput
        As :func:`cross_entropy` does, and for gamma below 0 or an alpha that does not fit.

    References
    ----------
    Lin et al. (2017), "Focal loss for dense object detection", eq. 5.

    Examples
    --------
    >>> import numpy as np
    >>> float(focal(np.zeros((1, 2)), np.array([0])).round(4))  # log 2 / 4
    0.1733
    """
    loss = Focal(gamma, alpha)

    def per_example(rows: Tensor, row_targets: Tensor) -> Tensor:
        _check_alpha(alpha, rows.shape[1])
        return loss.per_example(rows, row_targets)

    return reduced_loss(
        "focal",
        per_example,
        scores,
        targets,
        dim=dim,
        class_weight=class_weight,
        sample_weight=sample_weight,
        ignore_index=ignore_index,
        reduction=reduction,
        adjustment=Adjustment(temperature),
    )


class FocalLoss(LossModule):
    """The module of :func:`focal`, with its options.

    Examples
    --------
    >>> import torch
    >>> round(float(FocalLoss(gamma=0.0)(torch.zeros(3, 4), torch.tensor([0, 1, 2]))), 4)
    1.3863
    """

    def __init__(
        self,
        *,
        gamma: float = 2.0,
        alpha: Any = None,
        dim: int = -1,
        class_weight: Any = None,
        ignore_index: int | None = None,
        temperature: float | Tensor = 1.0,
        reduction: str = "mean",
    ) -> None:
        super().__init__(dim, class_weight, ignore_index, reduction)
        Focal(gamma, alpha)
        self.gamma = gamma
        self.keep("alpha", alpha)
        self.keep("temperature", temperature)

    def forward(self, scores: Any, targets: Any, sample_weight: Any = None) -> Any:
        """Give the loss; see :func:`focal`."""
        return focal(
            scores,
            targets,
            gamma=self.gamma,
            alpha=self.alpha,
            temperature=self.temperature,
            **self.reduction_options(sample_weight),
        )
