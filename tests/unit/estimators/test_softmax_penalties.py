"""The classifier without a penalty, with weights a feature, and on separated classes."""

from __future__ import annotations

import json
import math
import warnings

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from scipy import sparse
from sklearn.base import clone
from sklearn.datasets import load_iris, load_wine

from softplex import SoftmaxClassifier
from softplex.exceptions import ClassesSeparated, GapNotReached, InvalidInput
from softplex.objective import Status
from softplex.penalties import ElasticNet, GroupLasso, NoPenalty, Ridge


def overlapping(seed: int = 0, *, n: int = 400, d: int = 4, k: int = 3):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, d))
    y = (X @ rng.normal(size=(k, d)).T + 1.5 * rng.gumbel(size=(n, k))).argmax(1)
    return X, y


@pytest.mark.parametrize("seed", range(3))
def test_no_penalty_is_maximum_likelihood(seed: int) -> None:
    X, y = overlapping(seed)
    model = SoftmaxClassifier(math.inf, tol=1e-12).fit(X, y)
    peer = sm.MNLogit(y, sm.add_constant(X)).fit(disp=0, method="newton", tol=1e-14, maxiter=50)
    own = np.column_stack([model.intercept_, model.coef_])
    np.testing.assert_allclose((own[1:] - own[0]).T, peer.params, atol=1e-6)
    assert model.certificate_.primal == pytest.approx(-peer.llf, rel=1e-12)
    assert model.certificate_.relative_gap <= 1e-12
    np.testing.assert_allclose(own.sum(0), 0.0, atol=1e-9)
    assert model.separation_ is None


def test_two_classes_without_a_penalty() -> None:
    X, y = overlapping(k=2)
    model = SoftmaxClassifier(math.inf, tol=1e-12).fit(sparse.csr_matrix(X), y)
    peer = sm.Logit(y, sm.add_constant(X)).fit(disp=0, tol=1e-14)
    np.testing.assert_allclose(model.coef_[0], peer.params[1:], atol=1e-6)
    assert model.coef_.shape == (1, 4)


def test_collinear_columns_without_a_penalty() -> None:
    X, y = overlapping()
    wide = np.column_stack([X, X[:, 0], np.ones(len(X)), X[:, 1] - X[:, 2]])
    one = SoftmaxClassifier(math.inf, tol=1e-10).fit(X, y)
    two = SoftmaxClassifier(math.inf, tol=1e-10).fit(wide, y)
    assert two.certificate_.status is Status.CONVERGED
    assert two.certificate_.primal == pytest.approx(one.certificate_.primal, rel=1e-9)
    np.testing.assert_allclose(two.predict_proba(wide), one.predict_proba(X), atol=1e-6)


def test_unpenalised_features_by_the_quasi_newton_method() -> None:
    """Too many coefficients for Newton's method, with a constant and a duplicated column."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(6000, 200))
    X[:, 3] = 1.0
    X[:, 4] = X[:, 5]
    y = (X[:, 5:15] + rng.gumbel(size=(6000, 10))).argmax(1)
    model = SoftmaxClassifier(math.inf, tol=1e-6).fit(X, y)
    assert model.certificate_.status is Status.CONVERGED
    assert model.separation_ is None


def test_a_feature_without_a_penalty_is_fitted_freely() -> None:
    """A penalty on the first two alone leaves the moments of the others at zero."""
    X, y = overlapping()
    model = SoftmaxClassifier(1e-3, penalty=Ridge([1, 1, 0, 0]), tol=1e-10).fit(X, y)
    residual = np.eye(3)[y] - model.predict_proba(X)
    moments = 1e-3 * residual.T @ X
    np.testing.assert_allclose(moments[:, 2:], 0.0, atol=1e-6)
    np.testing.assert_allclose(moments[:, :2], model.coef_[:, :2], atol=1e-6)


def test_separated_classes_are_named_with_the_feature_and_the_ways_out() -> None:
    rng = np.random.default_rng(0)
    X = pd.DataFrame(rng.normal(size=(200, 3)), columns=["age", "height", "salary"])
    y = rng.choice(["ape", "bee", "cat"], size=200)
    X.loc[y == "cat", "height"] += 50
    model = SoftmaxClassifier(math.inf)
    with pytest.warns(ClassesSeparated, match="finite C, merge the classes, or drop the feature"):
        model.fit(X, y)
    assert "'ape' from 'cat', 'bee' from 'cat'" in model.separation_
    assert "features 'height'" in model.separation_
    assert model.certificate_.status is Status.SEPARATED
    assert model.certificate_.dual == -math.inf
    assert np.isfinite(model.coef_).all()
    written = json.loads(json.dumps(model.certificate_.to_dict(), allow_nan=False))
    assert written["gap"] is None
    assert written["dual"] is None


@pytest.mark.parametrize("load", [load_iris, load_wine])
def test_known_separated_data(load) -> None:
    X, y = load(return_X_y=True)
    with pytest.warns(ClassesSeparated):
        SoftmaxClassifier(math.inf).fit(X, y)


def test_separation_by_an_unpenalised_feature_alone() -> None:
    X, y = overlapping(k=2)
    X[:, 0] = np.where(y == 1, 1.0, -1.0) * np.abs(X[:, 0])
    with pytest.warns(ClassesSeparated, match="mostly by the features 0"):
        SoftmaxClassifier(penalty=GroupLasso([0, 1, 1, 1])).fit(X, y)
    assert SoftmaxClassifier(penalty=GroupLasso([1, 0, 1, 1])).fit(X, y).separation_ is None


@pytest.mark.parametrize("tol", [1e-1, 1e-4, 1e-8])
@pytest.mark.parametrize("solver", ["newton", "lbfgs"])
def test_quasi_separated_classes_are_named_however_loose_the_fit(solver: str, tol: float) -> None:
    """Rows with x_2 = 1 are all of one class: the likelihood has no maximum, but a bound."""
    for seed in range(2):
        rng = np.random.default_rng(seed)
        X = rng.normal(size=(90, 3))
        X[:, 2] = rng.random(90) > 0.5
        y = np.where(X[:, 2] == 1, 1, rng.integers(2 + seed % 2, size=90))
        with pytest.warns(ClassesSeparated, match="Told apart: .* 1"):
            model = SoftmaxClassifier(math.inf, tol=tol, solver=solver).fit(X, y)
        assert model.certificate_.status is Status.SEPARATED


@pytest.mark.parametrize("solver", ["newton", "lbfgs"])
@pytest.mark.parametrize("constant", [0.0, 7.3, 1e6 / 3])
def test_a_constant_column_has_no_weight(constant: float, solver: str) -> None:
    """The rounding of its mean gives it no direction to drift along."""
    X, y = overlapping()
    wide = np.column_stack([X, np.full(len(X), constant)])
    for data in (wide, sparse.csr_matrix(wide)):
        model = SoftmaxClassifier(math.inf, solver=solver, tol=1e-8).fit(data, y)
        assert model.certificate_.status is Status.CONVERGED
        np.testing.assert_allclose(model.coef_[:, -1], 0.0, atol=1e-9)
    without = SoftmaxClassifier(math.inf, fit_intercept=False, tol=1e-10).fit(wide, y)
    with_intercept = SoftmaxClassifier(math.inf, tol=1e-10).fit(X, y)
    if constant:  # without an intercept a constant column is one
        np.testing.assert_allclose(
            without.predict_proba(wide), with_intercept.predict_proba(X), atol=1e-5
        )


@pytest.mark.parametrize("tol", [1e-6, 1e-12])
@pytest.mark.parametrize("seed", range(3))
def test_collinear_columns_do_not_drift_apart(seed: int, tol: float) -> None:
    """Equal but for rounding after centring, which must not become a direction."""
    X, y = overlapping(seed)
    shift = 100.0 * np.random.default_rng(seed).normal(size=5)
    wide = np.column_stack([X, X[:, 0]]) + shift
    fits = []
    for solver in ("newton", "lbfgs"):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", GapNotReached)  # 1e-12 may be beyond rounding
            fits.append(SoftmaxClassifier(math.inf, solver=solver, tol=tol).fit(wide, y))
        assert fits[-1].certificate_.relative_gap <= max(tol, 1e-9)
        assert np.abs(fits[-1].coef_).max() < 1e3
    np.testing.assert_allclose(*(fit.predict_proba(wide) for fit in fits), atol=1e-2)


def test_a_fit_that_was_separated_once_forgets_it() -> None:
    X, y = load_iris(return_X_y=True)
    model = SoftmaxClassifier(math.inf)
    with pytest.warns(ClassesSeparated):
        model.fit(X, y)
    assert model.set_params(C=1.0).fit(X, y).separation_ is None


def test_smoothing_makes_an_optimum() -> None:
    X, y = load_iris(return_X_y=True)
    model = SoftmaxClassifier(math.inf, smoothing=0.1, tol=1e-8).fit(X, y)
    assert model.certificate_.relative_gap <= 1e-8


def test_too_few_iterations_leave_no_bound_and_say_so() -> None:
    X, y = overlapping()
    X[:, 0] *= 30  # a rough start
    with pytest.warns(GapNotReached, match="raise max_iter") as caught:
        model = SoftmaxClassifier(math.inf, max_iter=0).fit(X, y)
    assert not any(isinstance(item.message, ClassesSeparated) for item in caught)
    assert model.certificate_.status is Status.MAX_ITER


def test_the_arguments_say_the_same() -> None:
    X, y = overlapping()
    ratio = SoftmaxClassifier(0.1, l1_ratio=0.3, tol=1e-10).fit(X, y)
    named = SoftmaxClassifier(0.1, penalty=ElasticNet(l1_ratio=0.3), tol=1e-10).fit(X, y)
    np.testing.assert_array_equal(ratio.coef_, named.coef_)
    free = SoftmaxClassifier(penalty=NoPenalty(), tol=1e-10).fit(X, y)
    none = SoftmaxClassifier(math.inf, tol=1e-10).fit(X, y)
    np.testing.assert_allclose(free.coef_, none.coef_, atol=1e-6)


def test_penalties_survive_cloning() -> None:
    model = SoftmaxClassifier(penalty=Ridge([1.0, 0.0]))
    assert clone(model).penalty == model.penalty


def test_convergence_warns_of_nothing() -> None:
    X, y = overlapping()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for C in (0.1, math.inf):
            SoftmaxClassifier(C).fit(X, y)


def test_a_ratio_without_a_penalty_is_refused() -> None:
    with pytest.raises(InvalidInput, match="leave the ratio away"):
        SoftmaxClassifier(C=math.inf, l1_ratio=0.5).fit([[0.0], [1.0]], [0, 1])
