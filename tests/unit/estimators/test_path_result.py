"""Means, standard errors and both rules, on numbers worked out by hand."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from softplex.estimators import RegularisationPath
from softplex.objective import Status


def path(scores: Any, weights: Any = None, **changes: Any) -> RegularisationPath:
    scores = np.asarray(scores, dtype=float)
    shape = scores.shape
    made: dict[str, Any] = {
        "scoring": "log_loss",
        "greater_is_better": False,
        "rule": "best",
        "Cs": np.logspace(-2, shape[0] - 3, shape[0]),
        "fold_weights": np.ones(shape[1]) if weights is None else np.asarray(weights, dtype=float),
        "fold_scores": scores,
        "relative_gaps": np.where(np.isnan(scores), np.nan, 1e-4),
        "statuses": tuple((Status.CONVERGED,) * shape[1] for _ in scores),
        "n_iters": np.full(shape, 3),
        "coefficient_norms": np.ones(shape),
        "n_nonzeros": np.full(shape, 4),
    }
    return RegularisationPath(**{**made, **changes})


# Means 1, 0.5625, 0.5 and 0.75; at the best the standard error is 0.125.
SCORES = [[1.0, 1.0], [0.5, 0.625], [0.375, 0.625], [0.75, 0.75]]


def test_means_and_errors_of_equal_folds_are_the_usual_ones() -> None:
    scores = np.random.default_rng(0).normal(size=(4, 5))
    found = path(scores, np.full(5, 7.0))
    np.testing.assert_allclose(found.mean, scores.mean(axis=1))
    np.testing.assert_allclose(found.standard_error, scores.std(axis=1, ddof=1) / math.sqrt(5))


def test_weighted_folds_by_hand() -> None:
    """Mean 1/4 + 3/4 x 3 = 2.5; SE^2 = (1/4 x 1.5^2 + 3/4 x 0.5^2) / (2 - 1) = 0.75."""
    found = path([[1.0, 3.0]], [1.0, 3.0])
    assert found.mean.tolist() == [2.5]
    assert found.standard_error[0] == pytest.approx(math.sqrt(0.75))


def test_a_fold_without_weight_counts_for_nothing() -> None:
    found = path([[1.0, np.nan, 3.0]], [2.0, 0.0, 2.0])
    plain = path([[1.0, 3.0]])
    assert found.mean == plain.mean
    assert found.standard_error == plain.standard_error


def test_the_rules_choose_the_best_and_the_simplest_as_good() -> None:
    found = path(SCORES)
    assert found.standard_error[2] == pytest.approx(0.125)
    assert (found.best_index, found.one_standard_error_index) == (2, 1)
    assert found.chosen_index == 2
    assert path(SCORES, rule="one_standard_error").chosen_index == 1


def test_more_is_better_turns_the_rules_around() -> None:
    loss, gain = path(SCORES), path(-np.array(SCORES), greater_is_better=True)
    assert gain.best_index == loss.best_index
    assert gain.one_standard_error_index == loss.one_standard_error_index
    assert path(SCORES, greater_is_better=True).best_index == 0


def test_of_equals_the_strongest_penalty_is_best() -> None:
    assert path([[0.5, 0.7], [0.6, 0.6]]).best_index == 0
    assert path([[0.5, 0.7], [0.6, 0.6]], greater_is_better=True).best_index == 0


def test_values_beyond_the_end_of_the_walk_are_no_choice() -> None:
    found = path([*SCORES[:3], [np.nan, np.nan]])
    assert found.is_reached.tolist() == [True, True, True, False]
    assert (found.best_index, found.one_standard_error_index) == (2, 1)
    frame = found.to_frame()
    assert frame["mean"].isna().tolist() == [False, False, False, True]
    assert found.to_dict()["mean"][3] is None


def test_one_fold_has_no_standard_error() -> None:
    found = path([[1.0], [0.5], [0.6]])
    assert np.isnan(found.standard_error).all()
    assert found.one_standard_error_index == found.best_index == 1
    assert found.to_dict()["standard_error"] == [None] * 3


def test_the_frame_has_a_line_for_each_value() -> None:
    frame = path(SCORES).to_frame()
    assert frame["C"].tolist() == pytest.approx([0.01, 0.1, 1.0, 10.0])
    assert frame[["fold_0", "fold_1"]].to_numpy().tolist() == SCORES
    assert frame["is_best"].tolist() == [False, False, True, False]
    assert frame["is_one_standard_error"].tolist() == [False, True, False, False]
    assert frame["n_iter"].tolist() == [6] * 4
    assert frame["n_nonzero"].tolist() == [4.0] * 4


@given(
    st.lists(st.lists(st.floats(-5, 5), min_size=3, max_size=3), min_size=1, max_size=6),
    st.lists(st.integers(1, 9), min_size=3, max_size=3),
    st.booleans(),
)
def test_the_simplest_is_at_most_the_best_and_within_its_error(
    scores: list[list[float]], weights: list[int], greater_is_better: bool
) -> None:
    found = path(scores, weights, greater_is_better=greater_is_better)
    best, simplest = found.best_index, found.one_standard_error_index
    assert simplest <= best
    worse = np.abs(found.mean - found.mean[best])
    assert worse[simplest] <= found.standard_error[best]
    assert (worse[:simplest] > found.standard_error[best]).all()
