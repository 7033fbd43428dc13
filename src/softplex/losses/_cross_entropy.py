r"""Cross-entropy between a target distribution and the softmax of the scores.

With the target q smoothed to q' = slope q + floor (both sum to 1 over the classes),

.. math:: l = \log \sum_j \exp z_j - \sum_j q'_j z_j, \qquad \partial l / \partial z = p - q'.

All passes are elementwise or reductions over the classes and follow the memory order of the
scores, so a transposed view costs nothing extra.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from softplex.losses._smoothing import smoothing_line
from softplex.maps import softmax


@dataclass(frozen=True)
class CrossEntropy:
    """Cross-entropy with label smoothing, per example, in nats.

    Targets are class indices ``(n,)`` or rows on the simplex ``(n, k)``.

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

    def per_example(self, scores: Tensor, targets: Tensor) -> Tensor:
        """Give the loss of each row, ``(n,)``."""
        return self.value_and_score_gradient(scores, targets)[0]

    def value_and_score_gradient(
        self, scores: Tensor, targets: Tensor, *, overwrite: bool = False
    ) -> tuple[Tensor, Tensor]:
        """Give the loss of each row ``(n,)`` and its gradient in the scores ``(n, k)``.

        ``overwrite=True`` writes the gradient over the scores.
        """
        slope, floor = smoothing_line(self.smoothing, self.smoothing_kind, scores.shape[1])
        shifted = scores if overwrite else scores.clone()
        shifted.sub_(shifted.amax(1, keepdim=True))
        linear = _expected_score(shifted, targets).mul_(slope)
        if floor:
            linear.add_(shifted.sum(1), alpha=floor)
        exponentials = shifted.exp_()
        total = exponentials.sum(1, keepdim=True)
        values = total.log().squeeze(1).sub_(linear)
        gradient = exponentials.div_(total)
        if floor:
            gradient.sub_(floor)
        return values, _subtract_target(gradient, targets, slope)

    def smoothed(self, targets: Tensor, n_classes: int, dtype: torch.dtype) -> Tensor:
        """Give the smoothed targets as rows on the simplex, ``(n, k)``."""
        slope, floor = smoothing_line(self.smoothing, self.smoothing_kind, n_classes)
        if targets.ndim == 2:
            return targets.to(dtype) * slope + floor
        rows = torch.full((len(targets), n_classes), floor, dtype=dtype, device=targets.device)
        return rows.scatter_(1, targets[:, None], slope + floor)


def _expected_score(scores: Tensor, targets: Tensor) -> Tensor:
    if targets.ndim == 2:
        return (targets * scores).sum(1)
    return scores.gather(1, targets[:, None]).squeeze(1)


def _subtract_target(gradient: Tensor, targets: Tensor, slope: float) -> Tensor:
    if targets.ndim == 2:
        return gradient.sub_(targets, alpha=slope)
    amount = torch.full_like(targets, -slope, dtype=gradient.dtype)[:, None]
    return gradient.scatter_add_(1, targets[:, None], amount)
