"""The certificate: never below the true suboptimality, whatever the problem and the stop."""

from __future__ import annotations

import functools
import warnings
from typing import Any

import numpy as np
import pytest
import scipy.optimize
import scipy.special
from sklearn.datasets import load_iris

from softplex import SoftmaxClassifier
from softplex.exceptions import GapNotReached
from softplex.losses import smoothing_line
from softplex.objective import Status, _dual
from softplex.solvers import _problem

STYLES = ("plain", "scaled", "offset", "duplicated", "rounded", "separable")
# Rounding of the two primal values that are compared, relative to them.
ROUNDING = 1e-12


def make(rng: np.random.Generator, style: str) -> dict[str, Any]:
    """Draw a small problem: data, weights and options."""
    n, d, k = int(rng.integers(3, 50)), int(rng.integers(1, 7)), int(rng.integers(2, 6))
    X = rng.normal(size=(n, d))
    y = rng.integers(0, k, size=n)
    y[:2] = [0, 1]
    if style == "scaled":
        X *= 10.0 ** rng.integers(-6, 7, size=d)
    elif style == "offset":
        X += 10.0 ** rng.integers(0, 5, size=d)
    elif style == "duplicated":
        X[:, -1] = X[:, 0]
    elif style == "rounded":
        X = np.round(X)
    elif style == "separable":
        X[:, 0] += 10 * y
    soft = rng.random() < 0.25
    return {
        "X": X,
        "y": rng.dirichlet(np.full(k, 0.3), size=n) if soft else y,
        "sample_weight": rng.exponential(size=n) if rng.random() < 0.5 else np.ones(n),
        "options": {
            "C": 10.0 ** rng.uniform(-4, 3),
            "fit_intercept": bool(rng.random() < 0.7),
            "smoothing": float(rng.choice([0.0, 0.0, 0.1, 0.4])),
            "smoothing_kind": str(rng.choice(["others", "uniform"])),
        },
    }


def fit(problem: dict[str, Any], **more: Any) -> SoftmaxClassifier:
    model = SoftmaxClassifier(**problem["options"], **more)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", GapNotReached)
        return model.fit(problem["X"], problem["y"], problem["sample_weight"])


def primal(problem: dict[str, Any], coef: np.ndarray, intercept: np.ndarray) -> float:
    """The objective, written out."""
    options, y = problem["options"], problem["y"]
    scores = problem["X"] @ coef.T + intercept
    if scores.shape[1] == 1:
        scores = np.column_stack([np.zeros(len(scores)), scores])
    q = y if y.ndim == 2 else (y[:, None] == np.unique(y)).astype(float)
    slope, floor = smoothing_line(options["smoothing"], options["smoothing_kind"], scores.shape[1])
    losses = -((slope * q + floor) * scipy.special.log_softmax(scores, axis=1)).sum(axis=1)
    return float(options["C"] * problem["sample_weight"] @ losses + 0.5 * (coef**2).sum())


@functools.cache
def problem_and_optimum(seed: int, style: str) -> tuple[dict[str, Any], float]:
    problem = make(np.random.default_rng([seed, STYLES.index(style)]), style)
    best = fit(problem, tol=1e-13)
    assert best.certificate_.relative_gap < 1e-9
    return problem, best.certificate_.primal


@pytest.fixture(params=["newton", "lbfgs", "float32 then float64"])
def path(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    if request.param != "newton":
        monkeypatch.setattr(_problem, "_NEWTON_SIZE", 0)
    if request.param == "float32 then float64":
        monkeypatch.setattr(_problem, "_SMALL", 0)
    return request.param


def assert_certified(model: SoftmaxClassifier, problem: dict[str, Any], optimum: float) -> None:
    certificate = model.certificate_
    slack = ROUNDING * abs(certificate.primal)
    assert certificate.gap >= certificate.primal - optimum - slack
    assert certificate.dual <= optimum + slack
    assert certificate.dual == certificate.primal - certificate.gap
    assert certificate.relative_gap == certificate.gap / abs(certificate.primal)
    digits = 1e-7 if np.abs(problem["X"]).max() > 1e3 else 1e-10  # X @ W is plain NumPy here
    assert certificate.primal == pytest.approx(
        primal(problem, model.coef_, model.intercept_), rel=digits
    )


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("block", range(3))
def test_the_gap_bounds_the_suboptimality(path: str, style: str, block: int) -> None:
    """18 x 12 problems, on each path of the solver, stopped at random."""
    rng = np.random.default_rng(block)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_problem, "_NEWTON_SIZE", 1500)
        patch.setattr(_problem, "_SMALL", 3_000_000)
        problems = [problem_and_optimum(seed, style) for seed in range(12 * block, 12 * block + 12)]
    for problem, optimum in problems:
        stopped = fit(problem, max_iter=int(rng.integers(0, 9)), tol=1e-12)
        assert_certified(stopped, problem, optimum)


@pytest.mark.parametrize("style", STYLES)
def test_a_converged_fit_is_within_its_gap(style: str) -> None:
    for seed in range(12):
        problem, optimum = problem_and_optimum(seed, style)
        model = fit(problem, tol=1e-3)
        assert model.certificate_.status is Status.CONVERGED
        assert model.certificate_.relative_gap <= 1e-3
        assert_certified(model, problem, optimum)


@pytest.mark.parametrize("seed", range(6))
def test_the_optimum_is_that_of_scipy(seed: int) -> None:
    """An independent solver finds nothing below the dual value."""
    problem, optimum = problem_and_optimum(seed, "plain")
    model = fit(problem, tol=1e-13)
    shape = (model.coef_.shape[0], model.coef_.shape[1] + 1)

    def objective(theta: np.ndarray) -> float:
        stacked = theta.reshape(shape)
        return primal(problem, stacked[:, :-1], stacked[:, -1] * model.fit_intercept)

    found = scipy.optimize.minimize(objective, np.zeros(shape[0] * shape[1]), method="BFGS")
    assert found.fun >= model.certificate_.dual * (1 - ROUNDING)
    assert found.fun == pytest.approx(optimum, rel=1e-4)


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("step", ["none", "far"])
def test_the_rough_repair_gives_a_bound_too(
    style: str, step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    size = 0.0 if step == "none" else 1e3
    problems = [problem_and_optimum(seed, style) for seed in range(10)]
    monkeypatch.setattr(_dual, "_newton_step", lambda survey: size * survey.residual.sign())
    for problem, optimum in problems:
        assert_certified(fit(problem, max_iter=2), problem, optimum)


def test_far_parameters_have_a_bound() -> None:
    """A warm start far from the optimum, where Newton's repair leaves the simplex."""
    X, y = load_iris(return_X_y=True)
    optimum = SoftmaxClassifier(tol=1e-12).fit(X, y).certificate_.primal
    rng = np.random.default_rng(0)
    for size in (1.0, 30.0, 1000.0):
        model = SoftmaxClassifier(warm_start=True).fit(X, y).set_params(max_iter=0)
        model.coef_ = size * rng.normal(size=model.coef_.shape)
        model.intercept_ = size * rng.normal(size=3)
        with pytest.warns(GapNotReached):
            model.fit(X, y)
        certificate = model.certificate_
        assert np.isfinite(certificate.gap)
        assert certificate.primal > optimum >= certificate.dual


@pytest.mark.parametrize("offset", [2000.0, 1.7e9])
@pytest.mark.parametrize("C", [1.0, 1e4])
def test_dates_do_not_eat_the_digits_of_the_certificate(offset: float, C: float) -> None:
    """A date in years or seconds: the fit and its bound are those of the centred column."""
    rng = np.random.default_rng(0)
    X = np.round(rng.normal(size=(60, 2)) * 64) / 64
    y = (X @ [1.0, -1.0] + rng.logistic(size=60) > 0).astype(int)
    shift = np.array([offset, 0.0])
    moved = X + shift
    np.testing.assert_array_equal(moved - shift, X)
    plain = SoftmaxClassifier(C=C, tol=1e-10).fit(X, y)
    model = SoftmaxClassifier(C=C, tol=1e-10).fit(moved, y)
    assert model.certificate_.primal == pytest.approx(plain.certificate_.primal, rel=1e-12)
    assert model.certificate_.dual <= plain.certificate_.primal * (1 + ROUNDING)
    assert plain.certificate_.dual <= model.certificate_.primal * (1 + ROUNDING)
    np.testing.assert_allclose(model.coef_, plain.coef_, rtol=1e-5)
    np.testing.assert_allclose(model.predict_proba(moved), plain.predict_proba(X), atol=1e-5)
