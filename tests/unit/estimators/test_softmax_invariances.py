"""What must not change a fit, and what must change it in a known way."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import sparse
from sklearn.datasets import load_iris

from softplex import SoftmaxClassifier
from softplex.solvers import _problem
from softplex.streaming import _features

TOL = 1e-13
Data = tuple[np.ndarray, np.ndarray]


@pytest.fixture(params=[2, 3], ids=["two classes", "three classes"])
def data(request: pytest.FixtureRequest) -> Data:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(80, 4))
    k = request.param
    y = (X @ rng.normal(size=(4, k)) + rng.gumbel(size=(80, k))).argmax(axis=1)
    return X, y


def fit(X, y, sample_weight=None, **options) -> SoftmaxClassifier:
    return SoftmaxClassifier(**{"tol": TOL, **options}).fit(X, y, sample_weight)


def assert_same(one: SoftmaxClassifier, other: SoftmaxClassifier, atol: float = 1e-7) -> None:
    np.testing.assert_allclose(one.coef_, other.coef_, atol=atol)
    np.testing.assert_allclose(one.intercept_, other.intercept_, atol=atol)
    assert one.certificate_.primal == pytest.approx(other.certificate_.primal, rel=1e-9)


def test_weights_are_repetitions(data: Data) -> None:
    X, y = data
    weight = np.random.default_rng(1).integers(0, 4, size=len(y))
    weight[:10] = 1
    repeated = fit(np.repeat(X, weight, axis=0), np.repeat(y, weight))
    assert_same(fit(X, y, weight), repeated)
    assert_same(
        fit(X, y, weight, class_weight="balanced"),
        fit(np.repeat(X, weight, axis=0), np.repeat(y, weight), class_weight="balanced"),
    )


def test_weights_and_c_trade(data: Data) -> None:
    X, y = data
    assert_same(fit(X, y, np.full(len(y), 3.0), C=0.5), fit(X, y, C=1.5))


def test_rows_of_weight_zero_are_absent(data: Data) -> None:
    X, y = data
    weight = (np.arange(len(y)) % 3 > 0).astype(float)
    keep = weight > 0
    assert_same(fit(X, y, weight), fit(X[keep], y[keep]))
    renamed = np.where(keep, y, 7)
    assert fit(X, renamed, weight).classes_.tolist() == np.unique(y[keep]).tolist()


def test_the_order_of_the_rows_does_not_matter(data: Data) -> None:
    X, y = data
    order = np.random.default_rng(2).permutation(len(y))
    assert_same(fit(X, y), fit(X[order], y[order]))


def test_renaming_the_classes_permutes_the_rows(data: Data) -> None:
    X, y = data
    names = np.array(["wren", "auk", "owl"])
    plain, named = fit(X, y), fit(X, names[y])
    order = np.argsort(names[: y.max() + 1])
    if len(order) == 2:
        np.testing.assert_allclose(named.coef_, -plain.coef_, atol=1e-7)
    else:
        np.testing.assert_allclose(named.coef_, plain.coef_[order], atol=1e-7)
    np.testing.assert_allclose(named.predict_proba(X), plain.predict_proba(X)[:, order], atol=1e-8)
    assert (named.predict(X) == names[plain.predict(X)]).all()


def test_a_duplicated_column_shares_its_weight(data: Data) -> None:
    """Twice the column with half the penalty each is one column of sqrt(2) times the size."""
    X, y = data
    model = fit(np.column_stack([X, X[:, 0]]), y)
    np.testing.assert_allclose(model.coef_[:, 0], model.coef_[:, -1], atol=1e-7)
    wider = X * [np.sqrt(2), 1, 1, 1]
    np.testing.assert_allclose(
        model.predict_proba(X[:, [0, 1, 2, 3, 0]]), fit(wider, y).predict_proba(wider), atol=1e-7
    )


def test_a_constant_column_gets_no_weight(data: Data) -> None:
    X, y = data
    plain = fit(X, y)
    for value in (0.0, 1.0, -1e6, 0.1):
        model = fit(np.column_stack([X, np.full(len(y), value)]), y)
        np.testing.assert_allclose(model.coef_[:, -1], 0.0, atol=1e-9)
        np.testing.assert_allclose(model.coef_[:, :-1], plain.coef_, atol=1e-6)


def test_a_rotation_rotates_the_coefficients(data: Data) -> None:
    X, y = data
    rotation = np.linalg.qr(np.random.default_rng(3).normal(size=(4, 4)))[0]
    plain, turned = fit(X, y), fit(X @ rotation, y)
    np.testing.assert_allclose(turned.coef_, plain.coef_ @ rotation, atol=1e-7)
    np.testing.assert_allclose(turned.intercept_, plain.intercept_, atol=1e-7)


@pytest.mark.parametrize("offset", [1.0, 2000.0, 1e6])
def test_an_offset_moves_into_the_intercept(data: Data, offset: float) -> None:
    X, y = data
    plain, moved = fit(X, y), fit(X + offset, y)
    np.testing.assert_allclose(moved.coef_, plain.coef_, atol=1e-5)
    np.testing.assert_allclose(moved.predict_proba(X + offset), plain.predict_proba(X), atol=1e-5)


@pytest.mark.parametrize("size", [1e-6, 1e6])
@pytest.mark.parametrize("path", ["newton", "lbfgs"])
def test_the_units_of_all_columns_trade_with_c(
    data: Data, size: float, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    X, y = data
    if path == "lbfgs":
        monkeypatch.setattr(_problem, "_NEWTON_SIZE", 0)
    plain = fit(X, y, tol=1e-10)
    scaled = fit(X * size, y, C=1 / size**2, tol=1e-10)
    # The penalty counts for size^-2 times as much against C times the loss: the same trade.
    np.testing.assert_allclose(scaled.coef_ * size, plain.coef_, atol=1e-4)
    mixed = fit(X * [1.0, size, 1.0, 1.0], y, tol=1e-10)
    assert mixed.certificate_.relative_gap <= 1e-10


def test_the_gradient_vanishes_at_the_optimum(data: Data) -> None:
    X, y = data
    model = fit(X, y, C=2.0)
    residual = model.predict_proba(X) - (y[:, None] == model.classes_)
    if len(model.classes_) == 2:
        residual = residual[:, 1:]
    np.testing.assert_allclose(2.0 * residual.T @ X + model.coef_, 0.0, atol=1e-6)
    np.testing.assert_allclose(residual.sum(axis=0), 0.0, atol=1e-6)


def test_coefficients_and_intercepts_sum_to_zero_over_three_classes() -> None:
    X, y = load_iris(return_X_y=True)
    for options in ({}, {"fit_intercept": False}, {"max_iter": 1000, "C": 100.0}):
        model = fit(X, y, **{**options, "tol": 1e-6})
        np.testing.assert_allclose(model.coef_.sum(axis=0), 0.0, atol=1e-12)
        np.testing.assert_allclose(model.intercept_.sum(), 0.0, atol=1e-10)


def test_two_classes_take_one_column_that_is_the_two_column_problem_at_half_the_penalty() -> None:
    """Two columns +w/2 and -w/2 cost half the penalty of one column w."""
    rng = np.random.default_rng(4)
    X = rng.normal(size=(60, 3))
    y = rng.integers(0, 2, size=60)
    one = fit(X, y, C=1.0)
    three = np.column_stack([np.eye(2)[y], np.zeros(60)])  # an absent third class: two columns
    two = fit(X, three, C=0.5)
    np.testing.assert_allclose(two.coef_[1] - two.coef_[0], one.coef_[0], atol=1e-7)
    np.testing.assert_allclose(two.predict_proba(X)[:, :2], one.predict_proba(X), atol=1e-8)
    assert (two.predict_proba(X)[:, 2] == 0).all()


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_one_hot_rows_say_what_labels_say(data: Data, smoothing: float) -> None:
    X, y = data
    k = y.max() + 1
    assert_same(fit(X, y, smoothing=smoothing), fit(X, np.eye(k)[y], smoothing=smoothing))


@pytest.mark.parametrize("kind", ["others", "uniform"])
def test_smoothing_is_a_hand_made_soft_target(data: Data, kind: str) -> None:
    X, y = data
    k, eps = y.max() + 1, 0.2
    hot = np.eye(k)[y]
    by_hand = (1 - eps) * hot + (eps * (1 - hot) / (k - 1) if kind == "others" else eps / k)
    assert_same(fit(X, y, smoothing=eps, smoothing_kind=kind), fit(X, by_hand))


def test_the_two_conventions_of_smoothing_exchange(data: Data) -> None:
    X, y = data
    k = y.max() + 1
    assert_same(
        fit(X, y, smoothing=0.1),
        fit(X, y, smoothing=0.1 * k / (k - 1), smoothing_kind="uniform"),
    )


def test_a_soft_row_is_its_labels_with_weights(data: Data) -> None:
    """The loss is linear in the target."""
    X, y = data
    k = y.max() + 1
    q = np.random.default_rng(5).dirichlet(np.ones(k), size=len(y))
    spread = fit(np.repeat(X, k, axis=0), np.tile(np.arange(k), len(y)), q.ravel())
    assert_same(fit(X, q), spread)


def test_soft_targets_carry_class_weights(data: Data) -> None:
    X, y = data
    k = y.max() + 1
    for class_weight in ("balanced", {0: 2.5}):
        assert_same(
            fit(X, y, class_weight=class_weight), fit(X, np.eye(k)[y], class_weight=class_weight)
        )


@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("path", ["newton", "lbfgs"])
def test_a_class_without_mass(fit_intercept: bool, path: str, monkeypatch) -> None:
    """With an intercept its probability is 0; without, the optimum is finite and soon found."""
    if path == "lbfgs":
        monkeypatch.setattr(_problem, "_NEWTON_SIZE", 0)
    X, y = load_iris(return_X_y=True)
    q = np.zeros((150, 4))
    q[np.arange(150), np.array([0, 1, 3])[y]] = 1.0
    model = SoftmaxClassifier(fit_intercept=fit_intercept, tol=1e-8).fit(X, q)
    assert model.certificate_.relative_gap <= 1e-8
    assert model.n_iter_[0] < 100
    p = model.predict_proba(X)
    np.testing.assert_allclose(p.sum(axis=1), 1.0)
    if fit_intercept:
        assert model.intercept_[2] == -np.inf
        assert (p[:, 2] == 0).all()
        assert (model.predict_log_proba(X)[:, 2] == -np.inf).all()
        plain = SoftmaxClassifier(tol=1e-8).fit(X, y)
        np.testing.assert_allclose(p[:, [0, 1, 3]], plain.predict_proba(X), atol=1e-4)
    else:
        assert (p[:, 2] > 0).all()


def test_smoothing_gives_an_absent_class_its_share() -> None:
    X, y = load_iris(return_X_y=True)
    model = SoftmaxClassifier(smoothing=0.1).fit(X, np.eye(4)[y])
    assert np.isfinite(model.intercept_).all()
    assert model.predict_proba(X)[:, 3].mean() == pytest.approx(0.1 / 3, rel=0.05)


@pytest.mark.parametrize("path", ["newton", "lbfgs"])
def test_the_size_of_the_blocks_does_not_matter(
    data: Data, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    X, y = data
    if path == "lbfgs":
        monkeypatch.setattr(_problem, "_NEWTON_SIZE", 0)
    whole, csr = fit(X, y, tol=1e-10), fit(sparse.csr_matrix(X), y, tol=1e-10)
    monkeypatch.setattr(_features, "_MIN_ROWS", 7)
    monkeypatch.setattr(_features, "_MAX_ROWS", 7)
    monkeypatch.setattr(_features, "_SPARSE_BLOCK_SCORES", 1)
    assert_same(fit(X, y, tol=1e-10), whole, atol=1e-5)
    assert_same(fit(sparse.csr_matrix(X), y, tol=1e-10), csr, atol=1e-5)
    np.testing.assert_allclose(whole.predict_proba(X), csr.predict_proba(X), atol=1e-5)
