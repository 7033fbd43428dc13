"""The separable penalty: proximal points, conjugates, and what joins them."""

from __future__ import annotations

import math

import hypothesis.strategies as st
import numpy as np
import pytest
import scipy.optimize
import torch
from hypothesis import given, settings

from softplex.exceptions import InvalidInput
from softplex.penalties import (
    ElasticNet,
    GroupLasso,
    Lasso,
    NoPenalty,
    PenaltyParts,
    Ridge,
    SparseGroupLasso,
)

sizes = st.floats(0.0, 3.0).map(lambda x: x if x > 1e-3 else 0.0)
columns = st.lists(st.floats(-5.0, 5.0), min_size=3, max_size=3)
NAMED = [Ridge(), Lasso(), ElasticNet(), GroupLasso(), SparseGroupLasso(), NoPenalty()]


def parts(q: float, l1: float, group: float) -> PenaltyParts:
    return PenaltyParts(*(torch.tensor([float(x)], dtype=torch.float64) for x in (q, l1, group)))


def column(values: list[float]) -> torch.Tensor:
    return torch.tensor(values, dtype=torch.float64)[:, None]


@settings(max_examples=150, deadline=None)
@given(sizes, sizes, sizes, columns, st.floats(0.1, 3.0), columns)
def test_the_proximal_point_is_lower_than_any_other(q, l1, group, w, step, other) -> None:
    penalty, w = parts(q, l1, group), column(w)
    prox = penalty.prox(w, step)

    def value(u: torch.Tensor) -> float:
        return 0.5 * float((u - w).square().sum()) + step * penalty.value(u)

    for rival in (column(other), prox + 1e-3 * column(other), w, torch.zeros_like(w)):
        assert value(prox) <= value(rival) + 1e-12


@settings(max_examples=100, deadline=None)
@given(sizes, sizes, sizes, columns)
def test_moreau(q, l1, group, w) -> None:
    """Moreau: with u = prox(w), r(u) + r*(w - u) = u . (w - u)."""
    penalty, w = parts(q, l1, group), column(w)
    u = penalty.prox(w)
    m = w - u
    if q == 0:  # a subgradient on the edge of the feasible set, up to rounding
        m = m * min(1.0, penalty.feasible_share(m)) if l1 + group > 0 else m * 0.0
    conjugate = float(penalty.conjugate(m * (1 - 1e-13)).sum())
    assert penalty.value(u) + conjugate == pytest.approx(float((u * m).sum()), abs=1e-9)
    assert float(penalty.fenchel_young(u, m).sum()) == pytest.approx(0.0, abs=1e-12)


@settings(max_examples=100, deadline=None)
@given(st.floats(0.1, 3.0), sizes, sizes, columns, columns)
def test_fenchel_young_is_its_definition(q, l1, group, w, m) -> None:
    penalty, w, m = parts(q, l1, group), column(w), column(m)
    written_out = penalty.value(w) + float(penalty.conjugate(m).sum()) - float((w * m).sum())
    # The definition cancels numbers of the size of its terms.
    size = penalty.value(w) + float(penalty.conjugate(m).sum()) + float((w * m).abs().sum())
    found = float(penalty.fenchel_young(w, m).sum())
    assert found >= 0.0
    assert found == pytest.approx(written_out, abs=1e-13 * (1.0 + size))


@pytest.mark.parametrize(("q", "l1", "group"), [(1.0, 0.5, 0.7), (0.3, 0.0, 1.0), (2.0, 1.0, 0.0)])
def test_the_conjugate_is_the_supremum(q: float, l1: float, group: float) -> None:
    penalty = parts(q, l1, group)
    m = np.array([2.0, -1.5, 0.2])

    def lower(w: np.ndarray) -> float:
        return penalty.value(column(w.tolist())) - float(m @ w)

    best = scipy.optimize.minimize(lower, m, method="Nelder-Mead", options={"fatol": 1e-12})
    assert float(penalty.conjugate(column(m.tolist()))) == pytest.approx(-best.fun, rel=1e-6)


def test_without_a_quadratic_part_the_conjugate_is_an_indicator() -> None:
    for penalty, edge in ((parts(0, 1, 0), [1.0, -1.0]), (parts(0, 0, 1), [0.6, 0.8])):
        assert float(penalty.conjugate(0.999 * column(edge))) == 0.0
        assert float(penalty.conjugate(1.001 * column(edge))) == math.inf


@settings(max_examples=100, deadline=None)
@given(sizes, sizes, columns)
def test_the_feasible_share_leads_to_the_edge(l1, group, m) -> None:
    penalty, m = parts(0.0, l1, group), column(m)
    share = penalty.feasible_share(m)
    assert 0.0 <= share <= 1.0
    if l1 + group == 0.0:
        assert share == 1.0  # nothing bounds what has no penalty: it has to vanish
        return
    assert float(penalty.conjugate(share * (1 - 1e-12) * m)) == 0.0
    if share < 1.0:
        assert float(penalty.conjugate(share * (1 + 1e-9) * m)) == math.inf


def test_a_share_asks_nothing_of_features_with_a_quadratic_part() -> None:
    assert parts(1.0, 1.0, 0.0).feasible_share(column([9.0, 0.0, 0.0])) == 1.0


@pytest.mark.parametrize("penalty", NAMED, ids=lambda penalty: type(penalty).__name__)
def test_scaled_columns_keep_the_value(penalty) -> None:
    weight = torch.randn(3, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    scale = torch.tensor([0.1, 1.0, 7.0, 30.0], dtype=torch.float64)
    found = penalty.parts(4).with_scaled_columns(scale).value(weight * scale)
    assert found == pytest.approx(penalty.parts(4).value(weight), rel=1e-14)


def test_named_penalties_are_their_formulas() -> None:
    weight = torch.tensor([[3.0, -1.0], [-4.0, 2.0]], dtype=torch.float64)
    by_hand = {
        Ridge((1.0, 2.0)): 0.5 * 25 + 0.5 * 2 * 5,
        Lasso((1.0, 2.0)): 7 + 2 * 3,
        GroupLasso((1.0, 2.0)): 5 + 2 * math.sqrt(5),
        ElasticNet((1.0, 0.0), l1_ratio=0.25): 0.25 * 7 + 0.75 * 12.5,
        SparseGroupLasso((1.0, 0.0), l1_ratio=0.25): 0.25 * 7 + 0.75 * 5,
        NoPenalty(): 0.0,
    }
    for penalty, value in by_hand.items():
        assert penalty.parts(2).value(weight) == pytest.approx(value, rel=1e-15)


def test_penalties_are_values() -> None:
    assert Ridge(np.array([1, 0])) == Ridge([1.0, 0.0])
    assert hash(Lasso(torch.ones(2))) == hash(Lasso((1.0, 1.0)))
    assert repr(ElasticNet(l1_ratio=0.1)) == "ElasticNet(weights=None, l1_ratio=0.1)"
    assert Lasso() != GroupLasso()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Ridge([1.0, -1.0]), "Ridge needs weights that .* weight 1 is -1"),
        (lambda: Lasso([math.nan]), "finite and not negative, but weight 0 is nan"),
        (lambda: GroupLasso([math.inf]), "weight 0 is inf"),
        (lambda: Ridge([[1.0]]), r"one weight a feature, but got shape \(1, 1\)"),
        (lambda: Ridge(["a"]), "weights as numbers"),
        (lambda: ElasticNet(l1_ratio=2.0), r"l1_ratio must be a finite number in \[0, 1\]"),
        (lambda: SparseGroupLasso(l1_ratio=-1.0), "l1_ratio must be"),
        (lambda: NoPenalty([1.0]), "NoPenalty takes no weights"),
        (lambda: Ridge([1.0]).parts(3), "each of the 3 features, but weights holds 1"),
    ],
)
def test_bad_penalties_are_refused(make, message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        make()
