"""The Brier score of scores against scikit-learn's of probabilities, and closed forms."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.metrics import brier_score_loss

from softplex.losses import brier, cross_entropy
from softplex.maps import softmax

SCORES = np.random.default_rng(0).normal(size=(10, 2)) * 2
LABELS = np.arange(10) % 2


def test_two_classes_are_twice_scikit_learns() -> None:
    weight = np.random.default_rng(1).random(10)
    probabilities = softmax(SCORES)
    theirs = brier_score_loss(LABELS, probabilities[:, 1], sample_weight=weight)
    assert brier(SCORES, LABELS, sample_weight=weight) == pytest.approx(2 * theirs, rel=1e-13)


def test_more_classes_are_the_squared_distance() -> None:
    scores = np.random.default_rng(2).normal(size=(7, 4))
    soft = np.random.default_rng(3).dirichlet(np.ones(4), size=7)
    expected = ((softmax(scores) - soft) ** 2).sum(axis=1)
    np.testing.assert_allclose(brier(scores, soft, reduction="none"), expected, rtol=1e-14)


def test_a_certain_error_costs_two_and_teaches_nothing() -> None:
    leaf = torch.tensor([[200.0, 0.0, -math.inf]], requires_grad=True)
    for target in (1, 2):
        loss = brier(leaf, torch.tensor([target]))
        assert loss.item() == 2.0
        assert not torch.autograd.grad(loss, leaf)[0].any()
    (gradient,) = torch.autograd.grad(cross_entropy(leaf, torch.tensor([1])), leaf)
    assert gradient.tolist() == [[1.0, -1.0, 0.0]]


def test_rows_that_do_not_count_leave_absent_targets_their_finite_loss() -> None:
    scores = torch.tensor([[-math.inf, 0.0], [math.nan, 2.0]])
    loss = brier(scores, torch.tensor([0, -1]), ignore_index=-1)
    assert loss.item() == 2.0


@settings(max_examples=50, derandomize=True, deadline=None)
@given(arrays(np.float64, (3, 4), elements=st.floats(-1e3, 1e3)))
def test_it_is_between_zero_and_two(scores: np.ndarray) -> None:
    values = brier(scores, np.array([0, 1, 3]), reduction="none")
    assert (values >= 0).all()
    assert (values <= 2).all()


@settings(max_examples=30, derandomize=True, deadline=None)
@given(st.integers(0, 10**6))
def test_it_is_proper(seed: int) -> None:
    generator = np.random.default_rng(seed)
    truth, guess = generator.dirichlet(np.ones(4), size=2)
    each = [brier(np.log(guess), np.array(y)) for y in range(4)]
    best = [brier(np.log(truth), np.array(y)) for y in range(4)]
    assert truth @ each >= truth @ best - 1e-12
