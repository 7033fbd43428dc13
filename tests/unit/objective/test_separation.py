"""Separated classes are found, and overlapping ones are never called separated."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import sparse

from softplex.objective import Overlap, Separation, find_separation


def find(X, y, *, free=None, fit_intercept=True, hint=None) -> Separation:
    k = y.shape[1] if y.ndim == 2 else int(y.max()) + 1
    d = X.shape[1]
    dense = X.toarray() if sparse.issparse(X) else X
    spread = dense.std(0) if fit_intercept else np.sqrt((dense**2).mean(0))
    return find_separation(
        X,
        y,
        k,
        np.ones(d, dtype=bool) if free is None else np.array(free),
        dense.mean(0) * fit_intercept,
        np.where(spread > 0, spread, 1.0),
        fit_intercept=fit_intercept,
        hint=(np.zeros((k, d)), np.zeros(k)) if hint is None else hint,
    )


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("k", [2, 4])
def test_overlapping_classes_are_not_called_separated(seed: int, k: int) -> None:
    """Each point is there once with every class, so no direction tells any of them apart."""
    X = np.random.default_rng(seed).normal(size=(15, 3))
    y = np.repeat(np.arange(k), 15)
    found = find(np.tile(X, (k, 1)), y, hint=(np.eye(k, 3), np.zeros(k)))
    assert found == Separation(Overlap.OVERLAPPING)


@pytest.mark.parametrize("seed", range(8))
def test_separated_classes_are_found(seed: int) -> None:
    rng = np.random.default_rng(seed)
    X, weight = rng.normal(size=(80, 4)), rng.normal(size=(3, 4))
    y = (X @ weight.T).argmax(1)
    assert find(X, y).is_separated
    found = find(sparse.csr_matrix(X), y, hint=(weight, np.zeros(3)), fit_intercept=False)
    assert found.overlap is Overlap.COMPLETE
    assert sorted(found.pairs) == [(0, 1), (0, 2), (1, 2)]


def test_one_pair_and_its_feature_are_named() -> None:
    """Class 2 lies beyond 5 in feature 1; classes 0 and 1 are mixed."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(300, 3))
    y = rng.integers(0, 3, size=300)
    X[y == 2, 1] += 20
    found = find(X, y)
    assert found.overlap is Overlap.QUASI
    assert set(found.pairs) == {(0, 2), (1, 2)}
    assert found.features[0] == 1


def test_ties_are_allowed_for() -> None:
    """Albert and Anderson's quasi-complete separation: both classes occur at x = 0 alone."""
    x = np.array([-2.0, -1.0, 0.0, 0.0, 1.0, 3.0])[:, None]
    assert find(x, np.array([0, 0, 0, 1, 1, 1])).is_separated
    assert not find(x, np.array([0, 1, 0, 1, 1, 1])).is_separated
    assert not find(x, np.array([0, 1, 0, 1, 0, 1])).is_separated


def test_only_free_features_count() -> None:
    rng = np.random.default_rng(1)
    X = rng.normal(size=(100, 2))
    y = (X[:, 0] > 0).astype(int)
    assert find(X, y, free=[True, False]).is_separated
    assert not find(X, y, free=[False, True]).is_separated


def test_an_intercept_makes_the_difference() -> None:
    x = np.array([1.0, 2.0, 3.0, 4.0])[:, None]
    y = np.array([0, 0, 1, 1])
    assert find(x, y).is_separated
    assert not find(x, y, fit_intercept=False).is_separated


def test_soft_targets_separate_only_by_classes_without_mass() -> None:
    x = np.array([-1.0, -2.0, 1.0, 2.0])[:, None]
    hard = np.eye(2)[[0, 0, 1, 1]]
    assert find(x, hard).is_separated
    assert not find(x, 0.9 * hard + 0.05).is_separated
    # All three tie at one point of the line: left of it the third class can be ruled out.
    part = np.array([[0.5, 0.5, 0.0]] * 2 + [[0.4, 0.3, 0.3]])
    assert find(x[:3], part).is_separated
    # At two points, and so everywhere.
    assert not find(x, np.vstack([part, part[2:]])).is_separated


def test_collinear_columns_are_no_separation() -> None:
    rng = np.random.default_rng(2)
    X = rng.normal(size=(60, 2))
    y = rng.integers(0, 3, size=60)
    assert not find(np.column_stack([X, X[:, 0], np.ones(60)]), y).is_separated


def test_too_large_a_programme_is_left_undecided() -> None:
    rng = np.random.default_rng(3)
    X = rng.normal(size=(30, 800))
    y = rng.integers(0, 4, size=30)
    assert find(X, y).overlap is Overlap.UNKNOWN
