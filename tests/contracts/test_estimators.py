"""Every estimator keeps scikit-learn's contract, with no exemption."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy import sparse
from sklearn.base import is_classifier
from sklearn.datasets import load_iris
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

from softplex import (
    CalibratedClassifier,
    ModuleClassifier,
    SoftmaxClassifier,
    SoftmaxClassifierCV,
    SVMClassifier,
)
from softplex.objective import Status
from softplex.penalties import GroupLasso

# The quickest settings: scikit-learn sets max_iter itself, and draws small data.
ESTIMATORS = [
    SoftmaxClassifier(),
    SoftmaxClassifier(smoothing=0.01, class_weight="balanced"),
    SoftmaxClassifier(l1_ratio=0.5),
    SoftmaxClassifier(penalty=GroupLasso()),
    SoftmaxClassifierCV(Cs=2, cv=2),
    CalibratedClassifier(cv=2),
]
# Trained by mini-batches: without a certificate. The data of the checks are small enough to be one
# batch, in which a weight of 2 is a row given twice; in smaller batches it is not.
TRAINED = [
    ModuleClassifier(learning_rate=0.1, max_epochs=30, random_state=0),
    ModuleClassifier(loss="weston_watkins", learning_rate=0.1, max_epochs=30),
]
# Scores without probabilities.
MARGINS = [
    SVMClassifier(),
    SVMClassifier(loss="crammer_singer"),
    SVMClassifier(loss="squared_weston_watkins", class_weight="balanced"),
    # The equivalence of weights is asked to seven digits, so the gap has to be small.
    SVMClassifier(loss="squared_crammer_singer", tol=1e-12),
]
# A pipeline takes no sample weights, so what wraps it cannot either.
PIPELINE = CalibratedClassifier(make_pipeline(StandardScaler(), SoftmaxClassifier()), cv=2)


@pytest.mark.filterwarnings(
    "ignore::softplex.exceptions.GapNotReached",
    "ignore::softplex.exceptions.CalibrationWarning",
    "ignore::sklearn.exceptions.DataConversionWarning",
    "ignore::sklearn.exceptions.SkipTestWarning",
    "ignore:X does not have valid feature names:UserWarning",
    "ignore:The number of unique classes is greater:UserWarning",
)
@parametrize_with_checks([*ESTIMATORS, *TRAINED, *MARGINS])
def test_scikit_learn_checks(estimator: Any, check: Any) -> None:
    check(estimator)


@pytest.fixture(
    params=[*ESTIMATORS, TRAINED[0], PIPELINE], ids=lambda estimator: repr(estimator)[:60]
)
def estimator(request: pytest.FixtureRequest) -> Any:
    return request.param


def test_is_a_classifier(estimator: Any) -> None:
    assert is_classifier(estimator)
    assert estimator.__sklearn_tags__().input_tags.sparse or isinstance(
        estimator, CalibratedClassifier
    )


@pytest.mark.parametrize("n_classes", [2, 3])
def test_shapes_and_meaning_of_the_answers(estimator: Any, n_classes: int) -> None:
    X, y = load_iris(return_X_y=True)
    keep = y >= 3 - n_classes
    X, y = X[keep], np.array(["auk", "owl", "wren"])[y[keep]]
    model = estimator.fit(X, y)
    assert model.classes_.tolist() == sorted(set(y))
    p = model.predict_proba(X)
    assert p.shape == (len(y), n_classes)
    np.testing.assert_allclose(p.sum(axis=1), 1.0, rtol=1e-12)
    np.testing.assert_allclose(model.predict_log_proba(X), np.log(p), rtol=1e-9, atol=1e-12)
    assert (model.predict(X) == model.classes_[p.argmax(axis=1)]).all()
    scores = model.decision_function(X)
    assert scores.shape == ((len(y),) if n_classes == 2 else (len(y), n_classes))
    inner = getattr(model, "estimator_", model)
    if isinstance(inner, ModuleClassifier):
        assert not hasattr(inner, "certificate_")
        return
    certificate = getattr(inner, "certificate_", None) or inner[-1].certificate_
    assert certificate.status is Status.CONVERGED
    assert certificate.dual <= certificate.primal


def test_works_inside_scikit_learn(estimator: Any) -> None:
    X, y = load_iris(return_X_y=True)
    assert cross_val_score(estimator, X, y, cv=3).mean() > 0.8
    pipeline = make_pipeline(StandardScaler(), estimator)
    assert cross_val_score(pipeline, X, y, cv=3, scoring="neg_log_loss").mean() > -0.8


def test_grid_search_reaches_the_inner_parameters() -> None:
    X, y = load_iris(return_X_y=True)
    search = GridSearchCV(
        CalibratedClassifier(SoftmaxClassifier(), cv=2), {"estimator__C": [1e-4, 1.0]}, cv=2
    ).fit(X, y)
    assert search.best_params_ == {"estimator__C": 1.0}


def test_sparse_and_dense_features_give_the_same(estimator: Any) -> None:
    if not estimator.__sklearn_tags__().input_tags.sparse:
        pytest.skip("the pipeline inside centres its features")
    X, y = load_iris(return_X_y=True)
    dense = estimator.fit(X, y).predict_proba(X)
    csr = sparse.csr_matrix(X)
    np.testing.assert_allclose(estimator.fit(csr, y).predict_proba(csr), dense, atol=1e-2)
