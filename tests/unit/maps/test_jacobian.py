"""The Jacobian of softmax: closed forms, digits near saturation, positive semi-definiteness."""

from __future__ import annotations

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
from softplex.maps import logsumexp, softmax, softmax_jacobian, softmax_jacobian_product

DIGITS = {
    torch.float16: 2e-3,
    torch.bfloat16: 1.6e-2,
    torch.float32: 2e-6,
    torch.float64: 1e-14,
}
VECTORS = hnp.arrays(np.float64, st.integers(1, 20), elements=st.floats(-30, 30))


def product(scores: Any, **options: Any) -> Any:
    """The product with a fixed vector, so that one table serves both functions."""
    return softmax_jacobian_product(scores, torch.tensor([1.0, -2.0, 0.5]), **options)


def exact(scores: Tensor, temperature: float) -> tuple[np.ndarray, list[Any]]:
    """The Jacobian and the probabilities with 150 digits: 1 - p_j costs a hundred of them."""
    with mpmath.workdps(150):
        z = [mpmath.mpf(float(score)) for score in scores]
        e = [mpmath.exp((v - max(z)) / temperature) for v in z]
        p = [v / mpmath.fsum(e) for v in e]
        k = len(p)
        jacobian = [[p[i] * ((i == j) - p[j]) / temperature for j in range(k)] for i in range(k)]
        return np.array([[float(v) for v in row] for row in jacobian]), p


@given(scores=VECTORS, temperature=st.sampled_from([0.1, 1.0, 5.0]))
@settings(max_examples=50, deadline=None, derandomize=True)
def test_the_jacobian_is_symmetric_semi_definite_and_its_rows_sum_to_zero(
    scores: np.ndarray, temperature: float
) -> None:
    jacobian = softmax_jacobian(scores, temperature=temperature)
    np.testing.assert_allclose(jacobian, jacobian.T, rtol=1e-15, atol=0)
    size = np.abs(jacobian).sum(axis=1)
    assert (np.abs(jacobian.sum(axis=1)) <= 1e-15 * size).all()
    assert np.linalg.eigvalsh(jacobian).min() >= -1e-15 * size.max() * len(scores)
    assert (np.diag(jacobian) >= 0).all()


@given(scores=VECTORS, data=st.data())
@settings(max_examples=50, deadline=None, derandomize=True)
def test_the_product_needs_no_matrix(scores: np.ndarray, data: st.DataObject) -> None:
    vector = data.draw(hnp.arrays(np.float64, scores.shape, elements=st.floats(-10, 10)))
    jacobian = softmax_jacobian(scores, temperature=0.5)
    ours = softmax_jacobian_product(scores, vector, temperature=0.5)
    np.testing.assert_allclose(ours, jacobian @ vector, rtol=0, atol=1e-13)
    assert vector @ ours >= -1e-13


@pytest.mark.parametrize("temperature", [1.0, 0.5])
@pytest.mark.parametrize("shift", [0.0, 1e4])
@pytest.mark.parametrize("top", [1.0, 16.0, 60.0])
@pytest.mark.parametrize("dtype", DIGITS)
def test_every_entry_keeps_its_digits(
    dtype: torch.dtype, top: float, shift: float, temperature: float
) -> None:
    scores = (torch.tensor([0.5, top, -1.0, 0.0]) + shift).to(dtype)
    expected, p = exact(scores, temperature)
    digits = 4 * DIGITS[dtype]  # exp(-60) and 1 / T each lose a little
    tiny = torch.finfo(dtype).tiny
    ours = softmax_jacobian(scores, temperature=temperature).double().numpy()
    np.testing.assert_allclose(ours, expected, rtol=digits, atol=tiny)
    vector = torch.tensor([2.0, 0.5, -1.0, 3.0], dtype=dtype)
    with mpmath.workdps(150):
        mean = mpmath.fsum(a * float(v) for a, v in zip(p, vector, strict=True))
        truth = [float(a * (float(v) - mean) / temperature) for a, v in zip(p, vector, strict=True)]
    ours = softmax_jacobian_product(scores, vector, temperature=temperature).double().numpy()
    np.testing.assert_allclose(ours, truth, rtol=digits, atol=tiny)


def test_one_minus_p_would_have_lost_every_digit() -> None:
    scores = torch.tensor([20.0, 0.0])
    p = softmax(scores)
    assert float(p[0] * (1 - p[0])) == 0.0
    expected = math.exp(-20.0) / (1 + math.exp(-20.0)) ** 2
    np.testing.assert_allclose(softmax_jacobian(scores)[0, 0], expected, rtol=1e-6)
    ours = softmax_jacobian_product(scores, torch.tensor([1.0, 0.0]))
    np.testing.assert_allclose(ours, [expected, -expected], rtol=1e-6)


def test_it_is_the_derivative_of_softmax_and_the_hessian_of_log_sum_exp() -> None:
    scores = torch.randn(5, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    ours = softmax_jacobian(scores, temperature=0.7)
    jacobian = torch.autograd.functional.jacobian(lambda z: softmax(z, temperature=0.7), scores)
    torch.testing.assert_close(ours, jacobian)
    hessian = torch.autograd.functional.hessian(lambda z: logsumexp(z, temperature=0.7), scores)
    torch.testing.assert_close(ours / 0.7, hessian)


def test_the_classes_give_way_to_two_last_dimensions() -> None:
    scores = torch.randn(2, 3, 4, generator=torch.Generator().manual_seed(1))
    assert softmax_jacobian(scores).shape == (2, 3, 4, 4)
    first = softmax_jacobian(scores, dim=0)
    assert first.shape == (3, 4, 2, 2)
    torch.testing.assert_close(first[1, 2], softmax_jacobian(scores[:, 1, 2]))
    middle = softmax_jacobian(scores, dim=1)
    assert middle.shape == (2, 4, 3, 3)
    vector = torch.randn(2, 3, 4, generator=torch.Generator().manual_seed(2))
    along = softmax_jacobian_product(scores, vector, dim=1)
    expected = (middle @ vector.movedim(1, -1).unsqueeze(-1)).squeeze(-1).movedim(-1, 1)
    torch.testing.assert_close(along, expected)


def test_a_temperature_for_each_row() -> None:
    scores = torch.randn(2, 3, generator=torch.Generator().manual_seed(3))
    temperature = torch.tensor([[0.5], [2.0]])
    together = softmax_jacobian(scores, temperature=temperature)
    torch.testing.assert_close(together[1], softmax_jacobian(scores[1], temperature=2.0))
    along = softmax_jacobian_product(scores, torch.arange(3.0), temperature=temperature)
    torch.testing.assert_close(along, together @ torch.arange(3.0))


@pytest.mark.parametrize("dtype", DIGITS)
def test_absent_classes_and_rows_are_zero(dtype: torch.dtype) -> None:
    scores = torch.tensor([[0.0, -math.inf, 0.0], [-math.inf] * 3], dtype=dtype, requires_grad=True)
    jacobian = softmax_jacobian(scores)
    expected = [[0.25, 0.0, -0.25], [0.0, 0.0, 0.0], [-0.25, 0.0, 0.25]]
    assert jacobian[0].tolist() == expected
    assert (jacobian[1] == 0).all()
    along = softmax_jacobian_product(scores, torch.tensor([1.0, 5.0, 0.0], dtype=dtype))
    assert along.tolist() == [[0.25, 0.0, -0.25], [0.0, 0.0, 0.0]]
    (slope,) = torch.autograd.grad(jacobian.square().sum() + along.square().sum(), scores)
    assert torch.isfinite(slope).all()
    assert slope[0, 1] == 0
    assert (slope[1] == 0).all()


@pytest.mark.parametrize("dtype", DIGITS)
def test_the_largest_scores_do_not_overflow(dtype: torch.dtype) -> None:
    largest = torch.finfo(dtype).max
    scores = torch.tensor([largest, largest, -largest], dtype=dtype)
    half = [[0.25, -0.25, 0.0], [-0.25, 0.25, 0.0], [0.0, 0.0, 0.0]]
    assert softmax_jacobian(scores).tolist() == half
    ours = softmax_jacobian_product(scores, torch.tensor([1.0, 0.0, 7.0], dtype=dtype))
    assert ours.tolist() == [0.25, -0.25, 0.0]


def test_edges_of_shape_and_the_answer_in_kind() -> None:
    assert softmax_jacobian(np.zeros((0, 3))).shape == (0, 3, 3)
    assert softmax_jacobian(np.zeros((2, 0))).shape == (2, 0, 0)
    assert softmax_jacobian_product(np.zeros((2, 0)), np.zeros((2, 0))).shape == (2, 0)
    assert softmax_jacobian(np.zeros((2, 1))).tolist() == [[[0.0]], [[0.0]]]
    assert softmax_jacobian(3.0).tolist() == [[0.0]]
    assert softmax_jacobian_product(3.0, 2.0) == 0.0
    for dtype in DIGITS:
        scores = torch.zeros(2, 3, dtype=dtype)
        assert softmax_jacobian(scores).dtype == dtype
        assert softmax_jacobian_product(scores, torch.ones(3)).dtype == dtype
    assert isinstance(softmax_jacobian_product(np.zeros(2), torch.zeros(2)), np.ndarray)
    assert softmax_jacobian_product([0.0, 0.0], [1, 0]).tolist() == [0.25, -0.25]


@pytest.mark.parametrize("function", [softmax_jacobian, product])
def test_derivatives_match_finite_differences(function: Callable[..., Any]) -> None:
    scores = torch.randn(2, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(4))
    scores.requires_grad_()
    temperature = torch.tensor(0.6, dtype=torch.float64, requires_grad=True)

    def of(z: Tensor, t: Tensor) -> Tensor:
        return function(z, temperature=t)

    assert torch.autograd.gradcheck(of, (scores, temperature))
    assert torch.autograd.gradgradcheck(of, (scores, temperature))


def test_the_product_is_linear_in_the_vector_for_autograd() -> None:
    scores = torch.randn(2, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(5))
    vector = torch.randn(2, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(6))
    vector.requires_grad_()
    assert torch.autograd.gradcheck(lambda v: softmax_jacobian_product(scores, v), vector)


@pytest.mark.parametrize("function", [softmax_jacobian, product])
def test_transforms_and_compilers_agree(function: Callable[..., Any]) -> None:
    scores = torch.randn(2, 3, generator=torch.Generator().manual_seed(7))
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


def test_bad_input_is_refused_by_name() -> None:
    with pytest.raises(InvalidInput, match=r"softmax_jacobian needs scores .* class 1 holds NaN"):
        softmax_jacobian([0.0, math.nan])
    with pytest.raises(InvalidInput, match=r"softmax_jacobian_product needs scores .* \+inf"):
        softmax_jacobian_product([0.0, math.inf], [0.0, 0.0])
    with pytest.raises(InvalidInput, match="needs dim to be a dimension"):
        softmax_jacobian([0.0, 1.0], dim=1)
    with pytest.raises(InvalidInput, match="temperature must be a finite number"):
        softmax_jacobian([0.0, 1.0], temperature=0.0)
    with pytest.raises(InvalidInput, match=r"a vector that broadcasts .* but got shape \(3,\)"):
        softmax_jacobian_product([0.0, 1.0], [0.0, 0.0, 0.0])
