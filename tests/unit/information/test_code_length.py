"""Expected lengths of codes, the ideal one and Huffman's."""

from __future__ import annotations

import math

import numpy as np
import pytest
import scipy.special
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from softplex.information import (
    cross_entropy,
    entropy,
    expected_code_length,
    huffman_code_length,
)

SCORES = hnp.arrays(np.float64, (2, 6), elements=st.floats(-20, 20))


@given(scores=SCORES)
@settings(max_examples=50, deadline=None, derandomize=True)
def test_huffman_lies_within_one_digit_of_the_entropy(scores: np.ndarray) -> None:
    p = scipy.special.softmax(scores, 1)
    bits, length = entropy(p, unit="bits"), huffman_code_length(p)
    assert (length >= bits - 1e-12).all()
    assert (length < bits + 1).all()
    np.testing.assert_allclose(huffman_code_length(p[:, ::-1]), length, rtol=1e-12)


def test_the_ideal_code_is_the_cross_entropy() -> None:
    p, q = np.array([[0.5, 0.25, 0.25]]), np.array([0.25, 0.25, 0.5])
    for unit in ("nats", "bits"):
        assert expected_code_length(p, q, unit=unit) == cross_entropy(p, q, unit=unit)
    assert expected_code_length(p, q, unit="bits").tolist() == [1.75]
    assert expected_code_length([1, 0], [0, 1]) == math.inf
    scores = torch.zeros(4, requires_grad=True)
    value = expected_code_length(scores, scores.detach(), unit="bits", from_scores=True)
    assert float(value.detach()) == 2.0
    assert value.requires_grad


def test_powers_of_two_waste_nothing() -> None:
    p = np.array([[0.5, 0.25, 0.125, 0.125], [0.25, 0.25, 0.25, 0.25], [0.0, 1.0, 0.0, 0.0]])
    assert huffman_code_length(p).tolist() == [1.75, 2.0, 0.0]
    np.testing.assert_allclose(huffman_code_length(p), entropy(p, unit="bits"))
    assert huffman_code_length(p.T, dim=0).tolist() == [1.75, 2.0, 0.0]


def test_shapes_and_kinds() -> None:
    assert huffman_code_length(np.zeros((0, 3))).shape == (0,)
    assert huffman_code_length(np.full((2, 3, 4), 0.25)).shape == (2, 3)
    assert huffman_code_length([1.0]) == 0
    assert huffman_code_length(1.0) == 0
    scores = torch.zeros(2, 4, dtype=torch.bfloat16, requires_grad=True)
    length = huffman_code_length(scores, from_scores=True)
    assert length.dtype == torch.bfloat16
    assert length.tolist() == [2.0, 2.0]
    assert not length.requires_grad
    absent = torch.tensor([0.0, -math.inf, 0.0])
    assert huffman_code_length(absent, from_scores=True) == pytest.approx(1.0)
