"""Standard errors, criteria and sandwiches against statsmodels, which uses the first class too."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest
from scipy import sparse

from softplex import SoftmaxClassifier
from softplex.inference import infer

sm = pytest.importorskip("statsmodels.api")
# Both sides stop at optima that agree to about 1e-10; the promise is 1e-6.
CLOSE = 1e-7


def fitted(kind: Any, y: np.ndarray, X: np.ndarray, **options: Any) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # statsmodels warns of its own options
        return kind(y, X).fit(disp=0, tol=1e-13, maxiter=200, **options)


def as_ours(table: np.ndarray) -> np.ndarray:
    """(1 + d, k - 1) with the constant first, to (k - 1, d + 1) with it last."""
    return np.roll(np.asarray(table).reshape(len(table), -1).T, -1, axis=1)


def test_multinomial_fits_agree(newton_fit: Any, three_classes: Any) -> None:
    X, y = three_classes
    theirs = fitted(sm.MNLogit, y, sm.add_constant(X))
    ours = infer(newton_fit(X, y), X, y)
    np.testing.assert_allclose(ours.estimates, as_ours(theirs.params), atol=CLOSE)
    np.testing.assert_allclose(ours.standard_errors, as_ours(theirs.bse), rtol=CLOSE)
    np.testing.assert_allclose(ours.z, as_ours(theirs.tvalues), atol=1e-6)
    np.testing.assert_allclose(ours.p_values, as_ours(theirs.pvalues), atol=1e-9)
    np.testing.assert_allclose(
        ours.confidence_intervals(0.9),
        np.stack([as_ours(part) for part in np.moveaxis(_intervals(theirs), -1, 0)], -1),
        atol=1e-6,
    )
    for own, their in [
        (ours.log_likelihood, theirs.llf),
        (ours.null_log_likelihood, theirs.llnull),
        (ours.aic, theirs.aic),
        (ours.bic, theirs.bic),
        (ours.mcfadden, theirs.prsquared),
    ]:
        assert own == pytest.approx(their, rel=1e-9)


def _intervals(result: Any) -> np.ndarray:
    """(k - 1, 1 + d, 2) of statsmodels, as (1 + d, k - 1, 2)."""
    return np.moveaxis(np.asarray(result.conf_int(0.1)), 0, 1)


def test_binary_fits_agree(newton_fit: Any, two_classes: Any) -> None:
    X, y = two_classes
    theirs = fitted(sm.Logit, y, sm.add_constant(X))
    ours = infer(newton_fit(X, y), X, y)
    np.testing.assert_allclose(ours.standard_errors, as_ours(theirs.bse), rtol=CLOSE)
    np.testing.assert_allclose(ours.estimates, as_ours(theirs.params), atol=CLOSE)
    assert ours.bic == pytest.approx(theirs.bic, rel=1e-9)


def test_fits_without_an_intercept_agree(newton_fit: Any, three_classes: Any) -> None:
    X, y = three_classes
    theirs = fitted(sm.MNLogit, y, X)
    ours = infer(newton_fit(X, y, fit_intercept=False), X, y)
    np.testing.assert_allclose(ours.standard_errors, np.asarray(theirs.bse).T, rtol=CLOSE)
    assert ours.column_names == ours.feature_names == tuple(f"feature {j}" for j in range(4))
    assert ours.null_log_likelihood == pytest.approx(-len(y) * np.log(3))


@pytest.mark.parametrize("classes", ["two", "three"])
def test_robust_errors_agree(
    newton_fit: Any, three_classes: Any, two_classes: Any, classes: str
) -> None:
    X, y = three_classes if classes == "three" else two_classes
    kind = sm.MNLogit if classes == "three" else sm.Logit
    theirs = fitted(kind, y, sm.add_constant(X), cov_type="HC0")
    ours = infer(newton_fit(X, y), X, y, covariance="robust")
    np.testing.assert_allclose(ours.standard_errors, as_ours(theirs.bse), rtol=1e-6)
    groups = np.arange(len(y)) // 3
    theirs = fitted(
        kind,
        y,
        sm.add_constant(X),
        cov_type="cluster",
        cov_kwds={"groups": groups, "use_correction": False},
    )
    ours = infer(newton_fit(X, y), X, y, covariance="robust", clusters=groups)
    np.testing.assert_allclose(ours.standard_errors, as_ours(theirs.bse), rtol=1e-6)


def test_weighted_binary_errors_agree_with_a_generalised_linear_model(
    newton_fit: Any, two_classes: Any
) -> None:
    X, y = two_classes
    weight = np.random.default_rng(0).integers(1, 5, len(y)).astype(float)
    family = sm.families.Binomial()
    theirs = sm.GLM(y, sm.add_constant(X), family=family, freq_weights=weight).fit(tol=1e-14)
    ours = infer(newton_fit(X, y, weight=weight), X, y, weight)
    np.testing.assert_allclose(ours.standard_errors, as_ours(theirs.bse), rtol=CLOSE)
    assert ours.n == weight.sum()


def test_wild_columns_cost_no_digits(newton_fit: Any, three_classes: Any) -> None:
    """A year and a tiny concentration: condition number near 1e20 as they stand."""
    X, y = three_classes
    scale, shift = np.array([1e8, 1.0, 1e-9, 1.0]), np.array([0.0, 2000.0, 0.0, 0.0])
    plain = newton_fit(X, y)
    coef = plain.coef_ / scale
    wild = newton_fit(X, y)
    wild.coef_, wild.intercept_ = coef, plain.intercept_ - coef @ shift
    ours = infer(wild, X * scale + shift, y)
    base = infer(plain, X, y)
    np.testing.assert_allclose(
        ours.standard_errors[:, :4] * scale, base.standard_errors[:, :4], rtol=1e-7
    )
    # The intercept's own error is that of a linear function of the plain coefficients.
    change = np.append(-shift / scale, 1.0)
    part = base.covariance[:5, :5]
    assert ours.standard_errors[0, 4] == pytest.approx((change @ part @ change) ** 0.5, rel=1e-7)


@pytest.mark.parametrize("wrap", [sparse.csr_matrix, sparse.coo_array, np.float32])
def test_other_storage_agrees(newton_fit: Any, three_classes: Any, wrap: Any) -> None:
    X, y = three_classes
    X = X.astype(np.float32).astype(np.float64)
    model = newton_fit(X, y)
    for options in ({}, {"covariance": "robust"}, {"approximation": "diagonal"}):
        base = infer(model, X, y, **options)
        other = infer(model, wrap(X), y, **options)
        np.testing.assert_allclose(other.covariance, base.covariance, rtol=1e-9, atol=1e-12)


def test_a_fitted_classifier_with_a_vanishing_penalty_agrees(three_classes: Any) -> None:
    X, y = three_classes
    theirs = fitted(sm.MNLogit, y, sm.add_constant(X))
    model = SoftmaxClassifier(C=1e10, tol=1e-12).fit(X, y)
    ours = infer(model, X, y)
    np.testing.assert_allclose(ours.standard_errors, as_ours(theirs.bse), rtol=1e-6)
