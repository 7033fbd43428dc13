"""What the path keeps of its fits, and how the folds, the walk and the final fit are made."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import sparse
from sklearn.datasets import load_iris, load_wine
from sklearn.metrics import log_loss
from sklearn.model_selection import StratifiedKFold
from sklearn.preprocessing import scale

from softplex import SoftmaxClassifier, SoftmaxClassifierCV, load, save
from softplex.estimators._fold_fits import FoldFits
from softplex.estimators._path_walk import Walk
from softplex.exceptions import GapNotReached, InvalidInput
from softplex.objective import Status
from softplex.solvers import Solution

X, Y = load_iris(return_X_y=True)
GRID = [1e-3, 0.1, 10.0]
# The penalty is 1-strongly convex, so within a relative gap of 1e-12 of objectives below 50 the
# coefficients lie within sqrt(2 x 5e-11) = 1e-5 of the optimum.
NEAR = 2e-5


def test_every_fit_leaves_its_certificate() -> None:
    path = SoftmaxClassifierCV(GRID, cv=3, path_tol=1e-6).fit(X, Y).path_
    assert (path.relative_gaps <= 1e-6).all()
    assert (path.n_iters > 0).all()
    assert {status for row in path.statuses for status in row} == {Status.CONVERGED}
    assert (np.diff(path.coefficient_norms, axis=0) > 0).all()
    assert (path.n_nonzeros == 12).all()
    assert path.coefficients is path.certificates is None


def test_the_numbers_of_a_fold_are_those_of_its_plain_fit() -> None:
    folds = list(StratifiedKFold(3).split(X, Y))
    path = SoftmaxClassifierCV(GRID, cv=folds, path_tol=1e-12, refit=False).fit(X, Y).path_
    for fold, (train, _) in enumerate(folds):
        plain = SoftmaxClassifier(0.1, tol=1e-12).fit(X[train], Y[train])
        assert path.coefficient_norms[1, fold] == pytest.approx(np.linalg.norm(plain.coef_))


def test_the_final_fit_is_the_plain_one() -> None:
    model = SoftmaxClassifierCV(GRID, cv=3, tol=1e-12).fit(X, Y)
    plain = SoftmaxClassifier(model.C_, tol=1e-12).fit(X, Y)
    np.testing.assert_allclose(model.coef_, plain.coef_, atol=NEAR)
    np.testing.assert_allclose(model.intercept_, plain.intercept_, atol=NEAR)
    assert model.certificate_.status is Status.CONVERGED
    assert model.n_iter_ < plain.n_iter_  # it begins at the mean of the folds


def test_stored_coefficients_are_those_of_plain_fits() -> None:
    model = SoftmaxClassifierCV(GRID, cv=3, tol=1e-12, store_coefficients=True).fit(X, Y)
    path = model.path_
    assert path.coefficients is not None
    assert path.intercepts is not None
    assert path.certificates is not None
    assert path.coefficients.shape == (3, 3, 4)
    for place, C in enumerate(GRID):
        plain = SoftmaxClassifier(C, tol=1e-12).fit(X, Y)
        np.testing.assert_allclose(path.coefficients[place], plain.coef_, atol=NEAR)
        np.testing.assert_allclose(path.intercepts[place], plain.intercept_, atol=NEAR)
        certificate = path.certificates[place]
        assert certificate is not None
        assert certificate.primal == pytest.approx(plain.certificate_.primal)
    np.testing.assert_array_equal(model.coef_, path.coefficients[path.chosen_index])


def test_values_that_were_not_reached_have_no_coefficients() -> None:
    random = np.random.default_rng(0)
    features, y = random.normal(size=(120, 10)), random.integers(0, 2, 120)
    model = SoftmaxClassifierCV(12, store_coefficients=True, refit=False).fit(features, y)
    path, left_out = model.path_, ~model.path_.is_reached
    assert left_out.any()
    assert path.coefficients is not None
    assert path.certificates is not None
    assert np.isnan(path.coefficients[left_out]).all()
    assert np.isfinite(path.coefficients[~left_out]).all()
    assert [item is None for item in path.certificates] == left_out.tolist()
    assert not hasattr(model, "coef_")
    whole = SoftmaxClassifierCV(12, early_stopping=False, refit=False).fit(features, y)
    assert whole.path_.is_reached.all()
    assert whole.C_ == model.C_


def test_the_simpler_rule_gives_a_stronger_penalty_that_is_as_good() -> None:
    features, y = load_wine(return_X_y=True)
    features = scale(features)
    best = SoftmaxClassifierCV().fit(features, y)
    simple = SoftmaxClassifierCV(rule="one_standard_error").fit(features, y)
    np.testing.assert_array_equal(best.path_.fold_scores, simple.path_.fold_scores)
    assert simple.C_ < best.C_
    assert simple.Cs_[best.path_.one_standard_error_index] == simple.C_
    plain = SoftmaxClassifier(simple.C_, tol=1e-12).fit(features, y)
    np.testing.assert_allclose(simple.coef_, plain.coef_, atol=1e-3)


def test_a_fold_that_lacks_a_class_is_fitted_as_if_it_had_no_weight() -> None:
    """Two classes are left of three, and keep a column each: one column would double C."""
    rows = np.arange(150)
    folds = [(rows[:100:2], rows[1:100:2]), (rows[::3], rows[1::3])]
    path = SoftmaxClassifierCV([0.1], cv=folds, path_tol=1e-12).fit(X, Y).path_
    kept = np.concatenate([folds[0][0], rows[100:]])
    plain = SoftmaxClassifier(0.1, tol=1e-12, class_weight={2: 0.0}).fit(X[kept], Y[kept])
    assert plain.coef_.shape == (3, 4)
    assert path.coefficient_norms[0, 0] == pytest.approx(np.linalg.norm(plain.coef_))
    assert path.n_nonzeros[0].tolist() == [8, 12]


def test_two_classes_have_one_column() -> None:
    features, y = X[50:].astype(np.float32), np.array(["owl", "wren"])[Y[50:] - 1]
    folds = list(StratifiedKFold(3).split(features, y))
    model = SoftmaxClassifierCV([0.1, 1.0], cv=folds, path_tol=1e-12, store_coefficients=True)
    path = model.fit(features, y).path_
    assert path.coefficients is not None
    assert path.coefficients.shape == (2, 1, 4)
    train, held_out = folds[0]
    plain = SoftmaxClassifier(1.0, tol=1e-12).fit(features[train], y[train])
    expected = log_loss(y[held_out], plain.predict_proba(features[held_out]))
    assert path.fold_scores[1, 0] == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("store", [False, True], ids=["walk", "stored"])
def test_an_interrupted_fit_ends_the_search(monkeypatch: pytest.MonkeyPatch, store: bool) -> None:
    """A path cut short would name a C that is too small."""
    plain = FoldFits.fit

    def interrupted(fits: FoldFits, fold: int | None, *rest: Any) -> Solution:
        solution = plain(fits, fold, *rest)
        if (fold is None) is not store:
            return solution
        certificate = replace(solution.certificate, status=Status.INTERRUPTED)
        return replace(solution, certificate=certificate)

    monkeypatch.setattr(FoldFits, "fit", interrupted)
    with pytest.raises(KeyboardInterrupt):
        SoftmaxClassifierCV(GRID, cv=3, store_coefficients=store).fit(X, Y)


def test_sparse_and_dense_walk_alike() -> None:
    dense = SoftmaxClassifierCV(GRID, cv=3, path_tol=1e-10).fit(X, Y).path_
    csr = SoftmaxClassifierCV(GRID, cv=3, path_tol=1e-10).fit(sparse.csr_matrix(X), Y).path_
    np.testing.assert_allclose(csr.fold_scores, dense.fold_scores, rtol=1e-4)


def test_the_random_state_deals_the_rows() -> None:
    def scores(state: Any) -> Any:
        model = SoftmaxClassifierCV([1.0], cv=3, refit=False, random_state=state)
        return model.fit(X, Y).path_.fold_scores.tolist()

    assert scores(None) == scores(0) == scores(np.random.RandomState(0))
    assert scores(1) != scores(0)


def test_verbose_says_a_line_for_each_value(capsys: pytest.CaptureFixture[str]) -> None:
    SoftmaxClassifierCV(GRID, cv=3, refit=False, verbose=1).fit(X, Y)
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 3
    assert lines[0].startswith("C 0.001 (1 of 3): log_loss ")
    SoftmaxClassifierCV([1.0], cv=3, refit=False, verbose=2).fit(X, Y)
    assert capsys.readouterr().err.count("iteration") > 3


def test_fits_above_the_asked_gap_are_said_once() -> None:
    model = SoftmaxClassifierCV(GRID, cv=3, max_iter=1, refit=False)
    with pytest.warns(GapNotReached, match=r"\d of 3 x 3 fits along the path .* path_tol") as said:
        model.fit(X, Y)
    assert len(said) == 1
    assert Status.MAX_ITER in {status for row in model.path_.statuses for status in row}


def test_the_path_is_saved_with_the_model(tmp_path: Path) -> None:
    model = SoftmaxClassifierCV(GRID, cv=3, store_coefficients=True).fit(X, Y)
    save(model, tmp_path / "model")
    again = load(tmp_path / "model")
    assert again.path_.statuses == model.path_.statuses
    assert again.path_.certificates == model.path_.certificates
    np.testing.assert_array_equal(again.path_.fold_scores, model.path_.fold_scores)
    assert again.path_.to_frame().equals(model.path_.to_frame())


def test_a_walk_turns_only_when_it_is_clearly_worse_on_all_folds_alike() -> None:
    def turned(*rows: list[float], greater_is_better: bool = False) -> bool:
        walk = Walk(np.ones(len(rows)), np.ones(3), greater_is_better)
        walk.fold_scores[:] = rows
        walk.reached = len(rows)
        return walk.has_turned()

    low, high, higher = [0.5, 0.6, 0.7], [0.6, 0.7, 0.8], [0.7, 0.8, 0.9]
    assert turned(low, high, higher)
    assert not turned(low, high)
    assert not turned(high, low, higher)
    assert not turned(low, [0.501, 0.601, 0.701], higher)  # by less than a hundredth
    assert not turned(low, [0.2, 0.6, 1.2], higher)  # by less than its standard error
    assert turned(higher, high, low, greater_is_better=True)
    assert not turned(low, high, higher, greater_is_better=True)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"rule": "1se"}, "rule must be one of 'best', 'one_standard_error'"),
        ({"cv": [(np.arange(150), np.arange(150))], "rule": "one_standard_error"}, "two folds"),
        ({"cv": [(np.arange(50), np.arange(50, 150))]}, "fold 0 has 50 that count, of .*0"),
        ({"C": 1.0}, "unexpected keyword"),
    ],
)
def test_bad_arguments_of_the_path(options: dict[str, Any], message: str) -> None:
    with pytest.raises((InvalidInput, TypeError), match=message):
        SoftmaxClassifierCV(**options).fit(X, Y)


def test_weights_of_zero_and_lone_classes() -> None:
    with pytest.raises(ValueError, match="zero"):
        SoftmaxClassifierCV().fit(X, Y, np.zeros(150))
    with pytest.raises(InvalidInput, match="one class: 1"):
        SoftmaxClassifierCV().fit(X, Y, np.where(Y == 1, 1.0, 0.0))
