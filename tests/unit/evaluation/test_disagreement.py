"""Two models row by row: McNemar's test, counts, distances; margins and the losses over them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.datasets import load_iris
from statsmodels.stats.contingency_tables import mcnemar

from softplex.estimators import SVMClassifier, scores_of
from softplex.evaluation import (
    disagreement,
    margin_losses,
    margin_study,
    margins,
    zero_hinge_share,
)
from softplex.exceptions import InvalidInput


def one_hot(columns: list[int], k: int = 2) -> np.ndarray:
    return np.eye(k)[columns]


def split(b: int, c: int, both: int, neither: int):
    """Answers of two models: b rows for the first alone, c for the second alone."""
    first = [0] * (b + both) + [1] * (c + neither)
    second = [1] * b + [0] * (both + c) + [1] * neither
    return one_hot(first), one_hot(second), [0] * len(first)


@given(st.integers(0, 40), st.integers(0, 40), st.integers(1, 9), st.integers(0, 9))
def test_the_test_is_statsmodels_exact_mcnemar(b: int, c: int, both: int, neither: int) -> None:
    first, second, y = split(b, c, both, neither)
    found = disagreement(first, second, y, classes=[0, 1])
    assert (found.first_right, found.second_right) == (b, c)
    assert (found.both_right, found.both_wrong) == (both, neither)
    assert found.differing == b + c
    # Both sum the same binomial terms in float64.
    expected = mcnemar([[both, b], [c, neither]], exact=True).pvalue
    assert found.p_value == pytest.approx(expected, rel=1e-12)


def test_swapping_the_models_swaps_the_counts() -> None:
    rng = np.random.default_rng(0)
    first, second = rng.dirichlet(np.ones(3), 50), rng.dirichlet(np.ones(3), 50)
    y = rng.integers(0, 3, 50)
    one, two = disagreement(first, second, y), disagreement(second, first, y)
    assert (one.first_right, one.second_right) == (two.second_right, two.first_right)
    assert one.p_value == two.p_value
    assert one.strongest.tolist() == two.strongest.tolist()
    assert sum(entry.rows for entry in one.counts) == one.differing > 0
    assert one.differing == (first.argmax(1) != second.argmax(1)).sum()


def test_the_strongest_have_the_largest_total_variation() -> None:
    first = np.array([[0.6, 0.4], [0.9, 0.1], [0.1, 0.9], [0.9, 0.1]])
    second = np.array([[0.4, 0.6], [0.8, 0.2], [0.7, 0.3], [0.0, 1.0]])
    found = disagreement(first, second, [0, 0, 0, 0], classes=[0, 1], limit=2)
    assert found.strongest.tolist() == [3, 2]
    # Over the events {}, {0}, {1}, {0, 1} the largest difference is that of one class.
    np.testing.assert_allclose(found.distance, [0.9, 0.6], rtol=1e-15)


def test_counts_name_answers_and_truth() -> None:
    p = one_hot([0, 0, 1, 2], 3)
    q = one_hot([1, 1, 2, 2], 3)
    found = disagreement(p, q, ["a", "a", "c", "b"], classes=["a", "b", "c"])
    listed = [(entry.first, entry.second, entry.truth, entry.rows) for entry in found.counts]
    assert listed == [("a", "b", "a", 2), ("b", "c", "c", 1)]


def test_answers_come_before_probabilities_where_given() -> None:
    half = np.full((2, 2), 0.5)
    found = disagreement(half, half, ["u", "v"], answers=(["u", "v"], ["v", "v"]))
    assert (found.first_right, found.differing) == (1, 1)
    assert found.distance.tolist() == [0.0]


def test_rows_of_weight_zero_are_left_out_and_positions_stay() -> None:
    first, second = one_hot([0, 0, 1]), one_hot([1, 0, 0])
    found = disagreement(
        first, second, [0, 0, 1], answers=([0, 0, 1], [1, 0, 0]), sample_weight=[0.0, 1.0, 2.5]
    )
    assert (found.n, found.strongest.tolist()) == (2, [2])


def test_the_summary_says_the_numbers() -> None:
    first, second, y = split(8, 1, 5, 0)
    text = disagreement(first, second, y, classes=[0, 1]).summary("Softmax", "the hinge")
    assert "differ in 9 rows. Softmax alone is right in 8, the hinge alone in 1." in text
    assert "0.0391" in text  # 2 (1 + 9) / 2**9
    same = disagreement(first, first, y, classes=[0, 1])
    assert same.p_value == 1.0
    assert "differ in 0 rows" in same.summary()


@pytest.mark.parametrize(
    ("answers", "words"),
    [((["u"], ["u", "v"]), "one label per row"), ((["u", "w"], ["u", "v"]), "row 1 has 'w'")],
)
def test_answers_that_cannot_be(answers, words: str) -> None:
    with pytest.raises(InvalidInput, match=words):
        disagreement([0.1, 0.9], [0.2, 0.8], ["u", "v"], answers=answers)


def test_margins_are_the_lead_over_the_best_rival() -> None:
    scores = np.array([[3.0, 1.0, 2.0], [0.0, -np.inf, 1.0], [-np.inf, 0.0, 1.0]])
    np.testing.assert_array_equal(margins(scores, [0, 0, 0], [0, 1, 2]), [1.0, -1.0, -np.inf])


@pytest.mark.parametrize(
    ("scores", "y", "words"),
    [
        ([1.0, 2.0], ["a", "b"], "shape"),
        ([[1.0, 2.0]], ["a", "b"], "2 labels"),
        ([[1.0, 2.0]], ["c"], "row 0 has 'c'"),
    ],
)
def test_margins_refuse_what_does_not_fit(scores, y, words: str) -> None:
    with pytest.raises(InvalidInput, match=words):
        margins(scores, y, ["a", "b"])


@given(st.floats(0.01, 100.0), st.integers(0, 5))
def test_the_study_does_not_see_the_scale_of_scores(scale: float, seed: int) -> None:
    values = np.random.default_rng(seed).normal(1.0, 1.0, 101)
    study = margin_study([values, values * scale, np.append(values[:-1], np.inf)])
    assert study.units[0] == np.median(np.abs(values))
    assert study.units[1] == pytest.approx(scale * study.units[0])
    assert 0.0 in study.edges
    np.testing.assert_allclose(study.shares.sum(axis=1), 1.0, rtol=1e-12)
    below = study.shares[:, study.edges[1:] <= 0].sum(axis=1)
    np.testing.assert_allclose(below[0], (values < 0).mean(), rtol=1e-12)
    # A value on an edge may fall to its other side when rounded; zero is an edge in any unit.
    assert below[1] == pytest.approx(below[0])


def test_the_study_weighs_rows() -> None:
    study = margin_study([[-1.0, 1.0]], sample_weight=[1.0, 3.0])
    assert study.shares[0][study.edges[1:] <= 0].sum() == 0.25


def test_margins_of_zero_have_a_unit() -> None:
    assert margin_study([[0.0, 0.0]]).units == (1.0,)


def test_the_losses_over_the_margin_are_their_formulas() -> None:
    m = np.linspace(-5, 5, 41)
    losses = margin_losses(m)
    np.testing.assert_allclose(losses["log_loss"], np.log1p(np.exp(-m)), rtol=1e-13)
    np.testing.assert_allclose(losses["hinge"], np.maximum(0, 1 - m), rtol=1e-13, atol=1e-15)
    np.testing.assert_allclose(losses["squared_hinge"], losses["hinge"] ** 2, rtol=1e-13)


def test_rows_without_hinge_loss_are_those_outside_the_support() -> None:
    """Rows left out of a fit without a loss do not change it: the others decide the optimum."""
    X, y = load_iris(return_X_y=True)
    model = SVMClassifier(loss="crammer_singer", tol=1e-9).fit(X, y)
    leads = margins(scores_of(model, X), y, [0, 1, 2])
    share = zero_hinge_share(leads)
    assert 0.3 < share < 1.0
    support = leads <= 1.001
    again = SVMClassifier(loss="crammer_singer", tol=1e-9).fit(X[support], y[support])
    # A gap of 1e-9 of an objective near 20 leaves the coefficients within sqrt(2 gap) < 1e-3.
    np.testing.assert_allclose(again.coef_, model.coef_, atol=1e-3)
