"""The Laplace posterior: its matrix, its draws, and what it predicts."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy import integrate, sparse, special

from softplex import SoftmaxClassifier
from softplex.exceptions import InvalidInput
from softplex.inference import LaplacePosterior, infer


@pytest.fixture(scope="module")
def posterior(newton_fit: Any, three_classes: Any) -> LaplacePosterior:
    X, y = three_classes
    return LaplacePosterior.fit(newton_fit(X[:40], y[:40], C=2.0), X[:40], y[:40])


def test_the_matrix_is_the_inverse_hessian_of_the_objective(
    newton_fit: Any, three_classes: Any
) -> None:
    """Over all k rows of the penalised objective, seen through differences of rows."""
    X, y = three_classes
    X, y, C = X[:40], y[:40], 2.0
    model = newton_fit(X, y, C=C)
    Z = np.column_stack([X, np.ones(40)])
    scores = X @ model.coef_.T + model.intercept_
    p = special.softmax(scores, 1)
    hessian = np.zeros((3, 5, 3, 5))
    for a in range(3):
        for b in range(3):
            w = p[:, a] * (a == b) - p[:, a] * p[:, b]
            hessian[a, :, b] = (Z * w[:, None]).T @ Z
        # A tight prior on the sum of the intercepts, which no difference sees.
        hessian[a, :, a] += np.diag([1 / C] * 4 + [0.0])
    hessian[:, 4, :, 4] += 1e3
    inverse = np.linalg.inv(hessian.reshape(15, 15))
    contrast = np.kron(np.array([[-1.0, 1.0, 0.0], [-1.0, 0.0, 1.0]]), np.eye(5))
    expected = contrast @ inverse @ contrast.T
    ours = LaplacePosterior.fit(model, X, y)
    np.testing.assert_allclose(ours.covariance, expected, rtol=1e-8, atol=1e-10)
    np.testing.assert_allclose(infer(model, X, y).covariance, expected, rtol=1e-8, atol=1e-10)


def test_one_column_has_the_prior_of_one_column(newton_fit: Any, two_classes: Any) -> None:
    X, y = two_classes
    model = newton_fit(X[:30], y[:30], C=0.5)
    Z = np.column_stack([X[:30], np.ones(30)])
    p = special.expit(Z @ np.append(model.coef_, model.intercept_))
    hessian = (Z * (p * (1 - p))[:, None]).T @ Z + np.diag([2.0] * 4 + [0.0])
    ours = LaplacePosterior.fit(model, X[:30], y[:30])
    np.testing.assert_allclose(ours.covariance, np.linalg.inv(hessian), rtol=1e-8, atol=1e-11)


def test_scores_have_the_moments_of_linear_functions(
    posterior: LaplacePosterior, three_classes: Any
) -> None:
    X, _ = three_classes
    mean, covariance = posterior.score_distribution(X[:7])
    assert mean.shape == (7, 2)
    for row in range(7):
        read = np.kron(np.eye(2), np.append(X[row], 1.0))
        np.testing.assert_allclose(
            covariance[row], read @ posterior.covariance @ read.T, rtol=1e-9, atol=1e-12
        )


def test_the_mode_predicts_what_the_model_does(newton_fit: Any, three_classes: Any) -> None:
    """With many rows the posterior is narrow, and all three predictions meet."""
    X, y = three_classes
    weight = np.full(len(y), 1e6)
    model = newton_fit(X, y, C=1.0, weight=weight)
    ours = LaplacePosterior.fit(model, X, y, weight)
    p = special.softmax(X @ model.coef_.T + model.intercept_, 1)
    np.testing.assert_allclose(ours.predict_proba(X), p, atol=1e-5)
    np.testing.assert_allclose(ours.predict_proba(X, method="sampling"), p, atol=1e-3)


def test_for_two_classes_it_is_mackays_formula_and_near_the_integral(
    newton_fit: Any, two_classes: Any
) -> None:
    X, y = two_classes
    ours = LaplacePosterior.fit(newton_fit(X[:20], y[:20], C=2.0), X[:20], y[:20])
    mean, covariance = ours.score_distribution(X[50:60])
    mu, variance = mean[:, 0], covariance[:, 0, 0]
    p = ours.predict_proba(X[50:60])[:, 1]
    np.testing.assert_allclose(p, special.expit(mu / np.sqrt(1 + np.pi / 8 * variance)), rtol=1e-12)
    for row in range(10):
        exact = integrate.quad(
            lambda t, row=row: (
                special.expit(mu[row] + t * variance[row] ** 0.5)
                * np.exp(-(t**2) / 2)
                / np.sqrt(2 * np.pi)
            ),
            -12,
            12,
        )[0]
        assert p[row] == pytest.approx(exact, abs=0.02)  # the error of the probit approximation


def test_probit_and_sampling_agree(posterior: LaplacePosterior, three_classes: Any) -> None:
    X, _ = three_classes
    near, far = posterior.predict_proba(X), posterior.predict_proba(50.0 * X)
    np.testing.assert_allclose(near.sum(1), 1.0, atol=1e-12)
    sampled = posterior.predict_proba(X, method="sampling", n_samples=4000)
    # 0.03 of the approximation, and 4 x 0.5 / sqrt(4000) of the draws.
    np.testing.assert_allclose(near, sampled, atol=0.03 + 0.032)
    assert np.abs(near - sampled).mean() < 0.01
    # Far away the model is certain; its posterior is not.
    mean, _ = posterior.score_distribution(50.0 * X)
    certain = special.softmax(np.column_stack([np.zeros(len(X)), mean]), 1).max(1)
    assert certain.mean() > 0.99
    assert far.max(1).mean() < 0.95


def test_draws_have_the_moments_of_the_posterior(posterior: LaplacePosterior) -> None:
    draws = posterior.sample(20000, random_state=1).reshape(20000, -1)
    deviation = np.sqrt(np.diag(posterior.covariance))
    scaled = np.cov(draws.T) / np.outer(deviation, deviation)
    target = posterior.covariance / np.outer(deviation, deviation)
    # Four standard errors of a correlation from 20,000 draws.
    np.testing.assert_allclose(scaled, target, atol=4 * np.sqrt(2 / 20000))
    again = posterior.sample(20000, random_state=1).reshape(20000, -1)
    np.testing.assert_array_equal(draws, again)
    assert not np.array_equal(draws[:5], posterior.sample(5, random_state=2).reshape(5, -1))


def test_the_order_of_the_classes_does_not_matter(newton_fit: Any, three_classes: Any) -> None:
    X, y = three_classes
    turned = np.array([2, 0, 1])[y]
    base = LaplacePosterior.fit(newton_fit(X, y, C=1.0), X, y).predict_proba(X)
    other = LaplacePosterior.fit(newton_fit(X, turned, C=1.0), X, turned).predict_proba(X)
    np.testing.assert_allclose(other[:, [2, 0, 1]], base, atol=1e-10)


def test_sparse_features_and_small_blocks(
    posterior: LaplacePosterior, three_classes: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    X, _ = three_classes
    whole = [posterior.predict_proba(X, method=method) for method in ("probit", "sampling")]
    monkeypatch.setattr("softplex.inference._design._BLOCK", 1)
    parts = [
        posterior.predict_proba(sparse.csr_matrix(X), method=method)
        for method in ("probit", "sampling")
    ]
    np.testing.assert_allclose(whole, parts, atol=1e-12)


def test_a_fitted_classifier_with_a_class_of_no_weight(three_classes: Any) -> None:
    X, y = three_classes
    model = SoftmaxClassifier(C=1.0, class_weight={2: 0.0}, tol=1e-10).fit(X, y)
    seen = y < 2
    ours = LaplacePosterior.fit(model, X[seen], y[seen])
    p = ours.predict_proba(X)
    assert p.shape == (len(y), 3)
    assert not p[:, 2].any()
    np.testing.assert_allclose(p.sum(1), 1.0, atol=1e-12)
    assert repr(ours) == "LaplacePosterior(2 classes, 4 features)"


def test_refusals(posterior: LaplacePosterior, newton_fit: Any, three_classes: Any) -> None:
    X, y = three_classes
    for call, message in [
        (lambda: posterior.predict_proba(X, method="exact"), "method must be one of"),
        (lambda: posterior.predict_proba(X, n_samples=0), "n_samples must be"),
        (lambda: posterior.sample(0), "n_samples must be"),
        (lambda: posterior.sample(3, random_state=-1), "random_state must be"),
        (lambda: posterior.predict_proba(X[:, :3]), r"needs X of shape \(n, 4\)"),
        (
            lambda: LaplacePosterior.fit(newton_fit(X, y, C=1.0), X, y, memory_limit=10),
            "bytes for the information matrix",
        ),
    ]:
        with pytest.raises(InvalidInput, match=message):
            call()
