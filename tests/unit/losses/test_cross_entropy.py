"""Cross-entropy against torch, autograd and closed forms."""

from __future__ import annotations

import dataclasses
import math

import pytest
import torch
from torch.nn import functional

from softplex.losses import SMOOTHING_KINDS, CrossEntropy

K = 5


@pytest.fixture
def scores() -> torch.Tensor:
    return 3 * torch.randn(8, K, dtype=torch.float64, generator=torch.Generator().manual_seed(0))


@pytest.fixture
def indices() -> torch.Tensor:
    return torch.tensor([0, 1, 2, 3, 4, 0, 0, 2])


@pytest.fixture
def soft() -> torch.Tensor:
    return torch.rand(
        8, K, dtype=torch.float64, generator=torch.Generator().manual_seed(1)
    ).softmax(1)


def test_matches_torch_on_indices_and_soft_targets(scores, indices, soft) -> None:
    loss = CrossEntropy()
    for targets in (indices, soft):
        expected = functional.cross_entropy(scores, targets, reduction="none")
        torch.testing.assert_close(loss.per_example(scores, targets), expected, rtol=1e-13, atol=0)


@pytest.mark.parametrize("smoothing", [0.05, 0.5])
def test_uniform_smoothing_is_that_of_torch(scores, indices, soft, smoothing: float) -> None:
    loss = CrossEntropy(smoothing, "uniform")
    for targets in (indices, soft):
        expected = functional.cross_entropy(
            scores, targets, reduction="none", label_smoothing=smoothing
        )
        torch.testing.assert_close(loss.per_example(scores, targets), expected, rtol=1e-13, atol=0)


@pytest.mark.parametrize("kind", SMOOTHING_KINDS)
@pytest.mark.parametrize("smoothing", [0.0, 0.2])
def test_smoothing_equals_hand_made_soft_targets(scores, indices, soft, kind, smoothing) -> None:
    loss = CrossEntropy(smoothing, kind)
    for targets in (indices, soft):
        q = loss.smoothed(targets, K, torch.float64)
        torch.testing.assert_close(q.sum(1), torch.ones(8, dtype=torch.float64))
        plain = CrossEntropy().value_and_score_gradient(scores, q)
        for ours, expected in zip(
            loss.value_and_score_gradient(scores, targets), plain, strict=True
        ):
            torch.testing.assert_close(ours, expected, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("kind", SMOOTHING_KINDS)
def test_indices_and_their_one_hot_rows_say_the_same(scores, indices, kind) -> None:
    loss = CrossEntropy(0.1, kind)
    one_hot = functional.one_hot(indices, K).double()
    for by_index, by_row in zip(
        loss.value_and_score_gradient(scores, indices),
        loss.value_and_score_gradient(scores, one_hot),
        strict=True,
    ):
        torch.testing.assert_close(by_index, by_row, rtol=1e-13, atol=1e-15)


@pytest.mark.parametrize("kind", SMOOTHING_KINDS)
@pytest.mark.parametrize("smoothing", [0.0, 0.3])
def test_the_gradient_is_that_of_the_value(scores, indices, soft, kind, smoothing) -> None:
    loss = CrossEntropy(smoothing, kind)
    for targets in (indices, soft):
        leaf = scores.clone().requires_grad_()
        q = loss.smoothed(targets, K, torch.float64)
        (-(q * leaf.log_softmax(1)).sum()).backward()
        _, gradient = loss.value_and_score_gradient(scores, targets)
        torch.testing.assert_close(gradient, leaf.grad, rtol=1e-12, atol=1e-14)
        torch.testing.assert_close(gradient.sum(1), torch.zeros(8).double(), rtol=0, atol=1e-14)


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize("is_class_major", [True, False])
def test_scores_overwritten_by_the_weighted_gradient(
    scores, indices, soft, smoothing: float, is_class_major: bool
) -> None:
    loss, weight = CrossEntropy(smoothing), torch.linspace(0.0, 3.0, 8, dtype=torch.float64)
    for targets in (indices, soft):
        values, gradient = loss.value_and_score_gradient(scores, targets)
        place = scores.T.clone().T if is_class_major else scores.clone()
        got = loss.overwrite_by_gradient(place, targets, weight)
        torch.testing.assert_close(got[0], values, rtol=1e-13, atol=1e-15)
        torch.testing.assert_close(got[1], weight[:, None] * gradient, rtol=1e-13, atol=1e-15)
        assert got[1].data_ptr() == place.data_ptr()


def test_closed_forms() -> None:
    loss = CrossEntropy()
    equal = torch.zeros(1, 4, dtype=torch.float64)
    assert float(loss.per_example(equal, torch.tensor([2]))) == pytest.approx(math.log(4))
    one_class = torch.tensor([[7.0]], dtype=torch.float64)
    for some in (loss, CrossEntropy(0.3), CrossEntropy(0.3, "uniform")):
        value, gradient = some.value_and_score_gradient(one_class, torch.tensor([0]))
        assert float(value) == 0.0
        assert float(gradient) == 0.0


@pytest.mark.parametrize("size", [1e4, 1e8])
def test_big_scores_give_finite_losses(size: float) -> None:
    scores = torch.tensor([[size, 0.0], [0.0, size]], dtype=torch.float64)
    values = CrossEntropy().per_example(scores, torch.tensor([0, 0]))
    assert values.tolist() == [0.0, size]


def test_is_frozen() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        CrossEntropy().smoothing = 0.1  # type: ignore[misc]
