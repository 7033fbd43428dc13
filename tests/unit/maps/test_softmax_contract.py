"""Masks, empty rows, temperatures, dtypes and transforms: what the three maps promise."""

from __future__ import annotations

import math

import mpmath
import numpy as np
import pytest
import torch

from softplex import log_softmax, logsumexp, softmax
from softplex.exceptions import InvalidInput

INF = math.inf
MAPS = [softmax, log_softmax, logsumexp]
DTYPES = [torch.float16, torch.bfloat16, torch.float32, torch.float64]
FILLER = {softmax: 0.0, log_softmax: -INF, logsumexp: -INF}
mpmath.mp.dps = 50


def reference(row: list[float], temperature: float) -> dict[object, list[mpmath.mpf]]:
    """Softmax, its logarithm and the log-sum-exp of one row, to 50 digits."""
    z = [mpmath.mpf(value) / mpmath.mpf(temperature) for value in row]
    top = max(z)
    log_sum = mpmath.log(mpmath.fsum(mpmath.exp(value - top) for value in z))
    return {
        softmax: [mpmath.exp(value - top - log_sum) for value in z],
        log_softmax: [value - top - log_sum for value in z],
        logsumexp: [top + log_sum],
    }


def rounded(values: list[mpmath.mpf], dtype: torch.dtype) -> torch.Tensor:
    return torch.tensor([float(value) for value in values], dtype=torch.float64).to(dtype)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("temperature", [1.0, 0.37, 30.0])
@pytest.mark.parametrize("shift", [0.0, 1e4, -1e4])
def test_values_are_right_to_the_last_digits(dtype, temperature, shift) -> None:
    scores = torch.tensor([[0.0, 1.5, -3.25, 7.0, 2.0], [3.0, 3.0, 3.0, 3.0, -40.0]]) + shift
    scores = scores.to(dtype)
    eps = torch.finfo(dtype).eps
    work_eps = min(eps, torch.finfo(torch.float32).eps)
    for function in MAPS:
        got = function(scores, temperature=temperature).reshape(2, -1)
        for row, values in zip(scores.tolist(), got, strict=True):
            expected = rounded(reference(row, temperature)[function], dtype)
            # An exponent of size s is known to s eps, and so is its exponential; log p is known to
            # eps beside the 1 that its sum holds.
            size = (max(row) - min(row)) / temperature
            relative = 2 * eps + size * work_eps * (function is softmax)
            absolute = torch.finfo(dtype).tiny if function is softmax else 2 * work_eps
            torch.testing.assert_close(values, expected, rtol=relative, atol=absolute)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("temperature", [1.0, 0.5, 1e3])
def test_scores_up_to_the_largest_of_the_dtype(dtype, temperature) -> None:
    big = torch.finfo(dtype).max
    scores = torch.tensor([big, big, -big, 0.0], dtype=dtype, requires_grad=True)
    p = softmax(scores, temperature=temperature)
    expected = rounded(reference(scores.tolist(), temperature)[softmax], dtype)
    torch.testing.assert_close(p.detach(), expected)
    (p * torch.tensor([1.0, 2.0, 3.0, 4.0], dtype=dtype)).sum().backward()
    assert torch.isfinite(scores.grad).all()
    assert not torch.isnan(log_softmax(scores.detach(), temperature=temperature)).any()


@pytest.mark.parametrize("temperature", [1e-300, 1e-40, 1e-5])
def test_a_temperature_towards_zero_picks_the_largest(temperature) -> None:
    scores = torch.tensor([0.1, 0.3, 0.2])
    assert softmax(scores, temperature=temperature).tolist() == [0.0, 1.0, 0.0]
    ties = torch.tensor([0.3, 0.3, -INF])
    assert softmax(ties, temperature=temperature).tolist() == [0.5, 0.5, 0.0]


@pytest.mark.parametrize("temperature", [1e10, 1e300])
def test_a_temperature_towards_infinity_evens_out(temperature) -> None:
    scores = torch.tensor([0.1, 3e3, -2.0, -INF])
    torch.testing.assert_close(
        softmax(scores, temperature=temperature), torch.tensor([1 / 3, 1 / 3, 1 / 3, 0.0])
    )


def test_a_temperature_costs_no_digit_under_a_shift() -> None:
    scores = torch.tensor([0.0, 1.0, 2.0])
    shifted = scores + 2.0**22
    for temperature in (3.0, 0.3):
        plain = softmax(scores, temperature=temperature)
        assert torch.equal(plain, softmax(shifted, temperature=temperature))


def test_a_tensor_temperature_is_learned_and_broadcasts() -> None:
    scores = torch.randn(4, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    temperature = torch.tensor([[0.5], [1.0], [2.0], [9.0]], dtype=torch.float64)
    for function in MAPS:
        scores, temperature = scores.detach(), temperature.detach()
        got = function(scores, temperature=temperature)
        for row in range(4):
            expected = function(scores[row], temperature=temperature[row].item())
            torch.testing.assert_close(got[row], expected)
        torch.autograd.gradcheck(
            lambda z, t, function=function: function(z, temperature=t),
            (scores.requires_grad_(), temperature.requires_grad_()),
        )
    with pytest.raises(InvalidInput, match="positive and finite everywhere, but holds -1"):
        softmax(scores, temperature=torch.tensor(-1.0))
    with pytest.raises(InvalidInput, match=r"size 1 along the classes, but got shape \(3,\)"):
        softmax(scores, temperature=torch.ones(3))


@pytest.mark.parametrize("function", MAPS)
def test_masked_classes_take_no_part_whatever_they_hold(function) -> None:
    scores = torch.tensor([[1.0, math.nan, 2.0], [INF, 0.0, 1.0]])
    mask = torch.tensor([[True, False, True], [False, True, True]])
    leaf = scores.clone().requires_grad_()
    got = function(leaf, mask=mask)
    clean = torch.where(mask, scores, -INF)
    torch.testing.assert_close(got.detach(), function(clean))
    torch.where(torch.isfinite(got), got, 0.0).sin().sum().backward()
    assert torch.isfinite(leaf.grad).all()
    assert (leaf.grad[~mask] == 0).all()


@pytest.mark.parametrize("function", MAPS)
def test_a_mask_broadcasts_and_comes_as_numpy(function) -> None:
    scores = np.arange(12.0).reshape(3, 4)
    mask = np.array([True, False, True, True])
    kept = function(scores[:, mask])
    got = function(scores, mask=mask)
    assert isinstance(got, np.ndarray)
    np.testing.assert_allclose(got if function is logsumexp else got[:, mask], kept)


@pytest.mark.parametrize("function", MAPS)
@pytest.mark.parametrize("empty", ["zero", "nan", "raise"])
@pytest.mark.parametrize("temperature", [1.0, 2.0])
def test_a_row_with_nothing_left_gives_what_empty_says(function, empty, temperature) -> None:
    scores = torch.tensor([[0.0, 1.0], [-INF, -INF]], requires_grad=True)
    options = {"empty": empty, "temperature": temperature}
    if empty == "raise":
        with pytest.raises(InvalidInput, match="row 1 has none left"):
            function(scores, **options)
        return
    got = function(scores, **options)
    expected = FILLER[function] if empty == "zero" else math.nan
    filled = torch.full_like(got[1], expected)
    torch.testing.assert_close(got[1], filled, equal_nan=True, rtol=0, atol=0)
    torch.where(torch.isfinite(got), got, 0.0).square().sum().backward()
    assert torch.isfinite(scores.grad).all()
    assert (scores.grad[1] == 0).all()


@pytest.mark.parametrize("function", MAPS)
@pytest.mark.parametrize("value", [math.nan, INF])
def test_unusable_scores_are_named(function, value) -> None:
    scores = torch.zeros(2, 3)
    scores[1, 2] = value
    shown = "NaN" if math.isnan(value) else r"\+inf"
    with pytest.raises(InvalidInput, match=rf"{function.__name__} .*row 1, class 2 holds {shown}"):
        function(scores)


@pytest.mark.parametrize("function", MAPS)
@pytest.mark.parametrize("shape", [(0, 3), (3, 0), (0, 0), (2, 0, 4), (1, 1), (1,), ()])
def test_shapes_without_rows_or_classes(function, shape) -> None:
    dim = 1 if len(shape) == 3 else -1
    got = function(torch.zeros(shape), dim=dim)
    if function is not logsumexp:
        assert got.shape == shape
    elif shape:
        left = list(shape)
        k = left.pop(dim)
        assert got.shape == tuple(left)
        assert (got == (math.log(k) if k else -INF)).all()


@pytest.mark.parametrize("function", MAPS)
def test_any_dim_and_any_memory(function) -> None:
    scores = torch.randn(2, 5, 3, generator=torch.Generator().manual_seed(1))
    expected = function(scores.movedim(1, -1).contiguous())
    got = function(scores, dim=1)
    torch.testing.assert_close(got if function is logsumexp else got.movedim(1, -1), expected)
    expanded = scores[:1].expand(4, 5, 3)
    torch.testing.assert_close(function(expanded)[3], function(scores[0]))
    backwards = np.asarray(scores)[:, :, ::-1]
    np.testing.assert_allclose(function(backwards), function(backwards.copy()))


@pytest.mark.parametrize("function", MAPS)
def test_first_and_second_derivatives_with_absent_classes(function) -> None:
    scores = torch.tensor([[0.3, -1.0, 2.0, 0.0]], dtype=torch.float64)
    mask = torch.tensor([True, True, False, True])

    def present(z: torch.Tensor) -> torch.Tensor:
        got = function(z, mask=mask, temperature=0.7)
        return got if function is logsumexp else got[..., mask]

    scores.requires_grad_()
    torch.autograd.gradcheck(present, (scores,))
    torch.autograd.gradgradcheck(present, (scores,))


@pytest.mark.parametrize("function", MAPS)
def test_transforms_and_compilation_give_the_same(function) -> None:
    scores = torch.tensor([[0.0, 1.0, -INF], [-INF, -INF, -INF], [2.0, 2.0, 1.0]])
    expected = function(scores)
    torch.testing.assert_close(torch.func.vmap(function)(scores), expected)
    compiled = torch.compile(function, backend="aot_eager", fullgraph=True)
    torch.testing.assert_close(compiled(scores), expected)
    for temperature in (0.5, 2.0, 3.0):  # the second change makes it symbolic
        got = compiled(scores, temperature=temperature)
        torch.testing.assert_close(got, function(scores, temperature=temperature))

    def summed(z: torch.Tensor) -> torch.Tensor:
        return torch.where(torch.isfinite(function(z)), function(z), 0.0).sum()

    eager = scores.clone().requires_grad_()
    summed(eager).backward()
    torch.testing.assert_close(torch.func.grad(summed)(scores), eager.grad)


@pytest.mark.parametrize("function", MAPS)
def test_bad_arguments_are_refused(function) -> None:
    scores = torch.zeros(2, 3)
    with pytest.raises(InvalidInput, match=r"mask that broadcasts .* \(2, 3\), but got .* \(4,\)"):
        function(scores, mask=torch.ones(4, dtype=torch.bool))
    with pytest.raises(InvalidInput, match=r"boolean mask .* torch.float32"):
        function(scores, mask=torch.ones(3))
    with pytest.raises(InvalidInput, match="empty must be one of 'zero', 'nan', 'raise'"):
        function(scores, empty="zeros")
    with pytest.raises(InvalidInput, match=r"dim=2 for scores of shape \(2, 3\)"):
        function(scores, dim=2)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32, torch.float64])
def test_the_gradient_of_a_large_logsumexp_sums_to_one(dtype) -> None:
    largest = torch.finfo(dtype).max
    for shift in (1e4, -1e4, largest, -largest):
        scores = torch.full((4,), shift, dtype=dtype, requires_grad=True)
        (gradient,) = torch.autograd.grad(logsumexp(scores), scores)
        assert gradient.tolist() == [0.25] * 4
    scores = torch.tensor([10000.0, 10002.0, 9999.0, 9990.0], dtype=torch.float64)
    scores = scores.to(dtype).requires_grad_()
    (gradient,) = torch.autograd.grad(logsumexp(scores), scores)
    torch.testing.assert_close(gradient, softmax(scores.detach()), rtol=4e-7, atol=0)
