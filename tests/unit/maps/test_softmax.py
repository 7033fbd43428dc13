"""Softmax, log-softmax and log-sum-exp: closed forms, properties, absent classes."""

from __future__ import annotations

import math

import numpy as np
import pytest
import scipy.special
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from softplex import log_softmax, logsumexp, softmax
from softplex.exceptions import InvalidInput

MAPS = [softmax, log_softmax, logsumexp]
SCORES = hnp.arrays(
    np.float64,
    hnp.array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=6),
    elements=st.floats(-1e4, 1e4),
)


@given(scores=SCORES)
@settings(max_examples=50, deadline=None)
def test_rows_lie_on_the_simplex_and_match_scipy(scores: np.ndarray) -> None:
    p = softmax(scores)
    assert ((p >= 0) & (p <= 1)).all()
    np.testing.assert_allclose(p.sum(axis=1), 1.0, rtol=1e-14)
    np.testing.assert_allclose(p, scipy.special.softmax(scores, axis=1), rtol=1e-12, atol=1e-300)
    np.testing.assert_allclose(
        log_softmax(scores), scipy.special.log_softmax(scores, axis=1), rtol=1e-12, atol=1e-12
    )
    total = logsumexp(scores)
    # The sum holds a 1, so its logarithm is known to an eps beside 1, not beside itself.
    peer = scipy.special.logsumexp(scores, axis=1)
    np.testing.assert_allclose(total, peer, rtol=1e-14, atol=4e-16)
    top = scores.max(axis=1)
    assert (total >= top).all()
    assert (total <= top + math.log(scores.shape[1]) + 1e-11).all()


@given(scores=SCORES, shift=st.integers(-(2**20), 2**20))
@settings(max_examples=50, deadline=None)
def test_a_constant_added_to_all_scores_changes_nothing(scores: np.ndarray, shift: int) -> None:
    scores = np.round(scores)  # so that adding the shift is exact
    np.testing.assert_array_equal(softmax(scores + shift), softmax(scores))
    np.testing.assert_array_equal(log_softmax(scores + shift), log_softmax(scores))
    np.testing.assert_allclose(logsumexp(scores + shift), logsumexp(scores) + shift, atol=1e-9)


def test_closed_forms() -> None:
    scores = np.log([[1.0, 2.0, 5.0]])
    np.testing.assert_allclose(softmax(scores), [[0.125, 0.25, 0.625]], rtol=1e-15)
    np.testing.assert_allclose(log_softmax(scores), np.log([[0.125, 0.25, 0.625]]), rtol=1e-14)
    np.testing.assert_allclose(logsumexp(scores), [math.log(8.0)], rtol=1e-15)
    assert softmax(np.array([[3.0]])).tolist() == [[1.0]]
    assert log_softmax(np.array([[3.0]])).tolist() == [[0.0]]


@pytest.mark.parametrize("size", [1e3, 1e8, 1e300])
def test_big_scores_neither_overflow_nor_lose_the_rest(size: float) -> None:
    scores = np.array([[size, 0.0, -size]])
    np.testing.assert_array_equal(softmax(scores), [[1.0, 0.0, 0.0]])
    np.testing.assert_array_equal(log_softmax(scores), [[0.0, -size, -2 * size]])
    np.testing.assert_array_equal(logsumexp(scores), [size])


@pytest.mark.parametrize("function", MAPS)
def test_temperature_divides_the_scores(function) -> None:
    scores = np.random.default_rng(0).normal(size=(4, 5))
    np.testing.assert_allclose(function(scores, temperature=0.3), function(scores / 0.3))


@pytest.mark.parametrize("function", MAPS)
@pytest.mark.parametrize("temperature", [0.0, -1.0, math.nan, math.inf, "1", None, True])
def test_a_bad_temperature_is_refused(function, temperature: object) -> None:
    with pytest.raises(InvalidInput, match="temperature must be a finite number"):
        function(np.zeros((1, 2)), temperature=temperature)


@pytest.mark.parametrize("dim", [0, 1, 2, -1, -2])
def test_any_dimension_may_hold_the_classes(dim: int) -> None:
    scores = np.random.default_rng(1).normal(size=(2, 3, 4))
    np.testing.assert_allclose(softmax(scores, dim=dim), scipy.special.softmax(scores, axis=dim))
    np.testing.assert_allclose(
        log_softmax(scores, dim=dim), scipy.special.log_softmax(scores, axis=dim)
    )
    np.testing.assert_allclose(
        logsumexp(scores, dim=dim), scipy.special.logsumexp(scores, axis=dim)
    )


def test_an_absent_class_has_no_probability() -> None:
    scores = np.array([[0.0, -np.inf, 0.0], [1.0, 2.0, -np.inf]])
    p = softmax(scores)
    np.testing.assert_array_equal(p[0], [0.5, 0.0, 0.5])
    np.testing.assert_allclose(p[1, :2], softmax(scores[1, :2]))
    np.testing.assert_array_equal(log_softmax(scores)[0], [-math.log(2), -np.inf, -math.log(2)])
    np.testing.assert_allclose(logsumexp(scores)[0], math.log(2))
    np.testing.assert_array_equal(softmax(scores, temperature=3.0)[0], [0.5, 0.0, 0.5])


def test_a_row_with_nothing_left_is_zero_and_never_nan() -> None:
    scores = np.array([[-np.inf, -np.inf], [0.0, 0.0]])
    np.testing.assert_array_equal(softmax(scores), [[0.0, 0.0], [0.5, 0.5]])
    np.testing.assert_array_equal(log_softmax(scores)[0], [-np.inf, -np.inf])
    np.testing.assert_array_equal(logsumexp(scores)[0], -np.inf)


@pytest.mark.parametrize("function", MAPS)
def test_gradients_are_finite_where_classes_are_absent(function) -> None:
    scores = torch.tensor(
        [[0.0, -math.inf, 1.0], [-math.inf] * 3], dtype=torch.float64, requires_grad=True
    )
    out = function(scores)
    out[torch.isfinite(out)].sum().backward()
    assert torch.isfinite(scores.grad).all()
    assert (scores.grad[1] == 0).all()
    assert scores.grad[0, 1] == 0


@pytest.mark.parametrize("function", MAPS)
def test_gradients_match_finite_differences(function) -> None:
    scores = torch.randn(3, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    scores.requires_grad_()
    assert torch.autograd.gradcheck(lambda z: function(z, temperature=0.7), scores)


@pytest.mark.parametrize("function", MAPS)
def test_the_answer_comes_in_kind(function) -> None:
    tensor = torch.zeros(2, 3, dtype=torch.float32)
    assert isinstance(function(tensor), torch.Tensor)
    assert function(tensor).dtype == torch.float32
    assert function(tensor.bfloat16()).dtype == torch.bfloat16
    array = function(np.zeros((2, 3), dtype=np.float32))
    assert isinstance(array, np.ndarray)
    assert array.dtype == np.float32
    assert isinstance(function([[1, 2], [3, 4]]), np.ndarray)


def test_integers_are_read_as_float64() -> None:
    assert softmax(np.array([0, 0])).tolist() == [0.5, 0.5]
    assert softmax(torch.tensor([0, 0])).dtype == torch.float64


@pytest.mark.parametrize("function", MAPS)
def test_inputs_are_left_alone(function) -> None:
    scores = np.array([[1.0, -np.inf]])
    scores.flags.writeable = False
    function(scores)
    np.testing.assert_array_equal(scores, [[1.0, -np.inf]])
    function(scores[:, ::-1])


def test_no_rows_give_no_rows() -> None:
    assert softmax(np.zeros((0, 3))).shape == (0, 3)
    assert logsumexp(np.zeros((0, 3))).shape == (0,)
