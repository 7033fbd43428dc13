"""Derivatives of both orders, and torch's transforms, with and without absent classes."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor
from torch.func import grad, hessian, vmap

from softplex.information import (
    cross_entropy,
    entropy,
    jensen_shannon,
    kl_divergence,
    mutual_information,
    perplexity,
)

Function = Callable[[Tensor, Tensor, bool], Tensor]
FUNCTIONS: dict[str, Function] = {
    "entropy": lambda p, q, scores: entropy(p, from_scores=scores),
    "cross_entropy": lambda p, q, scores: cross_entropy(p, q, from_scores=scores),
    "kl_divergence": lambda p, q, scores: kl_divergence(p, q, from_scores=scores),
    "jensen_shannon": lambda p, q, scores: jensen_shannon(
        p, q, weights=(0.3, 0.7), from_scores=scores
    ),
    "perplexity": lambda p, q, scores: perplexity(p, q, from_scores=scores),
    "mutual_information": lambda p, q, scores: mutual_information(
        p if scores else p / len(p), from_scores=scores
    ),
}
INF = math.inf


@pytest.fixture
def scores() -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    a = torch.randn(3, 4, dtype=torch.float64, generator=generator)
    a[1] *= 4
    near = 0.01 * torch.randn(3, 4, dtype=torch.float64, generator=generator)
    return a, torch.cat([a[:1] + near[:1], a[1:].flip(1) + near[1:]])


@pytest.fixture
def absent() -> tuple[Tensor, Tensor]:
    """Classes that are absent from one, from both, and from all of a row."""
    a = torch.tensor([[0.0, -INF, 1.0, 2.0], [0.5, 0.0, -1.0, 1.0], [-INF] * 4])
    b = torch.tensor([[0.5, -INF, 1.0, 0.0], [0.5, -INF, -1.0, 0.0], [0.0, 1.0, 2.0, 3.0]])
    return a.double(), b.double()


@pytest.fixture
def zeros() -> tuple[Tensor, Tensor]:
    p = torch.tensor([[0.5, 0.0, 0.25, 0.25], [0.25, 0.25, 0.25, 0.25], [0.0, 0.0, 0.0, 1.0]])
    q = torch.tensor([[0.25, 0.0, 0.0, 0.75], [0.0, 0.5, 0.25, 0.25], [0.5, 0.25, 0.0, 0.25]])
    return p.double(), q.double()


@pytest.mark.parametrize("from_scores", [True, False])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_derivatives_match_finite_differences(name: str, from_scores: bool, scores) -> None:
    def function(a: Tensor, b: Tensor) -> Tensor:
        if from_scores:
            return FUNCTIONS[name](a, b, True)
        return FUNCTIONS[name](a.softmax(-1), b.softmax(-1), False)

    a, b = (tensor.clone().requires_grad_() for tensor in scores)
    assert torch.autograd.gradcheck(function, (a, b), fast_mode=True)
    assert torch.autograd.gradgradcheck(function, (a, b), fast_mode=True)


@pytest.mark.parametrize("case", ["absent", "zeros"])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_both_derivatives_are_finite(name: str, case: str, request: pytest.FixtureRequest) -> None:
    arguments = [tensor.requires_grad_() for tensor in request.getfixturevalue(case)]
    value = FUNCTIONS[name](*arguments, case == "absent")
    assert not torch.isnan(value).any()
    first = torch.autograd.grad(value.sum(), arguments, create_graph=True, allow_unused=True)
    used = [gradient for gradient in first if gradient is not None]
    assert all(torch.isfinite(gradient).all() for gradient in used)
    if case == "absent":
        for gradient, argument in zip(first, arguments, strict=True):
            assert gradient is None or (gradient[argument == -INF] == 0).all()
    total = sum((gradient * torch.arange(4.0)).sum() for gradient in used)
    second = torch.autograd.grad(total, arguments, allow_unused=True)
    assert all(torch.isfinite(gradient).all() for gradient in second if gradient is not None)


# torch itself scripts its forward-mode derivatives
@pytest.mark.filterwarnings("ignore:.*torch.jit.script:DeprecationWarning")
@pytest.mark.parametrize("case", ["scores", "absent", "zeros"])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_torch_func_agrees_with_autograd(
    name: str, case: str, request: pytest.FixtureRequest
) -> None:
    p, q = request.getfixturevalue(case)

    def total(a: Tensor, b: Tensor) -> Tensor:
        return FUNCTIONS[name](a, b, case != "zeros").sum()

    leaf = p.clone().requires_grad_()
    (wanted,) = torch.autograd.grad(total(leaf, q), leaf)
    torch.testing.assert_close(grad(total)(p, q), wanted, rtol=1e-12, atol=1e-15)
    curvature = torch.autograd.functional.hessian(lambda a: total(a, q), p)
    torch.testing.assert_close(hessian(total)(p, q), curvature, rtol=1e-10, atol=1e-13)
    if name != "mutual_information":
        rows = vmap(lambda a, b: FUNCTIONS[name](a, b, case != "zeros"))(p, q)
        torch.testing.assert_close(rows, FUNCTIONS[name](p, q, case != "zeros"))
        torch.testing.assert_close(vmap(grad(total))(p, q), wanted, rtol=1e-12, atol=1e-15)


def check_compiled(name: str, backend: str, p: Tensor, q: Tensor, from_scores: bool) -> None:
    def total(a: Tensor, b: Tensor) -> Tensor:
        return FUNCTIONS[name](a, b, from_scores).sum()

    torch.compiler.reset()
    compiled = torch.compile(total, backend=backend, fullgraph=True)
    leaf = p.clone().requires_grad_()
    torch.testing.assert_close(compiled(leaf, q), total(leaf, q))
    torch.testing.assert_close(
        torch.autograd.grad(compiled(leaf, q), leaf), torch.autograd.grad(total(leaf, q), leaf)
    )


@pytest.mark.parametrize("name", ["kl_divergence", "perplexity", "mutual_information"])
def test_compiled_functions_agree(name: str, absent) -> None:
    check_compiled(name, "aot_eager", *absent, True)


def test_compiled_probabilities_agree(zeros) -> None:
    check_compiled("jensen_shannon", "aot_eager", *zeros, False)


# torch itself scripts a part of its compiler when it is first used
@pytest.mark.filterwarnings("ignore:.*torch.jit.script:DeprecationWarning")
@pytest.mark.slow
@pytest.mark.parametrize("name", ["kl_divergence", "jensen_shannon"])
def test_generated_code_agrees(name: str, absent, zeros) -> None:
    check_compiled(name, "inductor", *absent, True)
    check_compiled(name, "inductor", *zeros, False)


def test_transforms_refuse_nothing_they_cannot_see() -> None:
    assert torch.isnan(vmap(entropy)(torch.tensor([[0.5, math.nan]]))).all()
    value = grad(lambda p: entropy(p))(torch.tensor([0.5, 0.6]))
    assert torch.isfinite(value).all()
