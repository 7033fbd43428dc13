"""Temperature scaling: problems without a finite optimum, and bad input."""

from __future__ import annotations

import math

import numpy as np
import pytest
from sklearn.exceptions import NotFittedError

from softplex.calibrators import TemperatureScaling, TemperatureStatus
from softplex.exceptions import CalibrationWarning, InvalidInput


def fit(scores, y, **options) -> TemperatureScaling:
    with pytest.warns(CalibrationWarning):
        return TemperatureScaling().fit(np.asarray(scores, dtype=float), np.asarray(y), **options)


def test_constant_rows_leave_the_temperature_at_one() -> None:
    model = fit([[1.0, 1.0, 1.0], [-5.0, -5.0, -5.0]], [0, 2])
    assert model.status_ is TemperatureStatus.UNDETERMINED
    assert model.temperature_ == 1.0
    np.testing.assert_allclose(model.predict_proba(np.zeros((1, 3))), 1 / 3)


def test_constant_among_the_present_classes_is_undetermined_too() -> None:
    model = fit([[1.0, -np.inf, 1.0], [2.0, 2.0, -np.inf]], [0, 1])
    assert model.status_ is TemperatureStatus.UNDETERMINED


@pytest.mark.parametrize("ties", [False, True])
def test_separable_rows_leave_the_temperature_at_one(ties: bool) -> None:
    model = fit([[2.0, 0.0], [0.0, 1e-9], [3.0, 3.0 if ties else 2.0]], [0, 1, 0])
    assert model.status_ is TemperatureStatus.SEPARABLE
    assert model.temperature_ == 1.0


def test_one_row_that_is_wrong_by_a_hair_has_an_optimum() -> None:
    scores = np.array([[2.0, 0.0]] * 9 + [[0.0, -1e-6]])
    model = TemperatureScaling().fit(scores, [0] * 9 + [1])
    assert model.status_ is TemperatureStatus.CONVERGED
    assert 0.0 < model.temperature_ < 1.0


@pytest.mark.parametrize(
    ("scores", "y"),
    [
        ([[2.0, 0.0], [2.0, 0.0]], [0, 1]),  # right as often as wrong
        ([[2.0, 0.0], [2.0, 0.0], [2.0, 0.0]], [0, 1, 1]),  # more often wrong
        ([[3.0, 1.0, 2.0], [3.0, 1.0, 2.0]], [1, 2]),
    ],
)
def test_uninformative_scores_give_uniform_probabilities(scores, y) -> None:
    model = fit(scores, y, classes=range(len(scores[0])))
    assert model.status_ is TemperatureStatus.UNINFORMATIVE
    assert model.temperature_ == math.inf
    p = model.predict_proba(np.asarray(scores))
    np.testing.assert_allclose(p, 1 / p.shape[1], rtol=1e-15)
    absent = model.predict_proba(np.array([[-np.inf, 5.0] + [1.0] * (p.shape[1] - 2)]))
    assert absent[0, 0] == 0.0
    assert np.isfinite(absent).all()


@pytest.mark.parametrize("seed", range(10))
def test_rounding_does_not_hide_that_scores_are_uninformative(seed: int) -> None:
    """Every row occurs with every label, so the true scores average the row means exactly."""
    rng = np.random.default_rng(seed)
    scores = rng.normal(size=(30, 4)) * 10.0 ** rng.uniform(-3, 3)
    model = fit(np.repeat(scores, 4, axis=0), np.tile(np.arange(4), 30))
    assert model.status_ is TemperatureStatus.UNINFORMATIVE


def test_every_status_is_a_sentence() -> None:
    for status in TemperatureStatus:
        assert status.sentence.endswith(".")
        assert len(status.sentence) > 20


def test_a_warning_says_why() -> None:
    with pytest.warns(CalibrationWarning, match="every true class has the highest score"):
        TemperatureScaling().fit(np.array([[1.0, 0.0]]), [0])


def test_a_true_class_at_minus_infinity_is_an_error_that_names_the_row() -> None:
    scores = np.array([[1.0, 0.0], [1.0, -np.inf]])
    with pytest.raises(InvalidInput, match="row 1 has -inf"):
        TemperatureScaling().fit(scores, [0, 1])
    weight = [1.0, 0.0]
    with pytest.warns(CalibrationWarning):  # the row has no weight, and the rest is separable
        TemperatureScaling().fit(scores, [0, 1], sample_weight=weight)


SCORES = np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 2.0], [0.0, 0.0, 1.0], [1.0, 2.0, 0.0]])
LABELS = np.array([0, 1, 2, 0])


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_non_finite_scores_are_named(value: float) -> None:
    scores = SCORES.copy()
    scores[2, 1] = value
    with pytest.raises(InvalidInput, match="row 2, class 1"):
        TemperatureScaling().fit(scores, LABELS)
    with pytest.raises(InvalidInput, match="row 2, class 1"):
        TemperatureScaling().fit(SCORES, LABELS).predict_proba(scores)


@pytest.mark.parametrize(
    ("scores", "y", "options", "message"),
    [
        (np.zeros((0, 3)), [], {}, "at least one row"),
        (SCORES, LABELS[:3], {}, "one label a row"),
        (SCORES[:, :1], LABELS, {}, r"shape \(n, k\) with k >= 2"),
        (SCORES[None], LABELS, {}, r"shape \(n, k\)"),
        (SCORES, np.array(list("abab")), {}, "Name the columns with classes="),
        (SCORES, [0, 1, 2, 3], {}, "4 distinct labels"),
        (SCORES, LABELS, {"classes": [0, 1]}, "one class a column"),
        (SCORES, [0, 1, 2, 7], {"classes": [0, 1, 2]}, "label .*7.* in row 3"),
        (
            SCORES,
            ["owl", "auk", "wrn", "owl"],
            {"classes": ["auk", "owl", "wren"]},
            "Did you mean 'wren'",
        ),
        (SCORES, [0.0, 1.0, np.nan, 2.0], {"classes": [0, 1, 2]}, "row 2"),
        (SCORES, ["0", "1", "2", "0"], {"classes": [0, 1, 2]}, "not among the classes"),
        (SCORES, LABELS, {"sample_weight": [1, 1, 1]}, "4 sample weights"),
        (SCORES, LABELS, {"sample_weight": [1, 1, 1, -1]}, "not negative"),
        (SCORES, LABELS, {"sample_weight": [1, 1, 1, np.nan]}, "finite"),
        (SCORES, LABELS, {"sample_weight": [0, 0, 0, 0]}, "not all zero"),
    ],
)
def test_bad_input_gets_a_sentence(scores, y, options, message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        TemperatureScaling().fit(scores, y, **options)


def test_scores_with_other_columns_are_refused_after_fitting() -> None:
    model = TemperatureScaling().fit(SCORES, LABELS)
    with pytest.raises(InvalidInput, match="fitted on 3 classes, but got scores with 2 columns"):
        model.predict_proba(SCORES[:, :2])


def test_is_fitted_before_use() -> None:
    with pytest.raises(NotFittedError):
        TemperatureScaling().predict_proba(SCORES)
