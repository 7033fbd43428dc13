r"""A preconditioner from the curvature where the solver stands, one block a contrast of classes.

The Hessian of softmax at the present probabilities is :math:`\sum_i s_i C_i \otimes x_i x_i^T` with
:math:`C_i = diag(p_i) - p_i p_i^T`. The eigenvectors u_m of :math:`\sum_i s_i C_i` are contrasts:
u_1 tells apart what is confused most, and so on. In their basis the Hessian is nearly block
diagonal, with the blocks

.. math:: A_m = \sum_i s_i\, (u_m^T C_i u_m)\, \tilde x_i \tilde x_i^T + diag(\rho, 0),
          \qquad \tilde x = (x, 1),

each a weighted Gram matrix. Blocks for the classes themselves miss that telling two classes apart
takes a difference of scores. With all blocks of one Gram matrix, as at zero weights, it is the
whitened preconditioner; on Fashion-MNIST the blocks take a quarter of its iterations.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from softplex.objective import RidgeObjective
from softplex.solvers._cholesky import damped_cholesky
from softplex.solvers._preconditioner import Preconditioner, gram_is_affordable
from softplex.streaming import contrast_curvature, mean_class_covariance

# Numbers in all blocks together; 20 million take 80 MB.
_MAX_BLOCK_NUMBERS = 20_000_000
# Evaluations after which a fit is taken to be a long one.
_LONG = 15
# The curvatures of the rows along all contrasts may take this share of the data.
_SHARE_OF_DATA = 0.125
_FEW_NUMBERS = 4_000_000
# Features below which a Gram matrix of all rows costs no more than to choose among them.
_NARROW = 100
# The share of the curvature that the rows of a block hold; the others would cost as much again.
_BULK = 0.98


def evaluations_worth_contrasts(objective: RidgeObjective) -> int | None:
    """Evaluations after which the blocks pay, or None where they are too large.

    The r Gram matrices take r n d^2 operations, an evaluation 4 n d r, and with few classes those
    run at about a quarter of the speed, for their matrices are thin. To build after half of what
    the blocks cost loses little when the fit would have ended soon after.
    """
    features, r = objective.features, len(objective.class_curvature)
    if not gram_is_affordable(features) or r * (features.d + 1) ** 2 > _MAX_BLOCK_NUMBERS:
        return None
    return int(max(_LONG, features.d * min(r, 80) / 320))


def contrast_preconditioner(objective: RidgeObjective, theta: Tensor) -> Preconditioner:
    """Build the blocks at some parameters."""
    contrasts = _contrasts(objective, theta)
    single = objective.features.dtype == torch.float32
    # A block is inverted through its factor, so it stays positive definite in float32 too.
    roots = torch.stack(
        [
            _inverse_root(_block(objective, curvature), jitter=1e-6 if single else 1e-10)
            for curvature in _curvatures(objective, theta, contrasts)
        ]
    )

    def apply(gradient: Tensor) -> Tensor:
        # Row vectors: batched products with column vectors are ten times slower.
        parts = (contrasts.T @ gradient.to(contrasts.dtype)).to(roots.dtype)[:, None, :]
        solved = torch.bmm(torch.bmm(parts, roots.mT), roots).squeeze(1)
        return contrasts @ solved.to(contrasts.dtype)

    return Preconditioner(apply, smallest_scale=0.0)


def _contrasts(objective: RidgeObjective, theta: Tensor) -> Tensor:
    """Columns u_m, without the one that adds the same to every class."""
    r = len(theta)
    if r < objective.targets.n_classes:  # one column for two classes is a contrast already
        return torch.ones(1, 1, dtype=torch.float64, device=theta.device)
    weight, bias = objective.user_parameters(theta)
    _, covariance = mean_class_covariance(objective.features, weight, bias, objective.targets)
    vectors: Tensor = torch.linalg.eigh(covariance).eigenvectors
    return vectors[:, 1:]


def _curvatures(objective: RidgeObjective, theta: Tensor, contrasts: Tensor) -> Iterator[Tensor]:
    """The curvature of each row along each contrast, ``(n,)``; few at a time if they are many."""
    features = objective.features
    weight, bias = objective.user_parameters(theta)
    at_once = max(1, int(_SHARE_OF_DATA * features.d), _FEW_NUMBERS // features.n)
    for start in range(0, contrasts.shape[1], at_once):
        few = contrasts[:, start : start + at_once]
        yield from contrast_curvature(features, weight, bias, objective.targets, few)


def _block(objective: RidgeObjective, curvature: Tensor) -> Tensor:
    """A_m in the coordinates of the solver, ``(d + 1, d + 1)``."""
    features, coordinates = objective.features, objective.coordinates
    curvature = curvature.to(torch.float64)
    if features.d >= _NARROW:
        curvature = bulk(curvature)
    gram, total = features.gram(curvature), curvature.sum()
    sums = features.weighted_sum(curvature)
    if not objective.transformed:
        shift, scale = coordinates.shift, coordinates.scale
        cross = torch.outer(sums, shift)
        gram = gram - cross - cross.T + total * torch.outer(shift, shift)
        gram, sums = gram / torch.outer(scale, scale), (sums - total * shift) / scale
    gram = gram + torch.diag(objective.penalty_weight)
    column = sums[:, None] if objective.fit_intercept else torch.zeros_like(sums)[:, None]
    return torch.cat([torch.cat([gram, column], 1), torch.cat([column.T, total.view(1, 1)], 1)])


def bulk(curvature: Tensor) -> Tensor:
    """Leave out the rows that hold little of the curvature, which are most, and keep its sum.

    Rows below a share of the mean hold less than this share of the sum together.
    """
    kept = torch.where(curvature >= (1.0 - _BULK) * curvature.mean(), curvature, 0.0)
    return kept * (curvature.sum() / kept.sum().clamp_min(torch.finfo(kept.dtype).tiny))


def _inverse_root(block: Tensor, *, jitter: float) -> Tensor:
    """V with V^T V the inverse of a block, in float32; its unit diagonal makes columns alike."""
    unit = block.diagonal().clamp_min(torch.finfo(torch.float32).tiny).rsqrt()
    balanced = block * torch.outer(unit, unit)
    balanced.diagonal().add_(jitter)
    lower = damped_cholesky(balanced)
    eye = torch.eye(len(lower), dtype=lower.dtype, device=lower.device)
    inverse: Tensor = torch.linalg.solve_triangular(lower, eye, upper=False)
    return inverse.mul_(unit).to(torch.float32)
