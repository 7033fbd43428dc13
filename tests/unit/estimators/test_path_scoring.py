"""What judges the held-out rows: the measures against scikit-learn's, signs, weights, refusals."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.datasets import load_iris
from sklearn.metrics import accuracy_score, f1_score, log_loss, make_scorer
from sklearn.model_selection import KFold, StratifiedKFold

from softplex import SoftmaxClassifier, SoftmaxClassifierCV
from softplex.exceptions import InvalidInput

X, Y = load_iris(return_X_y=True)
Y = np.array(["auk", "owl", "wren"])[Y]
GRID = [1e-3, 0.1, 10.0]
FOLDS = list(StratifiedKFold(3, shuffle=True, random_state=4).split(X, Y))
WEIGHT = np.random.default_rng(1).integers(1, 4, len(Y)).astype(float)


def chosen(scoring: Any, weight: Any = None, y: Any = Y, **options: Any) -> SoftmaxClassifierCV:
    made = {"cv": FOLDS, "path_tol": 1e-12, "refit": False, "early_stopping": False, **options}
    return SoftmaxClassifierCV(GRID, scoring=scoring, **made).fit(X, y, weight)


def brier(y: Any, p: Any, sample_weight: Any = None) -> float:
    errors = ((p - (y[:, None] == np.unique(Y))) ** 2).sum(axis=1)
    return float(np.average(errors, weights=sample_weight))


def accuracy(y: Any, p: Any, sample_weight: Any = None) -> float:
    predicted = np.unique(Y)[p.argmax(axis=1)]
    return float(accuracy_score(y, predicted, sample_weight=sample_weight))


@pytest.mark.parametrize("weight", [None, WEIGHT], ids=["plain", "weighted"])
@pytest.mark.parametrize(
    ("scoring", "oracle"), [("log_loss", log_loss), ("brier", brier), ("accuracy", accuracy)]
)
def test_measures_are_those_of_plain_fits(scoring: str, oracle: Any, weight: Any) -> None:
    found = chosen(scoring, weight).path_
    weights = np.ones(len(Y)) if weight is None else weight
    assert found.greater_is_better is (scoring == "accuracy")
    for row, C in enumerate(GRID):
        for column, (train, held_out) in enumerate(FOLDS):
            plain = SoftmaxClassifier(C, tol=1e-12).fit(X[train], Y[train], weights[train])
            expected = oracle(
                Y[held_out], plain.predict_proba(X[held_out]), sample_weight=weights[held_out]
            )
            # Both stand within 1e-12 of the optimum, so their probabilities within about 1e-6.
            assert found.fold_scores[row, column] == pytest.approx(expected, rel=1e-5)


def test_the_sign_is_the_one_of_the_measure() -> None:
    loss, gain = chosen("log_loss").path_, chosen("neg_log_loss").path_
    np.testing.assert_allclose(gain.fold_scores, -loss.fold_scores, rtol=1e-9)
    assert gain.greater_is_better
    assert gain.best_index == loss.best_index == 2
    assert gain.one_standard_error_index == loss.one_standard_error_index


def test_a_scorer_of_a_callable_sees_labels_and_all_classes() -> None:
    seen: list[Any] = []

    def worst_class(estimator: Any, features: Any, y: Any) -> float:
        seen.append((estimator.classes_.tolist(), features.shape, set(y.tolist())))
        return float(f1_score(y, estimator.predict(features), average=None).min())

    found = chosen(worst_class)
    names = sorted(set(Y.tolist()))
    assert seen[0] == (names, (50, 4), set(names))
    assert found.path_.scoring == "worst_class"
    assert found.C_ == chosen(make_scorer(lambda y, p: f1_score(y, p, average=None).min())).C_


def test_weights_reach_the_scorer() -> None:
    own, scorer = chosen("accuracy", WEIGHT).path_, chosen("balanced_accuracy", WEIGHT).path_
    named = chosen(make_scorer(accuracy_score), WEIGHT).path_
    np.testing.assert_allclose(named.fold_scores, own.fold_scores)
    assert not np.allclose(scorer.fold_scores, own.fold_scores)


def test_repeated_rows_are_weights_on_every_fold() -> None:
    repeated = np.repeat(np.arange(len(Y)), WEIGHT.astype(int))
    folds = [
        (np.flatnonzero(np.isin(repeated, train)), np.flatnonzero(np.isin(repeated, held_out)))
        for train, held_out in FOLDS
    ]
    model = SoftmaxClassifierCV(GRID, cv=folds, path_tol=1e-12, early_stopping=False)
    found, weighted = model.fit(X[repeated], Y[repeated]).path_, chosen("log_loss", WEIGHT).path_
    np.testing.assert_allclose(found.fold_scores, weighted.fold_scores, rtol=1e-5)
    np.testing.assert_allclose(found.standard_error, weighted.standard_error, rtol=1e-4)
    np.testing.assert_allclose(found.fold_weights, weighted.fold_weights)


def test_rows_of_a_class_that_was_not_trained_on_are_left_out() -> None:
    """The labels are in order, so each third holds out the one class that its fits do not know."""
    with pytest.raises(InvalidInput, match="no held-out row of positive weight"):
        chosen("log_loss", cv=KFold(3))
    rows = np.arange(len(Y))
    mixed = [(rows[50:], rows[:60]), *FOLDS[:1]]
    found = chosen("log_loss", cv=mixed).path_
    assert found.fold_weights.tolist() == [10.0, 50.0]
    assert np.isfinite(found.mean).all()


@pytest.mark.parametrize(
    ("scoring", "message"),
    [
        ("logloss", "scoring must be .* Did you mean 'log_loss'"),
        (3, "scoring must be .* callable"),
        (lambda estimator, X, y: "good", "one finite number from scoring='<lambda>'.*'good'"),
        (lambda estimator, X, y: float("nan"), "defined on every fold"),
    ],
)
def test_bad_measures(scoring: Any, message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        chosen(scoring)


def test_a_scorer_without_weights_is_refused_when_there_are_some() -> None:
    def plain(estimator: Any, features: Any, y: Any) -> float:
        return float(estimator.score(features, y))

    chosen(plain)
    with pytest.raises(InvalidInput, match="sample weights, which scoring='plain' does not take"):
        chosen(plain, WEIGHT)
