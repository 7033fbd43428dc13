"""The fitted support vector machine against independent solvers, and its own promises."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import optimize, sparse
from sklearn.datasets import load_digits, load_iris
from sklearn.preprocessing import scale
from sklearn.svm import SVC, LinearSVC

from softplex import SVMClassifier
from softplex.estimators._svm import LOSSES
from softplex.objective import Status

IRIS = load_iris(return_X_y=True)


@pytest.fixture(scope="module")
def digits() -> tuple[np.ndarray, np.ndarray]:
    X, y = load_digits(return_X_y=True)
    return X[:600] / 16.0, y[:600]


def primal(model: SVMClassifier, X, y, weight=None) -> float:
    """The objective, written out."""
    scores = X @ model.coef_.T + model.intercept_
    if scores.shape[1] == 1:
        scores = np.column_stack([np.zeros(len(scores)), scores])
    places = np.searchsorted(model.classes_, y)
    excess = scores - scores[np.arange(len(y)), places][:, None] + model.margin
    excess[np.arange(len(y)), places] = 0.0
    positive = np.maximum(excess, 0.0)
    kind, squared = LOSSES[model.loss]
    joint = kind.__name__ == "CrammerSinger"
    terms = positive.max(axis=1, keepdims=True) if joint else positive
    losses = (terms**2 if squared else terms).sum(axis=1)
    weight = np.ones(len(y)) if weight is None else weight
    return float(model.C * weight @ losses + 0.5 * (model.coef_**2).sum())


@pytest.mark.parametrize("C", [0.01, 0.3, 10.0])
def test_crammer_singer_is_that_of_liblinear(digits, C: float) -> None:
    X, y = digits
    ours = SVMClassifier(C, loss="crammer_singer", fit_intercept=False, tol=1e-8).fit(X, y)
    theirs = LinearSVC(
        C=C,
        multi_class="crammer_singer",
        fit_intercept=False,
        tol=1e-7,
        max_iter=1_000_000,
        random_state=0,
    ).fit(X, y)
    # Strong convexity: 1/2 ||W - W*||^2 <= the gap, here of LIBLINEAR's looser answer.
    np.testing.assert_allclose(ours.coef_, theirs.coef_, atol=2e-3)
    ours.coef_, reached = theirs.coef_, primal(ours, X, y)
    assert ours.certificate_.dual <= ours.certificate_.primal <= reached * (1 + 1e-7)
    assert ours.certificate_.primal == pytest.approx(reached, rel=1e-5)


@pytest.mark.parametrize("loss", LOSSES)
def test_two_classes_are_the_binary_machine_of_liblinear(loss: str) -> None:
    X, y = IRIS
    X, y = scale(X[y > 0]), y[y > 0]
    ours = SVMClassifier(0.7, loss=loss, fit_intercept=False, tol=1e-10).fit(X, y)
    theirs = LinearSVC(
        C=0.7,
        loss="squared_hinge" if loss.startswith("squared") else "hinge",
        fit_intercept=False,
        tol=1e-8,
        max_iter=1_000_000,
        random_state=0,
    ).fit(X, y)
    assert ours.coef_.shape == (1, 4)
    np.testing.assert_allclose(ours.coef_, theirs.coef_, atol=1e-5)


def test_two_classes_with_an_intercept_are_those_of_libsvm() -> None:
    """LIBSVM does not penalise the intercept either."""
    X, y = IRIS
    X, y = scale(X[y > 0]), y[y > 0]
    weight = np.random.default_rng(0).exponential(size=len(y))
    ours = SVMClassifier(0.7, tol=1e-9).fit(X, y, weight)
    theirs = SVC(kernel="linear", C=0.7, tol=1e-9).fit(X, y, weight)
    np.testing.assert_allclose(ours.coef_, theirs.coef_, atol=1e-4)
    np.testing.assert_allclose(ours.intercept_, theirs.intercept_, atol=1e-4)


@pytest.mark.parametrize("margin", [0.5, 2.0])
@pytest.mark.parametrize("loss", LOSSES)
def test_tiny_problems_are_solved_as_scipy_solves_them(loss: str, margin: float) -> None:
    """The hinges as linear constraints on slacks, to SLSQP."""
    rng = np.random.default_rng(3)
    n, d, k = 12, 2, 3
    X, y = rng.normal(size=(n, d)), np.arange(n) % k
    weight = rng.exponential(size=n) + 0.1
    model = SVMClassifier(0.8, loss=loss, margin=margin, tol=1e-10).fit(X, y, weight)
    kind, squared = LOSSES[loss]
    joint = kind.__name__ == "CrammerSinger"
    pairs = [(i, j) for i in range(n) for j in range(k) if j != y[i]]
    n_slacks = n if joint else len(pairs)
    slot = [i if joint else place for place, (i, _) in enumerate(pairs)]
    cost = np.array([weight[i] for i, _ in pairs]) if not joint else weight
    size = k * (d + 1)
    rows = np.zeros((len(pairs), size + n_slacks))
    for place, (i, j) in enumerate(pairs):
        one = np.append(X[i], 1.0)
        rows[place, y[i] * (d + 1) : (y[i] + 1) * (d + 1)] = one
        rows[place, j * (d + 1) : (j + 1) * (d + 1)] = -one
        rows[place, size + slot[place]] = 1.0
    penalised = np.tile(np.append(np.ones(d), 0.0), k)

    def value(v):
        slack = v[size:]
        return 0.8 * cost @ (slack**2 if squared else slack) + 0.5 * penalised @ v[:size] ** 2

    def gradient(v):
        slack = 0.8 * cost * (2 * v[size:] if squared else 1.0)
        return np.concatenate([penalised * v[:size], slack])

    found = optimize.minimize(
        value,
        np.concatenate([np.zeros(size), np.full(n_slacks, margin)]),
        jac=gradient,
        method="SLSQP",
        bounds=[(None, None)] * size + [(0, None)] * n_slacks,
        constraints={"type": "ineq", "fun": lambda v: rows @ v - margin, "jac": lambda _: rows},
        options={"ftol": 1e-14, "maxiter": 1000},
    )
    assert model.certificate_.primal == pytest.approx(found.fun, rel=1e-7)
    assert primal(model, X, y, weight) == pytest.approx(model.certificate_.primal, rel=1e-12)


@pytest.mark.parametrize("C", [1e-3, 1.0, 1e3])
@pytest.mark.parametrize("fit_intercept", [False, True])
@pytest.mark.parametrize("loss", LOSSES)
def test_a_small_gap_is_reached_and_true(digits, loss: str, fit_intercept: bool, C: float) -> None:
    X, y = digits[0][:200], digits[1][:200]
    model = SVMClassifier(C, loss=loss, fit_intercept=fit_intercept, tol=1e-6).fit(X, y)
    certificate = model.certificate_
    assert certificate.status is Status.CONVERGED
    assert certificate.relative_gap <= 1e-6
    assert certificate.primal == pytest.approx(primal(model, X, y), rel=1e-12)
    assert 1 <= model.n_iter_[0] <= 200
    # No other parameters lie below the dual bound.
    rng = np.random.default_rng(0)
    for size in (1e-4, 1e-2):
        other = SVMClassifier(C, loss=loss)
        other.classes_ = model.classes_
        other.coef_ = model.coef_ + size * rng.normal(size=model.coef_.shape)
        other.intercept_ = model.intercept_ + size * rng.normal(size=model.intercept_.shape)
        assert primal(other, X, y) >= certificate.dual


@pytest.mark.parametrize("loss", LOSSES)
def test_sparse_and_wide_features_give_the_same(loss: str) -> None:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(40, 300)) * (rng.random(size=(40, 300)) < 0.1)
    y = np.arange(40) % 4
    dense = SVMClassifier(loss=loss, tol=1e-9).fit(X, y)
    csr = SVMClassifier(loss=loss, tol=1e-9).fit(sparse.csr_matrix(X), y)
    assert csr.certificate_.primal == pytest.approx(dense.certificate_.primal, rel=2e-9)
    np.testing.assert_allclose(csr.coef_, dense.coef_, atol=1e-4)
    np.testing.assert_allclose(csr.decision_function(X), dense.decision_function(X), atol=1e-3)
