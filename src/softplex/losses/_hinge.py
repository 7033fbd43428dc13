r"""Multiclass hinges: how far the true class leads, and no probabilities.

With the excesses :math:`e_j = z_j - z_y + \Delta` of the other classes j over the margin, Weston
and Watkins sum :math:`\max(0, e_j)` over them, Crammer and Singer take the largest.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor

from softplex._checks import check_number
from softplex.losses._apply import reduced_loss
from softplex.losses._base import gather_target
from softplex.losses._module import LossModule
from softplex.losses._targets import refuse_soft


@dataclass(frozen=True)
class _Hinge:
    """What both hinges have; targets are class indices ``(n,)``, absent classes exceed nothing."""

    margin: float = 1.0
    squared: bool = False

    map = None
    _who: ClassVar[str]

    def __post_init__(self) -> None:
        check_number("margin", self.margin, low=0.0, open_low=True)

    def _excess(self, scores: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
        """max(0, z_j - z_y + margin) for j other than y, 0 for y, ``(n, k)``; and what to add.

        The margin comes last, so that large scores cannot swallow it. An infinite z_y is read as
        0, which keeps the gradients finite; the summand ``(n,)`` makes the loss of its row +inf
        where z_y is -inf, and NaN where it is +inf.
        """
        refuse_soft(self._who, targets)
        own = gather_target(scores, targets)[:, None]
        infinite = torch.isinf(own)
        lead = scores.scatter(1, targets[:, None], -math.inf) - own.masked_fill(infinite, 0.0)
        summand = torch.where(own == math.inf, math.nan, math.inf)
        summand = torch.where(infinite, summand, 0.0).squeeze(1).to(scores.dtype)
        return torch.relu_(lead.add_(self.margin)), summand

    def _value(self, excess: Tensor) -> Tensor:
        return excess.square() if self.squared else excess

    def _slope(self, excess: Tensor) -> Tensor:
        return 2.0 * excess if self.squared else (excess > 0).to(excess.dtype)


@dataclass(frozen=True)
class WestonWatkins(_Hinge):
    r"""Weston-Watkins hinge per example, :math:`\sum_{j \ne y} \max(0, z_j - z_y + \Delta)`.

    Parameters
    ----------
    margin : float > 0, default 1.0
        Delta.
    squared : bool, default False
        Whether each term is squared, which makes the loss smooth.

    References
    ----------
    Weston & Watkins (1999), "Support vector machines for multi-class pattern recognition".

    Examples
    --------
    >>> import torch
    >>> float(WestonWatkins().per_example(torch.tensor([[0.0, 0.5, -3.0]]), torch.tensor([0])))
    1.5
    """

    _who = "weston_watkins"

    def per_example(self, scores: Tensor, targets: Tensor) -> Tensor:
        """Give the loss of each row, ``(n,)``."""
        excess, summand = self._excess(scores, targets)
        return self._value(excess).sum(1) + summand

    def value_and_score_gradient(self, scores: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
        """Give the loss of each row ``(n,)`` and a subgradient in the scores ``(n, k)``."""
        excess, summand = self._excess(scores, targets)
        gradient = self._slope(excess)
        pull = -gradient.sum(1, keepdim=True)
        return self._value(excess).sum(1) + summand, gradient.scatter(1, targets[:, None], pull)


@dataclass(frozen=True)
class CrammerSinger(_Hinge):
    r"""Crammer-Singer hinge per example, :math:`\max_j (z_j + \Delta [j \ne y]) - z_y`.

    Parameters
    ----------
    margin : float > 0, default 1.0
        Delta.
    squared : bool, default False
        Whether the loss is squared.

    References
    ----------
    Crammer & Singer (2001), "On the algorithmic implementation of multiclass kernel-based vector
    machines".

    Examples
    --------
    >>> import torch
    >>> float(CrammerSinger().per_example(torch.tensor([[0.0, 0.5, -3.0]]), torch.tensor([0])))
    1.5
    """

    _who = "crammer_singer"

    def per_example(self, scores: Tensor, targets: Tensor) -> Tensor:
        """Give the loss of each row, ``(n,)``."""
        excess, summand = self._excess(scores, targets)
        return self._value(excess.max(1).values) + summand

    def value_and_score_gradient(self, scores: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
        """Give the loss of each row ``(n,)`` and a subgradient in the scores ``(n, k)``."""
        excess, summand = self._excess(scores, targets)
        largest, rival = excess.max(1, keepdim=True)
        slope = self._slope(largest)
        gradient = torch.zeros_like(scores).scatter_(1, rival, slope)
        gradient.scatter_add_(1, targets[:, None], -slope)
        return self._value(largest).squeeze(1) + summand, gradient


def weston_watkins(
    scores: Any,
    targets: Any,
    *,
    margin: float = 1.0,
    squared: bool = False,
    dim: int = -1,
    class_weight: Any = None,
    sample_weight: Any = None,
    ignore_index: int | None = None,
    reduction: str = "mean",
) -> Any:
    r"""Give the Weston-Watkins hinge :math:`\sum_{j \ne y} \max(0, z_j - z_y + \Delta)`.

    Parameters
    ----------
    scores, dim, class_weight, sample_weight, ignore_index, reduction
        As in :func:`cross_entropy`.
    targets : integers of the shape of the scores without ``dim``
        Class indices; the hinge knows no soft targets.
    margin : float > 0, default 1.0
        Delta: how far the true class has to lead.
    squared : bool, default False
        Whether each term is squared.

    Returns
    -------
    array or tensor like ``scores``
        Not divided by k, as torch's ``multi_margin_loss`` is.

    Raises
    ------
    InvalidInput
        As :func:`cross_entropy` does, for soft targets, and for a margin that is not positive.

    References
    ----------
    Weston & Watkins (1999), "Support vector machines for multi-class pattern recognition".

    Examples
    --------
    >>> import numpy as np
    >>> float(weston_watkins(np.array([[0.0, 0.5, -3.0]]), np.array([0])))
    1.5
    """
    return reduced_loss(
        "weston_watkins",
        WestonWatkins(margin, squared).per_example,
        scores,
        targets,
        dim=dim,
        class_weight=class_weight,
        sample_weight=sample_weight,
        ignore_index=ignore_index,
        reduction=reduction,
    )


def crammer_singer(
    scores: Any,
    targets: Any,
    *,
    margin: float = 1.0,
    squared: bool = False,
    dim: int = -1,
    class_weight: Any = None,
    sample_weight: Any = None,
    ignore_index: int | None = None,
    reduction: str = "mean",
) -> Any:
    r"""Give the Crammer-Singer hinge :math:`\max_j (z_j + \Delta [j \ne y]) - z_y`.

    Takes, gives and raises what :func:`weston_watkins` does; ``squared`` squares the whole.

    References
    ----------
    Crammer & Singer (2001), "On the algorithmic implementation of multiclass kernel-based vector
    machines".

    Examples
    --------
    >>> import numpy as np
    >>> float(crammer_singer(np.array([[0.0, 0.5, 0.25]]), np.array([0])))
    1.5
    """
    return reduced_loss(
        "crammer_singer",
        CrammerSinger(margin, squared).per_example,
        scores,
        targets,
        dim=dim,
        class_weight=class_weight,
        sample_weight=sample_weight,
        ignore_index=ignore_index,
        reduction=reduction,
    )


class _HingeLoss(LossModule):
    def __init__(
        self,
        *,
        margin: float = 1.0,
        squared: bool = False,
        dim: int = -1,
        class_weight: Any = None,
        ignore_index: int | None = None,
        reduction: str = "mean",
    ) -> None:
        super().__init__(dim, class_weight, ignore_index, reduction)
        self.margin = _Hinge(margin).margin
        self.squared = squared


class WestonWatkinsLoss(_HingeLoss):
    """The module of :func:`weston_watkins`, with its options.

    Examples
    --------
    >>> import torch
    >>> float(WestonWatkinsLoss()(torch.tensor([[0.0, 0.5, -3.0]]), torch.tensor([0])))
    1.5
    """

    def forward(self, scores: Any, targets: Any, sample_weight: Any = None) -> Any:
        """Give the loss; see :func:`weston_watkins`."""
        options = self.reduction_options(sample_weight)
        return weston_watkins(scores, targets, margin=self.margin, squared=self.squared, **options)


class CrammerSingerLoss(_HingeLoss):
    """The module of :func:`crammer_singer`, with its options.

    Examples
    --------
    >>> import torch
    >>> float(CrammerSingerLoss()(torch.tensor([[0.0, 0.5, 0.25]]), torch.tensor([0])))
    1.5
    """

    def forward(self, scores: Any, targets: Any, sample_weight: Any = None) -> Any:
        """Give the loss; see :func:`crammer_singer`."""
        options = self.reduction_options(sample_weight)
        return crammer_singer(scores, targets, margin=self.margin, squared=self.squared, **options)
