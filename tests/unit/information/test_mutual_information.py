"""Mutual information: closed forms, the chain rule, digits near independence."""

from __future__ import annotations

import math

import mpmath
import numpy as np
import pytest
import scipy.special
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from sklearn.metrics import mutual_info_score

from softplex.exceptions import InvalidInput
from softplex.information import entropy, kl_divergence, mutual_information

DTYPES = [torch.float64, torch.float32, torch.bfloat16, torch.float16]
SCORES = hnp.arrays(np.float64, (3, 4), elements=st.floats(-30, 30))


@given(scores=SCORES)
@settings(max_examples=50, deadline=None, derandomize=True)
def test_it_is_what_entropies_leave(scores: np.ndarray) -> None:
    joint = scipy.special.softmax(scores)
    information = mutual_information(joint)
    rows, columns = joint.sum(1), joint.sum(0)
    margins = entropy(rows) + entropy(columns)
    np.testing.assert_allclose(information, margins - entropy(joint.ravel()), atol=1e-13)
    np.testing.assert_allclose(
        information, kl_divergence(joint.ravel(), np.outer(rows, columns).ravel()), atol=1e-13
    )
    conditional = rows @ entropy(joint / rows[:, None])  # the chain rule
    np.testing.assert_allclose(information, entropy(columns) - conditional, atol=1e-13)
    assert 0 <= information <= min(entropy(rows), entropy(columns)) + 1e-13
    np.testing.assert_allclose(
        information, mutual_information(scores, from_scores=True), rtol=1e-9, atol=1e-15
    )
    np.testing.assert_allclose(information, mutual_information(joint.T), rtol=1e-9, atol=1e-15)
    np.testing.assert_allclose(
        mutual_information(joint, unit="bits"), information / math.log(2), rtol=1e-14
    )


def test_scikit_learn_agrees_on_counts() -> None:
    counts = np.array([[10, 0, 3], [2, 7, 1]])
    wanted = mutual_info_score(None, None, contingency=counts)
    assert mutual_information(counts / counts.sum()) == pytest.approx(wanted, rel=1e-12)


def test_closed_forms() -> None:
    assert mutual_information(np.eye(4) / 4, unit="bits") == pytest.approx(2.0, rel=1e-15)
    independent = np.outer([0.25, 0.75], [0.5, 0.125, 0.375])
    assert mutual_information(independent) == 0
    assert mutual_information([[1.0]]) == 0
    assert mutual_information([[1.0, 0.0], [0.0, 0.0]]) == 0


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("size", [1.0, 1e-4, 1e-6])
def test_digits_near_independence(size: float, dtype: torch.dtype) -> None:
    base = torch.tensor([0.25, -1.0])[:, None] + torch.tensor([0.5, 0.0, -0.75])
    step = torch.tensor([[0.5, -1.0, 0.25], [0.0, 1.0, -0.5]])
    joint = (base.double() + size * step).to(dtype)
    with mpmath.workdps(50):
        cells = [[mpmath.exp(mpmath.mpf(float(z))) for z in row] for row in joint]
        total = mpmath.fsum(mpmath.fsum(row) for row in cells)
        p = [[cell / total for cell in row] for row in cells]
        columns = [mpmath.fsum(column) for column in zip(*p, strict=True)]
        wanted = mpmath.fsum(
            cell * mpmath.log(cell / (mpmath.fsum(row) * column))
            for row in p
            for cell, column in zip(row, columns, strict=True)
        )
    value = mutual_information(joint, from_scores=True)
    assert value.dtype == dtype
    # float64 loses eps / size to the rounding of p - r c
    bound = max(2 * torch.finfo(dtype).eps, 4 * torch.finfo(torch.float64).eps / size)
    floor = torch.finfo(dtype).smallest_normal * torch.finfo(dtype).eps
    assert float(value) == pytest.approx(float(wanted), rel=bound, abs=max(floor, 1e-30))


def test_rounding_never_makes_it_negative() -> None:
    generator = np.random.default_rng(0)
    for dtype in (np.float16, np.float32, np.float64):
        for _ in range(20):
            joint = np.outer(generator.dirichlet(np.ones(5)), generator.dirichlet(np.ones(7)))
            assert 0 <= mutual_information(joint.astype(dtype)) < 1e-5


def test_gradients_and_zeros() -> None:
    joint = torch.tensor([[0.5, 0.0], [0.25, 0.25]], dtype=torch.float64, requires_grad=True)
    (gradient,) = torch.autograd.grad(mutual_information(joint), joint)
    ratio = torch.tensor([[0.5 / 0.375, 1.0], [0.25 / 0.375, 0.25 / 0.125]], dtype=torch.float64)
    wanted = torch.where(joint > 0, ratio.log() - 1, 0.0)
    torch.testing.assert_close(gradient, wanted)
    scores = torch.tensor([[0.0, -math.inf], [1.0, 0.5]], dtype=torch.float64, requires_grad=True)
    value = mutual_information(scores, from_scores=True)
    (gradient,) = torch.autograd.grad(value, scores, create_graph=True)
    p = scores.detach().flatten().softmax(0).reshape(2, 2)
    ratio = torch.where(p > 0, p / (p.sum(1, keepdim=True) * p.sum(0)), 1.0)
    torch.testing.assert_close(gradient.detach(), p * (ratio.log() - value.detach()))
    assert gradient[0, 1] == 0
    (second,) = torch.autograd.grad(gradient.square().sum(), scores)
    assert torch.isfinite(second).all()


def test_any_two_dimensions() -> None:
    tables = np.random.default_rng(0).dirichlet(np.ones(6), size=4).reshape(4, 2, 3)
    wanted = mutual_information(tables)
    assert wanted.shape == (4,)
    moved = np.moveaxis(tables, 0, 1)
    np.testing.assert_allclose(mutual_information(moved, dim=(0, 2)), wanted, rtol=1e-12)
    np.testing.assert_allclose(mutual_information(moved, dim=(-1, 0)), wanted, rtol=1e-12)
    assert mutual_information(np.zeros((0, 2, 3))).shape == (0,)
    assert mutual_information(torch.zeros(2, 0, 3), from_scores=True).tolist() == [0.0, 0.0]


@pytest.mark.parametrize("dim", [(-1, -1), (0, 2), (0,), (0, 1, 2), -1, (-2, 0)])
def test_bad_dimensions_are_refused(dim: object) -> None:
    with pytest.raises(InvalidInput, match=r"two different dimensions .* but got dim="):
        mutual_information(np.full((2, 2), 0.25), dim=dim)


def test_bad_tables_are_refused() -> None:
    with pytest.raises(InvalidInput, match=r"row 1, class 0 holds -0.5.* pass from_scores=True"):
        mutual_information([[1.0, 0.25], [-0.5, 0.25]])
    with pytest.raises(InvalidInput, match=r"mutual_information needs .* sums to 2 \(off by 1\)"):
        mutual_information([[0.5, 0.5], [0.5, 0.5]])
    with pytest.raises(InvalidInput, match="row 0, class 1 holds NaN"):
        mutual_information([[0.5, math.nan], [0.5, 0.5]], from_scores=True)
    with pytest.raises(InvalidInput, match="two different dimensions"):
        mutual_information([0.5, 0.5])
