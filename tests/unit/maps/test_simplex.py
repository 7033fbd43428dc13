"""The triangle, log-ratios, distances and trajectories on the simplex."""

from __future__ import annotations

import math
from collections.abc import Callable

import mpmath
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from softplex.exceptions import InvalidInput
from softplex.maps import (
    centred_log_ratio,
    from_barycentric,
    inverse_centred_log_ratio,
    simplex_distance,
    softmax,
    softmax_trajectory,
    to_barycentric,
)

DTYPES = [torch.float16, torch.bfloat16, torch.float32, torch.float64]
KINDS = ["aitchison", "fisher_rao", "hellinger", "total_variation"]
HEIGHT = math.sqrt(3) / 2
ROWS = st.lists(st.floats(-8, 8), min_size=3, max_size=3).map(lambda row: softmax(np.array(row)))


def reference(p: list[float], q: list[float], kind: str) -> float:
    """Distances with 50 digits, from the definitions as they stand."""
    with mpmath.workdps(50):
        p, q = [mpmath.mpf(x) for x in p], [mpmath.mpf(x) for x in q]
        pairs = list(zip(p, q, strict=True))
        if kind == "total_variation":
            return float(sum(abs(a - b) for a, b in pairs) / 2)
        chord = sum((mpmath.sqrt(a) - mpmath.sqrt(b)) ** 2 for a, b in pairs)
        if kind == "hellinger":
            return float(mpmath.sqrt(chord / 2))
        if kind == "fisher_rao":
            return float(4 * mpmath.asin(mpmath.sqrt(chord) / 2))
        ratios = [mpmath.log(a) - mpmath.log(b) for a, b in pairs]
        mean = sum(ratios) / len(ratios)
        return float(mpmath.sqrt(sum((ratio - mean) ** 2 for ratio in ratios)))


def test_corners_and_centre_lie_where_the_page_says() -> None:
    np.testing.assert_allclose(
        to_barycentric(np.eye(3)), [[0, 0], [1, 0], [0.5, HEIGHT]], atol=1e-16
    )
    np.testing.assert_allclose(to_barycentric(np.full(3, 1 / 3)), [0.5, HEIGHT / 3], atol=1e-15)


@given(row=ROWS)
@settings(max_examples=50, deadline=None, derandomize=True)
def test_the_triangle_and_back(row: np.ndarray) -> None:
    np.testing.assert_allclose(from_barycentric(to_barycentric(row)), row, atol=4e-16)
    assert (from_barycentric(to_barycentric(row)) >= 0).all()


@pytest.mark.parametrize("dtype", DTYPES)
def test_the_triangle_in_every_dtype(dtype: torch.dtype) -> None:
    rows = torch.tensor(np.random.default_rng(0).dirichlet([1, 1, 1], 50)).to(dtype)
    back = from_barycentric(to_barycentric(rows))
    assert back.dtype == dtype
    room = 3 * torch.finfo(dtype).eps
    torch.testing.assert_close(back.double(), rows.double(), rtol=0, atol=room)


def test_the_triangle_has_gradients_at_its_corners() -> None:
    inside = torch.eye(3, dtype=torch.float64).requires_grad_()
    back = from_barycentric(to_barycentric(inside))
    back[:, 0].sum().backward()
    assert inside.grad.tolist() == [[0.0, -1.0, -1.0]] * 3
    assert to_barycentric(torch.zeros(0, 3)).shape == (0, 2)
    assert from_barycentric(torch.zeros(2, 0, 2)).shape == (2, 0, 3)


@given(row=ROWS)
@settings(max_examples=50, deadline=None, derandomize=True)
def test_log_ratios_sum_to_zero_and_come_back(row: np.ndarray) -> None:
    ratios = centred_log_ratio(row)
    assert abs(ratios.sum()) < 1e-13
    np.testing.assert_allclose(inverse_centred_log_ratio(ratios), row, rtol=1e-13)
    np.testing.assert_allclose(ratios, np.log(row) - np.log(row).mean(), atol=1e-13)


def test_log_ratios_at_a_zero_are_infinite_without_nan() -> None:
    row = torch.tensor([[0.0, 0.4, 0.6], [0.2, 0.3, 0.5]], requires_grad=True)
    ratios = centred_log_ratio(row)
    assert ratios[0].tolist() == [-math.inf, math.inf, math.inf]
    ratios[1, 0].backward()
    assert torch.isfinite(row.grad).all()
    along = centred_log_ratio(row.detach().T, dim=0)
    torch.testing.assert_close(along, ratios.detach().T)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("dtype", DTYPES)
def test_distances_match_fifty_digits_far_and_near(kind: str, dtype: torch.dtype) -> None:
    limits = torch.finfo(dtype)
    moved = torch.tensor([1.0, -0.5, 0.25, -0.75], dtype=torch.float64)
    for step in (0.1, 0.01, 4 * limits.eps):
        p = torch.tensor([0.1, 0.15, 0.25, 0.5], dtype=torch.float64)
        p, q = p.to(dtype), (p + step * moved).to(dtype)
        exact = reference(p.tolist(), q.tolist(), kind)
        found = simplex_distance(p, q, kind=kind)
        assert found.dtype == dtype
        room = max(limits.eps, 4e-7 if dtype != torch.float64 else 1e-15)
        assert float(found) == pytest.approx(exact, rel=room, abs=0)


def test_the_arccosine_would_have_lost_the_digits_that_the_chord_keeps() -> None:
    p = torch.tensor([0.5, 0.3, 0.2])
    q = torch.tensor([0.5 + 1e-5, 0.3 - 1e-5, 0.2])
    exact = reference(p.double().tolist(), q.double().tolist(), "fisher_rao")
    naive = float(2 * torch.acos((p * q).sqrt().sum().clamp(max=1)))
    assert abs(naive - exact) > 0.5 * exact
    assert float(simplex_distance(p, q, kind="fisher_rao")) == pytest.approx(exact, rel=3e-7)


@given(p=ROWS, q=ROWS, r=ROWS)
@settings(max_examples=40, deadline=None, derandomize=True)
def test_distances_are_metrics(p: np.ndarray, q: np.ndarray, r: np.ndarray) -> None:
    for kind in KINDS:
        there = simplex_distance(p, q, kind=kind)
        assert there >= 0
        assert there == pytest.approx(simplex_distance(q, p, kind=kind), rel=1e-12)
        assert simplex_distance(p, p, kind=kind) == 0
        around = simplex_distance(p, r, kind=kind) + simplex_distance(r, q, kind=kind)
        assert there <= around + 1e-12


def test_distances_between_corners() -> None:
    first, second = np.eye(3)[0], np.eye(3)[1]
    values = {kind: float(simplex_distance(first, second, kind=kind)) for kind in KINDS}
    assert values["aitchison"] == math.inf
    assert values["fisher_rao"] == pytest.approx(math.pi)
    assert values["hellinger"] == pytest.approx(1.0)
    assert values["total_variation"] == 1.0


def test_a_class_absent_from_both_rows_is_left_out() -> None:
    p, q = np.array([0.2, 0.8, 0.0]), np.array([0.5, 0.5, 0.0])
    assert simplex_distance(p, q) == pytest.approx(simplex_distance(p[:2], q[:2]))
    assert simplex_distance(p, p) == 0


@pytest.mark.parametrize("kind", KINDS)
def test_gradients_agree_with_finite_differences(kind: str) -> None:
    p = torch.tensor([[0.2, 0.3, 0.5], [0.6, 0.3, 0.1]], dtype=torch.float64, requires_grad=True)
    q = torch.tensor([[0.3, 0.45, 0.25], [0.1, 0.1, 0.8]], dtype=torch.float64, requires_grad=True)

    def measure(p: Tensor, q: Tensor) -> Tensor:
        return simplex_distance(p / p.sum(-1, True), q / q.sum(-1, True), kind=kind)

    assert torch.autograd.gradcheck(measure, (p, q))
    assert torch.autograd.gradgradcheck(measure, (p, q))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("other", [[0.0, 0.4, 0.6], [0.5, 0.5, 0.0], [1.0, 0.0, 0.0]])
def test_gradients_at_equal_rows_and_at_zeros_are_finite(kind: str, other: list[float]) -> None:
    p = torch.tensor([0.0, 0.4, 0.6], requires_grad=True)
    (gradient,) = torch.autograd.grad(
        simplex_distance(p, torch.tensor(other), kind=kind), p, create_graph=True
    )
    assert torch.isfinite(gradient).all()
    if other == p.tolist():
        assert gradient.tolist() == [0.0, 0.0, 0.0]
    if gradient.requires_grad:
        (second,) = torch.autograd.grad(gradient.sum(), p, allow_unused=True)
        assert second is None or torch.isfinite(second).all()


@pytest.mark.parametrize("function", [centred_log_ratio, inverse_centred_log_ratio])
def test_log_ratios_under_transforms(function: Callable[[Tensor], Tensor]) -> None:
    rows = torch.tensor([[0.2, 0.3, 0.5], [0.6, 0.3, 0.1]], dtype=torch.float64)
    plain = function(rows)
    torch.testing.assert_close(torch.vmap(function)(rows), plain)
    torch.testing.assert_close(torch.compile(function, backend="aot_eager")(rows), plain)
    assert torch.isfinite(torch.func.grad(lambda row: function(row)[0])(rows[0])).all()


@pytest.mark.parametrize("kind", KINDS)
def test_distances_under_transforms_shapes_and_dims(kind: str) -> None:
    rows = torch.tensor(np.random.default_rng(2).dirichlet([1, 1, 1], 5))

    def measure(p: Tensor, q: Tensor) -> Tensor:
        return simplex_distance(p, q, kind=kind)

    plain = measure(rows, rows[0])
    assert plain.shape == (5,)
    torch.testing.assert_close(torch.vmap(measure, in_dims=(0, None))(rows, rows[0]), plain)
    compiled = torch.compile(measure, backend="aot_eager")
    torch.testing.assert_close(compiled(rows, rows[0]), plain)
    along = simplex_distance(rows.T, rows[:1].T, kind=kind, dim=0)
    torch.testing.assert_close(along, plain)
    assert simplex_distance(torch.zeros(0, 3), rows[0], kind=kind).shape == (0,)
    assert simplex_distance(torch.zeros(2, 0), torch.zeros(2, 0), kind=kind).tolist() == [0, 0]


def test_the_temperature_walks_from_equal_shares_to_the_corner() -> None:
    scores = torch.tensor([2.0, 1.0, 0.0, -math.inf], dtype=torch.float64)
    path = softmax_trajectory(scores, temperatures=[1e9, 1.0, 1e-9])
    expected = torch.stack(
        [
            torch.tensor([1 / 3, 1 / 3, 1 / 3, 0.0]).double(),
            softmax(scores),
            torch.eye(4)[0].double(),
        ]
    )
    torch.testing.assert_close(path, expected, rtol=1e-6, atol=1e-7)


def test_one_moving_score_walks_a_straight_line_to_its_corner() -> None:
    path = softmax_trajectory(np.array([0.3, -1.0, 0.5]), vary=1, values=np.linspace(-5, 5, 11))
    ratios = path[:, 0] / path[:, 2]
    np.testing.assert_allclose(ratios, math.exp(-0.2), rtol=1e-12)
    assert (np.diff(path[:, 1]) > 0).all()
    directions = np.diff(to_barycentric(path), axis=0)
    crosses = directions[:-1, 0] * directions[1:, 1] - directions[:-1, 1] * directions[1:, 0]
    np.testing.assert_allclose(crosses, 0, atol=1e-15)


def test_trajectories_have_gradients_and_keep_the_dtype() -> None:
    scores = torch.tensor([0.3, -1.0, 0.5], dtype=torch.float64, requires_grad=True)
    steps = torch.tensor([0.5, 2.0], dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(
        lambda z, t: softmax_trajectory(z, temperatures=t), (scores, steps)
    )
    assert torch.autograd.gradcheck(
        lambda z, v: softmax_trajectory(z, vary=2, values=v), (scores, steps)
    )
    half = softmax_trajectory(torch.zeros(3, dtype=torch.float16), temperatures=[1.0])
    assert half.dtype == torch.float16
    assert softmax_trajectory(torch.zeros(3), temperatures=[]).shape == (0, 3)


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: to_barycentric(np.full(4, 0.25)), r"needs three probabilities.*\(4,\)"),
        (lambda: to_barycentric(np.ones((2, 3))), "row 0 sums to 3"),
        (lambda: from_barycentric(np.zeros(3)), r"needs x and y.*\(3,\)"),
        (lambda: from_barycentric(np.array([[0.5, 0.1], [1.0, 1.0]])), r"point 1 is \(1, 1\)"),
        (lambda: from_barycentric(np.array([math.nan, 0.0])), r"the point is \(nan, 0\)"),
        (lambda: centred_log_ratio(np.array([0.5, 0.6])), "sums to 1.1"),
        (lambda: inverse_centred_log_ratio(np.array([math.inf, 0.0])), "finite"),
        (lambda: simplex_distance(np.eye(2), np.eye(2), kind="euclid"), "kind must be one of"),
        (lambda: simplex_distance(np.eye(2), np.array([2.0, -1.0])), "q that are probabilities"),
        (lambda: simplex_distance(np.eye(2), np.eye(3)), r"\(2, 2\) and \(3, 3\)"),
        (lambda: simplex_distance(np.eye(2), np.eye(2), dim=2), "needs dim"),
        (lambda: softmax_trajectory(np.zeros((2, 3)), temperatures=[1.0]), r"got shape \(2, 3\)"),
        (lambda: softmax_trajectory(np.zeros(3)), "either temperatures, or a class"),
        (lambda: softmax_trajectory(np.zeros(3), vary=1), "either temperatures, or a class"),
        (
            lambda: softmax_trajectory(np.zeros(3), temperatures=[1.0], vary=1, values=[1.0]),
            "either temperatures, or a class",
        ),
        (lambda: softmax_trajectory(np.zeros(3), temperatures=[0.0]), "temperature must be"),
        (
            lambda: softmax_trajectory(np.zeros(3), temperatures=1.0),
            r"temperatures of shape \(m,\)",
        ),
        (lambda: softmax_trajectory(np.zeros(3), vary=3, values=[1.0]), "vary must be"),
    ],
)
def test_bad_input_is_refused(call: Callable[[], object], said: str) -> None:
    with pytest.raises(InvalidInput, match=said):
        call()
