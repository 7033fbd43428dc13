"""Sparsemax and 1.5-entmax: exact thresholds, gradients on the support, absent classes."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from typing import Any

import mpmath
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from torch import Tensor

from softplex.exceptions import InvalidInput
from softplex.maps import entmax15, softmax, sparsemax

MAPS = [sparsemax, entmax15]
DIGITS = {
    torch.float16: 1e-3,
    torch.bfloat16: 8e-3,
    torch.float32: 1e-6,
    torch.float64: 1e-14,
}
ROWS = hnp.arrays(
    np.float64,
    st.tuples(st.just(3), st.integers(1, 6)),
    elements=st.floats(-3, 3) | st.sampled_from([-1.0, 0.0, 0.5, 1.0]),
)


def nearest_on_the_simplex(scores: np.ndarray) -> np.ndarray:
    """The Euclidean projection, by trying the projection onto every face."""
    best, distance = np.zeros_like(scores), math.inf
    for size in range(1, len(scores) + 1):
        for support in itertools.combinations(range(len(scores)), size):
            face = list(support)
            p = np.zeros_like(scores)
            p[face] = scores[face] + (1.0 - scores[face].sum()) / size
            gap = float(((p - scores) ** 2).sum())
            if p.min() >= 0 and gap < distance:
                best, distance = p, gap
    return best


def bisected(scores: np.ndarray, power: int) -> tuple[np.ndarray, np.ndarray]:
    """p and r = p^(1 - 1 / power) of p = [z / power - tau]_+^power, tau bisected with 50 digits."""
    with mpmath.workdps(50):
        x = [
            mpmath.mpf(float(z)) / power if z > -math.inf else mpmath.mpf(-(10**9)) for z in scores
        ]
        low, high = max(x) - 1, max(x)
        for _ in range(170):
            middle = (low + high) / 2
            if sum(max(v - middle, 0) ** power for v in x) >= 1:
                low = middle
            else:
                high = middle
        r = [max(v - low, mpmath.mpf(0)) for v in x]
        p = np.array([float(v**power) for v in r])
        return p, np.array([float(v ** (power - 1)) if v > 0 else 0.0 for v in r])


@given(rows=ROWS)
@settings(max_examples=50, deadline=None, derandomize=True)
def test_sparsemax_is_the_nearest_point_of_the_simplex(rows: np.ndarray) -> None:
    expected = np.stack([nearest_on_the_simplex(row) for row in rows])
    np.testing.assert_allclose(sparsemax(rows), expected, rtol=0, atol=1e-14)


@given(rows=ROWS)
@settings(max_examples=25, deadline=None, derandomize=True)
def test_entmax_solves_its_equation(rows: np.ndarray) -> None:
    expected = np.stack([bisected(row, 2)[0] for row in rows])
    np.testing.assert_allclose(entmax15(rows), expected, rtol=0, atol=1e-14)


@pytest.mark.parametrize("function", MAPS)
@given(rows=ROWS, shift=st.integers(-(2**20), 2**20), order=st.randoms(use_true_random=False))
@settings(max_examples=30, deadline=None, derandomize=True)
def test_rows_lie_on_the_simplex_shifts_and_orders_do_not_matter(
    function: Callable[..., Any], rows: np.ndarray, shift: int, order: Any
) -> None:
    rows = np.round(rows * 64) / 64  # so that adding the shift is exact
    p = function(rows)
    assert (p >= 0).all()
    np.testing.assert_allclose(p.sum(axis=1), 1.0, rtol=1e-14)
    np.testing.assert_array_equal(function(rows + shift), p)
    moved = order.sample(range(rows.shape[1]), rows.shape[1])
    np.testing.assert_allclose(function(rows[:, moved]), p[:, moved], rtol=0, atol=1e-15)


@pytest.mark.parametrize(("function", "power"), [(sparsemax, 1), (entmax15, 2)])
@pytest.mark.parametrize("shift", [0.0, 1e4])
@pytest.mark.parametrize("dtype", DIGITS)
def test_values_and_gradients_match_fifty_digits(
    function: Callable[..., Any], power: int, shift: float, dtype: torch.dtype
) -> None:
    scores = (torch.tensor([0.5, -1.0, 0.75, 0.0, -math.inf, 0.75, -90.0]) + shift).to(dtype)
    gradient = torch.tensor([1.0, -2.0, 0.5, 3.0, 1.0, -1.0, 2.0], dtype=dtype)
    p, r = bisected(scores.double().numpy(), power)
    r = np.where(p > 0, 1.0, 0.0) if power == 1 else r
    slope = r * (gradient.double().numpy() - (r @ gradient.double().numpy()) / r.sum())
    scores.requires_grad_()
    ours = function(scores)
    ours.backward(gradient)
    digits = DIGITS[dtype]
    np.testing.assert_allclose(ours.detach().double(), p, rtol=digits, atol=digits * 1e-2)
    np.testing.assert_allclose(scores.grad.double(), slope, rtol=2 * digits, atol=2 * digits)
    assert ours[4] == 0
    assert ours[6] == 0
    assert scores.grad[4] == 0
    assert scores.grad[6] == 0


def test_closed_forms() -> None:
    assert sparsemax([[0.0, 0.0, 0.0, 0.0]]).tolist() == [[0.25] * 4]
    assert entmax15([[0.0, 0.0, 0.0, 0.0]]).tolist() == [[0.25] * 4]
    for gap in (0.25, 0.5, 1.0, 3.0):
        expected = min(1.0, (1.0 + gap) / 2)
        np.testing.assert_allclose(sparsemax([gap, 0.0])[0], expected, rtol=1e-15)
        t = min(gap, 2.0)  # Peters et al. (2019), two classes: p = (t/2 + sqrt(8 - t^2)/2)^2 / 4
        expected = (0.5 * t + 0.5 * math.sqrt(8 - t * t)) ** 2 / 4
        np.testing.assert_allclose(entmax15([gap, 0.0])[0], expected, rtol=1e-14)
    for function in MAPS:
        assert function([[7.0]]).tolist() == [[1.0]]
        assert function(np.float64(7.0)) == 1.0


@pytest.mark.parametrize("function", MAPS)
@pytest.mark.parametrize("dtype", DIGITS)
def test_huge_scores_neither_overflow_nor_lose_ties(
    function: Callable[..., Any], dtype: torch.dtype
) -> None:
    largest = torch.finfo(dtype).max
    scores = torch.tensor([[largest, largest, -largest, 0.0]], dtype=dtype, requires_grad=True)
    for temperature in (0.5, 1.0, 8.0):
        p = function(scores, temperature=temperature)
        np.testing.assert_allclose(p.detach().double(), [[0.5, 0.5, 0.0, 0.0]], rtol=1e-7)
        (slope,) = torch.autograd.grad(p[0, 0], scores)
        assert torch.isfinite(slope).all()


@pytest.mark.parametrize("function", MAPS)
def test_many_classes_keep_their_sum(function: Callable[..., Any]) -> None:
    scores = torch.randn(2, 50_000, generator=torch.Generator().manual_seed(0)) * 1e-4
    p = function(scores)
    torch.testing.assert_close(p.double().sum(1), torch.ones(2).double(), rtol=1e-6, atol=0)
    torch.testing.assert_close(p.double(), function(scores.double()), rtol=1e-5, atol=1e-9)


@pytest.mark.parametrize("function", MAPS)
def test_the_temperature_divides_and_has_limits(function: Callable[..., Any]) -> None:
    scores = np.random.default_rng(1).normal(size=(4, 5))
    np.testing.assert_allclose(
        function(scores, temperature=0.3), function(scores / 0.3), rtol=1e-10, atol=1e-15
    )
    sharp = function(scores, temperature=1e-6)
    np.testing.assert_array_equal(sharp, np.eye(5)[scores.argmax(axis=1)])
    np.testing.assert_allclose(function(scores, temperature=1e9), 0.2, rtol=1e-8)


def test_entmax_lies_between_softmax_and_sparsemax() -> None:
    scores = np.array([0.9, 0.3, 0.0, -0.6])
    zeros = [int((p == 0).sum()) for p in (softmax(scores), entmax15(scores), sparsemax(scores))]
    assert zeros == [0, 0, 2]
    assert softmax(scores)[0] < entmax15(scores)[0] < sparsemax(scores)[0]


@pytest.mark.parametrize("function", MAPS)
@pytest.mark.parametrize("dim", [0, 1, -1])
def test_derivatives_of_two_orders_match_finite_differences(
    function: Callable[..., Any], dim: int
) -> None:
    scores = torch.randn(4, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(2))
    scores.requires_grad_()

    def of(z: Tensor) -> Tensor:
        return function(z, dim=dim, temperature=1.3)

    assert torch.autograd.gradcheck(of, scores)
    assert torch.autograd.gradgradcheck(of, scores)


@pytest.mark.parametrize("function", MAPS)
def test_rows_with_nothing_left_follow_the_rule(function: Callable[..., Any]) -> None:
    scores = torch.tensor([[-math.inf] * 3, [0.0, -math.inf, 0.0]], requires_grad=True)
    p = function(scores)
    np.testing.assert_allclose(p.detach(), [[0.0] * 3, [0.5, 0.0, 0.5]], rtol=1e-7)
    (p * torch.tensor([1.0, 2.0, 1.0])).sum().backward()
    torch.testing.assert_close(scores.grad, torch.zeros(2, 3), rtol=0, atol=1e-7)
    assert (scores.grad[0] == 0).all()
    assert scores.grad[1, 1] == 0
    assert torch.isnan(function(scores, empty="nan")[0]).all()
    with pytest.raises(InvalidInput, match=f"{function.__name__} needs a class in every row"):
        function(scores, empty="raise")


@pytest.mark.parametrize("function", MAPS)
def test_what_is_masked_may_hold_anything(function: Callable[..., Any]) -> None:
    scores = np.array([[math.nan, 1.0, math.inf, 1.0]])
    mask = np.array([False, True, False, True])
    np.testing.assert_allclose(function(scores, mask=mask), [[0.0, 0.5, 0.0, 0.5]], rtol=1e-15)


@pytest.mark.parametrize("function", MAPS)
def test_shapes_without_entries_and_the_answer_in_kind(function: Callable[..., Any]) -> None:
    assert function(np.zeros((0, 3))).shape == (0, 3)
    assert function(np.zeros((2, 0))).shape == (2, 0)
    for dtype in DIGITS:
        assert function(torch.zeros(2, 3, dtype=dtype)).dtype == dtype
    expanded = torch.arange(3.0).expand(4, 3)
    torch.testing.assert_close(function(expanded), function(expanded.contiguous()))
    torch.testing.assert_close(function(expanded.mT, dim=0), function(expanded).mT)


@pytest.mark.parametrize("function", MAPS)
@pytest.mark.parametrize(("value", "shown"), [(math.nan, "NaN"), (math.inf, r"\+inf")])
def test_scores_that_are_no_numbers_are_named(
    function: Callable[..., Any], value: float, shown: str
) -> None:
    for place in range(3):
        scores = np.zeros((2, 3))
        scores[1, place] = value
        message = f"{function.__name__} needs scores .* row 1, class {place} holds {shown}"
        with pytest.raises(InvalidInput, match=message):
            function(scores)


@pytest.mark.parametrize("function", MAPS)
def test_transforms_and_compilers_agree(function: Callable[..., Any]) -> None:
    scores = torch.randn(3, 4, generator=torch.Generator().manual_seed(3))
    torch.testing.assert_close(torch.func.vmap(function)(scores), function(scores))

    def of(z: Tensor) -> Tensor:
        return function(z).square().sum()

    leaf = scores.clone().requires_grad_()
    (slope,) = torch.autograd.grad(of(leaf), leaf)
    torch.testing.assert_close(torch.func.grad(of)(scores), slope)
    torch.compiler.reset()
    fast = torch.compile(of, backend="aot_eager", fullgraph=True)
    (quick,) = torch.autograd.grad(fast(leaf), leaf)
    torch.testing.assert_close(quick, slope)


@pytest.mark.parametrize("function", MAPS)
def test_the_gradient_in_the_temperature_is_finite_and_right(function: Callable[..., Any]) -> None:
    scores = torch.tensor([[0.5, -math.inf, 0.25], [-math.inf] * 3], dtype=torch.float64)
    temperature = torch.tensor(0.7, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda t: function(scores, temperature=t), temperature)
