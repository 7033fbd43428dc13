"""Average marginal effects: statsmodels, finite differences, and what must add up."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from softplex.exceptions import InvalidInput
from softplex.inference import average_marginal_effects, infer

sm = pytest.importorskip("statsmodels.api")


def statsmodels_effects(kind: Any, X: np.ndarray, y: np.ndarray, **options: Any) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fit = kind(y, sm.add_constant(X)).fit(disp=0, tol=1e-13, maxiter=200)
        return fit.get_margeff(**options)


def test_effects_and_errors_agree_with_statsmodels(newton_fit: Any, three_classes: Any) -> None:
    X, y = three_classes
    theirs = statsmodels_effects(sm.MNLogit, X, y)
    ours = average_marginal_effects(infer(newton_fit(X, y), X, y), X)
    np.testing.assert_allclose(ours.effects, theirs.margeff.T, atol=1e-8)
    np.testing.assert_allclose(ours.standard_errors, theirs.margeff_se.T, rtol=1e-6)


def test_discrete_effects_agree_with_statsmodels(newton_fit: Any, two_classes: Any) -> None:
    """Its MNLogit cannot do these (shapes do not fit); its Logit can."""
    X, y = two_classes
    theirs = statsmodels_effects(sm.Logit, X, y, dummy=True)
    ours = average_marginal_effects(infer(newton_fit(X, y), X, y), X, discrete=[3])
    np.testing.assert_allclose(ours.effects[1], theirs.margeff, atol=1e-8)
    np.testing.assert_allclose(ours.standard_errors[1], theirs.margeff_se, rtol=1e-6)


def test_effects_sum_to_zero_over_classes_in_every_view(
    newton_fit: Any, three_classes: Any
) -> None:
    X, y = three_classes
    model = newton_fit(X, y)
    base = average_marginal_effects(infer(model, X, y), X, discrete=["feature 3"])
    np.testing.assert_allclose(base.effects.sum(0), 0.0, atol=1e-14)
    for options in ({"reference": 2}, {"parametrisation": "sum-to-zero"}):
        other = average_marginal_effects(infer(model, X, y, **options), X, discrete=[3])
        np.testing.assert_allclose(other.effects, base.effects, atol=1e-14)
        np.testing.assert_allclose(other.standard_errors, base.standard_errors, rtol=1e-8)
        assert other.classes == (0, 1, 2)


def test_errors_are_the_delta_method_by_finite_differences(
    newton_fit: Any, three_classes: Any
) -> None:
    X, y = three_classes
    weight = np.random.default_rng(0).uniform(0.5, 2.0, len(y))
    model = newton_fit(X, y, C=2.0, weight=weight)
    base = infer(model, X, y, weight)
    ours = average_marginal_effects(base, X, weight, discrete=[3])

    def effects(theta: np.ndarray) -> np.ndarray:
        W = np.vstack([np.zeros(5), theta.reshape(2, 5)])

        def p(Z: np.ndarray) -> np.ndarray:
            scores = np.column_stack([Z, np.ones(len(Z))]) @ W.T
            return np.exp(scores) / np.exp(scores).sum(1, keepdims=True)

        P = p(X)
        slopes = [(P * (W[:, j] - (P @ W[:, j])[:, None])) for j in range(3)]
        one, zero = X.copy(), X.copy()
        one[:, 3], zero[:, 3] = 1.0, 0.0
        rows = np.stack([*slopes, p(one) - p(zero)], 2)
        return np.average(rows, axis=0, weights=weight)

    flat, step = base.estimates.ravel(), 1e-5
    np.testing.assert_allclose(ours.effects, effects(flat), atol=1e-12)
    jacobian = np.stack(
        [(effects(flat + step * u) - effects(flat - step * u)) / (2 * step) for u in np.eye(10)], 2
    )
    variances = np.einsum("cja,ab,cjb->cj", jacobian, base.covariance, jacobian)
    np.testing.assert_allclose(ours.standard_errors, variances**0.5, rtol=1e-6)


def test_storage_and_blocks_change_nothing(
    newton_fit: Any, three_classes: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    X, y = three_classes
    base = infer(newton_fit(X, y), X, y)
    dense = average_marginal_effects(base, X, discrete=[3])
    monkeypatch.setattr("softplex.inference._design._BLOCK", 1)
    thin = average_marginal_effects(base, sparse.csr_matrix(X), discrete=[3])
    np.testing.assert_allclose(thin.effects, dense.effects, atol=1e-14)
    np.testing.assert_allclose(thin.standard_errors, dense.standard_errors, rtol=1e-10)


def test_without_an_intercept(newton_fit: Any, two_classes: Any) -> None:
    X, y = two_classes
    model = newton_fit(X, y, fit_intercept=False)
    ours = average_marginal_effects(infer(model, X, y), X)
    theirs = sm.Logit(y, X).fit(disp=0, tol=1e-13).get_margeff()
    np.testing.assert_allclose(ours.effects[1], theirs.margeff, atol=1e-9)
    np.testing.assert_allclose(ours.standard_errors[1], theirs.margeff_se, rtol=1e-6)


def test_tables(newton_fit: Any, three_classes: Any) -> None:
    X, y = three_classes
    model = newton_fit(X, y)
    model.feature_names_in_ = np.array(["size", "legs", "weight", "hive"], dtype=object)
    frame = pd.DataFrame(X, columns=model.feature_names_in_)
    ours = average_marginal_effects(infer(model, frame, y), frame, discrete=["hive"])
    assert ours.discrete == ("hive",)
    table = ours.to_frame()
    assert len(table) == 12
    line = table[(table["class"] == 2) & (table.feature == "legs")].iloc[0]
    assert line.effect == ours.effects[2, 1]
    assert (line.lower, line.upper) == tuple(ours.confidence_intervals()[2, 1])
    assert line.p_value == ours.p_values[2, 1]
    text = ours.summary(0.9)
    assert "hive*" in text
    assert f"{ours.effects[2, 1]:.4f}" in text
    assert str(ours) == ours.summary()


def test_a_feature_without_effect_has_z_zero(newton_fit: Any, three_classes: Any) -> None:
    """At coefficients of zero and equal shares a slope is known to be zero to first order only."""
    X, y = three_classes
    ours = average_marginal_effects(infer(newton_fit(X, y, C=1e-12), X, y), X)
    assert np.isfinite(ours.z).all()
    np.testing.assert_allclose(ours.effects, 0.0, atol=1e-9)


def test_refusals(newton_fit: Any, three_classes: Any) -> None:
    X, y = three_classes
    model = newton_fit(X, y)
    base = infer(model, X, y)
    for options, message in [
        ({"discrete": [0]}, r"'feature 0' holds .* in row 0"),
        ({"discrete": ["hive"]}, "feature 'hive', which the model does not have"),
        ({"discrete": [4]}, "the intercept has no effect of its own"),
        ({"discrete": [7]}, "feature must be a whole number"),
        ({"X": X[:, :2]}, r"needs X of shape \(n, 4\)"),
        ({"sample_weight": np.ones(3)}, "sample weights"),
    ]:
        arguments: dict[str, Any] = {"X": X} | options
        with pytest.raises(InvalidInput, match=message):
            average_marginal_effects(base, **arguments)
    with pytest.raises(InvalidInput, match="whole covariance matrix"):
        average_marginal_effects(infer(model, X, y, approximation="block"), X)
    with pytest.raises(InvalidInput, match="level must be"):
        average_marginal_effects(base, X).confidence_intervals(2.0)
