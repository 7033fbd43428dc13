r"""The ridge objective on data whose scores fit one block: a few large operations, no loop.

On a few hundred rows a fit is as long as its count of calls. Here the scores are one product with
:math:`\tilde X^T`, held class-major; one log-softmax gives the loss, the gradient, and the
probabilities that the Hessian needs.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from softplex.objective import Point, RidgeObjective
from softplex.streaming import DenseFeatures

# Numbers in all scores, and in the design, up to which one block of them is no slower than many.
_MAX_SCORES, _MAX_DESIGN = 1 << 16, 1 << 18


def is_compact(n: int, d: int, n_classes: int) -> bool:
    """Whether design and scores are one block each."""
    return n * n_classes <= _MAX_SCORES and n * (d + 1) <= _MAX_DESIGN


@dataclass(frozen=True)
class CurvedPoint(Point):
    """A point together with the probabilities ``(k, n)`` there, which its Hessian needs."""

    probabilities: Tensor


@dataclass(frozen=True)
class CompactObjective(RidgeObjective):
    """A ridge objective in float64 on dense features in the solver's coordinates.

    Parameters
    ----------
    design : tensor (d + 1, n)
        The features by column, and a last row of ones.
    """

    design: Tensor

    @classmethod
    def of(cls, objective: RidgeObjective, X: Tensor) -> CompactObjective:
        """Give an objective over the data as they came, ``(n, d)``, in its own coordinates."""
        shift, scale = objective.coordinates.shift, objective.coordinates.scale
        design = torch.ones(X.shape[1] + 1, X.shape[0], dtype=torch.float64, device=X.device)
        columns = design[:-1].copy_(X.T).sub_(shift[:, None]).div_(scale[:, None])
        return cls(
            features=DenseFeatures(columns.T, torch.float64),
            targets=objective.targets,
            loss=objective.loss,
            coordinates=objective.coordinates,
            transformed=True,
            fit_intercept=objective.fit_intercept,
            class_curvature=objective.class_curvature,
            quadratic=objective.quadratic,
            design=design,
        )

    def __call__(self, theta: Tensor) -> CurvedPoint:
        """Evaluate at theta."""
        weighted_targets, k = self._weighted_targets, self.targets.n_classes
        scores = theta @ self.design
        if len(theta) < k:
            scores = torch.cat([torch.zeros_like(scores), scores])
        logarithms = torch.log_softmax(scores, 0)
        loss = -_dot(weighted_targets, logarithms)
        probabilities = logarithms.exp_()
        residual = torch.addcmul(weighted_targets, probabilities, self._minus_weight)
        gradient = torch.addmm(
            theta * self._rho, residual[k - len(theta) :], self.design.T, alpha=-1.0
        )
        if not self.fit_intercept:
            gradient[:, -1] = 0.0
        value = loss + 0.5 * _dot(theta * theta, self._rho.expand_as(theta))
        gap = 0.5 * _dot(gradient * gradient, self._gap_weight)
        return CurvedPoint(theta, value, gradient, gap, probabilities)

    @cached_property
    def weighted_design(self) -> Tensor:
        """The design times the roots of the weights."""
        return self.design * self.targets.weight.sqrt()

    @cached_property
    def _weighted_targets(self) -> Tensor:
        targets = self.targets
        smoothed = self.loss.smoothed(targets.values, targets.n_classes, torch.float64)
        return smoothed.T * targets.weight

    @cached_property
    def _minus_weight(self) -> Tensor:
        return -self.targets.weight

    @cached_property
    def _rho(self) -> Tensor:
        return torch.nn.functional.pad(self.penalty_weight, (0, 1))

    @cached_property
    def _gap_weight(self) -> Tensor:
        """What turns the gradient's squares into the estimate of the gap (see ``Point``)."""
        total = float(self.targets.weight.sum())
        curvature = (self.class_curvature[:, None] * total).clamp_min(1e-300)
        return torch.where(self._rho > 0.0, self._rho, curvature).reciprocal_()


def _dot(left: Tensor, right: Tensor) -> float:
    return float(torch.dot(left.reshape(-1), right.reshape(-1)))
