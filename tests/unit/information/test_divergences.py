"""Kullback-Leibler and Jensen-Shannon divergences: values, digits, gradients."""

from __future__ import annotations

import math

import numpy as np
import pytest
import scipy.spatial.distance
import scipy.special
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from softplex.information import jensen_shannon, kl_divergence

DTYPES = [torch.float64, torch.float32, torch.bfloat16, torch.float16]
SCORES = hnp.arrays(np.float64, (3, 5), elements=st.floats(-30, 30))
BASE = torch.tensor([0.3, -1.2, 2.0, 0.7, -6.0], dtype=torch.float64)
STEP = torch.tensor([0.5, -1.0, 0.25, 0.75, -0.5], dtype=torch.float64)
CASES = {
    "far": (BASE, -BASE),
    "apart": (BASE, BASE + 2 * STEP),
    "near": (BASE, BASE + 0.1 * STEP),
    "nearer": (BASE, BASE + 1e-4 * STEP),
    "corner": (BASE * 5, BASE * 5 + STEP),
    "shifted": (BASE + 1e4, BASE + STEP - 1e4),
    "tiny tail": (torch.tensor([0.0, -40.0, -50.0]), torch.tensor([0.0, -41.0, -48.0])),
    "absent": (torch.tensor([0.0, 1.0, -math.inf]), torch.tensor([0.5, 0.25, -math.inf])),
    "half absent": (torch.tensor([0.0, 1.0, -math.inf]), torch.tensor([0.5, 0.25, 1.0])),
    "one class": (torch.tensor([3.0]), torch.tensor([-1.0])),
}


def pair(name: str, dtype: torch.dtype) -> tuple[torch.Tensor, torch.Tensor]:
    a, b = (scores.to(dtype, copy=True) for scores in CASES[name])
    return a.requires_grad_(), b.requires_grad_()


def close(actual: torch.Tensor, expected: list, dtype: torch.dtype, units: float = 16) -> None:
    """Within some units in the last place of the largest; float16 has a coarse floor."""
    wanted = torch.tensor([float(value) for value in expected], dtype=torch.float64)
    bound = units * torch.finfo(dtype).eps * wanted.abs().max()
    floor = torch.finfo(dtype).smallest_normal * torch.finfo(dtype).eps
    torch.testing.assert_close(
        actual.detach().double().reshape(-1), wanted, rtol=0, atol=float(bound + floor)
    )


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", CASES)
def test_kl_of_scores_against_50_digits(exact, name: str, dtype: torch.dtype) -> None:
    a, b = pair(name, dtype)
    p, q = exact.softmax(a.tolist()), exact.softmax(b.tolist())
    wanted = exact.kl(p, q)
    value = kl_divergence(a, b, from_scores=True)
    assert value.dtype == dtype
    close(value, [wanted], dtype)
    in_p, in_q = torch.autograd.grad(value, (a, b))
    pairs = list(zip(p, q, strict=True))
    slopes = [exact.times_log(x, x) - exact.times_log(x, y) - x * wanted for x, y in pairs]
    close(in_p, slopes, dtype)
    close(in_q, [y - x for x, y in pairs], dtype)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("weight", [0.5, 0.25])
@pytest.mark.parametrize("name", CASES)
def test_jensen_shannon_of_scores_against_50_digits(
    exact, name: str, weight: float, dtype: torch.dtype
) -> None:
    a, b = pair(name, dtype)
    p, q = exact.softmax(a.tolist()), exact.softmax(b.tolist())
    value = jensen_shannon(a, b, weights=(weight, 1 - weight), from_scores=True)
    close(value, [exact.jensen_shannon(p, q, weight)], dtype)
    in_p, in_q = torch.autograd.grad(value, (a, b))
    m = exact.mixture(p, q, weight)
    for gradient, own, share in ((in_p, p, weight), (in_q, q, 1 - weight)):
        mean = exact.kl(own, m)
        slopes = [
            share * (exact.times_log(x, x) - exact.times_log(x, y) - x * mean)
            for x, y in zip(own, m, strict=True)
        ]
        # log(p / m) and its mean, both near ln 2 for distributions far apart, cancel
        close(gradient, slopes, dtype, units=64)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("size", [1.0, 0.1, 1e-2, 1e-4])
def test_probabilities_keep_their_digits(exact, size: float, dtype: torch.dtype) -> None:
    p = torch.softmax(BASE, -1).to(dtype)
    q = torch.softmax(BASE + size * STEP, -1).to(dtype)
    rows = exact.normalised(p.tolist()), exact.normalised(q.tolist())
    assert kl_divergence(p, q) >= 0
    if not torch.equal(p, q):
        # rounding in the sums of p and q enters through its square
        off = float((p.double().sum() - q.double().sum()) ** 2)
        wanted = float(exact.kl(*rows))
        bound = 16 * torch.finfo(dtype).eps
        scale = 1 + abs(float(p.double().sum()) - 1) / bound
        assert float(kl_divergence(p, q)) == pytest.approx(wanted, rel=bound * scale, abs=2 * off)
        halved = float(exact.jensen_shannon(*rows))
        assert float(jensen_shannon(p, q)) == pytest.approx(halved, rel=bound * scale, abs=2 * off)


def test_the_plain_sum_has_no_digit_where_this_has_all() -> None:
    a = torch.randn(8, generator=torch.Generator().manual_seed(0))
    b = a + 1e-4 * torch.randn(8, generator=torch.Generator().manual_seed(1))
    exact = float(kl_divergence(a.double(), b.double(), from_scores=True))
    p, q = a.log_softmax(-1), b.log_softmax(-1)
    assert abs(float((p.exp() * (p - q)).sum()) - exact) > exact
    assert float(kl_divergence(a, b, from_scores=True)) == pytest.approx(exact, rel=1e-6)


@given(a=SCORES, b=SCORES)
@settings(max_examples=50, deadline=None, derandomize=True)
def test_bounds_symmetry_and_scipy(a: np.ndarray, b: np.ndarray) -> None:
    p, q = scipy.special.softmax(a, 1), scipy.special.softmax(b, 1)
    kl, js = kl_divergence(p, q), jensen_shannon(p, q)
    assert (kl >= 0).all()
    assert ((js >= 0) & (js <= math.log(2))).all()
    np.testing.assert_allclose(kl, scipy.special.rel_entr(p, q).sum(1), rtol=1e-9, atol=1e-14)
    np.testing.assert_allclose(kl, kl_divergence(a, b, from_scores=True), rtol=1e-9, atol=1e-14)
    np.testing.assert_allclose(js, jensen_shannon(a, b, from_scores=True), rtol=1e-9, atol=1e-14)
    np.testing.assert_allclose(js, jensen_shannon(q, p), rtol=1e-12, atol=1e-300)
    # the distance is the square root, so rounding in the divergence shows there more
    distance = np.nan_to_num(scipy.spatial.distance.jensenshannon(p, q, axis=1))
    np.testing.assert_allclose(np.sqrt(js), distance, rtol=1e-7, atol=1e-7)
    np.testing.assert_allclose(
        jensen_shannon(p, q, weights=(0.2, 0.8)),
        jensen_shannon(q, p, weights=(0.8, 0.2)),
        rtol=1e-12,
        atol=1e-300,
    )
    np.testing.assert_allclose(kl_divergence(p, q, unit="bits"), kl / math.log(2), rtol=1e-15)
    assert (kl_divergence(a, a + 3.0, from_scores=True) < 1e-28).all()
    assert (kl_divergence(a, a, from_scores=True) == 0).all()
    assert (jensen_shannon(p, p) == 0).all()


def test_torch_agrees_inside_the_simplex() -> None:
    generator = torch.Generator().manual_seed(3)
    a, b = torch.randn(2, 6, 4, dtype=torch.float64, generator=generator)
    p, q = (torch.distributions.Categorical(logits=scores) for scores in (a, b))
    wanted = torch.distributions.kl_divergence(p, q)
    torch.testing.assert_close(kl_divergence(a, b, from_scores=True), wanted)
    torch.testing.assert_close(kl_divergence(p.probs, q.probs), wanted)


def test_torch_gives_the_same_gradients_in_probabilities() -> None:
    p = torch.tensor([0.5, 0.3, 0.2], requires_grad=True)
    q = torch.tensor([0.25, 0.35, 0.4], requires_grad=True)
    ours = torch.autograd.grad(kl_divergence(p, q), (p, q))
    theirs = torch.autograd.grad(torch.nn.functional.kl_div(q.log(), p, reduction="sum"), (p, q))
    for own, their in zip(ours, theirs, strict=True):
        torch.testing.assert_close(own, their)


def test_zeros_in_probabilities() -> None:
    p = torch.tensor([0.5, 0.5, 0.0, 0.0], requires_grad=True)
    q = torch.tensor([0.25, 0.0, 0.75, 0.0], requires_grad=True)
    value = kl_divergence(p, q)
    assert value == math.inf
    in_p, in_q = torch.autograd.grad(value, (p, q))
    assert in_p.tolist() == pytest.approx([math.log(2) + 1, 0.0, 0.0, 0.0])
    assert in_q.tolist() == [-2.0, 0.0, 0.0, 0.0]
    value = kl_divergence(p, torch.tensor([0.25, 0.5, 0.25, 0.0]))
    assert float(value.detach()) == pytest.approx(0.5 * math.log(2))
    value = jensen_shannon(p, q)
    assert float(value.detach()) == pytest.approx(scipy_divergence(p, q), rel=1e-6)
    in_p, in_q = torch.autograd.grad(value, (p, q))
    third = math.log(4 / 3) / 2
    assert in_p.tolist() == pytest.approx([third, math.log(2) / 2, 0.0, 0.0])
    assert in_q.tolist() == pytest.approx([third - math.log(2) / 2, 0.0, math.log(2) / 2, 0.0])


def scipy_divergence(p: torch.Tensor, q: torch.Tensor) -> float:
    return float(scipy.spatial.distance.jensenshannon(p.tolist(), q.tolist())) ** 2


def test_disjoint_distributions_are_as_far_apart_as_can_be() -> None:
    p, q = [1.0, 0.0], [0.0, 1.0]
    assert jensen_shannon(p, q, unit="bits") == 1.0
    inf = math.inf
    assert jensen_shannon([0.0, -inf], [-inf, 0.0], from_scores=True) == math.log(2)
    wanted = -0.1 * math.log(0.1) - 0.9 * math.log(0.9)
    assert jensen_shannon(p, q, weights=(0.1, 0.9)) == pytest.approx(wanted, rel=1e-15)
    assert kl_divergence(p, q) == inf


def test_a_class_that_the_model_lacks() -> None:
    a = torch.tensor([[0.0, 1.0, 2.0], [0.0, 0.0, -math.inf]], requires_grad=True)
    b = torch.tensor([[0.5, 0.0, -math.inf], [0.5, 0.0, 1.0]], requires_grad=True)
    value = kl_divergence(a, b, from_scores=True)
    assert torch.isinf(value).tolist() == [True, False]
    in_p, in_q = torch.autograd.grad(value.sum(), (a, b))
    p, q = a.detach().softmax(-1), b.detach().softmax(-1)
    torch.testing.assert_close(in_q[0, :2], (q - p)[0, :2])
    torch.testing.assert_close(in_q[1], (q - p)[1])
    assert in_q[0, 2] == 0
    assert torch.isfinite(in_p).all()
    assert in_p[1, 2] == 0


def test_a_row_without_classes() -> None:
    empty = torch.full((2, 3), -math.inf, requires_grad=True)
    scores = torch.zeros(2, 3, requires_grad=True)
    assert kl_divergence(empty, scores, from_scores=True).tolist() == [0.0, 0.0]
    assert kl_divergence(empty, empty, from_scores=True).tolist() == [0.0, 0.0]
    assert kl_divergence(scores, empty, from_scores=True).tolist() == [math.inf, math.inf]
    for first, second in ((empty, scores), (scores, empty), (empty, empty)):
        for function in (kl_divergence, jensen_shannon):
            value = function(first, second, from_scores=True)
            assert not torch.isnan(value).any()
            gradients = torch.autograd.grad(value.sum(), (first, second), allow_unused=True)
            assert all((g == 0).all() for g in gradients if g is not None)


@pytest.mark.parametrize("function", [kl_divergence, jensen_shannon])
@pytest.mark.parametrize("dtype", DTYPES)
def test_scores_up_to_the_largest(function, dtype: torch.dtype) -> None:
    most = torch.finfo(dtype).max
    a = torch.tensor([[most, 0.0, -most], [most, most, 0.0]], dtype=dtype, requires_grad=True)
    b = torch.tensor([[0.0, most, 0.0], [0.0, 0.0, 0.0]], dtype=dtype, requires_grad=True)
    value = function(a, b, from_scores=True)
    if function is kl_divergence:
        torch.testing.assert_close(value, torch.tensor([most, math.log(1.5)], dtype=dtype))
    else:
        assert value[0] == torch.tensor(math.log(2), dtype=dtype)
    assert all(torch.isfinite(g).all() for g in torch.autograd.grad(value.sum(), (a, b)))


def test_rows_broadcast() -> None:
    generator = np.random.default_rng(0)
    p = scipy.special.softmax(generator.normal(size=(4, 1, 3)), -1)
    q = scipy.special.softmax(generator.normal(size=(5, 3)), -1)
    result = kl_divergence(p, q)
    assert result.shape == (4, 5)
    assert result[2, 3] == kl_divergence(p[2, 0], q[3])
    np.testing.assert_allclose(
        jensen_shannon(p.swapaxes(1, 2), q.T, dim=-2), jensen_shannon(p, q), rtol=1e-14
    )
    np.testing.assert_allclose(
        jensen_shannon(p.swapaxes(1, 2), q.T[None], dim=1), jensen_shannon(p, q), rtol=1e-14
    )
    assert kl_divergence(np.zeros((0, 3)), q[0]).shape == (0,)
    assert kl_divergence(np.zeros((2, 0)), np.zeros(0)).tolist() == [0.0, 0.0]
    assert jensen_shannon(np.zeros((2, 0)), np.zeros(0), from_scores=True).tolist() == [0.0, 0.0]


@pytest.mark.parametrize("function", [kl_divergence, jensen_shannon])
def test_the_wider_dtype_and_the_tensor_win(function) -> None:
    p = torch.tensor([0.5, 0.5], dtype=torch.float16)
    assert function(p, torch.tensor([0.25, 0.75], dtype=torch.float64)).dtype == torch.float64
    assert function(p, p.bfloat16()).dtype == torch.float32
    assert isinstance(function(np.array([0.5, 0.5]), p), torch.Tensor)
    assert isinstance(function([0.5, 0.5], [0.5, 0.5]), np.ndarray)
    assert function([1, 0], [0, 1], unit="bits") >= 1


@pytest.mark.parametrize(("dtype", "small"), [(torch.float32, 1e-39), (torch.float64, 1e-310)])
def test_a_subnormal_probability_leaves_the_gradient_finite(dtype, small: float) -> None:
    p = torch.tensor([1.0, small], dtype=dtype, requires_grad=True)
    q = torch.tensor([1.0, 0.0], dtype=dtype, requires_grad=True)
    for pair in ((p, q), (q, p)):
        gradients = torch.autograd.grad(jensen_shannon(*pair), (p, q))
        assert float(gradients[0][1]) == pytest.approx(math.log(2) / 2, rel=1e-5)
        assert gradients[1][1] == 0
