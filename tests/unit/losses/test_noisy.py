"""Generalised cross-entropy between its two ends."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from softplex.losses import GeneralisedCrossEntropy, cross_entropy, generalised_cross_entropy
from softplex.maps import softmax

SCORES = np.random.default_rng(0).normal(size=(8, 4)) * 3
LABELS = np.arange(8) % 4


@pytest.mark.parametrize("power", [0.1, 0.7, 1.0])
def test_the_formula(power: float) -> None:
    own = softmax(SCORES)[np.arange(8), LABELS]
    ours = generalised_cross_entropy(SCORES, LABELS, power=power, reduction="none")
    np.testing.assert_allclose(ours, (1 - own**power) / power, rtol=1e-12)


def test_a_power_near_zero_is_cross_entropy() -> None:
    for power in (1e-12, 1e-300):
        ours = generalised_cross_entropy(SCORES, LABELS, power=power)
        assert ours == pytest.approx(cross_entropy(SCORES, LABELS), rel=1e-10)
    narrow = torch.from_numpy(SCORES).float()
    ours = generalised_cross_entropy(narrow, LABELS, power=1e-60)
    torch.testing.assert_close(ours, cross_entropy(narrow, LABELS))


def test_a_power_of_one_is_half_the_absolute_error() -> None:
    errors = np.abs(softmax(SCORES) - np.eye(4)[LABELS]).sum(axis=1) / 2
    ours = generalised_cross_entropy(SCORES, LABELS, power=1.0, reduction="none")
    np.testing.assert_allclose(ours, errors, rtol=1e-12)


def test_the_gradient_is_that_of_cross_entropy_times_a_power() -> None:
    scores, labels = torch.from_numpy(SCORES), torch.from_numpy(LABELS)
    _, gradient = GeneralisedCrossEntropy(0.7).value_and_score_gradient(scores, labels)
    p = scores.softmax(1)
    own = p.gather(1, labels[:, None])
    expected = own**0.7 * (p - torch.nn.functional.one_hot(labels, 4))
    torch.testing.assert_close(gradient, expected)


def test_a_target_at_minus_infinity_costs_its_bound() -> None:
    leaf = torch.tensor([[-math.inf, 0.0, 1.0]], requires_grad=True)
    loss = generalised_cross_entropy(leaf, torch.tensor([0]), power=0.5)
    assert loss.item() == 2.0
    assert not torch.autograd.grad(loss, leaf)[0].any()


@settings(max_examples=50, derandomize=True, deadline=None)
@given(arrays(np.float64, (3, 4), elements=st.floats(-1e3, 1e3)), st.floats(0.01, 1))
def test_it_lies_between_zero_its_bound_and_cross_entropy(rows: np.ndarray, power: float) -> None:
    labels = np.array([0, 1, 3])
    values = generalised_cross_entropy(rows, labels, power=power, reduction="none")
    surprise = cross_entropy(rows, labels, reduction="none")
    assert (values >= 0).all()
    assert (values <= np.minimum(1 / power, surprise) * (1 + 1e-12)).all()


def test_autograd_keeps_the_digits_of_a_small_gradient() -> None:
    z = torch.tensor([[0.0, -40.0]], requires_grad=True)
    loss = generalised_cross_entropy(z, torch.tensor([1]), power=0.7)
    (gradient,) = torch.autograd.grad(loss, z)
    share = math.exp(-0.7 * 40)
    torch.testing.assert_close(gradient, torch.tensor([[share, -share]]), rtol=1e-5, atol=0)
