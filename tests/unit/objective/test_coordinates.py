"""The solver's coordinates: there and back, gradients, constant and extreme columns."""

from __future__ import annotations

import pytest
import torch

from softplex.exceptions import InvalidInput
from softplex.objective import Coordinates

DOUBLE = torch.float64


@pytest.fixture(name="X")
def features_matrix() -> torch.Tensor:
    X = torch.randn(50, 4, dtype=DOUBLE, generator=torch.Generator().manual_seed(0))
    return X * torch.tensor([1.0, 1e-6, 1e6, 1.0]) + torch.tensor([0.0, 1.0, 5.0, 2000.0])


@pytest.fixture
def theta() -> torch.Tensor:
    return torch.randn(3, 5, dtype=DOUBLE, generator=torch.Generator().manual_seed(1))


def of(X: torch.Tensor, *, centre: bool) -> Coordinates:
    return Coordinates.of_moments(X.mean(0), X.square().mean(0), centre=centre)


@pytest.mark.parametrize("centre", [True, False])
def test_there_and_back(X, theta, centre: bool) -> None:
    coordinates = of(X, centre=centre)
    weight, bias = coordinates.to_user(theta)
    torch.testing.assert_close(coordinates.from_user(weight, bias), theta, rtol=1e-6, atol=1e-6)
    scaled = (X - coordinates.shift) / coordinates.scale
    torch.testing.assert_close(
        scaled @ theta[:, :-1].T + theta[:, -1], X @ weight.T + bias, rtol=1e-6, atol=1e-6
    )


@pytest.mark.parametrize("centre", [True, False])
def test_columns_get_unit_mean_square(X, centre: bool) -> None:
    coordinates = of(X, centre=centre)
    scaled = (X - coordinates.shift) / coordinates.scale
    torch.testing.assert_close(scaled.square().mean(0), torch.ones(4).double(), rtol=1e-3, atol=0)


def test_the_penalty_is_that_of_the_user_weights(X, theta) -> None:
    coordinates = of(X, centre=True)
    weight, _ = coordinates.to_user(theta)
    ours = (theta[:, :-1].square() * coordinates.penalty_weight).sum()
    torch.testing.assert_close(ours, weight.square().sum())


def test_gradients_are_pulled_back(X, theta) -> None:
    coordinates = of(X, centre=True)
    theta.requires_grad_()
    weight, bias = coordinates.to_user(theta)
    (weight.sin().sum() + (bias / 1e3).sin().sum()).backward()
    pulled = coordinates.pull_back(weight.detach().cos(), (bias.detach() / 1e3).cos() / 1e3)
    torch.testing.assert_close(pulled, theta.grad)


def test_constant_and_tiny_columns_keep_their_scale() -> None:
    X = torch.tensor([[7.0, 0.0, 1e-160], [7.0, 0.0, -1e-160]], dtype=DOUBLE)
    coordinates = of(X, centre=True)
    assert coordinates.scale.tolist() == [1.0, 1.0, 1.0]
    assert coordinates.shift.tolist() == [7.0, 0.0, 0.0]
    assert torch.isfinite(coordinates.penalty_weight).all()


def test_squares_that_overflow_are_refused_by_column() -> None:
    X = torch.tensor([[1.0, 1e200], [1.0, -1e200]], dtype=DOUBLE)
    with pytest.raises(InvalidInput, match="feature column 1 overflow"):
        of(X, centre=True)
