"""Fits to infer from: exact optima by Newton's method in plain NumPy, and data to fit."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

Fit = Callable[..., SimpleNamespace]


def _newton(
    X: np.ndarray,
    y: np.ndarray,
    *,
    C: float = np.inf,
    weight: np.ndarray | None = None,
    fit_intercept: bool = True,
    smoothing: float = 0.0,
    **settings: Any,
) -> SimpleNamespace:
    """The optimum of sum w l + |W|^2 / (2 C) over k rows (or one, for two classes)."""
    k = int(y.max()) + 1 if y.ndim == 1 else y.shape[1]
    q = np.eye(k)[y] if y.ndim == 1 else y
    q = (1.0 - smoothing) * q + smoothing * (1.0 - q) / (k - 1)
    w = np.ones(len(X)) if weight is None else weight
    Z = np.column_stack([X, np.ones(len(X))]) if fit_intercept else X
    r, p = (1 if k == 2 else k), Z.shape[1]
    theta, ridge = np.zeros((r, p)), np.zeros(p)
    ridge[: X.shape[1]] = 1.0 / C
    for _ in range(60):
        scores = np.column_stack([np.zeros(len(X)), Z @ theta[0]]) if r == 1 else Z @ theta.T
        P = np.exp(scores - scores.max(1, keepdims=True))
        P /= P.sum(1, keepdims=True)
        gradient = (w[:, None] * (P - q))[:, k - r :].T @ Z + ridge * theta
        hessian = np.zeros((r, p, r, p))
        for a in range(r):
            for b in range(r):
                pa, pb = P[:, k - r + a], P[:, k - r + b]
                hessian[a, :, b] = (Z * (w * (pa * (a == b) - pa * pb))[:, None]).T @ Z
            hessian[a, :, a] += np.diag(ridge)
        step = np.linalg.pinv(hessian.reshape(r * p, -1), rcond=1e-13) @ gradient.ravel()
        theta = theta - step.reshape(r, p)
        theta = theta - (theta.mean(0) if r > 1 else 0.0)
        if np.abs(step).max() < 1e-13:
            break
    return SimpleNamespace(
        coef_=theta[:, : X.shape[1]],
        intercept_=theta[:, -1] if fit_intercept else np.zeros(r),
        classes_=np.arange(k),
        C=C,
        fit_intercept=fit_intercept,
        smoothing=smoothing,
        **settings,
    )


@pytest.fixture(scope="session")
def newton_fit() -> Fit:
    return _newton


@pytest.fixture(scope="session")
def three_classes() -> tuple[np.ndarray, np.ndarray]:
    """Three classes that overlap, four features of mixed sizes, one of them 0 or 1."""
    random = np.random.default_rng(3)
    X = random.normal(size=(300, 4)) * [1.0, 2.0, 0.5, 1.0] + [0.0, 1.0, 0.0, 0.0]
    X[:, 3] = X[:, 3] > 0.3
    coef = np.array([[1.0, 0.5, -1.0, 0.5], [-0.5, 0.2, 1.0, -0.5], [0.0, -0.7, 0.0, 0.0]])
    y = (X @ coef.T + random.gumbel(size=(300, 3))).argmax(1)
    return X, y


@pytest.fixture(scope="session")
def two_classes(three_classes: Any) -> tuple[np.ndarray, np.ndarray]:
    X, y = three_classes
    return X, (y > 0).astype(int)
