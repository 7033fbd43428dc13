r"""The ridge objective on data whose scores fit one block: a few large operations, no loop.

On a few hundred rows a fit takes as long as its calls, and those of NumPy are three times shorter
than those of torch. The scores are one product with :math:`\tilde X^T`, held class-major; one
softmax gives the loss, the gradient, and the probabilities that the Hessian needs.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from softplex._arrays import to_numpy
from softplex.objective import Point, RidgeObjective
from softplex.streaming import DenseFeatures

# Numbers in all scores, and in the design, up to which one block of them is no slower than many.
_MAX_SCORES, _MAX_DESIGN = 1 << 16, 1 << 18

Matrix = NDArray[np.float64]


def is_compact(X: Tensor, n_classes: int) -> bool:
    """Whether design and scores are one block each, on the processor."""
    n, d = X.shape
    small = n * n_classes <= _MAX_SCORES and n * (d + 1) <= _MAX_DESIGN
    return small and X.device.type == "cpu"


@dataclass(frozen=True)
class CurvedPoint(Point):
    """A point together with the probabilities ``(k, n)`` there, which its Hessian needs."""

    probabilities: Matrix


@dataclass(frozen=True)
class CompactObjective(RidgeObjective):
    """A ridge objective in float64 on dense features in the solver's coordinates.

    Parameters
    ----------
    design : array (d + 1, n)
        The features by column, and a last row of ones.
    """

    design: Matrix

    @classmethod
    def of(cls, objective: RidgeObjective, X: Tensor) -> CompactObjective:
        """Give an objective over the data as they came, ``(n, d)``, in its own coordinates."""
        shift, scale = objective.coordinates.shift, objective.coordinates.scale
        design = torch.ones(X.shape[1] + 1, X.shape[0], dtype=torch.float64)
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
            design=to_numpy(design),
        )

    def __call__(self, theta: Tensor) -> CurvedPoint:
        """Evaluate at theta."""
        # A step that is far too long may overflow: the value is then NaN, and the step not taken.
        with np.errstate(over="ignore", invalid="ignore"):
            return self._point(theta)

    def _point(self, theta: Tensor) -> CurvedPoint:
        parameters, constants = theta.numpy(), self._constants
        r, k = len(parameters), self.targets.n_classes
        scores = np.zeros((k, self.design.shape[1]))
        np.matmul(parameters, self.design, out=scores[k - r :])
        scores -= scores.max(0)
        linear = _dot(constants.weighted_targets, scores)
        probabilities = np.exp(scores, out=scores)
        total = probabilities.sum(0)
        loss = _dot(constants.weight, np.log(total)) - linear
        probabilities /= total
        residual = probabilities * constants.weight
        residual -= constants.weighted_targets
        gradient = residual[k - r :] @ self.design.T
        if not self.fit_intercept:
            gradient[:, -1] = 0.0
        penalised = parameters * constants.rho
        gradient += penalised
        value = loss + 0.5 * _dot(penalised, parameters)
        gap = 0.5 * _dot(gradient * gradient, constants.gap_weight)
        return CurvedPoint(theta, value, torch.from_numpy(gradient), gap, probabilities)

    def class_covariance(self, theta: Tensor) -> tuple[Tensor, Tensor]:
        """Give the weight and the curvature of the scores of the classes, ``(k,)``, ``(k, k)``."""
        probabilities = self(theta).probabilities
        weighted = probabilities * self._constants.weight
        totals = weighted.sum(1)
        covariance = np.diag(totals) - weighted @ probabilities.T
        return torch.from_numpy(totals), torch.from_numpy(covariance)

    @cached_property
    def largest_norm(self) -> float:
        """The longest row, lengths being measured as the penalty's dual."""
        return math.sqrt(float(((1.0 / self._constants.rho[:-1]) @ self.design[:-1] ** 2).max()))

    @cached_property
    def weighted_design(self) -> Matrix:
        """The design times the roots of the weights."""
        return self.design * np.sqrt(self._constants.weight)

    @cached_property
    def _constants(self) -> _Constants:
        targets = self.targets
        weight = to_numpy(targets.weight)
        smoothed = self.loss.smoothed(targets.values, targets.n_classes, torch.float64)
        rho = np.append(to_numpy(self.penalty_weight), 0.0)
        curvature = np.maximum(to_numpy(self.class_curvature)[:, None] * weight.sum(), 1e-300)
        return _Constants(
            weight=weight,
            weighted_targets=np.ascontiguousarray(to_numpy(smoothed).T * weight),
            rho=rho,
            gap_weight=1.0 / np.where(rho > 0.0, rho, curvature),
        )


@dataclass(frozen=True)
class _Constants:
    """What an evaluation needs besides the design.

    Row weights ``(n,)``, smoothed targets times these ``(k, n)``, penalty weights ``(d + 1,)``,
    and what turns the gradient's squares into the estimate of the gap, ``(r, d + 1)``.
    """

    weight: Matrix
    weighted_targets: Matrix
    rho: Matrix
    gap_weight: Matrix


def _dot(left: Matrix, right: Matrix) -> float:
    return float(np.dot(left.reshape(-1), right.reshape(-1)))
