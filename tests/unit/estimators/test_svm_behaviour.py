"""What a support vector machine answers, refuses, and what must not change it."""

from __future__ import annotations

import pickle

import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from sklearn.base import clone
from sklearn.datasets import load_iris

import softplex
from softplex import CalibratedClassifier, SVMClassifier
from softplex.estimators._svm import LOSSES
from softplex.exceptions import GapNotReached, InvalidInput
from softplex.objective import Status
from softplex.solvers import _hinge

X, Y = load_iris(return_X_y=True)
TOL = 1e-10


def fit(features=X, y=Y, sample_weight=None, **options) -> SVMClassifier:
    return SVMClassifier(**{"tol": TOL, **options}).fit(features, y, sample_weight)


def assert_same(one: SVMClassifier, other: SVMClassifier, atol: float = 2e-4) -> None:
    """Equal to the root of the tolerance; an intercept may be free within an interval."""
    np.testing.assert_allclose(one.coef_, other.coef_, atol=atol)
    assert one.certificate_.primal == pytest.approx(other.certificate_.primal, rel=1e-8)


@pytest.fixture(params=LOSSES)
def loss(request: pytest.FixtureRequest) -> str:
    return request.param


def test_weights_are_repetitions(loss: str) -> None:
    weight = np.random.default_rng(1).integers(0, 4, size=len(Y))
    repeated = fit(np.repeat(X, weight, axis=0), np.repeat(Y, weight), loss=loss)
    assert_same(fit(sample_weight=weight, loss=loss), repeated)


def test_weights_and_c_trade(loss: str) -> None:
    assert_same(fit(sample_weight=np.full(len(Y), 3.0), C=0.5, loss=loss), fit(C=1.5, loss=loss))


def test_the_order_of_rows_and_classes_changes_nothing(loss: str) -> None:
    order = np.random.default_rng(0).permutation(len(Y))
    plain = fit(loss=loss)
    assert_same(fit(X[order], Y[order], loss=loss), plain)
    renamed = fit(X, np.array([2, 0, 1])[Y], loss=loss)
    np.testing.assert_allclose(renamed.coef_[[2, 0, 1]], plain.coef_, atol=2e-4)


def test_the_intercept_absorbs_a_shift_of_the_features(loss: str) -> None:
    assert_same(fit(X + 1000.0, loss=loss), fit(loss=loss))


def test_the_margin_scales_the_problem(loss: str) -> None:
    """With W = margin V the objective is margin^2 times that of V at C margin^(p - 2)."""
    power = 2 if loss.startswith("squared") else 1
    wide = fit(loss=loss, margin=3.0, C=0.5)
    unit = fit(loss=loss, C=0.5 * 3.0 ** (power - 2))
    np.testing.assert_allclose(wide.coef_, 3.0 * unit.coef_, atol=1e-3)
    assert wide.certificate_.primal == pytest.approx(9.0 * unit.certificate_.primal, rel=1e-8)


def test_scores_sum_to_a_constant_and_predictions_follow_them(loss: str) -> None:
    model = fit(loss=loss)
    np.testing.assert_allclose(model.coef_.sum(axis=0), 0.0, atol=1e-8)
    assert model.intercept_.sum() == pytest.approx(0.0, abs=1e-8)
    scores = model.decision_function(X)
    assert (model.predict(X) == scores.argmax(axis=1)).all()
    assert model.score(X, Y) > 0.95


def test_geometric_margins_are_distances_to_the_boundary() -> None:
    model = fit(loss="crammer_singer")
    margins = model.geometric_margins(X, Y)
    assert ((margins > 0) == (model.predict(X) == Y)).all()
    np.testing.assert_allclose(np.abs(margins), model.geometric_margins(X))
    # Walk from each row that far towards the nearest boundary: two scores become equal.
    scores = model.decision_function(X)
    for row in range(0, len(X), 10):
        own = scores[row].argmax()
        gaps = [
            (scores[row, own] - scores[row, j]) / np.linalg.norm(model.coef_[own] - model.coef_[j])
            for j in range(3)
            if j != own
        ]
        assert model.geometric_margins(X[row : row + 1])[0] == pytest.approx(min(gaps))
        rival = [j for j in range(3) if j != own][int(np.argmin(gaps))]
        normal = model.coef_[own] - model.coef_[rival]
        there = X[row] - min(gaps) * normal / np.linalg.norm(normal)
        moved = model.decision_function(there[None])[0]
        assert moved[own] == pytest.approx(moved[rival])


def test_geometric_margins_of_two_classes() -> None:
    keep = Y > 0
    model = fit(X[keep], Y[keep])
    signed = model.decision_function(X[keep]) / np.linalg.norm(model.coef_)
    wanted = np.where(Y[keep] == 2, signed, -signed)
    np.testing.assert_allclose(model.geometric_margins(X[keep], Y[keep]), wanted)


def test_geometric_margins_where_there_is_no_boundary() -> None:
    constant = fit(np.zeros((6, 2)), [0, 1, 1, 2, 2, 2], fit_intercept=False)
    assert np.isposinf(constant.geometric_margins(np.zeros((1, 2)))).all()
    absent = fit(X, Y, class_weight={1: 0.0})
    assert np.isneginf(absent.geometric_margins(X[:1], [1])).all()


def test_geometric_margins_refuse_other_labels() -> None:
    model = fit()
    with pytest.raises(InvalidInput, match="not fitted on the class 7 of row 2"):
        model.geometric_margins(X[:3], [0, 1, 7])
    with pytest.raises(InvalidInput, match="one label a row: X has 3 rows, y has 2"):
        model.geometric_margins(X[:3], [0, 1])


@pytest.mark.parametrize("name", ["predict_proba", "predict_log_proba"])
def test_probabilities_are_refused_with_the_way_to_them(name: str) -> None:
    model = SVMClassifier()
    assert not hasattr(model, name)
    with pytest.raises(AttributeError, match=r"Wrap it in CalibratedClassifier\(SVMClassifier"):
        getattr(model, name)


def test_calibration_gives_probabilities(loss: str) -> None:
    model = CalibratedClassifier(SVMClassifier(loss=loss), cv=3).fit(X, Y)
    p = model.predict_proba(X)
    np.testing.assert_allclose(p.sum(axis=1), 1.0)
    assert (p.argmax(axis=1) == Y).mean() > 0.9


def test_a_class_of_zero_weight_is_absent_with_an_intercept_and_takes_part_without() -> None:
    model = fit(class_weight={1: 0.0})
    assert model.intercept_[1] == -np.inf
    assert set(model.predict(X)) == {0, 2}
    assert model.coef_.shape == (3, 4)
    pushed = fit(class_weight={1: 0.0}, fit_intercept=False)
    assert np.isfinite(pushed.coef_).all()
    assert (pushed.coef_[1] != 0).any()


def test_one_row_a_class() -> None:
    # A score's rounding, times C, hides 1e-9 of the objective.
    model = fit(np.eye(4), ["a", "b", "c", "d"], C=1e6, loss="crammer_singer", tol=1e-7)
    assert model.predict(np.eye(4)).tolist() == ["a", "b", "c", "d"]
    assert model.certificate_.status is Status.CONVERGED


def test_warm_starts_need_fewer_steps_and_end_at_the_same(loss: str) -> None:
    model = SVMClassifier(loss=loss, tol=1e-6, warm_start=True).fit(X, Y)
    again = clone(model).fit(X, Y)
    cold = int(model.n_iter_[0])
    model.fit(X, Y)
    assert model.n_iter_[0] <= cold
    assert model.certificate_.primal == pytest.approx(again.certificate_.primal, rel=2e-6)


def test_stopping_early_is_said_and_still_certified(loss: str) -> None:
    with pytest.warns(GapNotReached, match="iteration limit"):
        model = fit(loss=loss, max_iter=2)
    best = fit(loss=loss).certificate_
    assert model.n_iter_[0] == 2
    assert model.certificate_.status is Status.MAX_ITER
    assert model.certificate_.dual <= best.primal * (1 + 1e-12)
    assert best.dual <= model.certificate_.primal * (1 + 1e-12)


def test_an_interrupted_fit_keeps_what_it_has(monkeypatch: pytest.MonkeyPatch) -> None:
    original, calls = _hinge.minimise, []

    def interrupted(*arguments):
        calls.append(1)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return original(*arguments)

    monkeypatch.setattr(_hinge, "minimise", interrupted)
    with pytest.warns(GapNotReached, match="interrupted"):
        model = fit()
    assert model.certificate_.status is Status.INTERRUPTED
    assert model.score(X, Y) > 0.5


def test_verbose_tells_of_each_step(capsys: pytest.CaptureFixture[str]) -> None:
    fit(tol=1e-2, verbose=1)
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) > 3
    assert lines[0].startswith("iteration    0  objective 300")


@pytest.mark.parametrize("dtype", [None, "float32", "float64"])
def test_precisions_agree(dtype: str | None) -> None:
    rng = np.random.default_rng(0)
    features = rng.normal(size=(400, 50))
    y = (features[:, :5] + rng.gumbel(size=(400, 5))).argmax(axis=1)
    model = fit(features, y, dtype=dtype, tol=1e-5)
    exact = fit(features, y, tol=1e-9)
    assert model.certificate_.relative_gap <= 1e-5
    assert model.certificate_.primal == pytest.approx(exact.certificate_.primal, rel=1e-5)


def test_saved_models_answer_the_same(tmp_path) -> None:
    model = fit(loss="squared_crammer_singer", tol=1e-6)
    softplex.save(model, tmp_path / "model")
    same = softplex.load(tmp_path / "model")
    assert (same.decision_function(X) == model.decision_function(X)).all()
    assert same.certificate_ == model.certificate_
    assert same.get_params() == model.get_params()
    assert (pickle.loads(pickle.dumps(model)).coef_ == model.coef_).all()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"C": 0}, r"C must be a finite number in \(0, inf\), but got 0"),
        ({"C": -1.0}, "C must be a finite number"),
        ({"C": float("inf")}, "needs a finite C, but got C=inf .* Take a large C"),
        ({"C": float("nan")}, "C must be a finite number"),
        ({"C": "1"}, "C must be a finite number"),
        ({"loss": "hinge"}, "loss must be one of 'weston_watkins'"),
        ({"loss": "crammer_singr"}, "Did you mean 'crammer_singer'"),
        ({"margin": 0.0}, "margin must be a finite number"),
        ({"margin": float("inf")}, "margin must be a finite number"),
        ({"tol": 0}, "tol must be a finite number"),
        ({"max_iter": -1}, "max_iter must be a whole number"),
        ({"max_iter": 1.5}, "max_iter must be a whole number"),
        ({"dtype": "float16"}, "dtype must be None, 'float32' or 'float64'"),
        ({"device": "warp"}, "device must name a torch device"),
        ({"class_weight": {9: 2.0}}, "class_weight for 9"),
        ({"class_weight": {0: 0, 1: 0}}, r"two classes of positive weight, but only \[2\]"),
    ],
)
def test_arguments_out_of_range(options, message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        SVMClassifier(**options).fit(X, Y)


@pytest.mark.parametrize("form", [np.asarray, sparse.csr_matrix, pd.DataFrame])
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_non_finite_features_are_named(form, value: float) -> None:
    features = X.copy()
    features[17, 2] = value
    with pytest.raises(InvalidInput, match="finite numbers in X, but row 17, column 2"):
        SVMClassifier().fit(form(features), Y)


@pytest.mark.parametrize("form", [np.asarray, sparse.csr_matrix])
def test_features_whose_squares_overflow_are_named(form) -> None:
    with pytest.raises(InvalidInput, match="feature column 1 overflow"):
        SVMClassifier().fit(form(X * [1, 1e200, 1, 1]), Y)


def test_soft_targets_zero_weights_and_one_class_are_refused() -> None:
    with pytest.raises(InvalidInput, match="one class a row, but y holds rows of probabilities"):
        SVMClassifier().fit(X, np.full((len(Y), 3), 1 / 3))
    with pytest.raises(InvalidInput, match="every sample weight is zero"):
        SVMClassifier().fit(X, Y, np.zeros(len(Y)))
    with pytest.raises(InvalidInput, match="at least two classes"):
        SVMClassifier().fit(X, np.zeros(len(Y)))


def test_an_unscaled_design_converges_or_says_what_stopped_it(loss: str) -> None:
    rng = np.random.default_rng(0)
    features = rng.normal(size=(100, 8)) * 10.0 ** np.linspace(-6, 6, 8)
    y = (features[:, 6] > 0).astype(int) + (features[:, 7] > 0)
    model = fit(features, y, loss=loss, tol=1e-6)
    assert model.certificate_.relative_gap <= 1e-6
