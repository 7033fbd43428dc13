r"""The coordinates in which a solver works: features centred and scaled.

With z = (x - shift) / scale, parameters V and c of the scaled features stand for

.. math:: W = V / scale, \qquad b = c - W\, shift.

Centring takes the coupling between weights and intercept out of the curvature, and scaling makes
float32 products safe on columns of any size; the penalty stays that of W.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from softplex.exceptions import InvalidInput

_SMALLEST_VARIANCE = 1e-280
_FAR, _NEAR = 30.0, 2.0


@dataclass(frozen=True)
class Coordinates:
    """Shift and scale of each feature, ``(d,)`` in float64."""

    shift: Tensor
    scale: Tensor

    @classmethod
    def of_moments(cls, mean: Tensor, mean_square: Tensor, *, centre: bool) -> Coordinates:
        """Centre on the mean (if there is an intercept) and scale to unit mean square."""
        shift = mean if centre else torch.zeros_like(mean)
        variance = mean_square - mean.square() if centre else mean_square
        if not bool(torch.isfinite(mean_square).all()):
            column = int(torch.nonzero(~torch.isfinite(mean_square))[0])
            raise InvalidInput(
                f"The squares of feature column {column} overflow float64. Divide the column by "
                "its largest absolute value, or drop it."
            )
        # A column whose spread is rounding error of its mean, or would vanish when squared once
        # more, is constant.
        constant = (variance <= 1e-13 * mean_square) | (variance < _SMALLEST_VARIANCE)
        return cls(shift, torch.where(constant, 1.0, variance.clamp_min(0.0).sqrt()))

    @property
    def is_far(self) -> bool:
        """Whether a column's mean, in units of its spread, costs digits of the scores."""
        return bool((self.shift.abs() > _FAR * self.scale).any())

    @property
    def is_near(self) -> bool:
        """Whether no column's mean costs a digit even of float32."""
        return bool((self.shift.abs() <= _NEAR * self.scale).all())

    @property
    def penalty_weight(self) -> Tensor:
        """rho with ||W||^2 = sum_j rho_j ||V_j||^2."""
        return self.scale.pow(-2)

    def to_user(self, theta: Tensor) -> tuple[Tensor, Tensor]:
        """Give (W, b) of the stacked parameters ``theta = [V | c]``."""
        weight = theta[:, :-1] / self.scale
        return weight, theta[:, -1] - weight @ self.shift

    def from_user(self, weight: Tensor, bias: Tensor) -> Tensor:
        """Give the stacked parameters of (W, b)."""
        intercept = bias + weight @ self.shift
        return torch.cat([weight * self.scale, intercept[:, None]], 1)

    def pull_back(self, weight_gradient: Tensor, bias_gradient: Tensor) -> Tensor:
        """Give the gradient in theta of a function whose gradients in W and b are these."""
        centred = torch.addr(weight_gradient, bias_gradient, self.shift, alpha=-1.0)
        return torch.cat([centred.div_(self.scale), bias_gradient[:, None]], 1)
