"""Each optimiser against its documented update, written out in NumPy on one batch."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import torch

from softplex.exceptions import InvalidInput
from softplex.heads import LinearHead
from softplex.losses import CrossEntropy, reduce_rows
from softplex.solvers import OPTIMIZERS, SCHEDULES, Schedule, StepRule

RANDOM = np.random.default_rng(3)
X, Y = RANDOM.normal(size=(20, 5)), RANDOM.integers(0, 3, 20)
WEIGHT = RANDOM.uniform(0.5, 2.0, 20)
START = {"weight": RANDOM.normal(size=(3, 5)), "bias": RANDOM.normal(size=3)}
RATE, STEPS = 0.05, 4


def by_hand_gradient(theta: dict) -> dict:
    scores = X @ theta["weight"].T + theta["bias"]
    p = np.exp(scores - scores.max(1, keepdims=True))
    p /= p.sum(1, keepdims=True)
    residual = (p - np.eye(3)[Y]) * WEIGHT[:, None] / WEIGHT.sum()
    return {"weight": residual.T @ X, "bias": residual.sum(0)}


def sgd(g, memory, momentum=0.0, nesterov=False):
    memory["b"] = momentum * memory["b"] + g if "b" in memory else g
    return RATE * (g + momentum * memory["b"] if nesterov else memory["b"])


def adam(g, memory):
    t = memory["t"] = memory.get("t", 0) + 1
    memory["m"] = 0.9 * memory.get("m", 0.0) + 0.1 * g
    memory["v"] = 0.999 * memory.get("v", 0.0) + 0.001 * g**2
    return RATE * (memory["m"] / (1 - 0.9**t)) / (np.sqrt(memory["v"] / (1 - 0.999**t)) + 1e-8)


def rmsprop(g, memory, momentum=0.0):
    memory["v"] = 0.99 * memory.get("v", 0.0) + 0.01 * g**2
    memory["b"] = momentum * memory.get("b", 0.0) + g / (np.sqrt(memory["v"]) + 1e-8)
    return RATE * memory["b"]


def adagrad(g, memory):
    memory["v"] = memory.get("v", 0.0) + g**2
    return RATE * g / (np.sqrt(memory["v"]) + 1e-10)


CASES = [
    (StepRule("sgd"), sgd, {}),
    (StepRule("sgd", momentum=0.9), sgd, {"momentum": 0.9}),
    (StepRule("sgd", momentum=0.9, nesterov=True), sgd, {"momentum": 0.9, "nesterov": True}),
    (StepRule("adam"), adam, {}),
    (StepRule("adamw"), adam, {}),
    (StepRule("rmsprop"), rmsprop, {}),
    (StepRule("rmsprop", momentum=0.8), rmsprop, {"momentum": 0.8}),
    (StepRule("adagrad"), adagrad, {}),
]


def taken(rule: StepRule) -> dict:
    """Parameters after some steps on the whole batch."""
    head = LinearHead(5, 3, dtype=torch.float64)
    head.load_state_dict({name: torch.tensor(value) for name, value in START.items()})
    optimizer = rule.make_optimizer(head, RATE)
    for _ in range(STEPS):
        optimizer.zero_grad()
        values = CrossEntropy().per_example(head(torch.tensor(X)), torch.tensor(Y))
        reduce_rows(values, torch.tensor(WEIGHT), "mean").backward()
        rule.apply(optimizer, RATE)
    return {name: value.numpy() for name, value in head.state_dict().items()}


@pytest.mark.parametrize("l2", [0.0, 0.3])
@pytest.mark.parametrize("weight_decay", [0.0, 0.7])
@pytest.mark.parametrize(("rule", "update", "options"), CASES)
def test_steps_are_those_of_the_documented_update(rule, update, options, weight_decay, l2) -> None:
    theta = {name: value.copy() for name, value in START.items()}
    memories = {name: {} for name in theta}
    for _ in range(STEPS):
        gradient = by_hand_gradient(theta)
        gradient["weight"] += l2 * theta["weight"]
        theta["weight"] *= 1.0 - RATE * weight_decay  # and the bias is left alone
        for name, g in gradient.items():
            theta[name] = theta[name] - update(g, memories[name], **options)
    full = StepRule(rule.optimizer, rule.momentum, rule.nesterov, weight_decay, l2)
    for name, value in taken(full).items():
        # Float64 sums in another order; the root in the divisors may double the digits lost.
        np.testing.assert_allclose(value, theta[name], rtol=1e-9, atol=1e-12)


def test_every_optimizer_is_tested() -> None:
    assert {rule.optimizer for rule, _, _ in CASES} == set(OPTIMIZERS)


def test_adamw_with_decay_is_that_of_torch() -> None:
    head = LinearHead(5, 3, dtype=torch.float64)
    head.load_state_dict({name: torch.tensor(value) for name, value in START.items()})
    groups = [{"params": [head.weight], "weight_decay": 0.7}, {"params": [head.bias]}]
    theirs = torch.optim.AdamW(groups, lr=RATE, weight_decay=0.0)
    for _ in range(STEPS):
        theirs.zero_grad()
        values = CrossEntropy().per_example(head(torch.tensor(X)), torch.tensor(Y))
        reduce_rows(values, torch.tensor(WEIGHT), "mean").backward()
        theirs.step()
    ours = taken(StepRule("adamw", weight_decay=0.7))
    np.testing.assert_allclose(ours["weight"], head.weight.detach().numpy(), rtol=1e-12)
    np.testing.assert_allclose(ours["bias"], head.bias.detach().numpy(), rtol=1e-12)


def test_a_long_gradient_is_scaled_down_and_a_short_one_is_not() -> None:
    gradient = by_hand_gradient(START)
    norm = math.sqrt(sum((g**2).sum() for g in gradient.values()))
    head = LinearHead(5, 3, dtype=torch.float64)
    for limit, scale in ((0.1 * norm, 0.1), (10 * norm, 1.0)):
        head.load_state_dict({name: torch.tensor(value) for name, value in START.items()})
        rule = StepRule("sgd", clip_norm=limit)
        optimizer = rule.make_optimizer(head, RATE)
        for name, parameter in head.named_parameters():
            parameter.grad = torch.tensor(gradient[name])
        rule.apply(optimizer, RATE)
        for name, value in head.state_dict().items():
            expected = START[name] - RATE * scale * gradient[name]
            # clip_grad_norm_ divides by the norm plus 1e-6
            np.testing.assert_allclose(value.numpy(), expected, rtol=1e-6)


def rates(kind: str, **options) -> list[float]:
    schedule = Schedule(2.0, kind, **options)
    return [schedule.rate(t, steps_per_epoch=5, n_steps=20) for t in range(20)]


def test_schedules_follow_their_formulas() -> None:
    u = np.arange(20) / 20
    np.testing.assert_allclose(rates("constant"), np.full(20, 2.0))
    np.testing.assert_allclose(rates("linear"), 2 * (1 - u))
    np.testing.assert_allclose(rates("cosine"), 1 + np.cos(np.pi * u))
    halves = 2.0 * 0.5 ** (np.arange(20) // 10)
    np.testing.assert_allclose(rates("step", decay_every=2, decay_factor=0.5), halves)


@pytest.mark.parametrize("kind", SCHEDULES)
def test_the_warm_up_rises_to_the_rate_and_is_followed_by_the_decay(kind: str) -> None:
    warm = rates(kind, warmup_steps=4)
    np.testing.assert_allclose(warm[:4], [0.5, 1.0, 1.5, 2.0])
    assert warm[4] == 2.0  # the decay begins where the warm-up ends
    assert all(later <= earlier for earlier, later in itertools.pairwise(warm[4:]))


def test_a_warm_up_longer_than_the_training() -> None:
    np.testing.assert_allclose(rates("cosine", warmup_steps=40), np.arange(1, 21) / 20)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: StepRule("sdg"), "optimizer must be one of .* Did you mean 'sgd'"),
        (lambda: StepRule("adam", momentum=0.9), "momentum=0.9 is for .* Leave momentum at 0"),
        (lambda: StepRule("sgd", momentum=1.0), r"momentum must be .* in \[0, 1\)"),
        (lambda: StepRule("sgd", nesterov=True), "nesterov=True needs .* momentum=0.0"),
        (lambda: StepRule("sgd", weight_decay=-1), "weight_decay must be"),
        (lambda: StepRule("sgd", l2=math.nan), "l2 must be a finite number"),
        (lambda: StepRule("sgd", clip_norm=0), "clip_norm must be"),
        (lambda: Schedule(0), r"learning_rate must be a finite number in \(0, inf\), but got 0"),
        (lambda: Schedule(-0.1), "learning_rate must be .* but got -0.1"),
        (lambda: Schedule(1.0, "cosinus"), "schedule must be .* Did you mean 'cosine'"),
        (lambda: Schedule(1.0, warmup_steps=1.5), "warmup_steps must be a whole number"),
        (lambda: Schedule(1.0, decay_every=0), "decay_every must be"),
        (lambda: Schedule(1.0, decay_factor=1.5), "decay_factor must be"),
    ],
)
def test_bad_input(make, message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        make()
