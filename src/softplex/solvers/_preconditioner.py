r"""Approximate inverse Hessians of a ridge-penalised linear head.

At zero weights the Hessian of class k in the solver's coordinates is
:math:`c_k G + diag(\rho)` with :math:`c_k = \bar p_k (1 - \bar p_k)`, G the weighted Gram matrix
and rho the penalty weights. One generalised eigenproblem inverts it for all classes at once: with
:math:`B = \bar c\, G + diag(\rho) = L L^T` and :math:`L^{-1} diag(\rho) L^{-T} = Q \Omega Q^T`,
the columns of :math:`T = L^{-T} Q` turn it into :math:`(c_k / \bar c)(1 - \omega) + \omega`. B has
a diagonal near 1 whatever the units of the columns, so this holds for badly scaled data, where the
eigenvalues of G itself would drown in rounding.

Where the Gram matrix is too large, its diagonal stands in for it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from softplex.objective import RidgeObjective
from softplex.solvers._cholesky import damped_cholesky
from softplex.streaming import Features

# The eigenproblem costs about 10 d^3 operations: at this size about as much as the rest of a fit.
_MAX_GRAM_SIZE = 2000


@dataclass(frozen=True)
class Preconditioner:
    """Gradient to approximate Newton direction.

    Parameters
    ----------
    apply : callable
        ``(r, d + 1)`` to the same shape.
    smallest_scale : float
        How small a factor the curvature met on the way may put on it. The curvature falls as the
        classes are told apart, so a whitened one may grow; a diagonal one, which knows the units
        of the columns and not how they work together, may shrink too.
    """

    apply: Callable[[Tensor], Tensor]
    smallest_scale: float


def gram_is_affordable(features: Features) -> bool:
    """Whether a Gram matrix, and a factor of it, cost no more than the rest of a fit."""
    return features.d <= min(_MAX_GRAM_SIZE, 4 * features.n)


def make_preconditioner(objective: RidgeObjective) -> Preconditioner:
    """Choose by size: whitening where the Gram matrix is affordable, else its diagonal."""
    features = objective.features
    total = float(objective.targets.weight.sum())
    curvature = _floored(objective.class_curvature)
    rho = objective.penalty_weight
    whiten = gram_is_affordable(features)
    if whiten:
        single = features.dtype == torch.float32
        # The jitter exceeds the rounding of a Gram matrix of unit diagonal.
        weights = _whitened(_gram(objective), curvature, rho, jitter=1e-6 if single else 1e-10)
    else:
        weights = _diagonal(total, curvature, rho)
    intercept_curvature = curvature * total

    def apply(gradient: Tensor) -> Tensor:
        intercept = gradient[:, -1] / intercept_curvature
        direction = torch.cat([weights(gradient[:, :-1]), intercept[:, None]], 1)
        # Adding a vector to every class changes no probability: stay where the sum is zero.
        return direction - direction.mean(0) if len(direction) > 1 else direction

    return Preconditioner(apply, smallest_scale=1.0 if whiten else 0.0)


def _floored(curvature: Tensor) -> Tensor:
    """Keep rare classes, whose curvature grows as soon as they are fitted, from huge steps."""
    return curvature.clamp_min(0.05 * float(curvature.max()))


def _gram(objective: RidgeObjective) -> Tensor:
    weight = objective.targets.weight
    gram = objective.features.gram(weight)
    if objective.transformed:
        return gram
    shift, scale = objective.coordinates.shift, objective.coordinates.scale
    centred = gram - float(weight.sum()) * torch.outer(shift, shift)
    return centred / torch.outer(scale, scale)


def _whitened(
    gram: Tensor, curvature: Tensor, rho: Tensor, *, jitter: float
) -> Callable[[Tensor], Tensor]:
    mean_curvature = float(curvature.mean())
    size = mean_curvature * gram + torch.diag(rho)
    unit = size.diagonal().rsqrt()
    # The unit diagonal makes the jitter mean the same for every column.
    balanced = size * torch.outer(unit, unit)
    balanced.diagonal().add_(jitter)
    lower = damped_cholesky(balanced)
    inner = torch.linalg.solve_triangular(lower, torch.diag(rho * unit.square()), upper=False)
    inner = torch.linalg.solve_triangular(lower, inner.T.contiguous(), upper=False)
    omega, rotation = torch.linalg.eigh(0.5 * (inner + inner.T))
    omega = omega.clamp(0.0, 1.0)
    transform = unit[:, None] * torch.linalg.solve_triangular(lower.T, rotation, upper=True)
    ratio = (curvature / mean_curvature)[:, None]
    inverse = 1.0 / (ratio * (1.0 - omega) + omega)
    return lambda gradient: ((gradient @ transform) * inverse) @ transform.T


def _diagonal(total: float, curvature: Tensor, rho: Tensor) -> Callable[[Tensor], Tensor]:
    # In these coordinates every column has unit mean square, so the Gram diagonal is the total.
    inverse = 1.0 / (curvature[:, None] * total + rho)
    return lambda gradient: gradient * inverse
