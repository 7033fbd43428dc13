"""What features gave to scores adds up to the scores, for every kind of linear classifier."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier

from softplex import CalibratedClassifier, SoftmaxClassifier
from softplex.data import TableClassifier
from softplex.diagnostics import contributions, explain
from softplex.exceptions import InvalidInput

# Sums of a few products of numbers below 100.
ROUNDING = 1e-12


@pytest.mark.parametrize("baseline", [None, "mean", [1.0, -2.0, 3.0, 0.5]])
def test_contributions_and_base_add_up_to_the_scores(
    softmax_model: SoftmaxClassifier, iris: Any, baseline: Any
) -> None:
    X, _ = iris
    parts = contributions(softmax_model, X, baseline=baseline)
    assert parts.columns == parts.classes == (0, 1, 2)
    sums = parts.values.sum(axis=2) + parts.base_values
    np.testing.assert_allclose(sums, softmax_model.decision_function(X), atol=ROUNDING)
    np.testing.assert_allclose(parts.scores, softmax_model.decision_function(X), atol=ROUNDING)
    for column, label in enumerate(parts.columns):
        np.testing.assert_array_equal(parts.of(label), parts.values[:, column])


def test_the_baseline_contributes_nothing(softmax_model: SoftmaxClassifier, iris: Any) -> None:
    point = iris[0].mean(axis=0)
    parts = contributions(softmax_model, point[None], baseline=point)
    assert not parts.values.any()
    np.testing.assert_allclose(
        parts.base_values, softmax_model.decision_function(point[None])[0], atol=ROUNDING
    )


def test_contributions_of_the_mean_sum_to_zero_over_rows(
    softmax_model: SoftmaxClassifier, iris: Any
) -> None:
    parts = contributions(softmax_model, iris[0], baseline="mean")
    np.testing.assert_allclose(parts.values.sum(axis=0), 0.0, atol=1e-11)


def test_between_takes_the_log_odds_apart(softmax_model: SoftmaxClassifier, iris: Any) -> None:
    X, _ = iris
    p = softmax_model.predict_log_proba(X)
    parts = contributions(softmax_model, X, baseline="mean", between=(2, 0))
    sums = parts.of().sum(axis=1) + parts.base_values[0]
    np.testing.assert_allclose(sums, p[:, 2] - p[:, 0], atol=ROUNDING)
    back = contributions(softmax_model, X, baseline="mean", between=(0, 2))
    np.testing.assert_allclose(back.of(), -parts.of(), atol=ROUNDING)
    assert parts.columns == (2,)
    assert parts.between == (2, 0)


def test_two_classes_share_one_score(two_class_model: SoftmaxClassifier, iris: Any) -> None:
    X = iris[0][50:]
    parts = contributions(two_class_model, X)
    assert parts.columns == ("yes",)
    np.testing.assert_allclose(
        parts.scores[:, 0], two_class_model.decision_function(X), atol=ROUNDING
    )
    odds = contributions(two_class_model, X, between=("no", "yes"))
    np.testing.assert_allclose(odds.scores, -parts.scores, atol=ROUNDING)


def test_a_temperature_divides_them(
    softmax_model: SoftmaxClassifier, calibrated_model: CalibratedClassifier, iris: Any
) -> None:
    X, _ = iris
    plain = contributions(softmax_model, X, baseline="mean")
    cooled = contributions(calibrated_model, X, baseline="mean")
    temperature = calibrated_model.calibrator_.temperature_
    assert temperature != 1.0
    np.testing.assert_allclose(cooled.values * temperature, plain.values, atol=ROUNDING)
    p = calibrated_model.predict_log_proba(X)
    odds = contributions(calibrated_model, X, between=(1, 0))
    np.testing.assert_allclose(odds.scores[:, 0], p[:, 1] - p[:, 0], atol=1e-10)


def test_sparse_features_stay_sparse_and_agree(iris: Any) -> None:
    X, y = iris
    X = np.where(X > 2.0, X, 0.0)
    model = SoftmaxClassifier().fit(X, y)
    dense, thin = contributions(model, X), contributions(model, sparse.csr_matrix(X))
    for label in model.classes_:
        assert sparse.issparse(thin.of(label))
        assert thin.of(label).nnz <= np.count_nonzero(X)
        np.testing.assert_allclose(thin.of(label).toarray(), dense.of(label), atol=ROUNDING)
    np.testing.assert_allclose(thin.scores, dense.scores, atol=ROUNDING)
    table = dense.to_frame()
    table = table[table.value != 0].reset_index(drop=True)
    pd.testing.assert_frame_equal(thin.to_frame(), table, check_dtype=False)
    for lean, full in zip(thin.top(2)[7], dense.top(2)[7], strict=True):
        assert lean.terms == full.terms
        assert np.isclose(lean.score, full.score, atol=ROUNDING)
    with pytest.raises(InvalidInput, match=r"values needs dense.*of\(label\)"):
        _ = thin.values


def test_top_names_the_largest_and_agrees_with_explain(
    softmax_model: SoftmaxClassifier, iris: Any
) -> None:
    X, _ = iris
    parts = contributions(softmax_model, X)
    row = 120
    explained = explain(softmax_model, X[row], top_features=2).terms[0]
    ours = parts.top(2)[row][explained.index]
    assert ours.terms == explained.terms
    assert ours.score == pytest.approx(explained.score, abs=ROUNDING)
    sizes = np.sort(np.abs(parts.values[row, explained.index]))[::-1]
    assert [abs(term.product) for term in ours.terms] == pytest.approx(sizes[:2].tolist())
    whole = sum(term.product for term in ours.terms) + ours.rest + ours.intercept
    assert whole == pytest.approx(parts.scores[row, explained.index], abs=ROUNDING)


def test_a_frame_has_a_line_for_each_entry(softmax_model: SoftmaxClassifier, iris: Any) -> None:
    parts = contributions(softmax_model, iris[0][:5], baseline="mean")
    table = parts.to_frame()
    assert list(table.columns) == ["row", "score", "feature", "value", "weight", "contribution"]
    assert len(table) == 5 * 3 * 4
    sums = table.groupby(["row", "score"]).contribution.sum().to_numpy().reshape(5, 3)
    np.testing.assert_allclose(sums + parts.base_values, parts.scores, atol=ROUNDING)


def test_a_pipeline_gives_the_features_that_reach_its_end(iris: Any) -> None:
    X, y = iris
    frame = pd.DataFrame(X, columns=["sepal l", "sepal w", "petal l", "petal w"])
    named = make_pipeline(StandardScaler(), SoftmaxClassifier()).fit(frame, y)
    parts = contributions(named, frame)
    assert parts.feature_names == tuple(frame.columns)
    np.testing.assert_allclose(parts.scores, named.decision_function(frame), atol=ROUNDING)
    rotated = make_pipeline(PCA(2), LogisticRegression()).fit(X, y)
    parts = contributions(rotated, X)
    assert parts.feature_names == ("pca0", "pca1")
    np.testing.assert_allclose(parts.scores, rotated.decision_function(X), atol=ROUNDING)
    inner = CalibratedClassifier(named, cv="prefit").fit(frame, y)
    np.testing.assert_allclose(
        contributions(inner, frame).scores, inner.decision_function(frame), atol=1e-10
    )


def test_a_model_of_tables_names_its_encoded_columns(
    table_model: TableClassifier, animals: pd.DataFrame
) -> None:
    parts = contributions(table_model, animals)
    assert parts.feature_names == table_model.feature_names
    p = table_model.predict_proba(animals).probabilities
    np.testing.assert_allclose(
        parts.scores[:, 0] - parts.scores[:, 1], np.log(p[:, 0] / p[:, 1]), atol=1e-8
    )


def test_a_class_without_weight_keeps_its_score(iris: Any) -> None:
    X, y = iris
    model = SoftmaxClassifier(class_weight={1: 0.0}).fit(X, y)
    parts = contributions(model, X)
    assert np.isneginf(parts.scores[:, 1]).all()
    assert not parts.of(1).any()
    with pytest.raises(InvalidInput, match="1 had no weight in the fit"):
        contributions(model, X, between=(0, 1))


def test_the_arrays_are_read_only(softmax_model: SoftmaxClassifier, iris: Any) -> None:
    parts = contributions(softmax_model, iris[0])
    with pytest.raises(ValueError, match="read-only"):
        parts.weights[0, 0] = 1.0


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"X": np.zeros((2, 3))}, "needs the 4 features .* X has 3"),
        ({"X": np.zeros(4)}, r"rows of features, \(n, d\)"),
        ({"X": np.array([["a", "b", "c", "d"]])}, "features that are numbers"),
        ({"X": np.array([[0.0, np.nan, 0.0, 0.0]])}, "row 0, column 1"),
        ({"baseline": "median"}, "baseline must be None, 'mean' or an array of 4 numbers"),
        ({"baseline": [1.0, 2.0]}, r"4 finite numbers, .* shape \(2,\)"),
        ({"baseline": [1.0, 2.0, np.nan, 0.0]}, "holds NaN"),
        ({"X": np.zeros((0, 4)), "baseline": "mean"}, "at least one row"),
        ({"X": sparse.csr_matrix((2, 4)), "baseline": "mean"}, "dense features only"),
        ({"between": (0, 9)}, "9, which is not among the classes"),
        ({"between": (1, 1)}, "two classes that differ"),
        ({"between": 1}, "two classes that differ"),
        ({"model": DecisionTreeClassifier()}, "fitted linear classifier"),
    ],
)
def test_what_cannot_be_taken_apart_is_refused(
    softmax_model: SoftmaxClassifier, iris: Any, change: dict[str, Any], message: str
) -> None:
    arguments: dict[str, Any] = {"model": softmax_model, "X": iris[0]} | change
    with pytest.raises(InvalidInput, match=message):
        contributions(arguments.pop("model"), arguments.pop("X"), **arguments)


def test_more_refusals(softmax_model: SoftmaxClassifier, iris: Any) -> None:
    X, y = iris
    with pytest.raises(InvalidInput, match="DecisionTreeClassifier has none"):
        contributions(DecisionTreeClassifier().fit(X, y), X)
    frame = pd.DataFrame(X, columns=list("abcd"))
    named = SoftmaxClassifier().fit(frame, y)
    with pytest.raises(InvalidInput, match="columns that the model was fitted on"):
        contributions(named, frame[list("dcba")])
    parts = contributions(softmax_model, X)
    with pytest.raises(InvalidInput, match="of needs the label of a score"):
        parts.of("setosa")
    with pytest.raises(InvalidInput, match="m must be a whole number"):
        parts.top(-1)


def test_unreadable_rows_of_a_table_are_named(
    table_model: TableClassifier, animals: pd.DataFrame
) -> None:
    broken = animals.astype({"size": object})
    broken.loc[3, "size"] = "large"
    with pytest.raises(InvalidInput, match="row 4, column 'size'"):
        contributions(table_model, broken)
