r"""Cross-entropy between a target distribution and the softmax of the scores.

With the target q smoothed to q' = slope q + floor on the classes that are present (both sum to 1
over them),

.. math:: l = - \sum_j q'_j \log p_j = \log \sum_j \exp z_j - \sum_j q'_j z_j, \qquad
          \partial l / \partial z = p - q'.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import nll_loss

from softplex.losses._base import gather_target, one_hot
from softplex.losses._smoothing import check_smoothing, smoothing_line, smoothing_lines
from softplex.maps import softmax


@dataclass(frozen=True)
class CrossEntropy:
    """Cross-entropy with label smoothing, per example, in nats.

    Targets are class indices ``(n,)`` or rows on the simplex ``(n, k)``. A class at -inf takes no
    part; a target at -inf has an infinite loss and the gradient p - q.

    Parameters
    ----------
    smoothing : float in [0, 1), default 0.0
        The mass taken from the target.
    smoothing_kind : "others" or "uniform", default "others"
        Where it goes: to the other classes, or to all classes alike.

    References
    ----------
    Good (1952), "Rational decisions"; Bishop (2006), Pattern Recognition and Machine Learning, 4.3.

    Examples
    --------
    >>> import torch
    >>> loss = CrossEntropy()
    >>> value = loss.per_example(torch.zeros(1, 4), torch.tensor([2]))
    >>> round(float(value), 4)  # log 4
    1.3863
    """

    smoothing: float = 0.0
    smoothing_kind: str = "others"

    map = staticmethod(softmax)

    def __post_init__(self) -> None:
        check_smoothing(self.smoothing, self.smoothing_kind)

    def per_example(self, scores: Tensor, targets: Tensor) -> Tensor:
        """Give the loss of each row, ``(n,)``."""
        logarithms = torch.log_softmax(scores, 1)
        surprise = _surprise(logarithms, targets)
        if not self.smoothing:
            return surprise
        present = scores > -math.inf
        n_present = present.sum(1, dtype=scores.dtype)
        slope, floor = smoothing_lines(self.smoothing, self.smoothing_kind, n_present)
        total = torch.where(present, logarithms, 0.0).sum(1)
        mixed = slope * surprise - floor * total
        # The slope is 0 or less where eps is large, and an absent target has an infinite loss.
        return torch.where(torch.isinf(surprise) & (mixed != math.inf), surprise, mixed)

    def value_and_score_gradient(self, scores: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
        """Give the loss of each row ``(n,)`` and its gradient in the scores ``(n, k)``."""
        probabilities = torch.softmax(scores, 1)
        present = scores > -math.inf
        values = self.per_example(scores, targets)
        return values, probabilities.sub_(self._smoothed(one_hot(targets, scores), present))

    def overwrite_by_gradient(
        self, scores: Tensor, targets: Tensor, row_weight: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Give the loss of each row ``(n,)``, and over the scores its gradient times its weight.

        The scores ``(n, k)`` must be finite. All passes are elementwise or reductions and follow
        the memory order of the scores, so a transposed view costs nothing extra.
        """
        slope, floor = smoothing_line(self.smoothing, self.smoothing_kind, scores.shape[1])
        weight = row_weight.to(scores.dtype)[:, None]
        shifted = scores.sub_(scores.amax(1, keepdim=True))
        linear = _expected_score(shifted, targets).mul_(slope)
        if floor:
            linear.add_(shifted.sum(1), alpha=floor)
        exponentials = shifted.exp_()
        total = exponentials.sum(1, keepdim=True)
        values = total.log().squeeze(1).sub_(linear)
        gradient = exponentials.mul_(weight / total)
        if floor:
            gradient.sub_(weight, alpha=floor)
        if targets.ndim == 2:
            return values, gradient.addcmul_(targets, weight, value=-slope)
        return values, gradient.scatter_add_(1, targets[:, None], -slope * weight)

    def smoothed(self, targets: Tensor, n_classes: int, dtype: torch.dtype) -> Tensor:
        """Give the smoothed targets as rows on the simplex, ``(n, k)``."""
        slope, floor = smoothing_line(self.smoothing, self.smoothing_kind, n_classes)
        if targets.ndim == 2:
            return targets.to(dtype) * slope + floor
        rows = torch.full((len(targets), n_classes), floor, dtype=dtype, device=targets.device)
        return rows.scatter_(1, targets[:, None], slope + floor)

    def _smoothed(self, targets: Tensor, present: Tensor) -> Tensor:
        if not self.smoothing:
            return targets
        n_present = present.sum(1, dtype=targets.dtype)
        slope, floor = smoothing_lines(self.smoothing, self.smoothing_kind, n_present)
        return slope[:, None] * targets + torch.where(present, floor[:, None], 0.0)


def _surprise(logarithms: Tensor, targets: Tensor) -> Tensor:
    """Minus the sum of q_j log p_j, with 0 log 0 = 0."""
    if targets.ndim == 1:
        return nll_loss(logarithms, targets, reduction="none", ignore_index=-1)
    empty = (logarithms == -math.inf) & (targets == 0)
    return -(targets * logarithms.masked_fill(empty, 0.0)).sum(1)


def _expected_score(scores: Tensor, targets: Tensor) -> Tensor:
    if targets.ndim == 2:
        return (targets * scores).sum(1)
    return gather_target(scores, targets)
