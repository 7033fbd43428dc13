"""Values and gradients of the losses against references with fifty digits."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import mpmath
import numpy as np
import pytest
import torch
from torch import Tensor

from softplex import losses

DTYPES = [torch.float16, torch.bfloat16, torch.float32, torch.float64]
Number = Any
Row = list[Number]
every_dtype = pytest.mark.parametrize("dtype", DTYPES, ids=lambda dtype: str(dtype)[6:])


def log_softmax(row: Row) -> Row:
    present = [z for z in row if z > -mpmath.inf]
    top = max(present)
    total = top + mpmath.log(sum(mpmath.exp(z - top) for z in present))
    return [z - total for z in row]


def smoothed(row: Row, target: int, eps: Number, kind: str) -> Row:
    k = sum(z > -mpmath.inf for z in row)
    if k == 1:
        return [mpmath.mpf(j == target) for j in range(len(row))]
    floor = eps / (k if kind == "uniform" else k - 1)
    own = 1 - eps + (floor if kind == "uniform" else 0)
    return [
        own if j == target else (floor if z > -mpmath.inf else mpmath.mpf(0))
        for j, z in enumerate(row)
    ]


def cross_entropy(row: Row, y: int, eps: float = 0.0, kind: str = "others") -> Number:
    q = smoothed(row, y, mpmath.mpf(eps), kind)
    return -sum(weight * log for weight, log in zip(q, log_softmax(row), strict=True) if weight)


def one_minus(logarithm: Number) -> Number:
    return -mpmath.expm1(logarithm)


def focal(row: Row, y: int, gamma: float) -> Number:
    logarithm = log_softmax(row)[y]
    return -(one_minus(logarithm) ** mpmath.mpf(gamma)) * logarithm


def brier(row: Row, y: int) -> Number:
    logarithms = log_softmax(row)
    return one_minus(logarithms[y]) ** 2 + sum(
        mpmath.exp(2 * log) for j, log in enumerate(logarithms) if j != y
    )


def generalised(row: Row, y: int, power: float) -> Number:
    return one_minus(mpmath.mpf(power) * log_softmax(row)[y]) / mpmath.mpf(power)


def excesses(row: Row, y: int, margin: float) -> Row:
    return [max(mpmath.mpf(0), z - row[y] + margin) for j, z in enumerate(row) if j != y]


def weston_watkins(row: Row, y: int, margin: float, squared: bool) -> Number:
    return sum(excess ** (2 if squared else 1) for excess in excesses(row, y, margin))


def crammer_singer(row: Row, y: int, margin: float, squared: bool) -> Number:
    return max(excesses(row, y, margin), default=mpmath.mpf(0)) ** (2 if squared else 1)


Reference = Callable[..., Number]
PAIRS: list[tuple[Callable[..., Any], dict[str, Any], Reference, tuple[Any, ...]]] = [
    (losses.cross_entropy, {}, cross_entropy, ()),
    (losses.cross_entropy, {"smoothing": 0.1}, cross_entropy, (0.1,)),
    (
        losses.cross_entropy,
        {"smoothing": 0.3, "smoothing_kind": "uniform"},
        cross_entropy,
        (0.3, "uniform"),
    ),
    (losses.focal, {}, focal, (2.0,)),
    (losses.focal, {"gamma": 0.5}, focal, (0.5,)),
    (losses.brier, {}, brier, ()),
    (losses.generalised_cross_entropy, {}, generalised, (0.7,)),
    (losses.generalised_cross_entropy, {"power": 0.01}, generalised, (0.01,)),
    (losses.weston_watkins, {}, weston_watkins, (1.0, False)),
    (losses.weston_watkins, {"squared": True}, weston_watkins, (1.0, True)),
    (losses.crammer_singer, {"margin": 0.5}, crammer_singer, (0.5, False)),
    (losses.crammer_singer, {"squared": True}, crammer_singer, (1.0, True)),
]
every_pair = pytest.mark.parametrize(
    "pair", PAIRS, ids=lambda pair: " ".join([pair[0].__name__, *map(str, pair[1].values())])
)


def exactly(row: Tensor) -> Row:
    return [mpmath.mpf(z) for z in row.double().tolist()]


def reference_gradient(loss: Callable[[Row], Number], row: Row) -> Row:
    def moved(j: int, by: Number) -> Number:
        return loss([z + by if i == j else z for i, z in enumerate(row)])

    top = max(1, *(abs(z) for z in row if z > -mpmath.inf))
    with mpmath.workdps(110 + int(mpmath.log10(top))):
        step = mpmath.mpf(10) ** -40
        return [
            mpmath.mpf(0) if z == -mpmath.inf else (moved(j, step) - moved(j, -step)) / (2 * step)
            for j, z in enumerate(row)
        ]


def assert_near(ours: float, exact: Number, dtype: torch.dtype, scale: Number) -> None:
    """Computed in float32 at least with errors of some units of ``scale``, then rounded once."""
    if abs(exact) > torch.finfo(dtype).max * (1 + torch.finfo(dtype).eps / 2):
        assert math.isinf(ours)
        return
    computed = torch.finfo(torch.float64 if dtype == torch.float64 else torch.float32).eps
    rounding = torch.finfo(dtype).eps / 2 * abs(exact) + torch.finfo(dtype).smallest_normal
    assert math.isfinite(ours)
    assert abs(mpmath.mpf(ours) - exact) <= rounding + 16 * computed * scale, (ours, exact)


def check(pair: Any, row: Tensor, target: int, **more: Any) -> None:
    function, options, reference, arguments = pair
    leaf = row[None].clone().requires_grad_()
    value = function(leaf, torch.tensor([target]), reduction="none", **options, **more)
    gradient = torch.autograd.grad(value.sum(), leaf)[0][0]
    assert value.dtype == gradient.dtype == row.dtype
    with mpmath.workdps(50):
        exact_row = exactly(row)
        exact = reference(exact_row, target, *arguments)
        assert_near(float(value.detach()), exact, row.dtype, max(1, abs(exact)))
        slopes = reference_gradient(lambda z: reference(z, target, *arguments), exact_row)
        for ours, slope in zip(gradient.tolist(), slopes, strict=True):
            assert_near(ours, slope, row.dtype, max(1, abs(slope)))


ROWS = {
    "plain": [0.3, -1.2, 2.5, 0.0],
    "certain": [30.0, 0.0, -5.0, 1.0],
    "hopeless": [-60.0, 0.0, 40.0, 1.0],
    "equal": [0.0, 0.0, 0.0, 0.0],
    "absent": [0.5, -math.inf, 1.5, -0.25],
    "alone": [0.5, -math.inf, -math.inf, -math.inf],
    "one class": [3.0],
}


@every_dtype
@pytest.mark.parametrize("row", ROWS.values(), ids=ROWS)
@every_pair
def test_values_and_gradients(pair: Any, row: list[float], dtype: torch.dtype) -> None:
    if pair[0] is losses.crammer_singer and row == ROWS["equal"]:
        pytest.skip("the largest of equals has no derivative")
    check(pair, torch.tensor(row, dtype=torch.float64).to(dtype), 0)


@every_dtype
@every_pair
def test_a_shift_by_ten_thousand(pair: Any, dtype: torch.dtype) -> None:
    for shift in (1e4, -1e4):
        spread = 128.0 if dtype == torch.bfloat16 else 8.0  # or bfloat16 makes ties of them
        row = torch.tensor([0.3, -1.2, 2.5, 1.0], dtype=torch.float64) * spread + shift
        check(pair, row.to(dtype), 1)


@every_dtype
@every_pair
def test_the_largest_scores(pair: Any, dtype: torch.dtype) -> None:
    if pair[1].get("squared") and dtype not in (torch.float16,):
        pytest.skip("the square of the largest number is infinite, and so is its gradient")
    top = torch.finfo(dtype).max
    mixed, far, low = [top, 0.0, -2.0], [top, -top, 0.5 * top], [-top, 0.25 * top, -top]
    for row, target in ((mixed, 0), (mixed, 1), (far, 1), (far, 2), (low, 0)):
        check(pair, torch.tensor(row, dtype=torch.float64).to(dtype), target)


@every_dtype
def test_a_mean_of_the_largest_is_finite(dtype: torch.dtype) -> None:
    top = torch.finfo(dtype).max
    leaf = torch.tensor([[0.5 * top, 0.0]] * 3).to(dtype).requires_grad_()
    if dtype == torch.float64:
        leaf = torch.tensor([[0.25 * top, 0.0]] * 3, dtype=dtype, requires_grad=True)
    loss = losses.cross_entropy(leaf, torch.tensor([1, 1, 1]))
    assert float(loss.detach()) == float(leaf.detach()[0, 0])
    assert (
        torch.autograd.grad(loss, leaf)[0]
        .double()
        .sum(0)
        .allclose(torch.tensor([1.0, -1.0]).double(), atol=4e-3)
    )


@every_dtype
@pytest.mark.parametrize("kind", losses.SMOOTHING_KINDS)
def test_smoothing_shares_among_the_classes_that_are_left(dtype: torch.dtype, kind: str) -> None:
    row = torch.tensor([0.5, -math.inf, 1.5, -math.inf, -0.25]).to(dtype)
    pair = (
        losses.cross_entropy,
        {"smoothing": 0.3, "smoothing_kind": kind},
        cross_entropy,
        (0.3, kind),
    )
    for target in (0, 2, 4):
        check(pair, row, target)
    kept = row[[0, 2, 4]]
    ours = losses.cross_entropy(row, torch.tensor(2), **pair[1])
    expected = losses.cross_entropy(kept, torch.tensor(1), **pair[1])
    torch.testing.assert_close(ours, expected, rtol=4 * torch.finfo(dtype).eps, atol=0)
    soft = torch.tensor([0.25, 0.0, 0.5, 0.0, 0.25]).to(dtype)
    ours = losses.cross_entropy(row, soft, **pair[1])
    expected = losses.cross_entropy(kept, soft[[0, 2, 4]], **pair[1])
    torch.testing.assert_close(ours, expected, rtol=4 * torch.finfo(dtype).eps, atol=0)


def adjusted(row: Row, temperature: float, prior: list[float] | None, cap: float | None) -> Row:
    if cap is not None:
        row = [z if z == -mpmath.inf else cap * mpmath.tanh(z / mpmath.mpf(cap)) for z in row]
    row = [z / mpmath.mpf(temperature) for z in row]
    if prior is None:
        return row
    return [
        z + mpmath.log(mpmath.mpf(p)) if p else -mpmath.inf for z, p in zip(row, prior, strict=True)
    ]


ADJUSTMENTS: list[dict[str, Any]] = [
    {"temperature": 1e-3},
    {"temperature": 1e3},
    {"temperature": 1e-45, "z_loss": 0.0},
    {"temperature": 1e38},
    {"prior": [0.5, 0.125, 0.25, 0.125]},
    {"prior": [0.5, 0.0, 0.25, 0.25]},
    {"soft_cap": 2.0},
    {"soft_cap": 1e30},
    {"soft_cap": 1e300},
    {"z_loss": 0.25},
    {"temperature": 2.0, "z_loss": 0.25},
    {"temperature": 0.5, "prior": [0.5, 0.125, 0.25, 0.125], "soft_cap": 4.0, "z_loss": 0.5},
]


@every_dtype
@pytest.mark.parametrize("options", ADJUSTMENTS, ids=str)
def test_what_is_done_to_the_scores(options: dict[str, Any], dtype: torch.dtype) -> None:
    zeta = options.get("z_loss", 0.0)

    def reference(row: Row, y: int) -> Number:
        z = adjusted(
            row, options.get("temperature", 1.0), options.get("prior"), options.get("soft_cap")
        )
        normaliser = z[y] - log_softmax(z)[y]
        return cross_entropy(z, y) + mpmath.mpf(zeta) * normaliser**2

    row = torch.tensor([0.5, -math.inf, 2.5, -0.75]).to(dtype)
    leaf = row[None].clone().requires_grad_()
    value = losses.cross_entropy(leaf, torch.tensor([2]), **options)
    gradient = torch.autograd.grad(value, leaf)[0][0]
    with mpmath.workdps(50):
        exact = reference(exactly(row), 2)
        assert_near(float(value.detach()), exact, dtype, max(1, abs(exact)))
        slopes = reference_gradient(lambda z: reference(z, 2), exactly(row))
        for ours, slope in zip(gradient.tolist(), slopes, strict=True):
            assert_near(ours, slope, dtype, max(1, 1 / options.get("temperature", 1.0)))


def test_soft_targets_of_a_distribution() -> None:
    row, soft = [0.5, -2.0, 3.0], [0.25, 0.5, 0.25]
    ours = losses.cross_entropy(np.array(row), np.array(soft))
    with mpmath.workdps(50):
        logs = log_softmax([mpmath.mpf(z) for z in row])
        exact = -sum(q * log for q, log in zip(soft, logs, strict=True))
    assert ours == pytest.approx(float(exact), rel=4e-16)


@every_pair
def test_views_of_any_layout(pair: Any) -> None:
    function, options = pair[0], pair[1]
    rows = np.random.default_rng(0).normal(size=(6, 5))
    labels = np.array([0, 1, 2, 3, 4, 0])
    expected = function(rows, labels, **options)
    wide = np.zeros((12, 10))
    wide[::2, ::2] = rows
    frozen = rows.copy()
    frozen.flags.writeable = False
    for view in (np.asfortranarray(rows), wide[::2, ::2], frozen, rows.astype(">f8")):
        np.testing.assert_allclose(function(view, labels, **options), expected, rtol=1e-15)
    backward = function(rows[::-1], labels[::-1], reduction="none", **options)
    forward = function(rows, labels, reduction="none", **options)
    np.testing.assert_allclose(backward[::-1], forward, rtol=1e-15)
    spread = torch.tensor(rows[0]).expand(4, 5).requires_grad_()
    repeated = function(spread, torch.zeros(4, dtype=torch.long), **options)
    assert float(repeated.detach()) == pytest.approx(float(function(rows[0], 0, **options)))
    assert torch.isfinite(torch.autograd.grad(repeated, spread)[0]).all()


@every_dtype
def test_shapes_without_rows(dtype: torch.dtype) -> None:
    for shape in ((0, 4), (0, 1), (0, 0), (2, 0, 3)):
        loss = losses.cross_entropy(
            torch.zeros(shape, dtype=dtype), torch.zeros(shape[:-1], dtype=torch.long)
        )
        assert loss.dtype == dtype
        assert loss.item() == 0.0
