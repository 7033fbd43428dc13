r"""The ridge-penalised loss of a linear head over data.

.. math:: P(W, b) = \sum_i s_i\, l(W x_i + b, q_i) + \tfrac12 \sum_j \lambda_j \|W_{.j}\|^2,
          \qquad s_i = C w_i

which is scikit-learn's objective where every lambda is 1. The intercept is not penalised, nor is
a feature with lambda = 0.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from softplex.exceptions import SolverRefused
from softplex.losses import CrossEntropy
from softplex.objective._coordinates import Coordinates
from softplex.streaming import (
    DenseFeatures,
    Features,
    Targets,
    linear_hessian,
    linear_loss_and_gradient,
    mean_class_covariance,
)


@dataclass(frozen=True)
class Point:
    """The objective at some parameters.

    ``gap`` estimates the duality gap from the gradient alone: exact but for the intercept's part,
    which is the quadratic estimate.
    """

    theta: Tensor
    value: float
    gradient: Tensor
    gap: float


@dataclass(frozen=True)
class RidgeObjective:
    """Value, gradient and gap estimate as a function of ``theta = [V | c]``, ``(r, d + 1)``.

    Parameters
    ----------
    features : Features
        Rows of features.
    targets : Targets
        Targets with the weights s_i.
    loss : CrossEntropy
        The loss of one row.
    coordinates : Coordinates
        The solver's coordinates.
    transformed : bool
        Whether the features already stand in these coordinates.
    fit_intercept : bool
        Whether c moves.
    class_curvature : tensor (r,)
        Curvature of the loss in each score at zero weights, p (1 - p), for the estimate.
    quadratic : tensor (d,) in float64
        The penalty weight lambda of each feature, not negative.
    """

    features: Features
    targets: Targets
    loss: CrossEntropy
    coordinates: Coordinates
    transformed: bool
    fit_intercept: bool
    class_curvature: Tensor
    quadratic: Tensor

    @property
    def penalty_weight(self) -> Tensor:
        """rho with the penalty ``1/2 sum_j rho_j ||V_j||^2`` in the solver's coordinates."""
        return self.quadratic * self.coordinates.penalty_weight

    @cached_property
    def largest_norm(self) -> float:
        """The longest centred row of the features, lengths being measured as the penalty's dual."""
        if self.transformed:
            return self.features.largest_norm(
                torch.zeros_like(self.quadratic), 1.0 / self.penalty_weight
            )
        return self.features.largest_norm(self.coordinates.shift, 1.0 / self.quadratic)

    def user_parameters(self, theta: Tensor) -> tuple[Tensor, Tensor]:
        """Give weight and bias in the coordinates of the features."""
        if self.transformed:
            return theta[:, :-1], theta[:, -1]
        return self.coordinates.to_user(theta)

    def class_covariance(self, theta: Tensor) -> tuple[Tensor, Tensor]:
        """Give the weight and the curvature of the scores of the classes, ``(k,)``, ``(k, k)``."""
        weight, bias = self.user_parameters(theta)
        return mean_class_covariance(self.features, weight, bias, self.targets)

    def inner_block(self, rows: slice) -> Tensor:
        """Give some rows of dense features in the solver's coordinates."""
        if not isinstance(self.features, DenseFeatures):
            raise SolverRefused("Rows in the solver's coordinates need dense features.")
        block = self.features.block(rows)
        if self.transformed:
            return block
        shift, scale = self.coordinates.shift, self.coordinates.scale
        return (block - shift.to(block.dtype)) / scale.to(block.dtype)

    def __call__(self, theta: Tensor) -> Point:
        """Evaluate at theta."""
        weight, bias = self.user_parameters(theta)
        loss, weight_gradient, bias_gradient = linear_loss_and_gradient(
            self.features, weight, bias, self.targets, self.loss
        )
        if self.transformed:
            gradient = torch.cat([weight_gradient, bias_gradient[:, None]], 1)
        else:
            gradient = self.coordinates.pull_back(weight_gradient, bias_gradient)
        if not self.fit_intercept:
            gradient[:, -1] = 0.0
        # A vector of parameters may be as large as the data: each pass over it counts.
        rho = self.penalty_weight
        gradient[:, :-1].addcmul_(theta[:, :-1], rho)
        value = loss + 0.5 * float((theta[:, :-1].square() @ rho).sum())
        return Point(theta, value, gradient, self._gap(gradient, rho))

    def hessian(self, theta: Tensor) -> Tensor:
        """Give the Hessian in theta, flattened row by row; for transformed dense features.

        An intercept that does not move, and the sum over the classes of what is not penalised,
        which changes no probability, get a curvature of their own, so that the matrix is positive
        definite.
        """
        features = self.features
        if not (self.transformed and isinstance(features, DenseFeatures)):
            raise SolverRefused(
                "Newton's method needs dense features in the solver's coordinates; use L-BFGS."
            )
        r, width = theta.shape
        hessian = linear_hessian(features, theta[:, :-1], theta[:, -1], self.targets)
        rho = torch.nn.functional.pad(self.penalty_weight, (0, 1))
        hessian.diagonal().add_(rho.repeat(r))
        intercepts = torch.arange(1, r + 1, device=theta.device) * width - 1
        free = torch.nonzero(rho == 0.0).squeeze(1)
        if not self.fit_intercept:
            hessian[intercepts] = 0.0
            hessian[:, intercepts] = 0.0
            hessian[intercepts, intercepts] = 1.0
            free = free[:-1]
        if r == self.targets.n_classes:
            size = float(self.targets.weight.sum()) / r**2
            for column in free:
                same = intercepts - (width - 1) + column
                hessian[same[:, None], same] += size
        return hessian

    def _gap(self, gradient: Tensor, rho: Tensor) -> float:
        """Half the gradient's square over the penalty, over the curvature where there is none."""
        squares = gradient.square()
        total = float(self.targets.weight.sum())
        curvature = (self.class_curvature * total).clamp_min(1e-300)
        rho = torch.nn.functional.pad(rho, (0, 1))
        is_free = rho <= 0.0
        penalised = float((squares @ torch.where(is_free, 0.0, 1.0 / rho)).sum())
        free = float((squares[:, is_free].sum(1) / curvature).sum())
        return 0.5 * (penalised + free)
