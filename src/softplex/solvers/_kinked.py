"""A smooth objective with the kinks of a penalty, and an estimate of its gap."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from softplex.objective import Point, RidgeObjective
from softplex.penalties import PenaltyParts


@dataclass(frozen=True)
class KinkedPoint:
    """The whole objective at some parameters."""

    smooth: Point
    value: float
    gap: float

    @property
    def theta(self) -> Tensor:
        """The parameters, ``(r, d + 1)``."""
        return self.smooth.theta


@dataclass(frozen=True)
class KinkedObjective:
    """A smooth objective plus the kinked part of a penalty, in the solver's coordinates."""

    smooth: RidgeObjective
    penalty: PenaltyParts

    def __call__(self, theta: Tensor) -> KinkedPoint:
        """Evaluate at theta."""
        point = self.smooth(theta)
        kinks = float(self.penalty.kinks(theta[:, :-1]).sum())
        return KinkedPoint(point, point.value + kinks, self._gap(point))

    def _gap(self, point: Point) -> float:
        """An estimate of the gap: that of a dual point drawn to the targets.

        KL is convex, so the rows q - c (q - p) cost at most (1 - c) times the loss.
        """
        penalty, weight = self.penalty, point.theta[:, :-1]
        slope = point.gradient[:, :-1]
        moment = penalty.quadratic * weight - slope
        share = penalty.feasible_share(moment)
        free = penalty.unpenalised
        held = torch.where(free, 0.0, share * moment)
        loss = point.value - 0.5 * float(penalty.quadratic @ weight.square().sum(0))
        unpaid = float(point.gradient[:, -1].square().sum() + slope[:, free].square().sum())
        total = float(self.smooth.targets.weight.sum())
        curvature = max(float(self.smooth.class_curvature.mean()) * total, 1e-300)
        paid = (1.0 - share) * abs(loss) + float(penalty.fenchel_young(weight, held).sum())
        return paid + 0.5 * unpaid / curvature
