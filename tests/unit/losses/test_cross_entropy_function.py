"""Cross-entropy for networks, beside torch's and scikit-learn's."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.metrics import log_loss
from torch import Tensor
from torch.nn import functional

from softplex.losses import CrossEntropyLoss, cross_entropy
from softplex.maps import log_softmax, softmax

N, K = 9, 4


@pytest.fixture
def scores() -> Tensor:
    return 3 * torch.randn(N, K, dtype=torch.float64, generator=torch.Generator().manual_seed(0))


@pytest.fixture
def targets() -> Tensor:
    return torch.tensor([0, 1, 2, 3, 0, 0, 2, 1, 3])


@pytest.fixture
def soft() -> Tensor:
    generator = torch.Generator().manual_seed(1)
    return torch.rand(N, K, dtype=torch.float64, generator=generator).softmax(1)


WEIGHT = torch.tensor([0.5, 2.0, 1.0, 0.25], dtype=torch.float64)


def same_with_gradients(ours: Any, theirs: Any, scores: Tensor) -> None:
    values, gradients = [], []
    for loss in (ours, theirs):
        leaf = scores.clone().requires_grad_()
        value = loss(leaf)
        values.append(value.detach())
        gradients.append(torch.autograd.grad(value.sum(), leaf)[0])
    torch.testing.assert_close(values[0], values[1], rtol=1e-12, atol=1e-14)
    torch.testing.assert_close(gradients[0], gradients[1], rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("eps", [0.0, 0.1])
@pytest.mark.parametrize("ignored", [None, 2])
@pytest.mark.parametrize("weight", [None, WEIGHT])
def test_class_indices_as_in_torch(scores, targets, reduction, eps, ignored, weight) -> None:
    if eps and weight is not None:
        pytest.skip("torch weighs the smoothed part by other classes")
    same_with_gradients(
        lambda z: cross_entropy(
            z,
            targets,
            smoothing=eps,
            smoothing_kind="uniform",
            ignore_index=ignored,
            class_weight=weight,
            reduction=reduction,
        ),
        lambda z: functional.cross_entropy(
            z,
            targets,
            label_smoothing=eps,
            ignore_index=-100 if ignored is None else ignored,
            weight=weight,
            reduction=reduction,
        ),
        scores,
    )


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("eps", [0.0, 0.1])
def test_soft_targets_as_in_torch(scores, soft, reduction, eps) -> None:
    same_with_gradients(
        lambda z: cross_entropy(
            z, soft, smoothing=eps, smoothing_kind="uniform", reduction=reduction
        ),
        lambda z: functional.cross_entropy(z, soft, label_smoothing=eps, reduction=reduction),
        scores,
    )


def test_images_as_in_torch() -> None:
    generator = torch.Generator().manual_seed(2)
    images = torch.randn(2, K, 3, 5, dtype=torch.float64, generator=generator)
    labels = torch.randint(K, (2, 3, 5), generator=generator)
    same_with_gradients(
        lambda z: cross_entropy(z, labels, dim=1, class_weight=WEIGHT),
        lambda z: functional.cross_entropy(z, labels, WEIGHT),
        images,
    )


def test_soft_targets_and_class_weights_follow_one_rule(scores, targets) -> None:
    one_hot = functional.one_hot(targets, K).double()
    by_row = cross_entropy(scores, one_hot, class_weight=WEIGHT)
    by_index = cross_entropy(scores, targets, class_weight=WEIGHT)
    torch.testing.assert_close(by_row, by_index, rtol=1e-14, atol=0)
    theirs = functional.cross_entropy(scores, one_hot, WEIGHT)  # divides by n instead
    torch.testing.assert_close(theirs * N / WEIGHT[targets].sum(), by_row)
    assert abs(float(theirs - functional.cross_entropy(scores, targets, WEIGHT))) > 0.01


def test_a_mean_over_ignored_rows_is_zero_where_torch_gives_nan() -> None:
    scores, ignored = torch.zeros(2, 3, requires_grad=True), torch.tensor([-100, -100])
    assert functional.cross_entropy(scores, ignored).isnan()
    loss = cross_entropy(scores, ignored, ignore_index=-100)
    assert loss.item() == 0.0
    assert not torch.autograd.grad(loss, scores)[0].any()
    assert functional.cross_entropy(torch.zeros(0, 3), torch.zeros(0).long()).isnan()
    assert cross_entropy(torch.zeros(0, 3), torch.zeros(0).long()).item() == 0.0


def test_smoothing_beside_an_absent_class_where_torch_gives_infinity() -> None:
    scores = torch.tensor([[1.0, 0.0, -math.inf]])
    labels = torch.tensor([0])
    assert functional.cross_entropy(scores, labels, label_smoothing=0.1).isinf()
    ours = cross_entropy(scores, labels, smoothing=0.1, smoothing_kind="uniform")
    theirs = functional.cross_entropy(scores[:, :2], labels, label_smoothing=0.1)
    torch.testing.assert_close(ours, theirs)


def test_an_absent_class_beside_a_soft_target_where_torch_gives_nan() -> None:
    scores, soft = torch.tensor([[1.0, 0.0, -math.inf]]), torch.tensor([[0.5, 0.5, 0.0]])
    assert functional.cross_entropy(scores, soft).isnan()
    ours = cross_entropy(scores, soft)
    torch.testing.assert_close(ours, functional.cross_entropy(scores[:, :2], soft[:, :2]))


@pytest.mark.parametrize("smoothing", [0.1, 0.7, 0.95])
def test_the_two_conventions_exchange(scores, targets, soft, smoothing) -> None:
    rate = K / (K - 1)
    for wanted in (targets, soft):
        others = cross_entropy(scores, wanted, smoothing=smoothing)
        if smoothing * rate < 1:
            uniform = cross_entropy(
                scores, wanted, smoothing=smoothing * rate, smoothing_kind="uniform"
            )
            torch.testing.assert_close(others, uniform, rtol=1e-13, atol=0)
        rows = cross_entropy(scores, wanted, smoothing=smoothing, reduction="none")
        torch.testing.assert_close(rows.mean(), others, rtol=1e-13, atol=0)


def test_log_loss_of_scikit_learn(scores, targets) -> None:
    weight = np.random.default_rng(0).random(N)
    ours = cross_entropy(scores.numpy(), targets.numpy(), sample_weight=weight)
    probabilities = softmax(scores.numpy())
    theirs = log_loss(targets, probabilities, sample_weight=weight, labels=range(K))
    assert ours == pytest.approx(theirs, rel=1e-13)


def test_weights_of_rows_are_repetitions(scores, targets) -> None:
    times = torch.tensor([2, 0, 1, 3, 1, 0, 1, 2, 1])
    ours = cross_entropy(scores, targets, sample_weight=times)
    theirs = cross_entropy(scores.repeat_interleave(times, 0), targets.repeat_interleave(times))
    torch.testing.assert_close(ours, theirs)


def test_the_gradient_of_a_row_is_its_weight_times_p_minus_q(scores, targets, soft) -> None:
    for wanted in (functional.one_hot(targets, K).double(), soft):
        leaf = scores.clone().requires_grad_()
        loss = cross_entropy(leaf, wanted, class_weight=WEIGHT, reduction="sum")
        (gradient,) = torch.autograd.grad(loss, leaf)
        expected = (wanted @ WEIGHT)[:, None] * (scores.softmax(1) - wanted)
        torch.testing.assert_close(gradient, expected, rtol=1e-12, atol=1e-14)


def test_soft_targets_get_gradients_too(scores) -> None:
    soft = torch.eye(K, dtype=torch.float64).repeat(3, 1)[:N].requires_grad_()
    (gradient,) = torch.autograd.grad(cross_entropy(scores, soft, reduction="sum"), soft)
    torch.testing.assert_close(gradient, -scores.log_softmax(1))
    absent = scores.clone()
    absent[:, 3] = -math.inf
    teacher = soft.detach()[:3].requires_grad_()
    (gradient,) = torch.autograd.grad(cross_entropy(absent[:3], teacher), teacher)
    assert torch.isfinite(gradient).all()


def test_a_prior_is_a_shift_of_the_scores(scores, targets) -> None:
    prior = torch.tensor([0.7, 0.1, 0.15, 0.05], dtype=torch.float64)
    ours = cross_entropy(scores, targets, prior=prior)
    torch.testing.assert_close(ours, functional.cross_entropy(scores + prior.log(), targets))
    equal = cross_entropy(scores, targets, prior=np.full(K, 1 / K))
    torch.testing.assert_close(equal, cross_entropy(scores, targets), rtol=1e-12, atol=0)


def test_constant_scores_are_optimal_under_the_prior() -> None:
    labels = torch.tensor([0, 0, 0, 1])
    leaf = torch.zeros(4, 2, dtype=torch.float64, requires_grad=True)
    loss = cross_entropy(leaf, labels, prior=[0.75, 0.25])
    assert float(torch.autograd.grad(loss, leaf)[0].sum(0).abs().max()) < 1e-15


def test_a_soft_cap_bounds_and_keeps_absent_classes() -> None:
    scores = torch.tensor([[1e4, -1e4, -math.inf]], dtype=torch.float64)
    ours = cross_entropy(scores, torch.tensor([1]), soft_cap=5.0)
    assert float(ours) == pytest.approx(10.0 + math.log1p(math.exp(-10)))
    small = torch.tensor([[0.01, 0.02]], dtype=torch.float64)
    wide = cross_entropy(small, torch.tensor([0]), soft_cap=1e6)
    torch.testing.assert_close(wide, cross_entropy(small, torch.tensor([0])))


def test_the_price_of_the_normaliser(scores, targets) -> None:
    squares = scores.logsumexp(1).square().mean()
    ours = cross_entropy(scores, targets, z_loss=0.1)
    torch.testing.assert_close(ours, cross_entropy(scores, targets) + 0.1 * squares)
    hot = cross_entropy(scores, targets, z_loss=0.1, temperature=2.0)
    torch.testing.assert_close(hot, cross_entropy(scores / 2, targets, z_loss=0.1))
    capped = cross_entropy(scores, targets, z_loss=0.1, temperature=2.0, soft_cap=3.0)
    by_hand = cross_entropy(3.0 * torch.tanh(scores / 3.0) / 2.0, targets, z_loss=0.1)
    torch.testing.assert_close(capped, by_hand)


def test_the_order_of_the_adjustments(scores, targets) -> None:
    prior = torch.tensor([0.4, 0.3, 0.2, 0.1], dtype=torch.float64)
    ours = cross_entropy(scores, targets, temperature=2.0, prior=prior, soft_cap=3.0)
    by_hand = 3.0 * torch.tanh(scores / 3.0) / 2.0 + prior.log()
    torch.testing.assert_close(ours, functional.cross_entropy(by_hand, targets))


def test_a_target_without_a_prior_is_infinitely_surprising(scores, targets) -> None:
    prior = torch.tensor([0.5, 0.5, 0.0, 0.0], dtype=torch.float64)
    leaf = scores.clone().requires_grad_()
    rows = cross_entropy(leaf, targets, prior=prior, reduction="none")
    assert rows.isinf().tolist() == [bool(y > 1) for y in targets]
    (gradient,) = torch.autograd.grad(rows.sum(), leaf)
    assert bool(torch.isfinite(gradient).all())
    kept = targets < 2
    ours = cross_entropy(scores, targets, prior=prior, sample_weight=kept.double())
    torch.testing.assert_close(ours, functional.cross_entropy(scores[kept, :2], targets[kept]))


def test_a_module_learns_its_temperature() -> None:
    generator = torch.Generator().manual_seed(3)
    scores = 5 * torch.randn(200, 3, dtype=torch.float64, generator=generator)
    labels = torch.multinomial((scores / 2.5).softmax(1), 1, generator=generator).squeeze(1)
    loss = CrossEntropyLoss(temperature=torch.nn.Parameter(torch.tensor(1.0).double()))
    optimiser = torch.optim.LBFGS(loss.parameters(), max_iter=50, line_search_fn="strong_wolfe")

    def closure() -> Tensor:
        optimiser.zero_grad()
        value = loss(scores, labels)
        value.backward()
        return value

    optimiser.step(closure)
    assert isinstance(loss.temperature, Tensor)
    assert 1.8 < float(loss.temperature.detach()) < 3.3


def test_half_modules_take_priors_that_halves_round() -> None:
    prior = np.random.default_rng(0).dirichlet(np.ones(1000))
    module = CrossEntropyLoss(prior=prior).to(torch.bfloat16)
    loss = module(torch.zeros(2, 1000, dtype=torch.bfloat16), torch.tensor([3, 4]))
    assert math.isfinite(loss)


finite_rows = arrays(np.float64, (3, K), elements=st.floats(-50, 50))


@settings(max_examples=50, derandomize=True, deadline=None)
@given(finite_rows, st.floats(0, 0.99), st.sampled_from(["others", "uniform"]))
def test_between_the_logarithms(rows: np.ndarray, smoothing: float, kind: str) -> None:
    labels = np.array([0, 1, 2])
    values = cross_entropy(rows, labels, smoothing=smoothing, smoothing_kind=kind, reduction="none")
    surprises = -log_softmax(rows)
    assert (values >= surprises.min(axis=1) - 1e-12).all()
    assert (values <= surprises.max(axis=1) + 1e-12).all()


@settings(max_examples=30, derandomize=True, deadline=None)
@given(st.integers(2, 20), st.integers(0, 10**6))
def test_the_hessian_is_positive_semidefinite(k: int, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    row = 4 * torch.randn(k, dtype=torch.float64, generator=generator)

    def value(z: Tensor) -> Tensor:
        return cross_entropy(z, torch.tensor(0), smoothing=0.1)

    hessian = torch.autograd.functional.hessian(value, row)
    p = row.softmax(0)
    torch.testing.assert_close(hessian, p.diag() - p[:, None] * p, rtol=1e-10, atol=1e-15)
    assert float(torch.linalg.eigvalsh(hessian)[0]) > -1e-15


@pytest.mark.parametrize("shift", [1e4, -1e4, 2e38])
def test_large_scores_leave_the_gradient_of_the_normaliser_its_digits(shift: float) -> None:
    z = torch.full((1, 4), shift, requires_grad=True)
    price = cross_entropy(z, torch.tensor([0]), z_loss=1e-2)
    (gradient,) = torch.autograd.grad(price, z)
    own = torch.tensor([[-0.75, 0.25, 0.25, 0.25]])
    normaliser = shift + math.log(4)
    torch.testing.assert_close(gradient, own + 2e-2 * normaliser / 4, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("shift", [1e4, -1e4, 2e38])
def test_large_scores_do_not_swallow_the_prior(shift: float) -> None:
    prior = torch.tensor([0.125, 0.5, 0.25, 0.125])
    z = torch.full((1, 4), shift, requires_grad=True)
    value = cross_entropy(z, torch.tensor([1]), prior=prior)
    (gradient,) = torch.autograd.grad(value, z)
    torch.testing.assert_close(value.detach(), torch.tensor(math.log(2)))
    torch.testing.assert_close(gradient, (prior - torch.tensor([0.0, 1.0, 0.0, 0.0]))[None])


@pytest.mark.parametrize("kind", ["others", "uniform"])
@pytest.mark.parametrize("smoothing", [0.1, 0.5, 0.9])
def test_an_absent_target_costs_infinity_however_smoothed(smoothing: float, kind: str) -> None:
    z = torch.tensor([[-math.inf, 1.0, 2.0]], requires_grad=True)
    for targets in (torch.tensor([0]), torch.tensor([[0.5, 0.5, 0.0]])):
        options = {"smoothing": smoothing, "smoothing_kind": kind, "reduction": "none"}
        value = cross_entropy(z, targets, **options)
        assert value.tolist() == [math.inf]
        (gradient,) = torch.autograd.grad(value.sum(), z)
        assert torch.isfinite(gradient).all()


@pytest.mark.parametrize("size", [1e-42, 1e-38, 1.0, 3e38])
def test_the_mean_does_not_feel_the_size_of_the_weights(size: float) -> None:
    z = torch.tensor([[1.0, 2.0], [0.5, -3.0], [4.0, 4.0]], requires_grad=True)
    targets = torch.tensor([0, 1, 1])
    plain = cross_entropy(z, targets)
    weighted = cross_entropy(z, targets, sample_weight=torch.full((3,), size))
    torch.testing.assert_close(weighted, plain, rtol=1e-6, atol=0)
    gradients = [torch.autograd.grad(loss, z)[0] for loss in (weighted, plain)]
    torch.testing.assert_close(*gradients, rtol=1e-6, atol=1e-7)
