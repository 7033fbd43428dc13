"""Calibration on rows that the estimator did not see."""

from __future__ import annotations

import numpy as np
import pandas as pd
import polars as pl
import pytest
import torch
from scipy import sparse
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.datasets import load_iris, make_classification
from sklearn.ensemble import RandomForestClassifier
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import log_loss
from sklearn.model_selection import GroupKFold, StratifiedKFold, cross_val_predict
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC, LinearSVC

from softplex import CalibratedClassifier, SoftmaxClassifier
from softplex.calibrators import TemperatureScaling, TemperatureStatus
from softplex.estimators import _softmax
from softplex.exceptions import CalibrationWarning, InvalidInput, SoftplexWarning

NAMES = np.array(["auk", "owl", "wren"])


def draw(n: int = 240, k: int = 3, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    return make_classification(
        n, 8, n_informative=4, n_redundant=0, n_classes=k, class_sep=0.8, random_state=seed
    )


X, Y = draw()
FOLDS = StratifiedKFold(4, shuffle=True, random_state=0)


@pytest.mark.parametrize("k", [2, 3])
def test_the_temperature_is_that_of_out_of_fold_scores(k: int) -> None:
    X, y = draw(k=k)
    inner = SoftmaxClassifier(C=100.0, tol=1e-10)
    model = CalibratedClassifier(inner, cv=FOLDS).fit(X, y)
    scores = cross_val_predict(inner, X, y, cv=FOLDS, method="decision_function")
    by_hand = TemperatureScaling().fit(scores, y)
    assert model.calibrator_.temperature_ == pytest.approx(by_hand.temperature_, rel=1e-12)
    assert model.calibrator_.status_ is TemperatureStatus.CONVERGED
    whole = SoftmaxClassifier(C=100.0, tol=1e-10).fit(X, y)
    np.testing.assert_allclose(
        model.predict_proba(X), by_hand.predict_proba(whole.decision_function(X)), rtol=1e-10
    )
    np.testing.assert_array_equal(model.estimator_.coef_, whole.coef_)


def test_a_classifier_with_probabilities_alone_is_calibrated_on_their_logarithms() -> None:
    inner = GaussianNB()
    model = CalibratedClassifier(inner, cv=FOLDS).fit(X, Y)
    p = cross_val_predict(inner, X, Y, cv=FOLDS, method="predict_proba")
    by_hand = TemperatureScaling().fit(np.log(p), Y)
    assert model.calibrator_.temperature_ == pytest.approx(by_hand.temperature_, rel=1e-12)


@pytest.mark.parametrize(
    "inner",
    [
        None,
        LogisticRegression(C=100.0),
        make_pipeline(StandardScaler(), SoftmaxClassifier(C=100.0)),
        LinearSVC(),
        SVC(decision_function_shape="ovr"),
        GaussianNB(),
    ],
    ids=lambda inner: type(inner).__name__,
)
@pytest.mark.parametrize("k", [2, 3])
def test_classifiers_of_scikit_learn(inner, k: int) -> None:
    X, y = draw(k=k)
    model = CalibratedClassifier(inner, cv=3).fit(X, NAMES[y])
    assert model.classes_.tolist() == NAMES[:k].tolist()
    p = model.predict_proba(X)
    assert p.shape == (len(y), k)
    np.testing.assert_allclose(p.sum(axis=1), 1.0)
    np.testing.assert_allclose(np.exp(model.predict_log_proba(X)), p)
    assert (model.predict(X) == model.estimator_.predict(X)).all()
    assert (model.classes_[p.argmax(axis=1)] == model.predict(X)).mean() > 0.99
    scores = model.decision_function(X)
    assert scores.shape == ((len(y),) if k == 2 else (len(y), k))
    assert model.score(X, NAMES[y]) > 0.5


def test_an_overconfident_model_gets_better_probabilities() -> None:
    X, y = draw(1200, seed=3)
    train, test = slice(0, 200), slice(200, None)
    X = np.hstack([X, np.random.default_rng(0).normal(size=(1200, 60))])
    plain = SoftmaxClassifier(C=1e3).fit(X[train], y[train])
    model = CalibratedClassifier(SoftmaxClassifier(C=1e3)).fit(X[train], y[train])
    assert model.calibrator_.temperature_ > 1.5
    before = log_loss(y[test], plain.predict_proba(X[test]))
    after = log_loss(y[test], model.predict_proba(X[test]))
    assert after < 0.8 * before
    np.testing.assert_array_equal(model.predict(X[test]), plain.predict(X[test]))


@pytest.mark.filterwarnings("ignore::softplex.exceptions.CalibrationWarning")
def test_an_underconfident_forest_is_sharpened() -> None:
    X, y = draw(600)
    forest = RandomForestClassifier(30, min_samples_leaf=20, random_state=0)
    model = CalibratedClassifier(forest, cv=3).fit(X, y)
    assert model.calibrator_.temperature_ < 1.0


def test_a_fitted_estimator_is_taken_as_it_is() -> None:
    fitted = SoftmaxClassifier(C=1e3).fit(X[:80], Y[:80])
    coef = fitted.coef_.copy()
    model = CalibratedClassifier(fitted, cv="prefit").fit(X[80:], Y[80:])
    assert model.estimator_ is fitted
    np.testing.assert_array_equal(fitted.coef_, coef)
    by_hand = TemperatureScaling().fit(fitted.decision_function(X[80:]), Y[80:])
    assert model.calibrator_.temperature_ == by_hand.temperature_
    some = CalibratedClassifier(fitted, cv="prefit").fit(X[80:][Y[80:] < 2], Y[80:][Y[80:] < 2])
    assert some.classes_.tolist() == [0, 1, 2]


def test_groups_stay_together() -> None:
    groups = np.arange(len(Y)) % 30
    inner = SoftmaxClassifier(C=100.0)
    model = CalibratedClassifier(inner, cv=5).fit(X, Y, groups=groups)
    by_hand = CalibratedClassifier(inner, cv=list(GroupKFold(5).split(X, Y, groups))).fit(X, Y)
    assert model.calibrator_.temperature_ == by_hand.calibrator_.temperature_
    splitter = CalibratedClassifier(inner, cv=GroupKFold(5)).fit(X, Y, groups=groups)
    assert splitter.calibrator_.temperature_ == by_hand.calibrator_.temperature_


def test_weights_reach_the_estimator_and_the_calibrator() -> None:
    weight = np.random.default_rng(1).exponential(size=len(Y))
    inner = SoftmaxClassifier(C=100.0)
    model = CalibratedClassifier(inner, cv=FOLDS).fit(X, Y, weight)
    scores = np.zeros((len(Y), 3))
    for train, test in FOLDS.split(X, Y):
        part = SoftmaxClassifier(C=100.0).fit(X[train], Y[train], weight[train])
        scores[test] = part.decision_function(X[test])
    by_hand = TemperatureScaling().fit(scores, Y, sample_weight=weight)
    assert model.calibrator_.temperature_ == pytest.approx(by_hand.temperature_, rel=1e-12)
    whole = SoftmaxClassifier(C=100.0).fit(X, Y, weight)
    np.testing.assert_array_equal(model.estimator_.coef_, whole.coef_)


def test_an_estimator_without_weights_says_so() -> None:
    with pytest.warns(SoftplexWarning, match="KNeighborsClassifier takes no sample weights"):
        model = CalibratedClassifier(KNeighborsClassifier(30, weights="distance"), cv=3).fit(
            X[:, :2], Y, np.ones(len(Y))
        )
    assert model.predict_proba(X[:, :2]).shape == (len(Y), 3)


@pytest.mark.parametrize("rows", [1, 2])
def test_a_class_with_fewer_rows_than_folds(rows: int) -> None:
    y = Y.copy()
    y[:rows] = 7
    model = CalibratedClassifier(SoftmaxClassifier(), cv=5).fit(X, y)
    assert model.classes_.tolist() == [0, 1, 2, 7]
    assert 0 < model.calibrator_.temperature_ < np.inf
    assert model.predict_proba(X).shape == (len(y), 4)


@pytest.mark.parametrize(
    "form",
    [
        pd.DataFrame,
        lambda X: pl.DataFrame(X, schema=[str(i) for i in range(X.shape[1])]),
        torch.from_numpy,
        sparse.csr_matrix,
        sparse.coo_array,
        lambda X: X.tolist(),
    ],
    ids=["pandas", "polars", "torch", "csr", "coo", "list"],
)
def test_features_of_any_kind(form) -> None:
    model = CalibratedClassifier(SoftmaxClassifier(), cv=3).fit(form(X), Y)
    plain = CalibratedClassifier(SoftmaxClassifier(), cv=3).fit(X, Y)
    assert model.calibrator_.temperature_ == pytest.approx(plain.calibrator_.temperature_, rel=1e-3)
    np.testing.assert_allclose(model.predict_proba(form(X)), plain.predict_proba(X), atol=1e-3)
    assert model.n_features_in_ == 8


def test_polars_columns() -> None:
    table = pl.DataFrame(X, schema=list("abcdefgh"))
    model = CalibratedClassifier(SoftmaxClassifier(), cv=3).fit(table, pl.Series(NAMES[Y]))
    assert model.feature_names_in_.tolist() == list("abcdefgh")
    with pytest.raises(ValueError, match="same order"):
        model.predict_proba(table[list("hgfedcba")])


def test_pandas_columns_and_index() -> None:
    table = pd.DataFrame(X, columns=list("abcdefgh"), index=np.arange(len(X))[::-1])
    y = pd.Series(NAMES[Y], index=table.index)
    model = CalibratedClassifier(SoftmaxClassifier(), cv=3).fit(table, y)
    assert model.feature_names_in_.tolist() == list("abcdefgh")
    assert model.score(table, y) > 0.5


def test_scores_that_cannot_be_calibrated_warn() -> None:
    far = np.repeat([[-9.0], [9.0]], 20, axis=0)
    with pytest.warns(CalibrationWarning, match="every true class has the highest score"):
        model = CalibratedClassifier(cv=3).fit(far, np.repeat([0, 1], 20))
    assert model.calibrator_.status_ is TemperatureStatus.SEPARABLE
    assert model.calibrator_.temperature_ == 1.0
    np.testing.assert_allclose(model.predict_proba(far), model.estimator_.predict_proba(far))


def test_fit_leaves_the_given_estimator_alone() -> None:
    inner = SoftmaxClassifier()
    CalibratedClassifier(inner, cv=3).fit(X, Y)
    assert not hasattr(inner, "coef_")


def test_ctrl_c_in_a_fit_ends_the_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    original, calls = _softmax.solve_penalised, [0]

    def interrupted(problem, penalty, **options):
        calls[0] += 1
        if calls[0] == 3:
            raise KeyboardInterrupt
        return original(problem, penalty, **options)

    monkeypatch.setattr(_softmax, "solve_penalised", interrupted)
    with pytest.raises(KeyboardInterrupt):
        CalibratedClassifier(cv=3).fit(X, Y)


class Scoreless(ClassifierMixin, BaseEstimator):
    """A classifier that only predicts."""

    def fit(self, X, y):
        self.classes_ = np.unique(y)
        return self


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"method": "temprature"}, "method must be .* Did you mean 'temperature'"),
        ({"cv": 1}, "cv >= 2"),
        ({"cv": None}, "a number >= 2, a splitter or splits"),
        ({"cv": "prefit"}, "needs a fitted estimator for cv='prefit'"),
        ({"estimator": Ridge()}, "needs a classifier, but Ridge"),
        ({"estimator": Scoreless()}, "decision_function or predict_proba"),
        (
            {"estimator": SVC(decision_function_shape="ovo"), "cv": 3},
            "one score a class|one-vs-one",
        ),
    ],
)
def test_bad_arguments(options, message: str) -> None:
    X4, y4 = draw(k=4)
    with pytest.raises(InvalidInput, match=message):
        CalibratedClassifier(**options).fit(X4, y4)


def test_bad_data() -> None:
    with pytest.raises(InvalidInput, match="one label a row"):
        CalibratedClassifier().fit(X, Y[:10])
    with pytest.raises(InvalidInput, match="a label in every row"):
        CalibratedClassifier().fit(X, np.where(Y == 1, np.nan, Y))
    with pytest.raises(InvalidInput, match="two groups"):
        CalibratedClassifier().fit(X, Y, groups=np.zeros(len(Y)))
    with pytest.raises(InvalidInput, match="each has one sample"):
        CalibratedClassifier().fit(X[:4], [0, 1, 2, 3])
    with pytest.raises(ValueError, match="1d array"):
        CalibratedClassifier().fit(X, np.eye(3)[Y])
    with pytest.raises(NotFittedError):
        CalibratedClassifier(SoftmaxClassifier(), cv="prefit").fit(X, Y)
    with pytest.raises(NotFittedError):
        CalibratedClassifier().predict_proba(X)
    iris = SoftmaxClassifier().fit(*load_iris(return_X_y=True))
    with pytest.raises(InvalidInput, match="not among the classes"):
        CalibratedClassifier(iris, cv="prefit").fit(X[:, :4], NAMES[Y])
