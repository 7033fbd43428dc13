r"""Newton directions over the weights that are not zero, where a kinked penalty is smooth.

With W restricted to its non-zero entries the penalty :math:`l \|w\|_1 + g \|w\|_2` of a feature
has the gradient :math:`l\, sign(w) + g\, w / \|w\|` and the Hessian
:math:`(g / \|w\|)(I - w w^T / \|w\|^2)`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from softplex.objective import RidgeObjective, hessian_product, reduced_hessian
from softplex.penalties import PenaltyParts
from softplex.solvers._cholesky import damped_cholesky
from softplex.solvers._preconditioner import gram_is_affordable
from softplex.streaming import DenseFeatures, mean_class_covariance

# Iterations of the conjugate gradients for one direction.
_MAX_ITERATIONS = 60
# Coordinates up to which the Hessian of a face is formed, where that is no dearer than the typical
# number of iterations.
_MAX_FORMED_SIZE = 3000
_TYPICAL_ITERATIONS = 30
# Operations of the factorisations for one direction, above which a diagonal preconditions.
_MAX_FACTOR_WORK = 2e10


@dataclass(frozen=True)
class Face:
    """The coordinates that may move, boolean ``(r, d + 1)``, and the penalty on them."""

    free: Tensor
    penalty: PenaltyParts

    def kink_gradient(self, theta: Tensor) -> Tensor:
        """Give the gradient of the kinked part on the face, ``(r, d + 1)``."""
        weight = theta[:, :-1]
        size = torch.linalg.vector_norm(weight, dim=0).clamp_min(1e-300)
        slope = self.penalty.l1 * weight.sign() + self.penalty.group * weight / size
        return torch.nn.functional.pad(slope, (0, 1)) * self.free

    def kink_product(self, theta: Tensor, direction: Tensor) -> Tensor:
        """Give the Hessian of the kinked part times a direction on the face."""
        weight, along = theta[:, :-1], direction[:, :-1]
        size = torch.linalg.vector_norm(weight, dim=0).clamp_min(1e-300)
        unit = weight / size
        bent = (self.penalty.group / size) * (along - unit * (unit * along).sum(0))
        return torch.nn.functional.pad(bent, (0, 1)) * self.free

    def add_kink_hessian(self, theta: Tensor, hessian: Tensor) -> None:
        """Add the Hessian of the kinked part to one of the free coordinates, row by row."""
        if not bool((self.penalty.group > 0).any()):
            return
        row, column = torch.nonzero(self.free, as_tuple=True)
        weight = torch.nn.functional.pad(theta[:, :-1], (0, 1))
        size = torch.linalg.vector_norm(weight, dim=0).clamp_min(1e-300)
        bend = torch.nn.functional.pad(self.penalty.group, (0, 1)) / size
        unit = (weight / size)[row, column]
        hessian.diagonal().add_(bend[column])
        same = column[:, None] == column
        hessian -= torch.where(same, bend[column] * torch.outer(unit, unit), 0.0)


class ReducedNewton:
    """Gives directions on a face.

    Parameters
    ----------
    objective : RidgeObjective
        Loss and quadratic part; only its Hessian is used.
    """

    def __init__(self, objective: RidgeObjective) -> None:
        self._objective = objective
        self._dense = objective.transformed and isinstance(objective.features, DenseFeatures)
        self._gram: Tensor | None = None

    def direction(self, theta: Tensor, gradient: Tensor, face: Face, accuracy: float) -> Tensor:
        """Solve H d = -gradient on the face, to a share of the gradient."""
        if self._can_be_formed(face):
            return self._by_factor(theta, gradient, face)
        objective = self._objective

        def product(along: Tensor) -> Tensor:
            smooth = hessian_product(objective, theta, along) * face.free
            return smooth + face.kink_product(theta, along)

        return _conjugate_gradients(product, self._preconditioner(theta, face), gradient, accuracy)

    def _can_be_formed(self, face: Face) -> bool:
        size = float(face.free.sum())
        n, d = self._objective.features.n, self._objective.features.d
        formed = n * size**2 + size**3 / 3
        iterated = _TYPICAL_ITERATIONS * 6 * n * d * len(face.free)
        return self._dense and size <= _MAX_FORMED_SIZE and formed <= iterated

    def _by_factor(self, theta: Tensor, gradient: Tensor, face: Face) -> Tensor:
        place = torch.nonzero(face.free.reshape(-1)).squeeze(1)
        hessian = reduced_hessian(self._objective, theta, face.free)
        face.add_kink_hessian(theta, hessian)
        # The intercepts may move together at no cost; the slope along that is zero.
        factor = damped_cholesky(hessian)
        step = torch.cholesky_solve(gradient.reshape(-1)[place, None], factor).squeeze(1)
        direction = torch.zeros_like(gradient).reshape(-1)
        direction[place] = -step
        return direction.reshape(gradient.shape)

    def _preconditioner(self, theta: Tensor, face: Face) -> Callable[[Tensor], Tensor]:
        objective = self._objective
        curvature = class_curvature(objective, theta)
        curvature = curvature.clamp_min(1e-3 * float(curvature.max()))
        size = torch.linalg.vector_norm(theta[:, :-1], dim=0).clamp_min(1e-300)
        bend = face.penalty.group / size * (1.0 - 1.0 / max(len(theta), 1))
        extra = torch.nn.functional.pad(objective.penalty_weight + bend, (0, 1))
        work = float(face.free.sum(1).to(torch.float64).pow(3).sum()) / 3
        if not gram_is_affordable(objective.features) or work > _MAX_FACTOR_WORK:
            inverse = face.free / (curvature[:, None] + extra)
            return lambda vector: vector * inverse
        if self._gram is None:
            self._gram = standard_gram(objective)
        places, factors = [], []
        for own, size_of_class in zip(face.free, curvature, strict=True):
            place = torch.nonzero(own).squeeze(1)
            block = size_of_class * self._gram[place[:, None], place] + torch.diag(extra[place])
            block.diagonal().mul_(1.0 + 1e-6)
            places.append(place)
            factors.append(damped_cholesky(block.to(torch.float32)))

        def apply(vector: Tensor) -> Tensor:
            out = torch.zeros_like(vector)
            for row, (place, factor) in enumerate(zip(places, factors, strict=True)):
                part = vector[row, place].to(torch.float32)[:, None]
                out[row, place] = torch.cholesky_solve(part, factor).squeeze(1).to(vector.dtype)
            return out

        return apply


def class_curvature(objective: RidgeObjective, theta: Tensor) -> Tensor:
    """Give sum_i s_i p_ic (1 - p_ic) of each score column, ``(r,)``."""
    weight, bias = (
        (theta[:, :-1], theta[:, -1])
        if objective.transformed
        else objective.coordinates.to_user(theta)
    )
    _, covariance = mean_class_covariance(objective.features, weight, bias, objective.targets)
    return covariance.diagonal()[-len(theta) :]


def standard_gram(objective: RidgeObjective) -> Tensor:
    """The Gram matrix of the standardised features and 1, divided by the total weight."""
    weight = objective.targets.weight
    total = float(weight.sum())
    gram = objective.features.gram(weight) / total
    if not objective.transformed:
        shift, scale = objective.coordinates.shift, objective.coordinates.scale
        gram = (gram - torch.outer(shift, shift)) / torch.outer(scale, scale)
    wide = torch.nn.functional.pad(gram, (0, 1, 0, 1))
    wide[-1, -1] = 1.0
    return wide


def _conjugate_gradients(
    product: Callable[[Tensor], Tensor],
    precondition: Callable[[Tensor], Tensor],
    gradient: Tensor,
    accuracy: float,
) -> Tensor:
    """Truncated conjugate gradients for ``H d = -gradient``."""
    solution, left = torch.zeros_like(gradient), -gradient
    along = precondition(left)
    size = _dot(left, along)
    goal = accuracy**2 * size
    for _ in range(_MAX_ITERATIONS):
        image = product(along)
        bend = _dot(along, image)
        if not bend > 0.0:
            return solution if bool(solution.any()) else along
        step = size / bend
        solution = solution + step * along
        left = left - step * image
        solved = precondition(left)
        following = _dot(left, solved)
        if not following > goal:
            break
        along = solved + (following / size) * along
        size = following
    return solution


def _dot(left: Tensor, right: Tensor) -> float:
    return float(torch.dot(left.reshape(-1), right.reshape(-1)))
