r"""Approximate inverse Hessians of a ridge-penalised linear head, diagonal in a basis.

At zero weights the Hessian of class a in the solver's coordinates is
:math:`c_a G + diag(\rho)` with :math:`c_a = \bar p_a (1 - \bar p_a)`, G the weighted Gram matrix
and rho the penalty weights. One generalised eigenproblem inverts it for all classes at once: with
:math:`B = \bar c\, G + diag(\rho) = L L^T` and :math:`L^{-1} diag(\rho) L^{-T} = Q \Omega Q^T`,
the columns of :math:`T = L^{-T} Q` turn it into :math:`(c_a / \bar c)(1 - \omega) + \omega`. B has
a diagonal near 1 whatever the units of the columns, so this holds for badly scaled data, where the
eigenvalues of G itself would drown in rounding.

Where the Gram matrix is too large, the features themselves are the basis.

As the fit goes on, the curvature of each class in each direction of the basis,
:math:`h_{am} = \sum_i s_i p_{ia} (1 - p_{ia}) (t_m^T x_i)^2`, moves away from that at zero
weights. It costs about one evaluation to measure again (George et al. 2018, "Fast approximate
natural gradient descent in a Kronecker-factored eigenbasis", do the same for networks).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from softplex.objective import RidgeObjective
from softplex.solvers._cholesky import damped_cholesky
from softplex.streaming import Features, class_curvature

# The eigenproblem costs about 10 d^3 operations: at this size about as much as the rest of a fit.
_MAX_GRAM_SIZE = 2000
# A product with fewer score columns than this runs at about one part in so many of full speed.
MANY_CLASSES, THIN = 64, 3
_FEW_PARAMETERS = 1 << 18
# Curvatures below these shares of the largest, or of the mean, grow with the next step.
_RARE_CLASS, _FLAT = 0.05, 1e-3
# The share of the jitter in the length of a direction above which it has no other.
_MOSTLY = 0.5


@dataclass(frozen=True)
class Preconditioner:
    """Gradient to approximate Newton direction.

    Parameters
    ----------
    apply : callable
        ``(r, d + 1)`` to the same shape.
    smallest_scale : float
        How small a factor the curvature met on the way may put on it. The curvature falls as the
        classes are told apart, so a whitened one of zero weights may grow; the others may shrink
        too.
    """

    apply: Callable[[Tensor], Tensor]
    smallest_scale: float


@dataclass(frozen=True)
class Basis:
    """Directions of the features in which Gram matrix and penalty are both diagonal.

    Parameters
    ----------
    transform : tensor (d, d) or None
        Its columns; None where each feature is a direction.
    gram, penalty : tensors (d,)
        The two diagonals.
    is_collinear : boolean tensor (d,)
        Directions without curvature or penalty but for the jitter, which holds their steps down.
    """

    transform: Tensor | None
    gram: Tensor
    penalty: Tensor
    is_collinear: Tensor

    def preconditioner(
        self, curvature: Tensor, intercept_curvature: Tensor, smallest_scale: float
    ) -> Preconditioner:
        """Invert ``curvature (r, d) + penalty`` in this basis."""
        inverse, transform = 1.0 / (curvature + self.penalty), self.transform
        if transform is None:
            inverse = inverse.to(vector_dtype(inverse))

        def apply(gradient: Tensor) -> Tensor:
            weights = gradient[:, :-1]
            if transform is None:
                weights = weights * inverse
            else:
                turned = (weights.to(transform.dtype) @ transform) * inverse
                weights = (turned @ transform.T).to(gradient.dtype)
            intercept = (gradient[:, -1] / intercept_curvature).to(weights.dtype)
            direction = torch.cat([weights, intercept[:, None]], 1)
            # Adding a vector to every class changes no probability: stay where the sum is zero.
            return direction.sub_(direction.mean(0)) if len(direction) > 1 else direction

        return Preconditioner(apply, smallest_scale)


def vector_dtype(vector: Tensor) -> torch.dtype:
    """Float64, but float32 for what only shapes the steps of very many parameters."""
    return torch.float64 if vector.numel() <= _FEW_PARAMETERS else torch.float32


def gram_is_affordable(features: Features) -> bool:
    """Whether a Gram matrix, and a factor of it, cost no more than the rest of a fit."""
    return features.d <= min(_MAX_GRAM_SIZE, 4 * features.n)


def make_basis(objective: RidgeObjective) -> Basis:
    """Choose by size: whitening where the Gram matrix is affordable, else the features."""
    total, rho = float(objective.targets.weight.sum()), objective.penalty_weight
    if not gram_is_affordable(objective.features):
        # In these coordinates every column has unit mean square.
        return Basis(
            None, torch.full_like(rho, total), rho, torch.zeros_like(rho, dtype=torch.bool)
        )
    single = objective.features.dtype == torch.float32
    # The jitter exceeds the rounding of a Gram matrix of unit diagonal.
    mean_curvature = float(_floored(objective.class_curvature).mean())
    return _whitened(_gram(objective), mean_curvature, rho, jitter=1e-6 if single else 1e-10)


def first_preconditioner(objective: RidgeObjective, basis: Basis) -> Preconditioner:
    """The curvature at zero weights."""
    curvature = _floored(objective.class_curvature)
    total = float(objective.targets.weight.sum())
    smallest_scale = 0.0 if basis.transform is None else 1.0
    return basis.preconditioner(curvature[:, None] * basis.gram, curvature * total, smallest_scale)


def renewal_cost(objective: RidgeObjective, basis: Basis) -> int:
    """What measuring the curvature again costs, in evaluations; the large product runs faster."""
    if basis.transform is None:
        return 1
    k = objective.targets.n_classes
    return 1 + objective.features.d // (2 * k * (THIN if k < MANY_CLASSES else 1))


def renewed_preconditioner(
    objective: RidgeObjective, basis: Basis, theta: Tensor
) -> Preconditioner:
    """The curvature at some parameters, in the same basis."""
    weight, bias = objective.user_parameters(theta)
    inner = objective.coordinates
    transform, shift = basis.transform, torch.zeros_like(inner.shift)
    if not objective.transformed and transform is None:
        shift = inner.shift
    elif not objective.transformed and transform is not None:
        transform = transform / inner.scale[:, None]
        shift = inner.shift @ transform
    curvature, totals = class_curvature(
        objective.features, weight, bias, objective.targets, transform, shift
    )
    if not objective.transformed and transform is None:
        curvature /= inner.scale.square()
    curvature = curvature.clamp_min(max(_FLAT * float(curvature.mean()), 0.0))
    first = _floored(objective.class_curvature)[:, None] * basis.gram
    curvature = torch.where(basis.is_collinear, torch.maximum(first, curvature), curvature)
    return basis.preconditioner(curvature, _floored(totals), 0.0)


def _floored(curvature: Tensor) -> Tensor:
    """Keep rare classes, whose curvature grows as soon as they are fitted, from huge steps."""
    return curvature.clamp_min(_RARE_CLASS * float(curvature.max()))


def _gram(objective: RidgeObjective) -> Tensor:
    weight = objective.targets.weight
    gram = objective.features.gram(weight)
    if objective.transformed:
        return gram
    shift, scale = objective.coordinates.shift, objective.coordinates.scale
    centred = gram - float(weight.sum()) * torch.outer(shift, shift)
    return centred / torch.outer(scale, scale)


def _whitened(gram: Tensor, mean_curvature: float, rho: Tensor, *, jitter: float) -> Basis:
    size = mean_curvature * gram + torch.diag(rho)
    unit = size.diagonal().clamp_min(torch.finfo(size.dtype).tiny).rsqrt()
    # The unit diagonal makes the jitter mean the same for every column.
    balanced = size * torch.outer(unit, unit)
    balanced.diagonal().add_(jitter)
    lower = damped_cholesky(balanced)
    inner = torch.linalg.solve_triangular(lower, torch.diag(rho * unit.square()), upper=False)
    inner = torch.linalg.solve_triangular(lower, inner.T.contiguous(), upper=False)
    omega, rotation = torch.linalg.eigh(0.5 * (inner + inner.T))
    omega = omega.clamp(0.0, 1.0)
    columns = torch.linalg.solve_triangular(lower.T, rotation, upper=True)
    is_collinear = jitter * columns.square().sum(0) > _MOSTLY
    return Basis(unit[:, None] * columns, (1.0 - omega) / mean_curvature, omega, is_collinear)
