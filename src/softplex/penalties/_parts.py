r"""The one form of all penalties, separable over the features.

.. math:: R(W) = \sum_j r_j(W_{.j}), \qquad
          r_j(w) = \tfrac{q_j}{2} \|w\|_2^2 + l_j \|w\|_1 + g_j \|w\|_2

with W_.j the weights of feature j over the score columns. With :math:`S_l` the soft threshold,

.. math:: r_j^*(m) = \frac{\max(0, \|S_{l_j}(m)\|_2 - g_j)^2}{2 q_j},

which for q_j = 0 is 0 where :math:`\|S_{l_j}(m)\|_2 \le g_j` and infinite elsewhere.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

# Halvings of the interval in which the feasible share of a dual point is sought.
_HALVINGS = 60


@dataclass(frozen=True)
class PenaltyParts:
    """The three weights of each feature.

    Parameters
    ----------
    quadratic, l1, group : tensors (d,) in float64, not negative
        q, l and g.
    """

    quadratic: Tensor
    l1: Tensor
    group: Tensor

    @classmethod
    def of_quadratic(cls, quadratic: Tensor) -> PenaltyParts:
        """Give the ridge penalty with these weights."""
        zero = torch.zeros_like(quadratic)
        return cls(quadratic, zero, zero)

    @property
    def is_smooth(self) -> bool:
        """Whether there is nothing but the quadratic part."""
        return not bool((self.l1 > 0).any() or (self.group > 0).any())

    @property
    def unpenalised(self) -> Tensor:
        """Which features have no penalty at all, boolean ``(d,)``."""
        return (self.quadratic == 0) & (self.l1 == 0) & (self.group == 0)

    def with_scaled_columns(self, scale: Tensor) -> PenaltyParts:
        """Give the same penalty as a function of ``V = W * scale``."""
        return PenaltyParts(self.quadratic / scale.square(), self.l1 / scale, self.group / scale)

    def without_quadratic(self) -> PenaltyParts:
        """Give the kinked part alone."""
        return PenaltyParts(torch.zeros_like(self.quadratic), self.l1, self.group)

    def to(self, device: torch.device | torch.dtype) -> PenaltyParts:
        """Give the parts on a device, or in a dtype."""
        return PenaltyParts(*(part.to(device) for part in (self.quadratic, self.l1, self.group)))

    def kinks(self, weight: Tensor) -> Tensor:
        """Give l ||w||_1 + g ||w||_2 of each feature, ``(d,)``, of weights ``(r, d)``."""
        return self.l1 * weight.abs().sum(0) + self.group * _norms(weight)

    def value(self, weight: Tensor) -> float:
        """Give R(W) of weights ``(r, d)``."""
        ridge = 0.5 * self.quadratic @ weight.square().sum(0)
        return float(ridge + self.kinks(weight).sum())

    def prox(self, weight: Tensor, step: Tensor | float = 1.0) -> Tensor:
        r"""Give the proximal point of each column.

        .. math:: \arg\min_u \tfrac12 \|u - w\|^2 + t\, r_j(u)
            = \frac{1}{1 + t q_j} \Bigl(1 - \frac{t g_j}{\|S_{t l_j}(w)\|_2}\Bigr)_+ S_{t l_j}(w)

        Parameters
        ----------
        weight : tensor (r, d)
            The columns w.
        step : float or tensor (d,), default 1.0
            t > 0, of all features or of each.

        Returns
        -------
        tensor (r, d)
        """
        shrunk = _shrink(weight, step * self.l1, step * self.group)
        return shrunk / (1.0 + step * self.quadratic)

    def conjugate(self, moment: Tensor) -> Tensor:
        """Give r_j^*(m) of each feature, ``(d,)``, for moments ``(r, d)``."""
        excess = _norms(_shrink(moment, self.l1, self.group))
        ridged = self.quadratic > 0
        finite = excess.square() / (2.0 * torch.where(ridged, self.quadratic, 1.0))
        return torch.where(ridged, finite, torch.where(excess > 0, torch.inf, 0.0))

    def fenchel_young(self, weight: Tensor, moment: Tensor) -> Tensor:
        r"""Give :math:`r_j(w) + r_j^*(m) - m \cdot w` of each feature, ``(d,)``; nothing cancels.

        With :math:`u = S(m)/q` and the subgradient :math:`m - q u`, split into a part a within l
        entry by entry and a part b within g in norm, it is

        .. math:: \tfrac q2 \|w - u\|^2 + \sum_c (l |w_c| - a_c w_c) + (g \|w\| - b \cdot w),

        every term of which is not negative. Where q = 0, m is taken to be feasible.
        """
        clipped = moment.clamp(-self.l1, self.l1)
        soft = moment - clipped
        excess = _shrink(moment, self.l1, self.group)
        bounded = soft - excess
        ridged = self.quadratic > 0
        quadratic = torch.where(ridged, self.quadratic, 1.0)
        ridge = 0.5 * quadratic * (weight - excess / quadratic).square().sum(0)
        lasso = (self.l1 * weight.abs() - clipped * weight).clamp_min(0.0).sum(0)
        group = (self.group * _norms(weight) - (bounded * weight).sum(0)).clamp_min(0.0)
        return torch.where(ridged, ridge, 0.0) + lasso + group

    def feasible_share(self, moment: Tensor) -> float:
        """Give the largest c <= 1 for which the conjugate of c M is finite.

        Features without any penalty are left out: nothing but M = 0 will do there.
        """
        bound = (self.quadratic == 0) & ~self.unpenalised
        moment, l1, group = moment[:, bound], self.l1[bound], self.group[bound]
        if moment.numel() == 0:
            return 1.0
        largest, norm = moment.abs().amax(0), _norms(moment)
        tiny = torch.finfo(moment.dtype).tiny
        # Exact for one part alone; a mixed one lies between this and 1.
        low = torch.where(group > 0, group / norm.clamp_min(tiny), 0.0)
        low = torch.maximum(low, l1 / largest.clamp_min(tiny)).clamp_max(1.0)
        mixed = (l1 > 0) & (group > 0) & (low < 1.0)
        if bool(mixed.any()):
            part = PenaltyParts(torch.zeros_like(l1), l1, group)
            low = torch.where(mixed, part._mixed_shares(moment, low), low)
        return float(low.min())

    def _mixed_shares(self, moment: Tensor, low: Tensor) -> Tensor:
        high = torch.ones_like(low)
        for _ in range(_HALVINGS):
            middle = 0.5 * (low + high)
            soft = (moment * middle).abs().sub(self.l1).clamp_min(0.0)
            feasible = _norms(soft) <= self.group
            low, high = torch.where(feasible, middle, low), torch.where(feasible, high, middle)
        return low


def _norms(columns: Tensor) -> Tensor:
    norms: Tensor = torch.linalg.vector_norm(columns, dim=0)
    return norms


def _shrink(weight: Tensor, l1: Tensor, group: Tensor) -> Tensor:
    """Give the soft threshold of each entry, then of each column's norm."""
    soft = weight - weight.clamp(-l1, l1)
    norm = _norms(soft)
    share = (1.0 - group / norm.clamp_min(torch.finfo(norm.dtype).tiny)).clamp_min(0.0)
    return soft * share
