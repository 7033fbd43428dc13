"""The penalty chosen by cross-validation."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.model_selection import KFold, StratifiedKFold

from softplex import SoftmaxClassifier, SoftmaxClassifierCV
from softplex.exceptions import InvalidInput
from softplex.objective import Status

X, Y = load_iris(return_X_y=True)
GRID = [1e-3, 0.1, 10.0]


def noise(n: int = 120, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Features that say nothing, so that the strongest penalty is best."""
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, 10)), rng.integers(0, 3, size=n)


def test_the_losses_are_those_of_plain_fits() -> None:
    folds = list(StratifiedKFold(3, shuffle=True, random_state=1).split(X, Y))
    model = SoftmaxClassifierCV(GRID, cv=folds, path_tol=1e-12, tol=1e-12).fit(X, Y)
    assert model.path_.fold_scores.shape == (3, 3)
    for row, C in enumerate(GRID):
        for column, (train, test) in enumerate(folds):
            plain = LogisticRegression(C=C, solver="newton-cholesky", tol=1e-12).fit(
                X[train], Y[train]
            )
            expected = log_loss(Y[test], plain.predict_proba(X[test]))
            assert model.path_.fold_scores[row, column] == pytest.approx(expected, rel=1e-6)
    best = int(model.path_.fold_scores.mean(axis=1).argmin())
    assert model.Cs_[best] == model.C_
    final = SoftmaxClassifier(model.C_, tol=1e-12).fit(X, Y)
    # By strong convexity each is within sqrt(2 tol x primal), about 6e-6, of the optimum.
    np.testing.assert_allclose(model.coef_, final.coef_, atol=1e-6)
    assert model.certificate_.status is Status.CONVERGED


def test_noise_gets_a_strong_penalty_and_signal_a_weak_one() -> None:
    features, y = noise()
    strong = SoftmaxClassifierCV().fit(features, y)
    weak = SoftmaxClassifierCV().fit(X, Y)
    assert strong.C_ * len(y) <= 100
    assert weak.C_ * len(Y) >= 100
    assert weak.score(X, Y) > 0.95


def test_the_walk_ends_early_once_the_loss_has_risen() -> None:
    features, y = noise()
    model = SoftmaxClassifierCV(Cs=12).fit(features, y)
    unreached = np.isnan(model.path_.fold_scores).all(axis=1)
    assert unreached.any()
    assert not unreached[: int(np.flatnonzero(unreached)[0])].any()
    assert model.C_ in model.Cs_[~unreached]


def test_the_grid_follows_the_total_weight() -> None:
    model = SoftmaxClassifierCV(Cs=4, cv=2).fit(X, Y)
    np.testing.assert_allclose(model.Cs_ * 150, [1, 1e2, 1e4, 1e6])
    doubled = SoftmaxClassifierCV(Cs=4, cv=2).fit(X, Y, np.full(150, 2.0))
    np.testing.assert_allclose(doubled.Cs_ * 300, [1, 1e2, 1e4, 1e6])
    np.testing.assert_allclose(doubled.C_ * 2, model.C_)


def test_a_given_grid_is_sorted_and_unique() -> None:
    model = SoftmaxClassifierCV(Cs=(10, 0.1, 10), cv=2).fit(X, Y)
    assert model.Cs_.tolist() == [0.1, 10.0]


def test_weights_count_in_the_choice() -> None:
    """Rows of weight zero, however misleading, change nothing."""
    rng = np.random.default_rng(2)
    features = np.vstack([X, rng.normal(size=(60, 4))])
    y = np.concatenate([Y, rng.integers(0, 3, 60)])
    weight = np.repeat([1.0, 0.0], [150, 60])
    folds = list(KFold(3, shuffle=True, random_state=0).split(features))
    with_rows = SoftmaxClassifierCV(GRID, cv=folds).fit(features, y, weight)
    kept = [(train[train < 150], test[test < 150]) for train, test in folds]
    without = SoftmaxClassifierCV(GRID, cv=kept).fit(X, Y)
    assert with_rows.C_ == without.C_
    np.testing.assert_allclose(with_rows.path_.fold_scores, without.path_.fold_scores, rtol=1e-6)


def test_groups_stay_together() -> None:
    """Each group has its own shift, which only whole groups held out can reveal."""
    rng = np.random.default_rng(3)
    groups = np.repeat(np.arange(30), 10)
    y = rng.integers(0, 2, size=30)[groups]
    features = np.hstack([np.eye(30)[groups], rng.normal(size=(300, 2))])
    alone = SoftmaxClassifierCV(cv=3).fit(features, y)
    together = SoftmaxClassifierCV(cv=3).fit(features, y, groups=groups)
    assert together.C_ < alone.C_
    assert np.nanmin(together.path_.fold_scores.mean(axis=1)) > 0.6


def test_classes_with_fewer_rows_than_folds() -> None:
    y = Y.copy()
    y[0] = 9
    model = SoftmaxClassifierCV(Cs=3).fit(X, y)
    assert model.classes_.tolist() == [0, 1, 2, 9]
    assert np.isfinite(model.path_.fold_scores[0]).all()


def test_other_inputs() -> None:
    names = np.array(["auk", "owl", "wren"])
    table = pd.DataFrame(X, columns=list("abcd"))
    model = SoftmaxClassifierCV(GRID, cv=3).fit(table, names[Y])
    assert model.classes_.tolist() == names.tolist()
    assert model.feature_names_in_.tolist() == list("abcd")
    csr = SoftmaxClassifierCV(GRID, cv=3).fit(sparse.csr_matrix(X), Y)
    assert csr.C_ == model.C_
    smooth = SoftmaxClassifierCV(GRID, cv=3, smoothing=0.1, class_weight="balanced").fit(X, Y)
    assert smooth.predict_proba(X).max() < 0.99


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"Cs": 0}, "Cs must be a whole number"),
        ({"Cs": []}, "at least one value"),
        ({"Cs": [1.0, -1.0]}, "positive finite"),
        ({"Cs": [1.0, np.nan]}, "positive finite"),
        ({"Cs": "many"}, "positive finite"),
        ({"Cs": None}, "positive finite"),
        ({"cv": 1}, "cv >= 2"),
        ({"cv": 0.5}, "a number >= 2, a splitter or splits"),
        ({"path_tol": 0.0}, "path_tol"),
        ({"tol": 0.0}, "tol"),
        ({"max_iter": -1}, "max_iter"),
    ],
)
def test_bad_arguments(options, message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        SoftmaxClassifierCV(**options).fit(X, Y)


def test_bad_data() -> None:
    with pytest.raises(InvalidInput, match="SoftmaxClassifierCV needs one label a row"):
        SoftmaxClassifierCV().fit(X, Y[:10])
    with pytest.raises(InvalidInput, match="a label in every row"):
        SoftmaxClassifierCV().fit(X, np.where(Y == 1, np.nan, Y))
    with pytest.raises(InvalidInput, match="row 0, column 0"):
        SoftmaxClassifierCV().fit(np.full_like(X, np.nan), Y)
    with pytest.raises(ValueError, match="1d array"):
        SoftmaxClassifierCV().fit(X, np.eye(3)[Y])
    with pytest.raises(InvalidInput, match="two groups"):
        SoftmaxClassifierCV().fit(X, Y, groups=np.zeros(150))
