"""The damped factor."""

from __future__ import annotations

import torch

from softplex.solvers._cholesky import damped_cholesky


def test_a_definite_matrix_is_factored_as_it_is() -> None:
    A = torch.randn(5, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    matrix = A @ A.T + torch.eye(5)
    lower = damped_cholesky(matrix)
    torch.testing.assert_close(lower @ lower.T, matrix, rtol=1e-13, atol=1e-13)


def test_rounding_below_zero_is_damped_by_little() -> None:
    ones = torch.ones(4, 4, dtype=torch.float64)
    matrix = ones - 1e-11 * torch.eye(4)  # three eigenvalues at -1e-11
    lower = damped_cholesky(matrix)
    torch.testing.assert_close(lower @ lower.T, ones, rtol=0, atol=2e-8)


def test_columns_of_any_size_are_damped_by_their_own() -> None:
    scale = torch.tensor([1e-8, 1.0, 1e8], dtype=torch.float64)
    matrix = torch.outer(scale, scale) * (1 - 1e-11 * torch.eye(3))
    lower = damped_cholesky(matrix)
    relative = (lower @ lower.T) / torch.outer(scale, scale)
    torch.testing.assert_close(relative, torch.ones(3, 3).double(), rtol=0, atol=2e-8)


def test_what_cannot_be_factored_leaves_the_diagonal() -> None:
    matrix = torch.tensor([[1.0, 5.0], [5.0, 1.0]], dtype=torch.float64)
    torch.testing.assert_close(damped_cholesky(matrix), torch.eye(2).double())
