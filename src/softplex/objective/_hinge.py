r"""Dual rows of the multiclass hinges.

With the excesses :math:`m_j = z_j - z_y + \Delta [j \ne y]` of a row, each hinge is the largest
value of a linear function less a convex one over a set of non-negative numbers u_j, j other than y,

.. math:: l(z) = \max_{u \in U} u \cdot m - h(u)

==========================  ====================  =====================
loss                        U                     h(u)
==========================  ====================  =====================
Weston-Watkins              0 <= u_j <= 1         0
Crammer-Singer              0 <= u, sum u <= 1    0
squared Weston-Watkins      0 <= u                1/4 sum_j u_j^2
squared Crammer-Singer      0 <= u                1/4 (sum_j u_j)^2
==========================  ====================  =====================

as :math:`\max(0, e)^2 = \max_{t \ge 0} t e - t^2 / 4`, and a sum of u_j m_j of given total t is
largest when all of it lies on the largest m_j. So any rows u_i in U bound the objective,

.. math:: D = \sum_i s_i (\Delta\, \textstyle\sum_j u_{ij} - h(u_i)) - \tfrac12 \|M\|^2, \qquad
          M = \sum_i s_i \sum_j u_{ij} (e_{y_i} - e_j) x_i^T,

provided that the unpenalised intercept is balanced,
:math:`\sum_i s_i \sum_j u_{ij} (e_{y_i} - e_j) = 0`.

A solver moves the rows by proximal steps of size sigma: the maximiser of
:math:`u \cdot m - h(u) - \|u - u'\|^2 / (2 \sigma)` is a clip, or a projection found by sorting.
Crammer-Singer's own class takes part in its step with the rest of the mass,
:math:`u_y = 1 - \sum_j u_j`, which makes the step a projection onto the simplex.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from softplex.losses import CrammerSinger, WestonWatkins

Hinge = WestonWatkins | CrammerSinger


@dataclass(frozen=True)
class HingeResponse:
    """Dual rows after a step, and their derivative in the excesses.

    The derivative is ``slope (diag(active) - coupling 1 1^T)`` on the active entries of a row.
    """

    dual: Tensor
    active: Tensor
    coupling: Tensor
    slope: float


@dataclass(frozen=True)
class HingeDual:
    """The dual side of a hinge.

    Parameters
    ----------
    loss : WestonWatkins or CrammerSinger
        Squared or not.
    """

    loss: Hinge

    @property
    def joint(self) -> bool:
        """Whether the classes of a row share one mass."""
        return isinstance(self.loss, CrammerSinger)

    @property
    def own_takes_part(self) -> bool:
        """Whether the rest of the mass is kept in the column of the true class."""
        return self.joint and not self.loss.squared

    @property
    def smooth(self) -> bool:
        """Whether the loss has a Lipschitz gradient, so that its dual rows follow from scores."""
        return self.loss.squared and not self.joint

    def start(self, y: Tensor, n_classes: int) -> Tensor:
        """Give the dual rows of no loss, ``(n, k)``."""
        rows = torch.zeros(len(y), n_classes, dtype=torch.float64, device=y.device)
        return rows.scatter_(1, y[:, None], 1.0) if self.own_takes_part else rows

    def excess(self, scores: Tensor, y: Tensor) -> Tensor:
        """Give m ``(n, k)`` in float64, 0 in the column of the true class."""
        scores = scores.to(torch.float64)
        lead = scores - scores.gather(1, y[:, None])
        return lead.add_(self.loss.margin).scatter_(1, y[:, None], 0.0)

    def value(self, excess: Tensor) -> Tensor:
        """Give the loss of each row, ``(n,)``."""
        if self.joint:
            largest = excess.amax(1)
            return largest.square() if self.loss.squared else largest
        positive = excess.clamp_min(0.0)
        return (positive.square() if self.loss.squared else positive).sum(1)

    def conjugate(self, dual: Tensor) -> Tensor:
        """Give h(u) of each row, ``(n,)``; for rows without an own column if squared."""
        if not self.loss.squared:
            return torch.zeros(len(dual), dtype=dual.dtype, device=dual.device)
        return 0.25 * (dual.sum(1).square() if self.joint else dual.square().sum(1))

    def respond(self, dual: Tensor, excess: Tensor, y: Tensor, sigma: float) -> HingeResponse:
        """Move the dual rows by a proximal step."""
        moved = torch.add(dual, excess, alpha=sigma)
        if not self.own_takes_part:
            moved.scatter_(1, y[:, None], -torch.inf)
        if not self.joint:
            return self._separate(moved, sigma)
        return _shared(moved, sigma) if self.loss.squared else _projected(moved, sigma)

    def settled(self, dual: Tensor, excess: Tensor, y: Tensor, band: float) -> Tensor:
        """Whether each row's dual stays where it is while scores move by less than the band.

        Such a row is zero or linear in the scores around these.
        """
        own = torch.zeros_like(excess, dtype=torch.bool).scatter_(1, y[:, None], True)
        if self.own_takes_part:
            top = excess.topk(2, 1)
            lead = top.values[:, 0] - top.values[:, 1]
            return (dual.gather(1, top.indices[:, :1])[:, 0] == 1.0) & (lead > 2.0 * band)
        if self.loss.squared:
            return (((excess < -band) & (dual == 0.0)) | own).all(1)
        corner = (excess > 0.0).to(dual.dtype)
        return (((excess.abs() > band) & (dual == corner)) | own).all(1)

    def _separate(self, moved: Tensor, sigma: float) -> HingeResponse:
        coupling = torch.zeros(len(moved), 1, dtype=moved.dtype, device=moved.device)
        if not self.loss.squared:
            active = (moved > 0.0) & (moved < 1.0)
            return HingeResponse(moved.clamp_(0.0, 1.0), active, coupling, sigma)
        shrink = 1.0 / (1.0 + 0.5 * sigma)
        dual = moved.clamp_min_(0.0).mul_(shrink)
        return HingeResponse(dual, dual > 0.0, coupling, sigma * shrink)


def hinge_direction(dual: Tensor, y: Tensor) -> Tensor:
    """Give sum_j u_j (e_j - e_y), the derivative of the loss in the scores, ``(n, k)``."""
    return dual.scatter_add(1, y[:, None], -dual.sum(1, keepdim=True))


def _projected(moved: Tensor, sigma: float) -> HingeResponse:
    """Onto the simplex (Held, Wolfe and Crowder 1974); less the largest, which keeps the digits."""
    moved = moved - moved.amax(1, keepdim=True)
    ordered = moved.sort(1, descending=True).values
    beyond = ordered.cumsum(1) - 1.0
    places = torch.arange(1, moved.shape[1] + 1, dtype=moved.dtype, device=moved.device)
    count = (ordered * places > beyond).sum(1, keepdim=True)
    dual = (moved - beyond.gather(1, count - 1) / count).clamp_min_(0.0)
    active = dual > 0.0
    return HingeResponse(dual, active, 1.0 / active.sum(1, keepdim=True, dtype=dual.dtype), sigma)


def _shared(moved: Tensor, sigma: float) -> HingeResponse:
    """Solve u = max(0, w - sigma t / 2) with t = sum u: the largest entries share the total."""
    ordered = moved.sort(1, descending=True).values
    ordered[:, -1] = torch.where(torch.isinf(ordered[:, -1]), -1.0, ordered[:, -1])
    places = torch.arange(1, moved.shape[1] + 1, dtype=moved.dtype, device=moved.device)
    totals = ordered.cumsum(1) / (1.0 + 0.5 * sigma * places)
    count = (ordered > 0.5 * sigma * totals).int().cummin(1).values.sum(1, keepdim=True)
    # The mean and what lies around it apart, so that one entry alone keeps its digits.
    sums = ordered.cumsum(1).gather(1, (count - 1).clamp_min(0))
    mean = torch.where(count > 0, sums / count, 0.0)
    share = mean / (1.0 + 0.5 * sigma * count.to(mean.dtype))
    dual = (moved - mean + share).clamp_min_(0.0)
    active = dual > 0.0
    together = active.sum(1, keepdim=True, dtype=dual.dtype)
    return HingeResponse(dual, active, 0.5 * sigma / (1.0 + 0.5 * sigma * together), sigma)
