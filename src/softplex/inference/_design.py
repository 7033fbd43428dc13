r"""Coordinates in which the information matrix is well conditioned.

With the weighted mean m and :math:`\tilde x = B^T (x - m)`, where B whitens the Gram matrix of the
features (plus what the penalty adds to it), parameters V and c of :math:`\tilde x` stand for

.. math:: W = V B^T, \qquad b = c - W m.

A column of any size, or far from zero, then costs no digits of the standard errors.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from scipy import sparse
from torch import Tensor

from softplex._arrays import to_tensor
from softplex._text import listed, quoted
from softplex.exceptions import InvalidInput
from softplex.inference._linear_model import LinearModel
from softplex.inference._rows import Rows
from softplex.objective import Coordinates
from softplex.streaming import DenseFeatures, Targets, as_features

# Numbers in a block of rows that is brought into these coordinates at a time.
_BLOCK = 1 << 22
# Smallest eigenvalue of the Gram matrix of scaled features that float64 tells from zero.
_COLLINEAR = 1e-13


@dataclass(frozen=True)
class Design:
    """Features as they came, and the coordinates to look at them in.

    Parameters
    ----------
    rows : Rows
    model : LinearModel
    basis : tensor (d, d)
        The basis B.
    inverse : tensor (d, d)
        Its inverse.
    shift : tensor (d,)
        The shift m.
    """

    rows: Rows
    model: LinearModel
    basis: Tensor
    inverse: Tensor
    shift: Tensor

    def blocks(self) -> Iterator[tuple[slice, DenseFeatures, Targets]]:
        """Give blocks of rows in these coordinates, with their targets."""
        targets = self.rows.targets
        for part, block in dense_blocks(self.rows.X):
            features = DenseFeatures((block - self.shift) @ self.basis, torch.float64)
            yield (
                part,
                features,
                Targets(targets.values[part], targets.weight[part], targets.n_classes),
            )

    @property
    def parameters(self) -> tuple[Tensor, Tensor]:
        """V and c of the model's contrasts."""
        model = self.model
        return model.weight @ self.inverse.T, model.bias + model.weight @ self.shift

    @property
    def penalty(self) -> Tensor:
        """Second derivative of the penalty in [V | c], ``(size, size)``."""
        model = self.model
        per_class = torch.zeros(model.width, model.width, dtype=torch.float64)
        per_class[: model.d, : model.d] = model.penalty * (self.basis.T @ self.basis)
        return torch.kron(model.class_penalty, per_class)

    @property
    def to_user_rows(self) -> Tensor:
        """The matrix A with [W | b] = [V | c] A, row by row; ``(width, width)``."""
        d, width = self.model.d, self.model.width
        change = torch.zeros(width, width, dtype=torch.float64)
        change[:d, :d] = self.basis.T
        if self.model.fit_intercept:
            change[:d, -1] = -(self.basis.T @ self.shift)
            change[-1, -1] = 1.0
        return change

    def to_user(self, covariance: Tensor) -> Tensor:
        """Bring a covariance of [V | c] to that of [W | b]; both ``(size, size)``."""
        return change_coordinates(covariance, self.to_user_rows)


def change_coordinates(covariance: Tensor, change: Tensor) -> Tensor:
    """Give the covariance of rows that are multiplied by A from the right, stacked."""
    width = len(change)
    blocks = covariance.reshape(len(covariance) // width, width, -1, width)
    return torch.einsum("ui,aubv,vj->aibj", change, blocks, change).reshape(covariance.shape)


def whitened_design(who: str, model: LinearModel, rows: Rows) -> Design:
    """Choose the coordinates; collinear features without a penalty are an error."""
    weight = rows.targets.weight
    moments = as_features(rows.X, torch.float64, weight.device, 1).moments(weight)
    coordinates = Coordinates.of_moments(*moments, centre=model.fit_intercept)
    shift, scale = coordinates.shift, coordinates.scale
    gram = torch.zeros(model.d, model.d, dtype=torch.float64)
    for part, block in dense_blocks(rows.X):
        gram += DenseFeatures((block - shift) / scale, torch.float64).gram(weight[part])
    gram.diagonal().add_(model.penalty * coordinates.penalty_weight)
    values, vectors = torch.linalg.eigh(gram / weight.sum())
    null = values <= _COLLINEAR * values[-1]
    if bool(null.any()):
        raise InvalidInput(_collinear(who, model, vectors[:, null]))
    root = values.sqrt()
    return Design(
        rows,
        model,
        basis=vectors / root / scale[:, None],
        inverse=root[:, None] * vectors.T * scale,
        shift=shift,
    )


def _collinear(who: str, model: LinearModel, null: Tensor) -> str:
    """Name the features that take part in a linear relation."""
    sizes = null.norm(dim=1)
    places = torch.nonzero(sizes > 1e-3 * sizes.max()).squeeze(1).tolist()
    names = [quoted(model.feature_names[place]) for place in places]
    if len(names) == 1:
        what = f"{names[0]} is {'constant' if model.fit_intercept else 'zero'} in every row"
    else:
        apart = " and the intercept" if model.fit_intercept else ""
        what = f"{listed(names)} are (some are linear functions of the others{apart})"
    return (
        f"{who} needs features that are not collinear, but {what}: their coefficients are not "
        "determined, and have no standard errors. Drop some of them, or fit with a penalty (a "
        "finite C) and read the posterior."
    )


def dense_blocks(X: Any, numbers_a_row: int | None = None) -> Iterator[tuple[slice, Tensor]]:
    """Give blocks of the rows of X as dense float64; a row may stand for more numbers than d."""
    n, d = X.shape
    step = max(_BLOCK // (numbers_a_row or d), 128)
    for start in range(0, n, step):
        part = slice(start, min(start + step, n))
        block = X[part].toarray() if sparse.issparse(X) else X[part]
        yield part, to_tensor(block).to(torch.float64)
