"""Plain arrays pass without scikit-learn's slower checks, and nothing that these find is lost."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest

from softplex import SoftmaxClassifier
from softplex.estimators._inputs import read_features, read_labels

RNG = np.random.default_rng(0)
X = RNG.normal(size=(40, 3))
Y = RNG.integers(0, 3, size=40)


@pytest.mark.parametrize(
    "labels",
    [Y, Y.astype(np.uint8), Y.tolist(), Y - 1, Y.astype(float), Y == 1, Y.astype(str), Y[:, None]],
)
def test_labels_are_kept_as_they_are(labels: Any) -> None:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "A column-vector y")
        read = read_labels("Reader", labels)
    np.testing.assert_array_equal(read, np.asarray(labels).reshape(-1))


@pytest.mark.parametrize("n", [21, 40])
def test_labels_that_are_mostly_distinct_are_warned_of(n: int) -> None:
    with pytest.warns(UserWarning, match="unique classes is greater than 50%"):
        read_labels("Reader", np.arange(n))


@pytest.mark.parametrize("labels", [np.arange(20), np.repeat(np.arange(15), 2), np.array([0])])
def test_repeated_labels_and_short_columns_are_not(labels: np.ndarray) -> None:
    assert read_labels("Reader", labels) is not None


def test_continuous_targets_are_refused() -> None:
    with pytest.raises(ValueError, match="Unknown label type: continuous"):
        read_labels("Reader", Y + 0.5)


@pytest.mark.parametrize(
    ("features", "message"),
    [
        (X[0], "Expected 2D array"),
        (X[:0], "0 sample"),
        (X[:, :0], "0 feature"),
        (X.astype(complex), "Complex data not supported"),
        (np.full((40, 3), "x"), "could not convert string|numeric"),
        (X[None], "Found array with dim 3|expected <= 2"),
    ],
)
def test_arrays_of_another_form_are_still_refused(features: np.ndarray, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        read_features(SoftmaxClassifier(), features, reset=True)


def test_the_number_of_columns_is_still_compared() -> None:
    model = SoftmaxClassifier().fit(X, Y)
    with pytest.raises(ValueError, match=r"2 features.*expecting 3 features"):
        read_features(model, X[:, :2], reset=False)


@pytest.mark.parametrize("dtype", [np.int64, bool, ">f8", np.float16])
def test_other_numbers_are_still_converted(dtype: Any) -> None:
    read = read_features(SoftmaxClassifier(), X.astype(dtype), reset=True)
    assert read.dtype in (np.float64, np.float32)
    assert read.dtype.isnative
    np.testing.assert_array_equal(read, X.astype(dtype))
