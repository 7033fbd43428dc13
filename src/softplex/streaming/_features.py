"""Dense and CSR features behind one small interface.

Scores of a block are class-major, ``(k, rows)``: for few classes the two products
``W X_b^T`` and ``D X_b`` and the passes over the classes are then contiguous, which halves the
time of a block against the ``(rows, k)`` layout.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from scipy import sparse
from torch import Tensor

from softplex._arrays import sparse_tensor, to_tensor

# Numbers in a block of scores: it stays in the second-level cache together with its features.
_BLOCK_SCORES = 1 << 18
_MIN_ROWS, _MAX_ROWS = 128, 1024
# Numbers in a block of narrow features, whose calls would else cost more than their products.
_BLOCK_FEATURES = 1 << 18
# The products of a CSR block write (d, k) numbers each time, so few large blocks are better.
_SPARSE_BLOCK_SCORES = 1 << 22


class Features(ABC):
    """Rows of features that multiply weights, block by block, in one floating-point dtype."""

    n: int
    d: int
    dtype: torch.dtype
    device: torch.device

    @abstractmethod
    def blocks(self, n_classes: int) -> Iterator[slice]:
        """Give the row blocks in order."""

    @abstractmethod
    def scores(self, rows: slice, weight: Tensor, bias: Tensor) -> Tensor:
        """Give the scores of a block, class-major ``(k, rows)``."""

    @abstractmethod
    def add_product(self, rows: slice, left: Tensor, out: Tensor) -> None:
        """Add ``left (k, rows) @ X[rows]`` to ``out (k, d)``, float64 or of the features' dtype."""

    @abstractmethod
    def add_squares(
        self, rows: slice, left: Tensor, basis: Tensor | None, shift: Tensor, out: Tensor
    ) -> None:
        """Add ``left (k, rows) @ (X[rows] basis - shift)^2`` to ``out (k, m)``, in float64.

        Without a basis the columns stand for themselves.
        """

    @abstractmethod
    def moments(self, row_weight: Tensor) -> tuple[Tensor, Tensor]:
        """Give the weighted mean and mean square of each column, in float64."""

    def weighted_sum(self, row_weight: Tensor) -> Tensor:
        """Give ``X^T row_weight``, ``(d,)`` in float64."""
        out = torch.zeros(1, self.d, dtype=torch.float64, device=self.device)
        for rows in self.blocks(1):
            self.add_product(rows, row_weight[rows][None].to(self.dtype), out)
        return out[0]

    @abstractmethod
    def largest_norm(self, shift: Tensor, weight: Tensor) -> float:
        """Give the largest ``sqrt(sum_j weight_j (x_j - shift_j)^2)`` over the rows, in float64."""

    @abstractmethod
    def gram(self, row_weight: Tensor) -> Tensor:
        """Give ``X^T diag(row_weight) X``, ``(d, d)`` in float64; rows of weight 0 cost nothing."""


class DenseFeatures(Features):
    """A dense matrix ``(n, d)``; blocks of another dtype are converted as they pass.

    Parameters
    ----------
    X : tensor (n, d)
        The features, of any floating-point dtype.
    dtype : torch.dtype
        The dtype of the products.
    shift : tensor (d,), optional
        Subtracted from every row.
    """

    def __init__(self, X: Tensor, dtype: torch.dtype, shift: Tensor | None = None) -> None:
        self._X = X
        self._shift = shift
        self.n, self.d = X.shape
        self.dtype, self.device = dtype, X.device

    def block(self, rows: slice | Tensor) -> Tensor:
        """Give some rows in the dtype of the products."""
        block = self._X[rows].to(self.dtype)
        return block if self._shift is None else block - self._shift

    def centred(self, shift: Tensor) -> DenseFeatures:
        """Give the features less a row, which is subtracted from each block as it passes."""
        return DenseFeatures(self._X, self.dtype, shift)

    def blocks(self, n_classes: int) -> Iterator[slice]:
        most = max(_MAX_ROWS, _BLOCK_FEATURES // max(self.d, 1))
        rows = min(max(_BLOCK_SCORES // max(n_classes, 1), _MIN_ROWS), most)
        return _slices(self.n, rows if self.device.type == "cpu" else 32 * rows)

    def scores(self, rows: slice, weight: Tensor, bias: Tensor) -> Tensor:
        return torch.addmm(bias[:, None], weight, self.block(rows).T)

    def add_product(self, rows: slice, left: Tensor, out: Tensor) -> None:
        if out.dtype == self.dtype:
            out.addmm_(left, self.block(rows))
        else:
            out.add_(left @ self.block(rows))

    def add_squares(
        self, rows: slice, left: Tensor, basis: Tensor | None, shift: Tensor, out: Tensor
    ) -> None:
        block = self.block(rows)
        moved = block if basis is None else block @ basis.to(self.dtype)
        out.add_(left @ (moved - shift.to(self.dtype)).square_())

    def moments(self, row_weight: Tensor) -> tuple[Tensor, Tensor]:
        total = row_weight.sum()
        mean = torch.zeros(self.d, dtype=torch.float64, device=self.device)
        for rows in _slices(self.n, _MAX_ROWS):
            mean += row_weight[rows] @ self._X[rows].to(torch.float64)
        mean /= total
        square = mean.square()
        spread = torch.zeros_like(mean)
        for rows in _slices(self.n, _MAX_ROWS):
            # Around the mean first: a large offset would eat the digits of the variance.
            spread += row_weight[rows] @ (self._X[rows].to(torch.float64) - mean).square()
        return mean, square + spread / total

    def largest_norm(self, shift: Tensor, weight: Tensor) -> float:
        largest = 0.0
        for rows in _slices(self.n, _MAX_ROWS):
            centred = self.block(rows).to(torch.float64) - shift
            largest = max(largest, float((centred.square_() @ weight).max()))
        return math.sqrt(largest)

    def gram(self, row_weight: Tensor) -> Tensor:
        out = torch.zeros(self.d, self.d, dtype=torch.float64, device=self.device)
        root = row_weight.sqrt().to(self.dtype)
        kept = torch.nonzero(row_weight).squeeze(1)
        for part in _slices(len(kept), 4 * _MAX_ROWS):
            whole = len(kept) == self.n
            rows = part if whole else kept[part]
            out += self_product(self.block(rows) * root[rows, None])
        return out


class SparseFeatures(Features):
    """A CSR matrix ``(n, d)``, kept as blocks together with their transposes.

    Parameters
    ----------
    X : scipy.sparse CSR (n, d)
        The features.
    dtype : torch.dtype
        The dtype of the products.
    device : torch.device
        Where they are formed.
    n_classes : int
        Number of score columns, which sizes the blocks.
    """

    def __init__(
        self, X: sparse.csr_matrix, dtype: torch.dtype, device: torch.device, n_classes: int
    ) -> None:
        self.n, self.d = X.shape
        self.dtype, self.device = dtype, device
        self._matrix = X
        rows = max(_SPARSE_BLOCK_SCORES // max(n_classes, 1), _MIN_ROWS)
        self._pairs: dict[int, tuple[slice, Tensor, Tensor]] = {}
        for block in _slices(self.n, rows):
            part = X[block] if self.n > rows else X
            self._pairs[block.start] = (
                block,
                sparse_tensor(part, dtype, device),
                sparse_tensor(part.T.tocsr(), dtype, device),
            )

    def blocks(self, n_classes: int) -> Iterator[slice]:  # noqa: ARG002 - sized at the start
        return (block for block, _, _ in self._pairs.values())

    def scores(self, rows: slice, weight: Tensor, bias: Tensor) -> Tensor:
        return (self._pairs[rows.start][1] @ weight.T.contiguous()).add_(bias).T

    def add_product(self, rows: slice, left: Tensor, out: Tensor) -> None:
        out.add_((self._pairs[rows.start][2] @ left.T.contiguous()).T)

    def add_squares(
        self, rows: slice, left: Tensor, basis: Tensor | None, shift: Tensor, out: Tensor
    ) -> None:
        if basis is None:
            # (x - t)^2 = x^2 - 2 t x + t^2, the squares on the places of the non-zeros.
            transposed, column = self._pairs[rows.start][2], left.T.contiguous()
            squares = torch.sparse_csr_tensor(
                transposed.crow_indices(),
                transposed.col_indices(),
                transposed.values().square(),
                transposed.shape,
                check_invariants=False,
            )
            out.add_((squares @ column).T)
            out.sub_(2.0 * shift * (transposed @ column).T)
            out.add_(torch.outer(left.sum(1, dtype=torch.float64), shift.square()))
            return
        for part in _slices(rows.stop - rows.start, _MAX_ROWS):
            block = self._matrix[rows.start + part.start : rows.start + part.stop].toarray()
            moved = to_tensor(block, device=self.device).to(self.dtype) @ basis.to(self.dtype)
            out.add_(left[:, part] @ (moved - shift.to(self.dtype)).square_())

    def moments(self, row_weight: Tensor) -> tuple[Tensor, Tensor]:
        weight = row_weight.cpu().numpy()
        share = weight / weight.sum()
        transposed = self._matrix.T.astype(np.float64)  # squares overflow float32 first
        mean = transposed @ share
        mean_square = transposed.multiply(transposed) @ share
        return (
            to_tensor(np.asarray(mean, dtype=np.float64), device=self.device),
            to_tensor(np.asarray(mean_square), device=self.device),
        )

    def largest_norm(self, shift: Tensor, weight: Tensor) -> float:
        # |x - t|^2 = |x|^2 - 2 x.t + |t|^2 may cancel: what rounding can hide is added back.
        matrix = self._matrix.astype(np.float64)
        of_squares, of_shift = weight.cpu().numpy(), (weight * shift).cpu().numpy()
        squares = matrix.multiply(matrix) @ of_squares
        constant = float(weight @ shift.square())
        largest = (squares - 2.0 * (matrix @ of_shift)).max() + constant
        return math.sqrt(max(0.0, largest) + 1e-12 * (squares.max() + constant))

    def gram(self, row_weight: Tensor) -> Tensor:
        kept = torch.nonzero(row_weight).squeeze(1)
        weight = sparse.diags(row_weight[kept].cpu().numpy())
        wide = self._matrix[kept.cpu().numpy()].astype(np.float64)
        return to_tensor((wide.T @ weight @ wide).toarray(), device=self.device)


def as_features(X: Any, dtype: torch.dtype, device: torch.device, n_classes: int) -> Features:
    """Wrap a dense array, a tensor or a SciPy CSR matrix."""
    if sparse.issparse(X):
        return SparseFeatures(X, dtype, device, n_classes)
    return DenseFeatures(to_tensor(X, device=device), dtype)


def self_product(block: Tensor) -> Tensor:
    """``block^T block`` in float64; NumPy recognises the symmetry and does half the work."""
    if block.device.type == "cpu":
        matrix = block.numpy()
        return torch.from_numpy(matrix.T @ matrix).to(torch.float64)
    return (block.T @ block).to(torch.float64)


def _slices(n: int, rows: int) -> Iterator[slice]:
    return (slice(start, min(start + rows, n)) for start in range(0, n, rows))
