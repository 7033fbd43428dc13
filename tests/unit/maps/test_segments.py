"""Softmax over ragged groups: one softmax per group, references, absent groups, refusals."""

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
from torch import Tensor

from softplex.exceptions import InvalidInput
from softplex.maps import (
    log_softmax,
    logsumexp,
    segment_log_softmax,
    segment_logsumexp,
    segment_softmax,
    softmax,
)

MAPS = [segment_softmax, segment_log_softmax, segment_logsumexp]
INDEX = torch.tensor([2, 0, 2, 0, 5, 2, 4])
DIGITS = {
    torch.float16: 2e-3,
    torch.bfloat16: 1.6e-2,
    torch.float32: 1e-6,
    torch.float64: 1e-14,
}


def one_by_one(function: Callable[..., Any], scores: Tensor, index: Tensor, n: int) -> Tensor:
    """A dense map applied to each group alone."""
    if function is logsumexp:
        return torch.stack([logsumexp(scores[index == i], dim=0) for i in range(n)])
    result = torch.empty_like(scores)
    for i in range(n):
        result[index == i] = function(scores[index == i], dim=0)
    return result


def finite(values: Tensor) -> Tensor:
    return torch.where(torch.isfinite(values), values, 0.0)


@given(
    entries=st.lists(
        st.tuples(st.integers(0, 5), st.floats(-1e3, 1e3) | st.just(-math.inf)), max_size=20
    )
)
@settings(max_examples=50, deadline=None, derandomize=True)
def test_each_group_is_mapped_alone(entries: list[tuple[int, float]]) -> None:
    index = torch.tensor([group for group, _ in entries], dtype=torch.long)
    scores = torch.tensor([score for _, score in entries], dtype=torch.float64)
    pairs = [
        (segment_softmax, softmax),
        (segment_log_softmax, log_softmax),
        (segment_logsumexp, logsumexp),
    ]
    for ours, dense in pairs:
        ragged = ours(scores, index, n_segments=6)
        torch.testing.assert_close(ragged, one_by_one(dense, scores, index, 6), rtol=1e-12, atol=0)


@given(shift=st.integers(-(2**20), 2**20), order=st.permutations(range(7)))
@settings(max_examples=30, deadline=None, derandomize=True)
def test_neither_a_shift_nor_the_order_matters(shift: int, order: list[int]) -> None:
    scores = torch.tensor([3.0, -1.0, 4.0, 1.0, -5.0, 9.0, 2.0], dtype=torch.float64)
    p = segment_softmax(scores, INDEX)
    torch.testing.assert_close(segment_softmax(scores + shift, INDEX), p, rtol=0, atol=0)
    moved = segment_softmax(scores[order], INDEX[order])
    torch.testing.assert_close(moved, p[order], rtol=1e-15, atol=0)


@pytest.mark.parametrize("shift", [0.0, 1e4])
@pytest.mark.parametrize("temperature", [1.0, 0.25])
@pytest.mark.parametrize("dtype", DIGITS)
def test_values_and_gradients_match_fifty_digits(
    dtype: torch.dtype, temperature: float, shift: float
) -> None:
    scores = (torch.tensor([0.5, -8.0, 2.25, 0.0, 1.0, -3.0, 7.0]) + shift).to(dtype)
    scores.requires_grad_()
    gradient = torch.tensor([1.0, -2.0, 0.5, 3.0, 1.0, -1.0, 2.0], dtype=dtype)
    p, lse, slope = reference(scores.detach(), gradient, temperature)
    ours = segment_softmax(scores, INDEX, temperature=temperature)
    ours.backward(gradient)
    close = {"rtol": DIGITS[dtype], "atol": DIGITS[dtype] / temperature}
    torch.testing.assert_close(ours.double(), p, rtol=DIGITS[dtype], atol=1e-7)
    torch.testing.assert_close(scores.grad.double(), slope, **close)
    logs = segment_log_softmax(scores, INDEX, temperature=temperature)
    torch.testing.assert_close(logs.double(), p.log(), **close)
    total = segment_logsumexp(scores, INDEX, temperature=temperature)
    torch.testing.assert_close(total.double(), lse, rtol=DIGITS[dtype], atol=DIGITS[dtype])
    (through,) = torch.autograd.grad(total[:3].sum() + total[4:].sum(), scores)
    torch.testing.assert_close(through.double(), p / temperature, **close)


def reference(
    scores: Tensor, gradient: Tensor, temperature: float
) -> tuple[Tensor, Tensor, Tensor]:
    """Probabilities, log-sum-exps and the gradient p (g - sum p g) / T, with 50 digits."""
    n = int(INDEX.max()) + 1
    with mpmath.workdps(50):
        e = [mpmath.exp(mpmath.mpf(float(z)) / temperature) for z in scores]
        totals = [mpmath.mpf(0)] * n
        for i, value in zip(INDEX.tolist(), e, strict=True):
            totals[i] += value
        p = [value / totals[i] for i, value in zip(INDEX.tolist(), e, strict=True)]
        means = [mpmath.mpf(0)] * n
        for i, value, g in zip(INDEX.tolist(), p, gradient.tolist(), strict=True):
            means[i] += value * g
        slope = [
            value * (g - means[i]) / temperature
            for i, value, g in zip(INDEX.tolist(), p, gradient.tolist(), strict=True)
        ]
        lse = [mpmath.log(t) if t else -math.inf for t in totals]
    return tuple(
        torch.tensor([float(v) for v in values], dtype=torch.float64) for values in (p, lse, slope)
    )


@pytest.mark.parametrize("dtype", DIGITS)
def test_the_largest_scores_do_not_overflow(dtype: torch.dtype) -> None:
    largest = torch.finfo(dtype).max
    scores = torch.tensor([largest, largest, -largest, -largest], dtype=dtype, requires_grad=True)
    index = torch.tensor([0, 0, 0, 1])
    for temperature in (1.0, 4.0):
        p = segment_softmax(scores, index, temperature=temperature)
        assert p.tolist() == [0.5, 0.5, 0.0, 1.0]
        (slope,) = torch.autograd.grad(p[0], scores)
        assert torch.isfinite(slope).all()
    logs = segment_log_softmax(scores.detach(), index, temperature=4.0)
    assert torch.isfinite(logs).all()


def test_sizes_of_groups_do_not_change_the_digits() -> None:
    scores = torch.zeros(300_000)
    p = segment_softmax(scores, torch.zeros(300_000, dtype=torch.long))
    torch.testing.assert_close(p, torch.full_like(p, 1 / 300_000), rtol=1e-5, atol=0)


@pytest.mark.parametrize("function", MAPS)
@pytest.mark.parametrize("temperature", [1.0, 0.5, torch.tensor(2.0, dtype=torch.float64)])
def test_absent_entries_and_groups_have_zero_gradients(
    function: Callable[..., Any], temperature: float | Tensor
) -> None:
    scores = torch.tensor([-math.inf, 1.0, -math.inf, 2.0, -math.inf], dtype=torch.float64)
    scores.requires_grad_()
    index = torch.tensor([0, 1, 0, 1, 1])
    result = function(scores, index, n_segments=4, temperature=temperature)
    assert not torch.isnan(result).any()
    finite(result).square().sum().backward()
    assert torch.isfinite(scores.grad).all()
    assert scores.grad[[0, 2, 4]].tolist() == [0.0, 0.0, 0.0]


def test_absent_groups_give_zeros_or_minus_infinity() -> None:
    scores, index = torch.tensor([-math.inf, 1.0, -math.inf]), torch.tensor([0, 2, 0])
    assert segment_softmax(scores, index).tolist() == [0.0, 1.0, 0.0]
    assert segment_log_softmax(scores, index).tolist() == [-math.inf, 0.0, -math.inf]
    expected = [-math.inf, -math.inf, 1.0, -math.inf]
    assert segment_logsumexp(scores, index, n_segments=4).tolist() == expected
    assert segment_logsumexp(scores, index, n_segments=4, temperature=0.5).tolist()[2] == 2.0


def test_an_absent_entry_takes_no_gradient_that_reaches_its_logarithm() -> None:
    scores = torch.tensor([0.0, -math.inf, 1.0], dtype=torch.float64, requires_grad=True)
    index = torch.zeros(3, dtype=torch.long)
    segment_log_softmax(scores, index).backward(torch.ones(3, dtype=torch.float64))
    with_absent = scores.grad[[0, 2]]
    alone = torch.tensor([0.0, 1.0], dtype=torch.float64, requires_grad=True)
    log_softmax(alone).sum().backward()
    torch.testing.assert_close(with_absent, alone.grad)
    assert scores.grad[1] == 0


def test_the_gradient_in_the_temperature_is_finite_and_right() -> None:
    scores = torch.tensor([0.5, -1.0, -math.inf, 2.0, 0.0], dtype=torch.float64)
    index = torch.tensor([0, 0, 0, 2, 2])
    temperature = torch.tensor(0.7, dtype=torch.float64, requires_grad=True)
    for function in MAPS:

        def of(t: Tensor, function: Callable[..., Any] = function) -> Tensor:
            return finite(function(scores, index, temperature=t))

        assert torch.autograd.gradcheck(of, temperature)


@pytest.mark.parametrize("function", MAPS)
@pytest.mark.parametrize("dim", [0, 1, -1])
def test_derivatives_of_two_orders_match_finite_differences(
    function: Callable[..., Any], dim: int
) -> None:
    shape = (7, 2) if dim == 0 else (2, 7)
    scores = torch.randn(shape, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    scores.requires_grad_()

    def of(z: Tensor) -> Tensor:
        return finite(function(z, INDEX, dim=dim, temperature=0.8))

    def plain(z: Tensor) -> Tensor:
        return finite(function(z, INDEX, dim=dim))

    assert torch.autograd.gradcheck(of, scores)
    assert torch.autograd.gradgradcheck(of, scores)
    assert torch.autograd.gradcheck(plain, scores, check_batched_grad=True)
    assert torch.autograd.gradgradcheck(plain, scores)


@pytest.mark.parametrize("function", MAPS)
def test_other_dimensions_stand_side_by_side(function: Callable[..., Any]) -> None:
    scores = torch.randn(7, 3, 2, generator=torch.Generator().manual_seed(2))
    together = function(scores, INDEX)
    for i in range(3):
        for j in range(2):
            torch.testing.assert_close(together[:, i, j], function(scores[:, i, j], INDEX))
    middle = function(scores.movedim(0, 1), INDEX, dim=1)
    torch.testing.assert_close(middle.movedim(1, 0), together)
    expanded = scores[:, :1, :1].expand(7, 3, 2)
    torch.testing.assert_close(function(expanded, INDEX), function(expanded.contiguous(), INDEX))


@pytest.mark.parametrize("function", MAPS)
@pytest.mark.parametrize("shape", [(6,), (6, 3)])
def test_offsets_say_the_same_as_an_index(function: Callable[..., Any], shape: Any) -> None:
    scores = torch.randn(shape, generator=torch.Generator().manual_seed(3), requires_grad=True)
    index, offsets = torch.tensor([0, 0, 2, 3, 3, 3]), [0, 2, 2, 3, 6, 6]
    by_index = function(scores, index, n_segments=5)
    by_offsets = function(scores, offsets=offsets)
    torch.testing.assert_close(by_offsets, by_index)
    (first,) = torch.autograd.grad(finite(by_index).square().sum(), scores)
    (second,) = torch.autograd.grad(finite(by_offsets).square().sum(), scores)
    torch.testing.assert_close(first, second)
    leaf = scores.detach()[:, :1] if scores.ndim > 1 else scores.detach()
    leaf = leaf.double().requires_grad_()

    def of(z: Tensor) -> Tensor:
        return finite(function(z, offsets=offsets))

    assert torch.autograd.gradcheck(of, leaf, check_batched_grad=True)
    assert torch.autograd.gradgradcheck(of, leaf)
    sideways = function(scores.movedim(0, -1), offsets=offsets, dim=-1)
    torch.testing.assert_close(sideways.movedim(-1, 0), by_index)


def test_what_is_masked_may_hold_anything() -> None:
    scores = np.array([math.nan, 1.0, math.inf, 1.0])
    index, mask = np.array([0, 0, 1, 0]), np.array([False, True, False, True])
    np.testing.assert_array_equal(segment_softmax(scores, index, mask=mask), [0.0, 0.5, 0.0, 0.5])
    np.testing.assert_allclose(
        segment_logsumexp(scores, index, mask=mask), [1 + math.log(2), -math.inf]
    )


@pytest.mark.parametrize("function", MAPS)
def test_nothing_gives_nothing(function: Callable[..., Any]) -> None:
    assert function(np.zeros((0, 3)), []).shape == (0, 3)
    filled = function(torch.zeros(0), torch.zeros(0, dtype=torch.long), n_segments=2)
    assert filled.tolist() == ([-math.inf] * 2 if function is segment_logsumexp else [])
    assert function(np.zeros((2, 0)), [0, 1]).shape == (2, 0)


@pytest.mark.parametrize("function", MAPS)
def test_the_answer_comes_in_kind(function: Callable[..., Any]) -> None:
    for dtype in DIGITS:
        assert function(torch.zeros(7, dtype=dtype), INDEX).dtype == dtype
    assert isinstance(function(np.zeros(7, dtype=np.float32), INDEX.numpy()), np.ndarray)
    assert function([0, 1, 2], [0, 0, 1]).dtype == np.float64
    for kind in (np.int8, np.uint8, np.int32, np.uint16):
        np.testing.assert_array_equal(
            function(np.zeros(7), INDEX.numpy().astype(kind)), function(np.zeros(7), INDEX)
        )


@pytest.mark.parametrize("function", MAPS)
def test_func_transforms_agree_with_the_closed_form(function: Callable[..., Any]) -> None:
    scores = torch.randn(7, dtype=torch.float64, generator=torch.Generator().manual_seed(4))
    scores[6] = -math.inf

    def of(z: Tensor) -> Tensor:
        return finite(function(z, INDEX, n_segments=6)).square().sum()

    leaf = scores.clone().requires_grad_()
    (slope,) = torch.autograd.grad(of(leaf), leaf)
    torch.testing.assert_close(torch.func.grad(of)(scores), slope)
    hessian = torch.autograd.functional.hessian(of, scores)
    torch.testing.assert_close(torch.func.jacrev(torch.func.grad(of))(scores), hessian)
    rows = torch.stack([scores, 2 * scores])
    mapped = torch.func.vmap(lambda z: function(z, INDEX, n_segments=6))(rows)
    torch.testing.assert_close(mapped, function(rows, INDEX, dim=1))
    indices = torch.stack([INDEX, INDEX.flip(0)])
    mapped = torch.func.vmap(lambda i: function(scores, i, n_segments=6))(indices)
    torch.testing.assert_close(mapped[1], function(scores, indices[1], n_segments=6))


def compiled_as_plain(function: Callable[..., Any], backend: str) -> None:
    scores = torch.randn(7, generator=torch.Generator().manual_seed(5), requires_grad=True)

    def of(z: Tensor) -> Tensor:
        return finite(function(z, INDEX, n_segments=6))

    torch.compiler.reset()
    fast = torch.compile(of, backend=backend, fullgraph=True)
    torch.testing.assert_close(fast(scores), of(scores))
    (plain,) = torch.autograd.grad(of(scores).square().sum(), scores)
    (quick,) = torch.autograd.grad(fast(scores).square().sum(), scores)
    torch.testing.assert_close(quick, plain)


@pytest.mark.parametrize("function", MAPS)
def test_compiled_maps_agree(function: Callable[..., Any]) -> None:
    compiled_as_plain(function, "aot_eager")


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_the_default_compiler_agrees() -> None:
    compiled_as_plain(segment_softmax, "inductor")


def test_compiling_needs_the_number_of_groups() -> None:
    with pytest.raises(InvalidInput, match="needs n_segments under"):
        torch.func.vmap(lambda z: segment_softmax(z, INDEX))(torch.zeros(2, 7))


def test_an_index_changed_before_the_backward_pass_is_noticed() -> None:
    index = INDEX.clone()
    p = segment_softmax(torch.zeros(7, requires_grad=True), index)
    index[0] = 1
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        p.sum().backward()


@pytest.mark.parametrize("width", [None, 3, 64])
@pytest.mark.parametrize(
    ("index", "message"),
    [
        ([0, 1, 5], "indices below n_segments=2, but entry 2 holds 5. n_segments must be at least"),
        ([0, -3, 1], "an index of at least 0, but entry 1 holds -3"),
    ],
)
def test_an_index_out_of_range_is_named(index: list[int], message: str, width: int | None) -> None:
    scores = torch.zeros(3) if width is None else torch.zeros(3, width)
    for function in MAPS:
        with pytest.raises(InvalidInput, match=f"{function.__name__} needs {message}"):
            function(scores, torch.tensor(index), n_segments=2)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"index": [0, -1, -2]}, "an index of at least 0, but entry 1 holds -1"),
        ({"index": [-1, -1, -2]}, "an index of at least 0, but entry 0 holds -1"),
        ({"index": [0, 1]}, "one index for each entry along dim 0, that is 3, but got 2"),
        ({"index": [0.0, 1.0, 1.0]}, "whole numbers in index, but got torch.float64"),
        ({"index": [True, False, True]}, "whole numbers in index, but got torch.bool"),
        ({"index": [[0, 1, 1]]}, r"index with one dimension, but got shape \(1, 3\)"),
        ({}, "either index .* or offsets .*, but got neither"),
        ({"index": [0, 0, 0], "offsets": [0, 3]}, "but got both"),
        ({"offsets": []}, "offsets that begin with 0, but got none"),
        ({"offsets": [0, 2]}, "offsets from 0 to the 3 entries .* from 0 to 2"),
        ({"offsets": [1, 3]}, "offsets from 0 to the 3 entries .* from 1 to 3"),
        ({"offsets": [0, 2, 1, 3]}, "never fall, but they go from 2 to 1 at entry 2"),
        ({"offsets": [0, 3], "n_segments": 1}, "takes n_segments with index alone"),
        ({"index": [0, 0, 0], "n_segments": -1}, "n_segments must be a whole number"),
        ({"index": [0, 0, 0], "n_segments": 2.0}, "n_segments must be a whole number"),
        ({"index": [0, 0, 0], "n_segments": 0}, "n_segments must be at least 1"),
        ({"index": [0, 0, 0], "dim": 1}, "dim to be a dimension of the scores"),
        ({"index": [0, 0, 0], "temperature": 0.0}, "temperature must be a finite number"),
        ({"index": [0, 0, 0], "temperature": torch.ones(3)}, "one temperature for all entries"),
        ({"index": [0, 0, 0], "mask": [True, False]}, "a mask that broadcasts"),
    ],
)
def test_arguments_that_do_not_fit_are_refused(arguments: dict[str, Any], message: str) -> None:
    for function in MAPS:
        with pytest.raises(InvalidInput, match=message):
            function(np.zeros(3), **arguments)


@pytest.mark.parametrize(("value", "shown"), [(math.nan, "NaN"), (math.inf, "+inf")])
@pytest.mark.parametrize("grouping", [{"index": [0, 0, 1, 1]}, {"offsets": [0, 2, 4]}])
def test_scores_that_are_no_numbers_are_named(
    value: float, shown: str, grouping: dict[str, Any]
) -> None:
    for function in MAPS:
        for place in range(4):
            scores = np.zeros((4, 2))
            scores[place, 1] = value
            with pytest.raises(InvalidInput) as caught:
                function(scores, **grouping)
            assert f"row {place}, class 1 holds {shown}" in str(caught.value)
            assert str(caught.value).startswith(function.__name__)


def test_a_single_number_is_refused() -> None:
    with pytest.raises(InvalidInput, match="at least one dimension"):
        segment_softmax(1.0, [0])
