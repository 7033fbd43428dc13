"""A Cholesky factor of matrices that are positive definite but for rounding."""

from __future__ import annotations

import torch
from scipy.linalg import lapack
from torch import Tensor

# Shares of the diagonal to add, the smallest that works: rounding is relative to the diagonal.
_DAMPING = (0.0, 1e-12, 1e-10, 1e-8, 1e-6, 1e-4, 1e-2)
# Rows and columns that are mirrored at once.
_MIRRORED = 1024


def damped_cholesky(matrix: Tensor) -> Tensor:
    """Give the lower factor; collinear columns get the least extra diagonal that lets it pass.

    Where nothing does, the root of the diagonal stands in.
    """
    diagonal = matrix.diagonal().clone()
    for damping in _DAMPING:
        factor: Tensor
        factor, info = torch.linalg.cholesky_ex(matrix + torch.diag(damping * diagonal))
        if int(info) == 0:
            return factor
    return torch.diag(diagonal.clamp_min(torch.finfo(matrix.dtype).tiny).sqrt())


def cholesky_in_place(matrix: Tensor) -> Tensor | None:
    """Turn a symmetric matrix into its lower factor without a copy; None where it has none.

    Only the lower triangle is read, and only it holds the factor then; what is above the diagonal
    stays.
    """
    if matrix.device.type != "cpu":
        factor, info = torch.linalg.cholesky_ex(matrix)
        return None if int(info) else factor
    routine = lapack.spotrf if matrix.dtype == torch.float32 else lapack.dpotrf
    # LAPACK counts by columns: what it sees is the transpose, whose upper triangle is ours below.
    _, failed = routine(matrix.numpy().T, lower=0, clean=0, overwrite_a=1)
    return None if failed else matrix


def mirror_lower(matrix: Tensor) -> None:
    """Copy what is below the diagonal to above it."""
    for start in range(0, len(matrix), _MIRRORED):
        stop = start + _MIRRORED
        corner = matrix[start:stop, start:stop]
        corner.copy_(corner.tril() + corner.tril(-1).mT)
        matrix[start:stop, stop:] = matrix[stop:, start:stop].mT
