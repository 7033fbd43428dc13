"""Rows of features that a hinge solver picks from, step by step."""

from __future__ import annotations

from typing import Any

import torch
from scipy import sparse
from torch import Tensor

from softplex._arrays import to_tensor
from softplex.streaming import as_features, linear_scores

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
    """

    def __init__(self, matrix: Any, dtype: torch.dtype, device: torch.device) -> None:
        self.matrix, self.dtype, self.device = matrix, dtype, device
        self.n, self.d = matrix.shape

    def select(self, rows: Tensor) -> HingeRows:
        """Give some rows; for a dense matrix a copy."""
        if len(rows) == self.n:
            return self
        index = rows.cpu().numpy() if sparse.issparse(self.matrix) else rows
        return HingeRows(self.matrix[index], self.dtype, self.device)

    def scores(self, weight: Tensor) -> Tensor:
        """Give ``X W^T``, ``(n, r)`` in the dtype of the products."""
        features = as_features(self.matrix, self.dtype, self.device, len(weight))
        return linear_scores(features, weight, weight.new_zeros(len(weight)))

    def moment(self, left: Tensor) -> Tensor:
        """Give ``left^T X`` for left ``(n, r)``, ``(r, d)`` in float64."""
        chosen = torch.nonzero(left.abs().amax(1)).squeeze(1)
        if len(chosen) < _NEARLY_ALL * self.n:
            return self.select(chosen).moment(left[chosen]) if len(chosen) else self._zero(left)
        out = self._zero(left)
        features = as_features(self.matrix, self.dtype, self.device, left.shape[1])
        left = left.to(self.dtype)
        for rows in features.blocks(left.shape[1]):
            features.add_product(rows, left[rows].T.contiguous(), out)
        return out

    def kernel(self, other: HingeRows) -> Tensor:
        """Give ``X Y^T`` in the dtype of the products."""
        if sparse.issparse(self.matrix):
            return to_tensor((self.matrix @ other.matrix.T).toarray(), device=self.device)
        if self is other and self.device.type == "cpu":
            matrix = self.matrix.numpy()
            return torch.from_numpy(matrix @ matrix.T)
        return torch.as_tensor(self.matrix @ other.matrix.T)

    def gram(self, row_weight: Tensor) -> Tensor:
        """Give ``X^T diag(row_weight) X`` in float64."""
        return as_features(self.matrix, self.dtype, self.device, 1).gram(row_weight)

    def _zero(self, left: Tensor) -> Tensor:
        return torch.zeros(left.shape[1], self.d, dtype=torch.float64, device=self.device)
