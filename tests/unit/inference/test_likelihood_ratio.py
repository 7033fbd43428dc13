"""Likelihood-ratio tests of nested fits."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy import stats

from softplex.exceptions import InvalidInput
from softplex.inference import infer, likelihood_ratio_test


def test_a_table_of_counts_has_the_g_statistic(newton_fit: Any) -> None:
    """Indicators of groups fit a table exactly: the test is that of independence."""
    table = np.array([[20, 30, 50], [40, 10, 25], [15, 15, 30]])
    group, y = (np.repeat(part.ravel(), table.ravel()) for part in np.indices(table.shape))
    X = np.eye(3)[group][:, 1:]
    test = likelihood_ratio_test(infer(newton_fit(X, y), X, y))
    theirs = stats.chi2_contingency(table, lambda_="log-likelihood", correction=False)
    assert test.statistic == pytest.approx(theirs.statistic, rel=1e-9)
    assert test.degrees_of_freedom == theirs.dof == 4
    assert test.p_value == pytest.approx(theirs.pvalue, rel=1e-7)


def test_leaving_out_features(newton_fit: Any, three_classes: Any) -> None:
    X, y = three_classes
    larger = infer(newton_fit(X, y), X, y)
    smaller = infer(newton_fit(X[:, :2], y), X[:, :2], y)
    test = likelihood_ratio_test(larger, smaller)
    assert test.degrees_of_freedom == 4
    assert test.statistic == pytest.approx(2 * (larger.log_likelihood - smaller.log_likelihood))
    whole, rest = likelihood_ratio_test(larger), likelihood_ratio_test(smaller)
    assert test.statistic == pytest.approx(whole.statistic - rest.statistic)


def test_the_null_of_a_fit_without_an_intercept_is_equal_shares(
    newton_fit: Any, three_classes: Any
) -> None:
    X, y = three_classes
    ours = infer(newton_fit(X, y, fit_intercept=False), X, y)
    test = likelihood_ratio_test(ours)
    assert test.degrees_of_freedom == 8
    assert test.statistic == pytest.approx(2 * (ours.log_likelihood + len(y) * np.log(3)))


def test_refusals(newton_fit: Any, three_classes: Any) -> None:
    X, y = three_classes
    larger = infer(newton_fit(X, y), X, y)
    smaller = infer(newton_fit(X[:, :2], y), X[:, :2], y)
    with pytest.raises(InvalidInput, match="fewer coefficients, but it has 10"):
        likelihood_ratio_test(smaller, larger)
    noise = np.random.default_rng(0).normal(size=(len(y), 3))
    other = infer(newton_fit(noise, y), noise, y)
    with pytest.raises(InvalidInput, match="contained in the larger one, but"):
        likelihood_ratio_test(other, smaller)
    half = infer(newton_fit(X[::2, :2], y[::2]), X[::2, :2], y[::2])
    with pytest.raises(InvalidInput, match="the same rows, but one has 300 rows of 3 classes"):
        likelihood_ratio_test(larger, half)
    penalised = infer(newton_fit(X, y, C=1.0), X, y)
    with pytest.raises(InvalidInput, match="the larger one is penalised"):
        likelihood_ratio_test(penalised)
    smoothed = infer(newton_fit(X[:, :2], y, smoothing=0.1), X[:, :2], y)
    with pytest.raises(InvalidInput, match="the smaller one is not by the likelihood"):
        likelihood_ratio_test(larger, smoothed)
