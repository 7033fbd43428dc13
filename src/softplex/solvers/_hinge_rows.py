"""Rows of features that a hinge solver picks from, step by step."""

from __future__ import annotations

from typing import Any

import torch
from scipy import sparse
from torch import Tensor

from softplex._arrays import to_tensor
from softplex.streaming import Features, as_features, linear_scores

# Above this share of the rows, all of them are cheaper than a copy of some.
_NEARLY_ALL = 0.8


class HingeRows:
    """Rows ``(n, d)`` in one dtype, dense or CSR, that can be selected.

    Parameters
    ----------
    matrix : tensor or SciPy CSR (n, d)
        Already in ``dtype``.
    dtype : torch.dtype
        Of the products.
    device : torch.device
        Where they are formed.
    n_columns : int
        Score columns, which size the blocks of the products.
    """

    def __init__(
        self, matrix: Any, dtype: torch.dtype, device: torch.device, n_columns: int
    ) -> None:
        self.matrix, self.dtype, self.device = matrix, dtype, device
        self.n, self.d = matrix.shape
        self._n_columns = n_columns
        self._prepared: Features | None = None

    @property
    def features(self) -> Features:
        """The rows as features, prepared when they are first multiplied."""
        if self._prepared is None:
            self._prepared = as_features(self.matrix, self.dtype, self.device, self._n_columns)
        return self._prepared

    def select(self, rows: Tensor) -> HingeRows:
        """Give some rows; for a dense matrix a copy."""
        if len(rows) == self.n:
            return self
        index = rows.cpu().numpy() if sparse.issparse(self.matrix) else rows
        return HingeRows(self.matrix[index], self.dtype, self.device, self._n_columns)

    def scores(self, weight: Tensor) -> Tensor:
        """Give ``X W^T``, ``(n, r)`` in the dtype of the products."""
        return linear_scores(self.features, weight, weight.new_zeros(len(weight)))

    def moment(self, left: Tensor) -> Tensor:
        """Give ``left^T X`` for left ``(n, r)``, ``(r, d)`` in float64; zeros cost little."""
        chosen = torch.nonzero(left.abs().amax(1)).squeeze(1)
        if len(chosen) < _NEARLY_ALL * self.n:
            part = self.select(chosen)
            return part.product(left[chosen])
        return self.product(left)

    def product(self, left: Tensor) -> Tensor:
        """Give ``left^T X``, all rows taking part."""
        out = torch.zeros(left.shape[1], self.d, dtype=torch.float64, device=self.device)
        left = left.to(self.dtype)
        for rows in self.features.blocks(left.shape[1]):
            self.features.add_product(rows, left[rows].T.contiguous(), out)
        return out

    def kernel(self, other: HingeRows) -> Tensor:
        """Give ``X Y^T`` in the dtype of the products."""
        if sparse.issparse(self.matrix):
            return to_tensor((self.matrix @ other.matrix.T).toarray(), device=self.device)
        if self.device.type == "cpu":  # NumPy recognises the symmetry of X X^T
            return torch.from_numpy(self.matrix.numpy() @ other.matrix.numpy().T)
        return torch.as_tensor(self.matrix @ other.matrix.T)

    def gram(self, row_weight: Tensor) -> Tensor:
        """Give ``X^T diag(row_weight) X`` in float64."""
        return self.features.gram(row_weight)

    def squares(self, row_weight: Tensor) -> Tensor:
        """Give the diagonal of that matrix, ``(d,)`` in float64."""
        if sparse.issparse(self.matrix):
            values = self.matrix.multiply(self.matrix).T @ row_weight.cpu().numpy()
            return to_tensor(values, device=self.device).to(torch.float64)
        return torch.as_tensor(row_weight.to(self.dtype) @ self.matrix.square()).to(torch.float64)
