"""The coefficients are those of LogisticRegression, to the digit, on every path of the solver."""

from __future__ import annotations

import functools
import warnings

import numpy as np
import pytest
from scipy import sparse
from sklearn.datasets import load_breast_cancer, load_digits, load_iris, load_wine
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import scale

from softplex import SoftmaxClassifier
from softplex.objective import Status
from softplex.solvers import _problem

Data = tuple[np.ndarray, np.ndarray]


@functools.cache
def load(name: str) -> Data:
    loaders = {
        "iris": load_iris,
        "wine": load_wine,
        "breast cancer": load_breast_cancer,
        "digits": load_digits,
    }
    if name == "made":
        rng = np.random.default_rng(0)
        X = rng.normal(size=(150, 6)) * [1, 1, 10, 0.1, 1, 1] + [0, 0, 3, 0, 0, -1]
        y = (X[:, :4] @ rng.normal(size=(4, 4)) + rng.gumbel(size=(150, 4))).argmax(axis=1)
        return X, y
    X, y = loaders[name](return_X_y=True)
    return (X if name == "iris" else scale(X)), y


@functools.cache
def reference(name: str, C: float, fit_intercept: bool) -> LogisticRegression:
    X, y = load(name)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return LogisticRegression(
            C=C, solver="newton-cholesky", tol=1e-12, max_iter=200, fit_intercept=fit_intercept
        ).fit(X, y)


def assert_same_coefficients(model, expected, rel: float = 1e-5) -> None:
    size = np.abs(expected.coef_).max()
    np.testing.assert_allclose(model.coef_, expected.coef_, rtol=0, atol=rel * size)
    # The intercepts of three or more classes are determined up to a common constant.
    ours, theirs = model.intercept_, expected.intercept_
    if len(ours) > 1:
        ours, theirs = ours - ours.mean(), theirs - theirs.mean()
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=rel * max(np.abs(theirs).max(), size))


@pytest.fixture(params=["newton", "lbfgs", "float32 then float64"])
def path(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    if request.param != "newton":
        monkeypatch.setattr(_problem, "_NEWTON_SIZE", 0)
    if request.param == "float32 then float64":
        monkeypatch.setattr(_problem, "_SMALL", 0)
    return request.param


@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("C", [0.01, 1.0, 100.0])
@pytest.mark.parametrize("name", ["iris", "wine", "breast cancer", "digits", "made"])
def test_coefficients_equal_those_of_scikit_learn(name: str, C: float, fit_intercept: bool) -> None:
    X, y = load(name)
    model = SoftmaxClassifier(C=C, tol=1e-12, fit_intercept=fit_intercept).fit(X, y)
    assert model.certificate_.status is Status.CONVERGED
    assert_same_coefficients(model, reference(name, C, fit_intercept))
    np.testing.assert_allclose(
        model.predict_proba(X), reference(name, C, fit_intercept).predict_proba(X), atol=1e-6
    )


@pytest.mark.parametrize("C", [0.01, 1.0, 100.0])
@pytest.mark.parametrize("name", ["iris", "wine", "breast cancer", "made"])
def test_every_path_leads_to_the_same_place(path: str, name: str, C: float) -> None:
    X, y = load(name)
    model = SoftmaxClassifier(C=C, tol=1e-12).fit(X, y)
    assert model.certificate_.relative_gap <= 1e-12
    assert_same_coefficients(model, reference(name, C, True))


@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("name", ["wine", "breast cancer", "made"])
def test_sparse_and_dense_agree(path: str, name: str, fit_intercept: bool) -> None:
    X, y = load(name)
    X = np.where(np.abs(X) < 0.5, 0.0, X)
    dense = SoftmaxClassifier(tol=1e-13, fit_intercept=fit_intercept).fit(X, y)
    model = SoftmaxClassifier(tol=1e-13, fit_intercept=fit_intercept).fit(sparse.csr_matrix(X), y)
    assert_same_coefficients(model, dense, rel=1e-6)
    np.testing.assert_allclose(
        model.predict_proba(sparse.csr_array(X)), dense.predict_proba(X), atol=1e-6
    )


@pytest.mark.parametrize("class_weight", [None, "balanced", {0: 3.0, 2: 0.1}])
@pytest.mark.parametrize("weighted", [False, True])
def test_weights_mean_what_they_mean_in_scikit_learn(class_weight, weighted: bool) -> None:
    X, y = load("made")
    sample_weight = np.random.default_rng(1).exponential(size=len(y)) if weighted else None
    expected = LogisticRegression(
        solver="newton-cholesky", tol=1e-12, max_iter=200, class_weight=class_weight
    ).fit(X, y, sample_weight)
    model = SoftmaxClassifier(tol=1e-12, class_weight=class_weight).fit(X, y, sample_weight)
    assert_same_coefficients(model, expected)


def test_two_classes_with_weights() -> None:
    X, y = load("breast cancer")
    sample_weight = np.random.default_rng(2).exponential(size=len(y))
    expected = LogisticRegression(
        solver="newton-cholesky", tol=1e-12, max_iter=200, class_weight="balanced"
    ).fit(X, y, sample_weight)
    model = SoftmaxClassifier(tol=1e-12, class_weight="balanced").fit(X, y, sample_weight)
    assert model.coef_.shape == (1, X.shape[1])
    assert_same_coefficients(model, expected)


@pytest.mark.parametrize("dtype", ["float32", "float64", None])
def test_a_dtype_may_be_asked_for(monkeypatch: pytest.MonkeyPatch, dtype: str | None) -> None:
    monkeypatch.setattr(_problem, "_NEWTON_SIZE", 0)
    monkeypatch.setattr(_problem, "_SMALL", 0)
    X, y = load("wine")
    model = SoftmaxClassifier(tol=1e-4, dtype=dtype).fit(X, y)
    assert model.certificate_.relative_gap <= 1e-4
    assert model.coef_.dtype == np.float64
    assert_same_coefficients(model, reference("wine", 1.0, True), rel=0.03)


def test_near_separation_newton_does_not_stall() -> None:
    """Saturated probabilities make Newton steps far too long: the line search shortens them."""
    X, y = load("digits")
    model = SoftmaxClassifier(C=100.0, fit_intercept=False, tol=1e-6).fit(X, y)
    assert model.certificate_.relative_gap <= 1e-6


@pytest.mark.parametrize("C", [1e-4, 1.0, 1e6])
@pytest.mark.parametrize("fit_intercept", [True, False])
def test_collinear_columns_are_no_obstacle(path: str, C: float, fit_intercept: bool) -> None:
    """Indicator columns sum to one; float32 rounding makes their Gram matrix indefinite."""
    rng = np.random.default_rng(3)
    groups = [np.eye(size)[rng.integers(0, size, 2000)] for size in (3, 8, 15)]
    X = np.hstack([*groups, rng.normal(size=(2000, 2))])
    X = np.hstack([X, X[:, :4], X[:, -1:] * 1e-3])
    y = (X[:, :3] @ rng.normal(size=(3, 3)) + rng.gumbel(size=(2000, 3))).argmax(axis=1)
    model = SoftmaxClassifier(C=C, fit_intercept=fit_intercept, tol=1e-6).fit(X, y)
    assert model.certificate_.relative_gap <= 1e-6
