"""The numbers of an explanation: closed forms, and the models' own answers."""

from __future__ import annotations

import json
import math

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from scipy import sparse
from scipy.special import log_softmax
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression

from softplex import SoftmaxClassifier, SoftmaxClassifierCV
from softplex.diagnostics import Explanation, explain

ROWS = arrays.arrays(np.float64, st.integers(2, 8), elements=st.floats(-30, 30))


@settings(max_examples=50, deadline=None, derandomize=True)
@given(ROWS, st.data())
def test_every_step_follows_from_the_scores(scores: np.ndarray, data: st.DataObject) -> None:
    target = data.draw(st.integers(0, len(scores) - 1))
    one = explain(scores=scores, target=target)
    log_p = log_softmax(scores)
    np.testing.assert_array_equal(one.shifted, scores - scores.max())
    np.testing.assert_allclose(one.exponentials, np.exp(scores - scores.max()), rtol=1e-14)
    np.testing.assert_allclose(one.probabilities, np.exp(log_p), rtol=1e-12)
    assert one.total == pytest.approx(one.exponentials.sum(), rel=1e-14)
    assert one.predicted == scores.argmax()
    assert one.confidence == one.probabilities.max()
    assert one.entropy == pytest.approx(-(np.exp(log_p) * log_p).sum(), abs=1e-12)
    assert one.odds == pytest.approx(one.confidence / np.sort(one.probabilities)[-2], rel=1e-9)


@settings(max_examples=50, deadline=None, derandomize=True)
@given(ROWS, st.data())
def test_the_losses_of_a_label_follow_from_the_scores(
    scores: np.ndarray, data: st.DataObject
) -> None:
    target = data.draw(st.integers(0, len(scores) - 1))
    surprise = explain(scores=scores, target=target).surprise
    assert surprise is not None
    assert surprise.nats == pytest.approx(-log_softmax(scores)[target], abs=1e-12)
    assert surprise.bits == pytest.approx(surprise.nats / math.log(2), rel=1e-14)
    leaf = torch.tensor(scores, requires_grad=True)
    torch.nn.functional.cross_entropy(leaf, torch.tensor(target)).backward()
    np.testing.assert_allclose(surprise.gradient, leaf.grad, atol=1e-12)
    assert abs(surprise.gradient.sum()) < 1e-14
    lacking = np.delete(1 + scores - scores[target], target)
    assert surprise.margin == pytest.approx(1 - lacking.max(), abs=1e-12)
    assert surprise.weston_watkins == pytest.approx(lacking.clip(min=0).sum(), abs=1e-12)
    assert surprise.crammer_singer == pytest.approx(lacking.max().clip(min=0), abs=1e-12)


def test_the_gradient_of_a_sure_row_keeps_its_digits() -> None:
    gradient = explain(scores=[40.0, 0.0], target=0).surprise.gradient
    np.testing.assert_allclose(gradient, [-math.exp(-40), math.exp(-40)], rtol=1e-12)


@pytest.mark.parametrize("shift", [1e4, -1e4, 1e300])
def test_a_shift_changes_no_probability(shift: float) -> None:
    plain, shifted = (explain(scores=np.array([1.0, 1.0]) + by) for by in (0.0, shift))
    np.testing.assert_array_equal(plain.probabilities, shifted.probabilities)


def test_an_absent_class_takes_no_part() -> None:
    one = explain(scores=[1.0, -np.inf, 0.0], target=0)
    two = explain(scores=[1.0, 0.0], target=0)
    np.testing.assert_allclose(np.delete(one.probabilities, 1), two.probabilities)
    assert one.probabilities[1] == one.surprise.gradient[1] == 0
    assert one.surprise.nats == pytest.approx(two.surprise.nats)
    assert one.surprise.weston_watkins == pytest.approx(two.surprise.weston_watkins)
    assert one.entropy == pytest.approx(two.entropy)


def test_a_label_at_minus_infinity_has_an_infinite_loss() -> None:
    surprise = explain(scores=[1.0, -np.inf], target=1).surprise
    assert surprise.nats == surprise.bits == math.inf
    assert surprise.gradient is None


def test_one_class_that_is_present_is_certain() -> None:
    one = explain(scores=[-np.inf, 2.0])
    assert (one.predicted, one.runner_up, one.odds, one.entropy) == (1, None, math.inf, 0)


def test_one_number_is_the_second_of_two_classes() -> None:
    one = explain(scores=1.5, classes=["no", "yes"], target="yes")
    assert one.shares_one_score
    np.testing.assert_array_equal(one.scores, [0, 1.5])
    assert one.surprise.nats == pytest.approx(math.log1p(math.exp(-1.5)), rel=1e-14)


def model_matches(one: Explanation, model, x: np.ndarray) -> None:
    np.testing.assert_allclose(one.probabilities, model.predict_proba(x)[0], rtol=1e-9)
    assert one.classes[one.predicted] == model.predict(x)[0]
    for terms in one.terms:
        whole = sum(term.product for term in terms.terms) + terms.rest + terms.intercept
        assert whole == pytest.approx(terms.score, rel=1e-12)
        assert terms.score == pytest.approx(one.scores[terms.index], rel=1e-9)


def test_a_softmax_model_is_taken_apart(softmax_model, iris) -> None:
    X, y = iris
    one = explain(softmax_model, X[70], y[70], top_features=2)
    model_matches(one, softmax_model, X[70:71])
    assert one.surprise.target == y[70]
    assert {len(terms.terms) for terms in one.terms} == {2}
    assert [terms.n_rest for terms in one.terms] == [2, 2]
    sizes = [abs(term.product) for term in one.terms[0].terms]
    assert sizes == sorted(sizes, reverse=True)


def test_the_temperature_is_one_of_the_steps(calibrated_model, softmax_model, iris) -> None:
    X, y = iris
    one = explain(calibrated_model, X[70], y[70])
    model_matches(one, calibrated_model, X[70:71])
    assert one.temperature == calibrated_model.calibrator_.temperature_
    np.testing.assert_array_equal(one.scores, softmax_model.decision_function(X[70:71])[0])
    np.testing.assert_allclose(one.scaled, one.scores / one.temperature)
    # Hinge knows no temperature.
    assert one.surprise.margin == pytest.approx(
        one.scores[y[70]] - np.delete(one.scores, y[70]).max()
    )


def test_two_classes_share_one_score(two_class_model, iris) -> None:
    x = iris[0][100:101]
    one = explain(two_class_model, x, "no")
    model_matches(one, two_class_model, x)
    assert one.shares_one_score
    assert [terms.index for terms in one.terms] == [1]
    assert one.scores[0] == 0


def test_the_path_and_scikit_learns_models_are_explained_too(iris) -> None:
    X, y = iris
    for model in (
        SoftmaxClassifierCV(Cs=[0.1, 1.0], cv=3).fit(X, y),
        LogisticRegression(max_iter=1000).fit(X, y),
    ):
        one = explain(model, X[3], y[3])
        model_matches(one, model, X[3:4])
        assert one.terms


def test_a_model_without_weights_has_scores_alone(iris) -> None:
    X, y = iris
    forest = RandomForestClassifier(10, random_state=0).fit(X, y)
    one = explain(forest, X[70])
    model_matches(one, forest, X[70:71])
    assert one.terms == ()


def test_a_row_of_a_frame_keeps_its_names(iris) -> None:
    X, y = iris
    frame = pd.DataFrame(X, columns=["a", "b", "c", "d"])
    model = SoftmaxClassifier().fit(frame, y)
    for row in (frame.iloc[70], frame.iloc[[70]]):
        one = explain(model, row, y[70])
        model_matches(one, model, frame.iloc[[70]])
        assert {term.feature for term in one.terms[0].terms} <= set("abcd")


def test_sparse_rows_and_tensors_are_rows_too(softmax_model, iris) -> None:
    X, _ = iris
    wanted = explain(softmax_model, X[70])
    for row in (sparse.csr_matrix(X[70:71]), torch.tensor(X[70]), X[70].tolist()):
        one = explain(softmax_model, row)
        np.testing.assert_allclose(one.probabilities, wanted.probabilities, rtol=1e-12)
        np.testing.assert_allclose(one.terms[0].score, wanted.terms[0].score)


def test_a_row_of_a_table_is_encoded_first(table_model, animals) -> None:
    wanted = table_model.predict_proba(animals.iloc[[4]]).probabilities[0]
    cells = {"size": animals["size"][4], "home": animals["home"][4]}
    for row in (animals.iloc[[4]], animals.iloc[4], cells):
        one = explain(table_model, row, animals["kind"][4])
        np.testing.assert_allclose(one.probabilities, wanted, rtol=1e-12)
    named = {term.feature for terms in one.terms for term in terms.terms}
    assert named <= set(table_model.feature_names)
    assert one.is_encoded


def test_the_dictionary_is_json(calibrated_model, iris) -> None:
    one = explain(calibrated_model, iris[0][0], 0)
    content = json.loads(json.dumps(one.to_dict(), allow_nan=False))
    assert content["confidence"] == one.confidence
    assert content["surprise"]["nats"] == one.surprise.nats
    assert content["terms"][0]["terms"][0]["feature"] == one.terms[0].terms[0].feature
    lone = explain(scores=[1.0, -np.inf], target=1).to_dict()
    assert json.loads(json.dumps(lone, allow_nan=False))["surprise"]["nats"] is None


def test_arrays_are_read_only() -> None:
    with pytest.raises(ValueError, match="read-only"):
        explain(scores=[1.0, 2.0]).probabilities[0] = 1.0
