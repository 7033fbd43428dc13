"""The hinges against torch, scikit-learn and what their definitions say."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.metrics import hinge_loss
from torch import Tensor
from torch.nn import functional

from softplex.losses import CrammerSinger, WestonWatkins, crammer_singer, weston_watkins

N, K = 12, 5


@pytest.fixture
def scores() -> Tensor:
    return torch.randn(N, K, dtype=torch.float64, generator=torch.Generator().manual_seed(0))


TARGETS = torch.arange(N) % K


@pytest.mark.parametrize("squared", [False, True])
@pytest.mark.parametrize("margin", [1.0, 0.3])
@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_weston_watkins_is_torchs_multi_margin_times_k(scores, squared, margin, reduction) -> None:
    leaf = scores.requires_grad_()
    ours = weston_watkins(leaf, TARGETS, margin=margin, squared=squared, reduction=reduction)
    theirs = K * functional.multi_margin_loss(
        leaf, TARGETS, p=1 + squared, margin=margin, reduction=reduction
    )
    torch.testing.assert_close(ours, theirs)
    torch.testing.assert_close(
        torch.autograd.grad(ours.sum(), leaf), torch.autograd.grad(theirs.sum(), leaf)
    )


def test_crammer_singer_is_scikit_learns_hinge_loss(scores) -> None:
    weight = np.random.default_rng(0).random(N)
    ours = crammer_singer(scores.numpy(), TARGETS.numpy(), sample_weight=weight)
    theirs = hinge_loss(TARGETS, scores, labels=range(K), sample_weight=weight)
    assert ours == pytest.approx(theirs, rel=1e-13)


def test_two_classes_are_the_binary_hinge() -> None:
    scores = torch.tensor([[0.2, 0.5], [3.0, 1.0], [0.0, 1.0]], dtype=torch.float64)
    labels = torch.tensor([0, 0, 1])
    lead = torch.where(labels == 1, 1.0, -1.0) * (scores[:, 1] - scores[:, 0])
    for loss in (weston_watkins, crammer_singer):
        expected = (1 - lead).clamp(min=0)
        torch.testing.assert_close(loss(scores, labels, reduction="none"), expected)
        squares = loss(scores, labels, squared=True, reduction="none")
        torch.testing.assert_close(squares, expected.square())


def test_a_lead_of_the_margin_costs_nothing() -> None:
    for loss in (WestonWatkins(0.5), CrammerSinger(0.5)):
        value, gradient = loss.value_and_score_gradient(
            torch.tensor([[1.0, 0.5, 0.5]]), torch.tensor([0])
        )
        assert float(value) == 0.0
        assert not gradient.any()


def test_at_the_kink_both_ways_choose_the_same_slope() -> None:
    scores, targets = torch.zeros(1, 4), torch.tensor([1])
    for form in (WestonWatkins(), CrammerSinger()):
        leaf = scores.clone().requires_grad_()
        (by_autograd,) = torch.autograd.grad(form.per_example(leaf, targets).sum(), leaf)
        assert torch.equal(form.value_and_score_gradient(scores, targets)[1], by_autograd)


def test_a_single_class_costs_nothing() -> None:
    for loss in (weston_watkins, crammer_singer):
        leaf = torch.tensor([[7.0]], requires_grad=True)
        value = loss(leaf, torch.tensor([0]))
        assert value.item() == 0.0
        assert torch.autograd.grad(value, leaf)[0].item() == 0.0


def test_large_scores_do_not_swallow_the_margin() -> None:
    scores = torch.full((1, 3), 1e8)
    for loss, expected in ((weston_watkins, 2.0), (crammer_singer, 1.0)):
        assert float(loss(scores, torch.tensor([0]))) == expected


def test_an_absent_target_among_absent_classes() -> None:
    scores = torch.tensor([[-math.inf, -math.inf, 0.5]], requires_grad=True)
    for form in (WestonWatkins(), CrammerSinger(squared=True)):
        assert form.per_example(scores, torch.tensor([0])).item() == math.inf
        value, gradient = form.value_and_score_gradient(scores.detach(), torch.tensor([0]))
        assert value.item() == math.inf
        assert bool(torch.isfinite(gradient).all())
        assert gradient[0, 1] == 0.0
        assert form.per_example(scores, torch.tensor([2])).item() == 0.0


rows = arrays(np.float64, (4, K), elements=st.floats(-20, 20))


@settings(max_examples=50, derandomize=True, deadline=None)
@given(rows, st.floats(0.1, 5))
def test_how_they_relate(scores: np.ndarray, margin: float) -> None:
    labels = np.arange(4)
    largest = crammer_singer(scores, labels, margin=margin, reduction="none")
    total = weston_watkins(scores, labels, margin=margin, reduction="none")
    assert (largest >= 0).all()
    assert (largest <= total + 1e-12).all()
    assert (total <= (K - 1) * largest + 1e-12).all()
    wrong = scores.argmax(axis=1) != labels
    assert (largest[wrong] >= margin - 1e-12).all()


@settings(max_examples=30, derandomize=True, deadline=None)
@given(rows, rows, st.floats(0, 1), st.booleans())
def test_they_are_convex(one: np.ndarray, other: np.ndarray, share: float, squared: bool) -> None:
    labels = np.arange(4)
    for loss in (weston_watkins, crammer_singer):

        def value(z: np.ndarray, loss=loss) -> np.ndarray:
            return loss(z, labels, squared=squared, reduction="none")

        mixed = value(share * one + (1 - share) * other)
        assert (mixed <= share * value(one) + (1 - share) * value(other) + 1e-9).all()
