"""The division by a temperature, which maps and losses share."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from softplex import losses
from softplex._tensors import divided, named_place, named_slice
from softplex.exceptions import InvalidInput
from softplex.information import entropy, kl_divergence, mutual_information
from softplex.maps import centred_log_ratio, log_softmax, logsumexp, segment_softmax, softmax


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


@pytest.mark.parametrize("dim", ["a", None, 1.0, True, (0, 1)])
def test_a_dimension_is_a_whole_number(dim: object) -> None:
    p = torch.full((2, 3), 1 / 3)
    calls = {
        "softmax": lambda: softmax(p, dim=dim),
        "segment_softmax": lambda: segment_softmax(p, [0, 1], dim=dim),
        "centred_log_ratio": lambda: centred_log_ratio(p, dim=dim),
        "entropy": lambda: entropy(p, dim=dim),
        "kl_divergence": lambda: kl_divergence(p, p, dim=dim),
        "mutual_information": lambda: mutual_information(p / 2, dim=(0, dim)),
        "brier": lambda: losses.brier(p, torch.tensor([0, 1]), dim=dim),
    }
    for name, call in calls.items():
        with pytest.raises(InvalidInput, match=f"^{name} needs dim to be a whole number, but got"):
            call()
    assert torch.equal(softmax(p, dim=np.int64(1)), softmax(p))


def test_temperatures_that_do_not_fit() -> None:
    scores = torch.zeros(2, 3)
    with pytest.raises(InvalidInput, match=r"broadcast to the scores.* \(4, 1\) .* \(2, 3\)"):
        softmax(scores, temperature=torch.ones(4, 1))
    with pytest.raises(InvalidInput, match="no more dimensions than the scores"):
        softmax(scores, temperature=torch.ones(5, 2, 1), dim=1)
    assert softmax(scores, temperature=torch.ones(5, 2, 1)).shape == (5, 2, 3)
    with pytest.raises(InvalidInput, match="temperature needs a tensor of real numbers"):
        softmax(scores, temperature=torch.tensor(1j))
    assert softmax(torch.tensor(3.0), temperature=torch.tensor(2.0), dim=0) == 1.0


def test_one_number_is_a_row_of_one_class() -> None:
    assert centred_log_ratio(torch.tensor(1.0)) == 0.0
    with pytest.raises(InvalidInput, match="the only row sums to 3"):
        centred_log_ratio(3.0)


def test_a_temperature_of_segments_that_fits_no_column_is_refused() -> None:
    scores, index = torch.zeros(3, 2), [0, 1, 0]
    for shape in ((3,), (1, 3), (0,), (1, 1, 2)):
        with pytest.raises(InvalidInput, match="needs one temperature for all entries along dim 0"):
            segment_softmax(scores, index, temperature=torch.ones(shape))
    assert segment_softmax(scores, index, temperature=torch.ones(2)).shape == (3, 2)
