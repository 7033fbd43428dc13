"""The division by a temperature, which maps and losses share."""

from __future__ import annotations

import math

import pytest
import torch

from softplex._tensors import divided, named_place, named_slice
from softplex.maps import log_softmax, logsumexp, softmax


@pytest.mark.parametrize("shape", [(3, 1), (1, 1), (1,), ()])
def test_temperatures_that_broadcast(shape: tuple[int, ...]) -> None:
    generator = torch.Generator().manual_seed(0)
    scores = torch.randn(3, 4, dtype=torch.float64, generator=generator)
    temperature = torch.rand(shape, dtype=torch.float64, generator=generator) + 0.5
    plain = scores / temperature
    for ours, theirs in ((softmax, torch.softmax), (log_softmax, torch.log_softmax)):
        torch.testing.assert_close(ours(scores, temperature=temperature), theirs(plain, -1))
    torch.testing.assert_close(logsumexp(scores, temperature=temperature), plain.logsumexp(-1))
    first = softmax(scores.T, temperature=temperature.expand(3, 1).T, dim=0)
    torch.testing.assert_close(first, torch.softmax(plain, -1).T)


@pytest.mark.parametrize("shape", [(), (3, 1)])
def test_an_absent_class_leaves_the_temperature_its_gradient(shape: tuple[int, ...]) -> None:
    scores = torch.arange(12.0, dtype=torch.float64).reshape(3, 4)
    scores[:, 2] = -math.inf
    temperature = torch.full(shape, 2.0, dtype=torch.float64, requires_grad=True)

    def first(t: torch.Tensor) -> torch.Tensor:
        return softmax(scores, temperature=t)[:, 0]

    assert torch.autograd.gradcheck(first, (temperature,))
    assert torch.autograd.gradgradcheck(first, (temperature,))


def test_the_parts_add_up_to_the_quotient() -> None:
    scores = torch.tensor([[1e4 + 1, 1e4 - 2, -math.inf], [-math.inf] * 3])
    for temperature in (4.0, torch.tensor(4.0)):
        shifted, top = divided(scores, temperature, 1)
        assert torch.equal(shifted + top, scores / 4.0)
        assert shifted[0].tolist() == [0.0, -0.75, -math.inf]


def test_places_in_words() -> None:
    assert [named_place((2,)), named_place((1, 2))] == ["class 2", "row 1, class 2"]
    assert named_place((0, 1, 2)) == "index (0, 1, 2)"
    assert [named_slice(()), named_slice((3,))] == ["the only row", "row 3"]
    assert named_slice((1, 2)) == "the row at (1, 2)"
