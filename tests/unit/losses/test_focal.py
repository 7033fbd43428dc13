"""Focal loss against the sigmoid formula of the paper, cross-entropy and closed forms."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from softplex.losses import Focal, FocalLoss, cross_entropy, focal


def sigmoid_focal(margin: Tensor, positive: Tensor, gamma: float, alpha: float) -> Tensor:
    """Equation 5 of Lin et al. (2017), as detection libraries have it."""
    surprise = functional.binary_cross_entropy_with_logits(margin, positive, reduction="none")
    p = margin.sigmoid()
    own = positive * p + (1 - positive) * (1 - p)
    return (positive * alpha + (1 - positive) * (1 - alpha)) * (1 - own) ** gamma * surprise


@pytest.mark.parametrize("gamma", [0.0, 0.5, 2.0, 5.0])
def test_two_classes_are_the_sigmoid_form(gamma: float) -> None:
    scores = 3 * torch.randn(20, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    targets = torch.arange(20) % 2
    leaf = scores.clone().requires_grad_()
    ours = focal(leaf, targets, gamma=gamma, alpha=[0.75, 0.25], reduction="none")
    theirs = sigmoid_focal(leaf[:, 1] - leaf[:, 0], targets.double(), gamma, 0.25)
    torch.testing.assert_close(ours, theirs, rtol=1e-11, atol=1e-14)
    for one, other in zip(
        torch.autograd.grad(ours.sum(), leaf), torch.autograd.grad(theirs.sum(), leaf), strict=True
    ):
        torch.testing.assert_close(one, other, rtol=1e-10, atol=1e-13)


def test_without_focus_it_is_cross_entropy() -> None:
    scores = torch.randn(6, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    for targets in (torch.tensor([0, 1, 2, 3, 0, 1]), scores.softmax(1)):
        ours = focal(scores, targets, gamma=0.0, temperature=0.5)
        torch.testing.assert_close(ours, cross_entropy(scores, targets, temperature=0.5))


def test_soft_targets_take_the_sum_over_classes() -> None:
    scores = torch.randn(3, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(2))
    soft = torch.tensor([[0.5, 0.5, 0.0, 0.0]] * 3).double()
    alpha = torch.tensor([1.0, 3.0, 2.0, 1.0]).double()
    each = [focal(scores, torch.full((3,), c), alpha=alpha, reduction="none") * 0.5 for c in (0, 1)]
    torch.testing.assert_close(focal(scores, soft, alpha=alpha, reduction="none"), sum(each))


def test_alpha_stays_out_of_the_divisor() -> None:
    scores, targets = torch.zeros(2, 2), torch.tensor([0, 1])
    plain = float(focal(scores, targets))
    assert float(focal(scores, targets, alpha=[3.0, 1.0])) == pytest.approx(2 * plain)
    assert float(focal(scores, targets, class_weight=[3.0, 1.0])) == pytest.approx(plain)


@pytest.mark.parametrize("gamma", [0.0, 0.1, 0.5, 1.0, 2.0, 20.0])
@pytest.mark.parametrize("dtype", [torch.float16, torch.float32, torch.float64])
@pytest.mark.parametrize("lead", [0.0, 10.0, 40.0, 1e4])
def test_gradients_are_finite_from_certainty_to_its_contrary(
    gamma: float, dtype: torch.dtype, lead: float
) -> None:
    for sign in (1.0, -1.0):
        leaf = torch.tensor([[sign * lead, 0.0]], dtype=dtype, requires_grad=True)
        loss = focal(leaf, torch.tensor([0]), gamma=gamma)
        (gradient,) = torch.autograd.grad(loss, leaf, create_graph=True)
        (second,) = torch.autograd.grad(gradient[0, 0], leaf)
        assert bool(torch.isfinite(gradient).all())
        assert bool(torch.isfinite(second).all())
        closed = Focal(gamma).value_and_score_gradient(leaf.detach().double(), torch.tensor([0]))
        eps = torch.finfo(dtype).eps * (1 + gamma)  # the power multiplies the error of 1 - p
        torch.testing.assert_close(gradient.detach().double(), closed[1], rtol=4 * eps, atol=1e-6)


def test_the_peer_has_no_gradient_where_this_one_has() -> None:
    leaf = torch.tensor([[200.0, 0.0]], requires_grad=True)
    logarithm = leaf.log_softmax(1)[0, 0]
    naive = -((1 - logarithm.exp()) ** 0.5) * logarithm
    assert torch.autograd.grad(naive, leaf)[0].isnan().any()
    ours = focal(leaf, torch.tensor([0]), gamma=0.5)
    assert not torch.autograd.grad(ours, leaf)[0].any()


def test_the_module_carries_alpha() -> None:
    module = FocalLoss(gamma=1.0, alpha=[0.25, 0.75])
    assert list(module.state_dict()) == ["alpha"]
    assert math.isclose(
        float(module(torch.zeros(1, 2), torch.tensor([1]))), 0.75 * math.log(2) / 2, rel_tol=1e-6
    )


@pytest.mark.parametrize("gamma", [0.5, 2.0, 5.0])
def test_autograd_keeps_the_digits_of_a_hopeless_row(gamma: float) -> None:
    z = torch.tensor([[0.0, -20.0, -25.0, -30.0]], dtype=torch.float64, requires_grad=True)
    for target in (1, 2, 3):
        targets = torch.tensor([target])
        value = focal(z, targets, gamma=gamma)
        (gradient,) = torch.autograd.grad(value, z)
        _, closed = Focal(gamma).value_and_score_gradient(z.detach(), targets)
        torch.testing.assert_close(gradient, closed, rtol=1e-15, atol=1e-15)
