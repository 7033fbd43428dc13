r"""The information matrix of a fitted model, factored, or a sentence why it cannot be.

In units of the log-likelihood,

.. math:: I = \sum_i w_i\, (diag(p_i) - p_i p_i^T)_{-r,-r} \otimes \tilde x_i \tilde x_i^T,

with the reference class r left out. It does not depend on the labels, so that for softmax the
observed and the expected (Fisher) information are one matrix.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from softplex._text import listed, quoted
from softplex.exceptions import InvalidInput
from softplex.inference._design import Design, whitened_design
from softplex.inference._linear_model import LinearModel
from softplex.inference._rows import Rows
from softplex.streaming import linear_hessian, linear_loss_and_gradient

# Matrices of the size of the information that are held at once.
_MATRICES = 5
# Information along a direction, as a share of that in the features, that float64 resolves.
_SEPARATED, _SINGULAR = 1e-9, 1e-14
# Size in such a direction, against the largest, of a class or feature that is named: one class
# against two others has them at a half.
_TAKES_PART = 0.6


@dataclass(frozen=True)
class Curvature:
    """Information, penalty and the Cholesky factor of their sum, in whitened coordinates."""

    design: Design
    information: Tensor
    penalty: Tensor
    factor: Tensor
    gradient: Tensor

    @property
    def inverse(self) -> Tensor:
        """Inverse of information plus penalty."""
        return torch.cholesky_inverse(self.factor)

    @property
    def distance(self) -> float:
        """How far the coefficients are from the optimum, in standard errors at most.

        The root of g^T H^-1 g, the largest ratio over all linear functions of the coefficients.
        """
        step = torch.cholesky_solve(self.gradient[:, None], self.factor)[:, 0]
        return math.sqrt(max(float(self.gradient @ step), 0.0))

    @property
    def degrees_of_freedom(self) -> float:
        """Trace of H^-1 I: the number of coefficients, less what the penalty takes away."""
        lost = (self.inverse * self.penalty).sum() if self.design.model.penalty else 0.0
        return self.design.model.size - float(lost)


def curvature(who: str, model: LinearModel, rows: Rows, memory_limit: float) -> Curvature:
    """Form and factor the information matrix."""
    refuse_large(who, model, memory_limit)
    design = whitened_design(who, model, rows)
    information = _information(design)
    penalty = design.penalty
    gradient = _gradient(design)
    theta = torch.cat([design.parameters[0], design.parameters[1][:, None]], 1)
    gradient += penalty @ theta[:, : model.width].reshape(-1)
    factor, direction = factor_or_direction(information + penalty, floor_of(model, rows))
    if direction is not None:
        raise InvalidInput(separated(who, design, direction))
    return Curvature(design, information, penalty, factor, gradient)


def refuse_large(who: str, model: LinearModel, memory_limit: float) -> None:
    """Refuse a matrix over (k - 1) (d + 1) coefficients that would not fit."""
    needed = _MATRICES * 8.0 * model.size**2
    if needed > memory_limit:
        raise InvalidInput(
            f"{who} needs about {needed:.3g} bytes for the information matrix of {model.size:,} "
            f"coefficients, but memory_limit is {memory_limit:.3g}. Give a larger memory_limit or "
            "fewer features, or ask infer for approximation='block' (one matrix a class) or "
            "approximation='diagonal'."
        )


def _information(design: Design) -> Tensor:
    model = design.model
    weight, bias = design.parameters
    r, width = len(weight), model.d + 1
    total = torch.zeros(r * width, r * width, dtype=torch.float64)
    for _, features, targets in design.blocks():
        total += linear_hessian(features, weight, bias, targets)
    if model.fit_intercept:
        return total
    return total.reshape(r, width, r, width)[:, :-1, :, :-1].reshape(model.size, model.size)


def _gradient(design: Design) -> Tensor:
    """Gradient of the loss as it was fitted, over all rows."""
    model = design.model
    weight, bias = design.parameters
    gradient = torch.zeros(len(weight), model.d + 1, dtype=torch.float64)
    for _, features, targets in design.blocks():
        _, *parts = linear_loss_and_gradient(features, weight, bias, targets, model.loss)
        gradient += torch.cat([parts[0], parts[1][:, None]], 1)
    return gradient[:, : model.width].reshape(-1)


def factor_or_direction(matrix: Tensor, floor: float) -> tuple[Tensor, Tensor | None]:
    """Factor a matrix; give a direction too where its curvature is not above the floor."""
    factor: Tensor
    factor, info = torch.linalg.cholesky_ex(matrix)
    if int(info) != 0:
        return factor, torch.linalg.eigh(matrix).eigenvectors[:, 0]
    smallest, direction = _weakest(factor)
    return factor, None if smallest > floor else direction


def floor_of(model: LinearModel, rows: Rows) -> float:
    """Curvature along a unit of whitened features that is as good as none."""
    return (_SINGULAR if model.penalty else _SEPARATED) * float(rows.targets.weight.sum())


def _weakest(factor: Tensor) -> tuple[float, Tensor]:
    """Smallest eigenvalue and its vector, by inverse iteration from a slanted start."""
    vector = torch.linspace(1.0, 2.0, len(factor), dtype=torch.float64)
    vector[::2] *= -1.0
    size = vector.norm()
    for _ in range(30):
        vector = torch.cholesky_solve((vector / size)[:, None], factor)[:, 0]
        size = vector.norm()
    return 1.0 / float(size), vector / size


def separated(who: str, design: Design, direction: Tensor) -> str:
    """Name the classes and features of a direction along which nothing is known."""
    model = design.model
    contrasts = torch.nn.functional.pad(direction.reshape(model.k - 1, model.width), (0, 0, 1, 0))
    rows = contrasts - contrasts.mean(0)
    classes = _largest(rows.norm(dim=1), [quoted(name) for name in model.classes])
    scale = design.inverse.norm(dim=0)
    along = (rows[:, : model.d] @ design.basis.T).norm(dim=0) * scale
    features = _largest(along, [quoted(name) for name in model.feature_names])
    verb = "are" if len(classes) > 1 else "is"
    others = "each other" if len(classes) == model.k else "the rest"
    return (
        f"{who} needs classes that overlap, but {listed(classes)} {verb} separated from "
        f"{others} or nearly so, mostly along {listed(features)}: coefficients that have no finite "
        "optimum have no standard errors. Fit with a penalty (a finite, smaller C) and read the "
        "posterior, or leave out what tells these classes apart."
    )


def _largest(sizes: Tensor, names: list[str]) -> list[str]:
    chosen = torch.nonzero(sizes >= _TAKES_PART * sizes.max()).squeeze(1).tolist()
    return [names[place] for place in chosen]
