"""Entropy, cross-entropy, perplexity: closed forms, 50-digit references, zeros."""

from __future__ import annotations

import math

import numpy as np
import pytest
import scipy.special
import scipy.stats
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from softplex.information import cross_entropy, entropy, kl_divergence, perplexity

DTYPES = [torch.float64, torch.float32, torch.bfloat16, torch.float16]
SCORES = hnp.arrays(np.float64, (3, 5), elements=st.floats(-30, 30))
CASES = {
    "plain": ([0.3, -1.2, 2.0, 0.7], [1.1, 0.0, -0.6, 0.2]),
    "corner": ([9.0, 0.0, -1.0, -2.0], [10.0, 0.0, 0.0, 1.0]),
    "absent": ([0.5, -math.inf, 1.0, 0.0], [0.0, 2.0, 1.5, -0.5]),
    "shifted": ([1e4, 1e4 - 8, 1e4 + 8, 1e4 - 16], [-1e4, -1e4 + 8, -1e4 - 8, -1e4]),
    "one class": ([3.0], [-2.0]),
}


def pair(name: str, dtype: torch.dtype) -> tuple[torch.Tensor, torch.Tensor]:
    a, b = (torch.tensor(scores, dtype=dtype) for scores in CASES[name])
    return a.requires_grad_(), b.requires_grad_()


def close(actual: torch.Tensor, expected: list, dtype: torch.dtype) -> None:
    wanted = torch.tensor([float(value) for value in expected], dtype=torch.float64)
    bound = 8 * torch.finfo(dtype).eps * wanted.abs().max().clamp(min=1e-30)
    # float16 has no numbers between 0 and 6e-8
    floor = torch.finfo(dtype).smallest_normal * torch.finfo(dtype).eps
    torch.testing.assert_close(
        actual.detach().double().reshape(-1), wanted, rtol=0, atol=float(bound + floor)
    )


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", CASES)
def test_entropy_of_scores_against_50_digits(exact, name: str, dtype: torch.dtype) -> None:
    a, _ = pair(name, dtype)
    p = exact.softmax(a.tolist())
    h = exact.entropy(p)
    value = entropy(a, from_scores=True)
    assert value.dtype == dtype
    close(value, [h], dtype)
    (gradient,) = torch.autograd.grad(value, a)
    close(gradient, [-(exact.times_log(x, x) + x * h) for x in p], dtype)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", CASES)
def test_cross_entropy_of_scores_against_50_digits(exact, name: str, dtype: torch.dtype) -> None:
    a, b = pair(name, dtype)
    p, q = exact.softmax(a.tolist()), exact.softmax(b.tolist())
    h = exact.cross_entropy(p, q)
    value = cross_entropy(a, b, from_scores=True)
    close(value, [h], dtype)
    in_p, in_q = torch.autograd.grad(value, (a, b))
    close(in_p, [-(exact.times_log(x, y) + x * h) for x, y in zip(p, q, strict=True)], dtype)
    close(in_q, [y - x for x, y in zip(p, q, strict=True)], dtype)


@pytest.mark.parametrize("dtype", DTYPES)
def test_probabilities_against_50_digits(exact, dtype: torch.dtype) -> None:
    p = torch.tensor([0.5, 0.25, 0.0, 0.1875, 0.0625], dtype=dtype, requires_grad=True)
    q = torch.tensor([0.125, 0.25, 0.25, 0.3125, 0.0625], dtype=dtype, requires_grad=True)
    rows = exact.normalised(p.tolist()), exact.normalised(q.tolist())
    close(entropy(p), [exact.entropy(rows[0])], dtype)
    close(torch.autograd.grad(entropy(p), p)[0][:2], [math.log(2) - 1, math.log(4) - 1], dtype)
    value = cross_entropy(p, q)
    close(value, [exact.cross_entropy(*rows)], dtype)
    in_p, in_q = torch.autograd.grad(value, (p, q))
    close(in_p, [-math.log(entry) for entry in q.tolist()], dtype)
    close(in_q, [-x / y for x, y in zip(p.tolist(), q.tolist(), strict=True)], dtype)


def test_a_tail_keeps_its_digits_at_the_corner() -> None:
    for dtype, tolerance in ((torch.float32, 1e-6), (torch.float64, 1e-14)):
        scores = torch.tensor([0.0, -30.0], dtype=dtype, requires_grad=True)
        tail = math.exp(-30) / (1 + math.exp(-30))
        wanted = 30 * tail + math.log1p(math.exp(-30))
        value = entropy(scores, from_scores=True)
        assert float(value.detach()) == pytest.approx(wanted, rel=tolerance)
        (gradient,) = torch.autograd.grad(value, scores)
        slope = 30 * tail * (1 - tail)
        assert gradient.tolist() == pytest.approx([-slope, slope], rel=tolerance)


def test_closed_forms() -> None:
    assert entropy(np.full(8, 0.125), unit="bits") == pytest.approx(3.0, rel=1e-15)
    assert entropy(np.zeros(8), from_scores=True) == pytest.approx(math.log(8), rel=1e-15)
    assert entropy(np.array([1.0, 0.0])) == 0
    assert cross_entropy([0, 1], [0.5, 0.5], unit="bits") == 1.0
    assert perplexity(np.full(6, 1 / 6)) == pytest.approx(6.0, rel=1e-14)
    assert perplexity([1, 0], [0.25, 0.75]) == pytest.approx(4.0, rel=1e-14)
    assert perplexity(np.zeros(5), np.zeros(5), from_scores=True) == pytest.approx(5.0, rel=1e-14)


@given(a=SCORES, b=SCORES)
@settings(max_examples=50, deadline=None, derandomize=True)
def test_identities_bounds_and_scipy(a: np.ndarray, b: np.ndarray) -> None:
    p, q = scipy.special.softmax(a, 1), scipy.special.softmax(b, 1)
    h = entropy(a, from_scores=True)
    assert (h >= 0).all()
    assert (h <= math.log(5) + 1e-14).all()
    np.testing.assert_allclose(h, scipy.stats.entropy(p, axis=1), rtol=1e-9, atol=1e-14)
    np.testing.assert_allclose(h, entropy(p), rtol=1e-9, atol=1e-14)
    total = cross_entropy(a, b, from_scores=True)
    np.testing.assert_allclose(total, cross_entropy(p, q), rtol=1e-9, atol=1e-14)
    np.testing.assert_allclose(total, h + kl_divergence(a, b, from_scores=True), rtol=1e-12)
    np.testing.assert_allclose(cross_entropy(p, q), entropy(p) + kl_divergence(p, q), 1e-9, 1e-14)
    np.testing.assert_allclose(perplexity(p, q), np.exp(cross_entropy(p, q)), rtol=1e-12)
    np.testing.assert_allclose(entropy(p, unit="bits"), entropy(p) / math.log(2), rtol=1e-15)
    order = np.random.default_rng(0).permutation(5)
    np.testing.assert_allclose(entropy(a[:, order], from_scores=True), h, rtol=1e-12, atol=1e-300)


def test_zeros_have_finite_gradients() -> None:
    p = torch.tensor([0.5, 0.5, 0.0], requires_grad=True)
    assert torch.autograd.grad(entropy(p), p)[0].tolist() == pytest.approx(
        [math.log(2) - 1, math.log(2) - 1, 0.0]
    )
    q = torch.tensor([0.5, 0.0, 0.5], requires_grad=True)
    value = cross_entropy(p, q)
    assert value == math.inf
    in_p, in_q = torch.autograd.grad(value, (p, q))
    assert in_p.tolist() == pytest.approx([math.log(2), 0.0, math.log(2)])
    assert in_q.tolist() == [-1.0, 0.0, 0.0]


def test_a_class_that_the_model_lacks_costs_infinitely_much() -> None:
    a = torch.tensor([[0.0, 1.0, 2.0], [0.0, 0.0, -math.inf]], requires_grad=True)
    b = torch.tensor([[0.5, 0.0, -math.inf], [0.5, 0.0, -math.inf]], requires_grad=True)
    value = cross_entropy(a, b, from_scores=True)
    assert torch.isinf(value).tolist() == [True, False]
    in_p, in_q = torch.autograd.grad(value.sum(), (a, b))
    p, q = a.detach().softmax(-1), b.detach().softmax(-1)
    torch.testing.assert_close(in_q[:, :2], (q - p)[:, :2])
    assert in_q[:, 2].tolist() == [0.0, 0.0]
    assert torch.isfinite(in_p).all()
    torch.testing.assert_close(in_p.sum(-1), torch.zeros(2))
    perplexed = perplexity(a, b, from_scores=True)
    assert perplexed[0] == math.inf
    gradient = torch.autograd.grad(perplexed.sum(), b)[0]
    assert torch.isfinite(gradient).all()
    assert (gradient[0] == 0).all()


def test_a_row_without_classes() -> None:
    empty = torch.full((2, 3), -math.inf, requires_grad=True)
    scores = torch.zeros(2, 3, requires_grad=True)
    assert entropy(empty, from_scores=True).tolist() == [0.0, 0.0]
    assert cross_entropy(empty, scores, from_scores=True).tolist() == [0.0, 0.0]
    assert cross_entropy(scores, empty, from_scores=True).tolist() == [math.inf, math.inf]
    for value in (entropy(empty, from_scores=True), cross_entropy(empty, scores, from_scores=True)):
        assert (torch.autograd.grad(value.sum(), empty)[0] == 0).all()
    gradients = torch.autograd.grad(cross_entropy(scores, empty, from_scores=True).sum(), empty)
    assert (gradients[0] == 0).all()


@pytest.mark.parametrize("dtype", DTYPES)
def test_scores_up_to_the_largest(dtype: torch.dtype) -> None:
    most = torch.finfo(dtype).max
    a = torch.tensor([[most, 0.0, -most], [most, most, 0.0]], dtype=dtype, requires_grad=True)
    h = entropy(a, from_scores=True)
    torch.testing.assert_close(h, torch.tensor([0.0, math.log(2)], dtype=dtype))
    assert (torch.autograd.grad(h.sum(), a)[0] == 0).all()
    b = torch.tensor([[0.0, most, 0.0], [0.0, 0.0, 0.0]], dtype=dtype, requires_grad=True)
    value = cross_entropy(a, b, from_scores=True)
    torch.testing.assert_close(value, torch.tensor([most, math.log(3)], dtype=dtype))
    assert all(torch.isfinite(g).all() for g in torch.autograd.grad(value.sum(), (a, b)))


def test_numbers_too_small_to_invert_have_finite_gradients() -> None:
    p = torch.tensor([1.0, 1e-42], requires_grad=True)
    q = torch.tensor([0.5, 0.5], requires_grad=True)
    for value in (entropy(p), cross_entropy(p, q), kl_divergence(p, q)):
        assert torch.isfinite(torch.autograd.grad(value, p)[0]).all()


@pytest.mark.parametrize("dim", [0, 1, 2, -2])
def test_any_dimension_may_hold_the_classes(dim: int) -> None:
    scores = np.random.default_rng(0).normal(size=(2, 3, 4))
    p = scipy.special.softmax(scores, dim)
    np.testing.assert_allclose(entropy(p, dim=dim), scipy.stats.entropy(p, axis=dim), rtol=1e-12)
    np.testing.assert_allclose(entropy(scores, dim=dim, from_scores=True), entropy(p, dim=dim))


def test_shapes_without_rows_or_classes() -> None:
    assert entropy(np.zeros((0, 3))).shape == (0,)
    assert entropy(np.zeros((3, 0))).tolist() == [0.0, 0.0, 0.0]
    assert entropy(torch.zeros(3, 0), from_scores=True).tolist() == [0.0, 0.0, 0.0]
    assert cross_entropy(np.zeros((2, 0)), np.zeros((2, 0))).tolist() == [0.0, 0.0]
    assert cross_entropy(np.zeros((0, 3)), np.zeros((0, 3)), from_scores=True).shape == (0,)
    assert entropy(torch.tensor(1.0)) == 0
    assert entropy(torch.tensor(7.0), from_scores=True) == 0
    assert cross_entropy(1.0, 1.0) == 0


def test_views_give_what_copies_give() -> None:
    scores = torch.randn(4, 3, generator=torch.Generator().manual_seed(0))
    assert torch.equal(
        entropy(scores.T, from_scores=True), entropy(scores.T.contiguous(), from_scores=True)
    )
    expanded = scores[:1].expand(5, 3)
    assert torch.equal(
        entropy(expanded, from_scores=True), entropy(expanded.clone(), from_scores=True)
    )


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32, torch.float64])
def test_the_largest_scores_leave_the_gradient_finite_in_bits(dtype) -> None:
    largest = torch.finfo(dtype).max
    z = torch.tensor([largest, 0.0, -largest, largest / 2], dtype=dtype, requires_grad=True)
    for value in (
        entropy(z, from_scores=True, unit="bits"),
        cross_entropy(z, z.detach(), from_scores=True, unit="bits"),
        cross_entropy(z.detach(), z, from_scores=True, unit="bits"),
    ):
        assert value == 0.0
        (gradient,) = torch.autograd.grad(value, z)
        assert gradient.tolist() == [0.0] * 4
