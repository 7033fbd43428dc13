"""How a fit ends, starts again, reports and is interrupted."""

from __future__ import annotations

import gzip
import itertools
import warnings

import numpy as np
import pytest
from sklearn.datasets import load_breast_cancer, load_iris, load_wine
from sklearn.preprocessing import scale

from softplex import SoftmaxClassifier
from softplex.exceptions import GapNotReached, SoftplexWarning
from softplex.objective import RidgeObjective, Status
from softplex.solvers import _problem
from softplex.solvers._newton_compact import CompactObjective

X, Y = load_iris(return_X_y=True)


@pytest.fixture(params=["newton", "lbfgs", "float32 then float64"])
def path(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    if request.param != "newton":
        monkeypatch.setattr(_problem, "_NEWTON_SIZE", 0)
    if request.param == "float32 then float64":
        monkeypatch.setattr(_problem, "_SMALL", 0)
    return request.param


@pytest.mark.parametrize("max_iter", [0, 1])
def test_too_few_iterations_are_said(path: str, max_iter: int) -> None:
    with pytest.warns(GapNotReached, match="not the asked 1e-08.*raise max_iter or tol"):
        model = SoftmaxClassifier(max_iter=max_iter, tol=1e-8).fit(X, Y)
    certificate = model.certificate_
    assert certificate.status is Status.MAX_ITER
    assert certificate.relative_gap > 1e-8
    assert certificate.dual <= certificate.primal
    assert model.predict_proba(X).shape == (150, 3)


def test_without_iterations_the_probabilities_are_the_prior() -> None:
    weight = np.random.default_rng(0).exponential(size=150)
    with pytest.warns(GapNotReached):
        model = SoftmaxClassifier(max_iter=0).fit(X, Y, weight)
    prior = np.bincount(Y, weights=weight) / weight.sum()
    np.testing.assert_allclose(model.predict_proba(X), np.tile(prior, (150, 1)))


def test_an_unreachable_gap_is_said_and_the_best_is_kept(path: str) -> None:
    with pytest.warns(GapNotReached, match="stopped at a relative duality gap of"):
        model = SoftmaxClassifier(tol=1e-300).fit(X, Y)
    assert model.certificate_.status in (Status.STALLED, Status.MAX_ITER)
    assert model.certificate_.relative_gap < 1e-11


@pytest.mark.parametrize("tol", [1e-1, 1e-3, 1e-6, 1e-9])
def test_the_asked_gap_is_the_certified_one(path: str, tol: float) -> None:
    for data, y in ((X, Y), (scale(load_wine().data), load_wine().target)):
        model = SoftmaxClassifier(tol=tol).fit(data, y)
        assert model.certificate_.status is Status.CONVERGED
        assert model.certificate_.relative_gap <= tol


def test_more_iterations_are_never_worse(path: str) -> None:
    primals = []
    for max_iter in range(8):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", GapNotReached)
            model = SoftmaxClassifier(max_iter=max_iter, tol=1e-12).fit(X, Y)
        primals.append(model.certificate_.primal)
    assert all(after <= before * (1 + 1e-6) for before, after in itertools.pairwise(primals))


def test_a_warm_start_begins_where_the_last_fit_ended(path: str) -> None:
    data, y = load_breast_cancer(return_X_y=True)
    data = scale(data)
    cold = SoftmaxClassifier(tol=1e-6).fit(data, y)
    warm = SoftmaxClassifier(tol=1e-6, warm_start=True).fit(data, y)
    warm.fit(data, y)
    assert warm.n_iter_[0] <= 1 < cold.n_iter_[0]
    near = SoftmaxClassifier(tol=1e-6, warm_start=True).fit(data, y).set_params(C=1.05)
    near.fit(data, y)
    fresh = SoftmaxClassifier(tol=1e-6, C=1.05).fit(data, y)
    assert near.n_iter_[0] <= fresh.n_iter_[0]
    np.testing.assert_allclose(near.coef_, fresh.coef_, atol=5e-3)


def test_a_warm_start_on_other_data_begins_afresh() -> None:
    model = SoftmaxClassifier(warm_start=True).fit(X, Y)
    for data, y, reason in (
        (X[:, :2], Y, "had 4 features, and X has 2"),
        (X, Y, "had 2 features, and X has 4"),
        (X, Y % 2, r"\[2\] went"),
        (X, np.array(list("abc"))[Y], r"\['a', 'b', 'c'\] came, and \[0, 1\] went"),
    ):
        with pytest.warns(SoftplexWarning, match=f"begins afresh .* {reason}"):
            again = model.fit(data, y)
        fresh = SoftmaxClassifier().fit(data, y)
        np.testing.assert_allclose(again.coef_, fresh.coef_, atol=1e-6)
    model = SoftmaxClassifier(warm_start=True).fit(X, Y).set_params(fit_intercept=False).fit(X, Y)
    assert (model.intercept_ == 0).all()
    np.testing.assert_allclose(
        model.coef_, SoftmaxClassifier(fit_intercept=False).fit(X, Y).coef_, atol=1e-2
    )


def test_without_warm_start_a_second_fit_is_the_first() -> None:
    model = SoftmaxClassifier().fit(X, Y)
    first = model.coef_.copy()
    np.testing.assert_array_equal(model.fit(X, Y).coef_, first)


def test_the_same_data_give_the_same_bits(path: str) -> None:
    one, other = SoftmaxClassifier().fit(X, Y), SoftmaxClassifier(random_state=7).fit(X, Y)
    np.testing.assert_array_equal(one.coef_, other.coef_)


def test_verbose_writes_a_line_an_iteration_to_standard_error(path: str, capsys) -> None:
    model = SoftmaxClassifier(verbose=1).fit(X, Y)
    out, err = capsys.readouterr()
    assert out == ""
    choice, *lines = err.splitlines()
    assert choice.startswith("solver ")
    assert len(lines) > model.n_iter_[0]
    assert all(line.startswith("iteration") and "relative gap about" in line for line in lines)


def interrupt_after(count: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C in the evaluation of that number."""
    calls = [0]

    def interrupting(original):
        def interrupted(self, theta):
            calls[0] += 1
            if calls[0] == count:
                raise KeyboardInterrupt
            return original(self, theta)

        return interrupted

    for kind in (RidgeObjective, CompactObjective):
        monkeypatch.setattr(kind, "__call__", interrupting(kind.__call__))


@pytest.mark.parametrize("count", [2, 4])
def test_ctrl_c_gives_the_best_so_far(path: str, count: int, monkeypatch) -> None:
    interrupt_after(count, monkeypatch)
    with pytest.warns(GapNotReached, match="interrupted"):
        model = SoftmaxClassifier(tol=1e-10).fit(X, Y)
    assert model.certificate_.status is Status.INTERRUPTED
    assert np.isfinite(model.coef_).all()
    assert np.isfinite(model.certificate_.gap)
    optimum = 28.886316604
    assert model.certificate_.dual <= optimum <= model.certificate_.primal


@pytest.mark.parametrize("C", [1e-10, 1e-300, 1e8])
@pytest.mark.parametrize("fit_intercept", [True, False])
def test_extreme_penalties(path: str, C: float, fit_intercept: bool) -> None:
    model = SoftmaxClassifier(C=C, fit_intercept=fit_intercept, max_iter=3000)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", GapNotReached)
        model.fit(X, Y)
    assert np.isfinite(model.coef_).all()
    if C < 1:
        np.testing.assert_allclose(model.predict_proba(X), 1 / 3, atol=1e-6)
        assert model.certificate_.status is Status.CONVERGED
    else:
        assert model.score(X, Y) >= 0.96


@pytest.mark.parametrize("n", [2, 3])
def test_the_smallest_problems(path: str, n: int) -> None:
    model = SoftmaxClassifier().fit(np.arange(n, dtype=float)[:, None], np.arange(n))
    assert model.certificate_.status is Status.CONVERGED
    assert model.score(np.arange(n, dtype=float)[:, None], np.arange(n)) >= 0.5


def test_features_that_are_all_zero_leave_the_prior(path: str) -> None:
    y = np.repeat([0, 1, 2], [5, 3, 2])
    model = SoftmaxClassifier().fit(np.zeros((10, 3)), y)
    np.testing.assert_allclose(model.predict_proba(np.zeros((1, 3))), [[0.5, 0.3, 0.2]], atol=1e-9)
    assert model.certificate_.relative_gap < 1e-12


@pytest.mark.filterwarnings("ignore:The number of unique classes")
def test_many_classes_and_one_row_each(path: str) -> None:
    rng = np.random.default_rng(0)
    data = rng.normal(size=(150, 5))
    model = SoftmaxClassifier().fit(data, np.arange(150))
    assert model.certificate_.status is Status.CONVERGED
    assert model.coef_.shape == (150, 5)


@pytest.mark.slow
def test_fashion_mnist(shared_data) -> None:
    folder = shared_data / "fashion-mnist"
    images = gzip.decompress((folder / "train-images-idx3-ubyte.gz").read_bytes())
    labels = gzip.decompress((folder / "train-labels-idx1-ubyte.gz").read_bytes())
    data = np.frombuffer(images, np.uint8, offset=16).reshape(60_000, 784).astype(np.float32)
    y = np.frombuffer(labels, np.uint8, offset=8)
    data = (data - data.mean(axis=0)) / data.std(axis=0)
    model = SoftmaxClassifier(C=1 / (1e-3 * len(y))).fit(data[:50_000], y[:50_000])
    assert model.certificate_.status is Status.CONVERGED
    assert model.score(data[50_000:], y[50_000:]) >= 0.84
