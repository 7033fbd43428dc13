"""The streamed loss, gradient and Hessian of a linear head, against the plain formulas."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy import sparse

from softplex.losses import CrossEntropy
from softplex.streaming import (
    Targets,
    as_features,
    linear_hessian,
    linear_loss_and_gradient,
    linear_scores,
)
from softplex.streaming import _features as module

N, D = 200, 5
CPU = torch.device("cpu")
DOUBLE = torch.float64


def problem(k: int, kind: str = "dense", soft: bool = False, dtype: torch.dtype = DOUBLE):
    rng = np.random.default_rng(k)
    X = rng.normal(size=(N, D))
    q = rng.dirichlet(np.ones(k), size=N) if soft else rng.integers(0, k, size=N)
    targets = Targets(torch.from_numpy(q), torch.from_numpy(rng.exponential(size=N)), k)
    rows = 1 if k == 2 else k
    weight, bias = (
        torch.from_numpy(rng.normal(size=(rows, D))),
        torch.from_numpy(rng.normal(size=rows)),
    )
    features = as_features(X if kind == "dense" else sparse.csr_matrix(X), dtype, CPU, k)
    return torch.from_numpy(X), features, targets, weight, bias


def plain_loss(X, targets, weight, bias, loss: CrossEntropy) -> torch.Tensor:
    """The formula, with all scores held at once."""
    scores = X @ weight.T + bias
    if len(weight) < targets.n_classes:
        scores = torch.cat([torch.zeros_like(scores[:, :1]), scores], 1)
    q = loss.smoothed(targets.values, targets.n_classes, DOUBLE)
    return -(targets.weight * (q * scores.log_softmax(1)).sum(1)).sum()


@pytest.mark.parametrize("kind", ["dense", "csr"])
@pytest.mark.parametrize("k", [2, 3, 7])
@pytest.mark.parametrize("soft", [False, True])
@pytest.mark.parametrize("smoothing", [0.0, 0.2])
def test_loss_and_gradient_match_autograd(k: int, kind: str, soft: bool, smoothing: float) -> None:
    X, features, targets, weight, bias = problem(k, kind, soft)
    loss = CrossEntropy(smoothing)
    value, *gradients = linear_loss_and_gradient(features, weight, bias, targets, loss)
    weight.requires_grad_()
    bias.requires_grad_()
    expected = plain_loss(X, targets, weight, bias, loss)
    expected.backward()
    assert value == pytest.approx(float(expected.detach()), rel=1e-13)
    for ours, theirs in zip(gradients, (weight.grad, bias.grad), strict=True):
        assert ours.dtype == DOUBLE
        torch.testing.assert_close(ours, theirs, rtol=1e-11, atol=1e-11)


@pytest.mark.parametrize("kind", ["dense", "csr"])
def test_the_size_of_the_blocks_does_not_matter(kind: str, monkeypatch) -> None:
    _, features, targets, weight, bias = problem(3, kind)
    whole = linear_loss_and_gradient(features, weight, bias, targets, CrossEntropy())
    for rows in (1, 13):
        monkeypatch.setattr(module, "_MIN_ROWS", rows)
        monkeypatch.setattr(module, "_MAX_ROWS", rows)
        monkeypatch.setattr(module, "_SPARSE_BLOCK_SCORES", 1)
        _, features, *_ = problem(3, kind)
        parts = linear_loss_and_gradient(features, weight, bias, targets, CrossEntropy())
        assert parts[0] == pytest.approx(whole[0], rel=1e-13)
        for one, other in zip(parts[1:], whole[1:], strict=True):
            torch.testing.assert_close(one, other, rtol=1e-11, atol=1e-12)


def test_float32_products_carry_float64_sums() -> None:
    X, features, targets, weight, bias = problem(4, dtype=torch.float32)
    value, gradient, _ = linear_loss_and_gradient(features, weight, bias, targets, CrossEntropy())
    assert value == pytest.approx(
        float(plain_loss(X, targets, weight, bias, CrossEntropy())), rel=1e-6
    )
    assert gradient.dtype == DOUBLE


def test_scores() -> None:
    X, features, _, weight, bias = problem(3)
    torch.testing.assert_close(linear_scores(features, weight, bias), X @ weight.T + bias)


@pytest.mark.parametrize("k", [2, 4])
@pytest.mark.parametrize("soft", [False, True])
def test_hessian_matches_autograd(k: int, soft: bool) -> None:
    X, features, targets, weight, bias = problem(k, soft=soft)
    theta = torch.cat([weight, bias[:, None]], 1)

    def loss_of(flat: torch.Tensor) -> torch.Tensor:
        stacked = flat.reshape(theta.shape)
        return plain_loss(X, targets, stacked[:, :-1], stacked[:, -1], CrossEntropy())

    expected = torch.autograd.functional.hessian(loss_of, theta.reshape(-1))
    ours = linear_hessian(features, weight, bias, targets)
    torch.testing.assert_close(ours, expected, rtol=1e-10, atol=1e-10)
    assert float(torch.linalg.eigvalsh(ours).min()) > -1e-9
