"""Rows of data, given out in batches; a CSR matrix becomes dense batch by batch."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import sparse
from torch import Tensor

from softplex._arrays import to_tensor


class Batch(NamedTuple):
    """Features ``(m, d)``, targets ``(m,)`` or ``(m, k)`` and weights ``(m,)`` of some rows."""

    features: Tensor
    targets: Tensor
    weight: Tensor


@dataclass(frozen=True)
class Examples:
    """Rows to train or to judge on.

    Parameters
    ----------
    X : array or CSR matrix (n, d)
        Features.
    targets : array (n,) or (n, k)
        Class indices, or rows on the simplex.
    weight : array (n,) in float64
        The weight of each row.
    rows : array of int
        The rows that take part.
    n_classes : int
        The number k of classes.
    dtype, device
        Of the batches.
    """

    X: Any
    targets: NDArray[Any]
    weight: NDArray[np.float64]
    rows: NDArray[np.intp]
    n_classes: int
    dtype: torch.dtype
    device: torch.device

    def batch(self, rows: NDArray[np.intp]) -> Batch:
        """Give some rows as tensors."""
        targets = self.targets[rows]
        kind = self.dtype if targets.ndim == 2 else torch.int64
        return Batch(
            dense_rows(self.X, rows, self.dtype, self.device),
            _own_tensor(targets, kind, self.device),
            _own_tensor(self.weight[rows], self.dtype, self.device),
        )

    def shuffled(self, batch_size: int | None) -> list[NDArray[np.intp]]:
        """Give the rows in random order, in batches as equal as can be, none above the size.

        The order is drawn from torch's generator. With one batch the rows keep their order.
        """
        n_batches = self.n_batches(batch_size)
        if n_batches == 1:
            return [self.rows]
        order = torch.randperm(len(self.rows)).numpy()
        return np.array_split(self.rows[order], n_batches)

    def in_order(self, batch_size: int) -> Iterator[Batch]:
        """Give the rows in batches, as they come."""
        for start in range(0, len(self.rows), batch_size):
            yield self.batch(self.rows[start : start + batch_size])

    def n_batches(self, batch_size: int | None) -> int:
        """Count the batches of an epoch; None is one batch of all rows."""
        return 1 if batch_size is None else -(-len(self.rows) // batch_size)

    def digest(self) -> str:
        """Give a fingerprint of the rows, to tell whether two runs have the same."""
        matrix = self.X
        parts = (
            (matrix.data, matrix.indices, matrix.indptr) if sparse.issparse(matrix) else (matrix,)
        )
        total = hashlib.sha256(repr((matrix.shape, str(self.dtype))).encode())
        for part in (*parts, self.targets, self.weight, self.rows):
            total.update(str(part.dtype).encode())
            total.update(np.ascontiguousarray(part).data)
        return total.hexdigest()


def dense_rows(
    X: Any, rows: NDArray[np.intp] | slice, dtype: torch.dtype, device: torch.device
) -> Tensor:
    """Give some rows of an array or a CSR matrix as a dense tensor."""
    part = X[rows]
    return _own_tensor(part.toarray() if sparse.issparse(part) else part, dtype, device)


def _own_tensor(values: NDArray[Any], dtype: torch.dtype, device: torch.device) -> Tensor:
    """Copy an array to memory of torch, row by row.

    Products may differ in their last bits with the alignment and the order of the memory; NumPy's
    alignment changes from run to run, and torch's does not.
    """
    empty = torch.empty(values.shape, dtype=dtype, device=device)
    return empty.copy_(to_tensor(values))
