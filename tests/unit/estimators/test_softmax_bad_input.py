"""Every bad input gets a sentence that says who refused, what came, and the way out."""

from __future__ import annotations

import numpy as np
import pandas as pd
import polars as pl
import pytest
from scipy import sparse
from sklearn.datasets import load_iris

from softplex import SoftmaxClassifier
from softplex.exceptions import InvalidInput
from softplex.penalties import Lasso

X, Y = load_iris(return_X_y=True)


def refuse(message: str, features=X, y=Y, sample_weight=None, error=InvalidInput, **options):
    with pytest.raises(error, match=message):
        SoftmaxClassifier(**options).fit(features, y, sample_weight)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"C": 0}, r"C must be a finite number in \(0, inf\), or inf for no penalty, but got 0"),
        ({"C": -1.0}, "C must be a finite number"),
        ({"C": float("nan")}, "C must be a finite number"),
        ({"l1_ratio": 1.5}, r"l1_ratio must be a finite number in \[0, 1\], but got 1.5"),
        ({"penalty": "l1"}, r"penalty as an object such as .*GroupLasso\(\), but got 'l1'"),
        ({"penalty": Lasso(), "l1_ratio": 0.5}, "a penalty or an l1_ratio, but got both"),
        ({"penalty": Lasso(), "C": float("inf")}, "without a penalty at C=inf, but got .*Lasso"),
        ({"penalty": Lasso([1.0])}, "one weight for each of the 4 features, but weights holds 1"),
        ({"C": float("-inf")}, "C must be a finite number"),
        ({"C": "1"}, "C must be a finite number"),
        ({"C": None}, "C must be a finite number"),
        ({"C": True}, "C must be a finite number"),
        ({"tol": 0}, "tol must be a finite number"),
        ({"tol": -1e-3}, "tol must be"),
        ({"tol": float("nan")}, "tol must be"),
        ({"max_iter": -1}, "max_iter must be a whole number"),
        ({"max_iter": 10.0}, "max_iter must be a whole number"),
        ({"smoothing": 1.0}, r"smoothing must be a finite number in \[0, 1\), but got 1.0"),
        ({"smoothing": -0.1}, "smoothing must be"),
        ({"smoothing_kind": "unifrom"}, "smoothing_kind must be .* Did you mean 'uniform'"),
        ({"dtype": "float16"}, "dtype must be None, 'float32' or 'float64'"),
        ({"device": "warp"}, "device must name a torch device"),
        ({"class_weight": {9: 2.0}}, "class_weight for 9, which is not among the classes"),
        ({"class_weight": "balance"}, "but got 'balance'"),
        ({"class_weight": {0: -1.0}}, "finite and not negative"),
        (
            {"class_weight": {0: 0, 1: 0}},
            r"at least two classes of positive weight, but only \[2\]",
        ),
    ],
)
def test_arguments(options, message: str) -> None:
    refuse(message, **options)


@pytest.mark.parametrize("form", [np.asarray, sparse.csr_matrix, pd.DataFrame])
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_non_finite_features_are_named(form, value: float) -> None:
    features = X.copy()
    features[17, 2] = value
    refuse("SoftmaxClassifier needs finite numbers in X, but row 17, column 2", form(features))
    model = SoftmaxClassifier().fit(form(X), Y)
    with pytest.raises(InvalidInput, match="row 17, column 2"):
        model.predict(form(features))


def test_non_finite_features_are_named_by_column_name() -> None:
    table = pd.DataFrame(X, columns=["a", "b", "c", "d"])
    table.loc[3, "c"] = np.nan
    refuse(r"row 3, column 2 \('c'\) holds NaN", table)
    refuse(r"row 3, column 2 \('c'\) holds NaN", pl.from_pandas(table, nan_to_null=False))


@pytest.mark.parametrize("form", [np.asarray, sparse.csr_matrix])
def test_features_whose_squares_overflow(form) -> None:
    refuse("feature column 1 overflow", form(X * [1, 1e200, 1, 1]))


@pytest.mark.parametrize(
    ("features", "message"),
    [
        (np.zeros((0, 4)), "0 sample"),
        (np.zeros((150, 0)), "0 feature"),
        (X[:, 0], "1D array"),
        (X[None], "dim 3"),
        (X[:100], "needs one target a row: X has 100 rows, y has 150"),
        (np.full((150, 1), "a"), "could not convert"),
        (X + 1j, "[Cc]omplex"),
    ],
)
def test_features_of_the_wrong_form(features, message: str) -> None:
    refuse(message, features, error=ValueError)


@pytest.mark.parametrize(
    ("y", "message"),
    [
        (np.zeros(150), r"at least two classes, but y holds one class: 0\.0\."),
        (["only"] * 150, "at least two classes, but y holds one class: 'only'"),
        (Y[:100], "needs one target a row"),
        (None, "y is None"),
        ([], "needs one target a row|0 sample|at least"),
        (np.where(Y == 2, np.nan, Y), "a label in every row, but .* in row 100, 50 such rows"),
        (np.where(Y == 2, np.inf, Y), "a label in every row"),
        (pd.Series(["a", None, "b"] * 50), "a label in every row, but .* in row 1"),
        (pd.array([1, 2, pd.NA] * 50, dtype="Int64"), "a label in every row, but .* in row 2"),
        (pl.Series(["a", None, "b"] * 50), "a label in every row, but .* in row 1"),
        (X[:, 0] + 0.123, "[Cc]ontinuous"),
        (np.array([1, "a", 2.5] * 50, dtype=object), "Unknown label type|mixed|label"),
    ],
)
def test_labels(y, message: str) -> None:
    refuse(message, y=y, error=ValueError)


@pytest.mark.parametrize("value", [-0.5, np.nan, np.inf])
def test_soft_targets_that_are_no_probabilities(value: float) -> None:
    q = np.eye(3)[Y]
    q[7, 1] = value
    refuse("probabilities, but row 7, column 1", y=q)


def test_soft_targets_that_do_not_sum_to_one() -> None:
    q = np.eye(3)[Y]
    q[7, 1] = 0.25
    refuse(r"row 7 sums to 1\.25 \(off by 0\.25\)", y=q)
    refuse("needs one target a row", y=np.eye(3)[Y[:100]])
    refuse("at least two classes of positive weight", y=np.eye(3)[np.zeros(150, dtype=int)])
    refuse("one label a row, or as an", y=np.full((150, 2), "a"))
    refuse("y|dim", y=np.zeros((150, 2, 2)), error=ValueError)


@pytest.mark.parametrize(
    ("weight", "message"),
    [
        (np.where(Y == 1, -2.0, 1.0), "SoftmaxClassifier needs .* not negative, but row 50 has -2"),
        (np.zeros(150), "SoftmaxClassifier needs at least one row of positive weight, .* is zero"),
        (np.ones(100), "shape|inconsistent"),
        (np.full(150, np.nan), "NaN"),
        (np.full(150, np.inf), "infinity"),
        (np.where(Y == 0, 1.0, 0.0), "at least two classes"),
    ],
)
def test_sample_weights(weight, message: str) -> None:
    refuse(message, sample_weight=weight, error=ValueError)


def test_other_columns_at_prediction() -> None:
    model = SoftmaxClassifier().fit(X, Y)
    with pytest.raises(ValueError, match="X has 3 features, but SoftmaxClassifier is expecting 4"):
        model.predict(X[:, :3])


def test_a_gpu_that_is_not_here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    refuse("asks for a GPU, but torch sees none here. Use device='cpu'", device="cuda")


def test_nothing_is_kept_of_a_refused_fit() -> None:
    model = SoftmaxClassifier()
    with pytest.raises(InvalidInput):
        model.fit(X, np.zeros(150))
    assert not hasattr(model, "coef_")


def test_a_misspelt_option_is_a_type_error() -> None:
    with pytest.raises(TypeError, match="smothing"):
        SoftmaxClassifier(smothing=0.1)  # type: ignore[call-arg]
