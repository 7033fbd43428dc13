"""Every kind of array that may come in, and what comes out."""

from __future__ import annotations

import pickle
import warnings

import numpy as np
import pandas as pd
import polars as pl
import pytest
import torch
from scipy import sparse
from sklearn.base import clone
from sklearn.datasets import load_iris
from sklearn.exceptions import DataConversionWarning, NotFittedError

from softplex import SoftmaxClassifier

X, Y = load_iris(return_X_y=True)
NAMES = ["sepal length", "sepal width", "petal length", "petal width"]


@pytest.fixture(scope="module")
def plain() -> SoftmaxClassifier:
    return SoftmaxClassifier(tol=1e-10).fit(X, Y)


def fit(features, y=Y, sample_weight=None) -> SoftmaxClassifier:
    return SoftmaxClassifier(tol=1e-10).fit(features, y, sample_weight)


FEATURES = {
    "list": X.tolist(),
    "fortran": np.asfortranarray(X),
    "strided": np.repeat(X, 2, axis=0)[::2],
    "reversed": X[::-1][::-1],
    "big endian": X.astype(">f8"),
    "longdouble": X.astype(np.longdouble),
    "object": X.astype(object),
    "pandas": pd.DataFrame(X),
    "polars": pl.DataFrame(X, schema=[str(i) for i in range(4)]),
    "torch": torch.from_numpy(X),
    "torch with gradient": torch.from_numpy(X).requires_grad_(),
    "csr": sparse.csr_matrix(X),
    "csr array": sparse.csr_array(X),
    "csc": sparse.csc_matrix(X),
    "coo": sparse.coo_matrix(X),
}


@pytest.mark.parametrize("kind", FEATURES)
def test_features_of_any_kind(plain, kind: str) -> None:
    features = FEATURES[kind]
    model = fit(features)
    np.testing.assert_allclose(model.coef_, plain.coef_, atol=1e-6)
    p = model.predict_proba(features)
    assert isinstance(p, np.ndarray)
    assert p.dtype == np.float64
    np.testing.assert_allclose(p, plain.predict_proba(X), atol=1e-6)
    assert (model.predict(features) == plain.predict(X)).all()


@pytest.mark.filterwarnings("ignore:Sparse:UserWarning")
def test_sparse_tensors(plain) -> None:
    model = fit(torch.from_numpy(X).to_sparse_csr())
    np.testing.assert_allclose(model.coef_, plain.coef_, atol=1e-6)


@pytest.mark.parametrize("dtype", [np.float32, torch.float32, torch.float16, torch.bfloat16])
def test_single_and_half_precision(plain, dtype) -> None:
    features = torch.from_numpy(X).to(dtype) if isinstance(dtype, torch.dtype) else X.astype(dtype)
    model = fit(features)
    assert model.coef_.dtype == np.float64
    np.testing.assert_allclose(model.coef_, plain.coef_, atol=0.02)
    assert model.predict_proba(features).dtype == np.float64


def test_integers_are_read_as_numbers() -> None:
    whole = np.round(X * 10).astype(np.int16)
    one, other = fit(whole), fit(whole.astype(float))
    np.testing.assert_array_equal(one.coef_, other.coef_)
    np.testing.assert_allclose(fit(whole > 20).coef_, fit((whole > 20).astype(float)).coef_)


@pytest.mark.parametrize("form", [np.asarray, sparse.csr_matrix])
def test_read_only_input_is_taken_and_left_alone(plain, form) -> None:
    features, y, weight = form(X.copy()), Y.copy(), np.ones(150)
    parts = [y, weight, *([features] if form is np.asarray else [features.data, features.indices])]
    for part in parts:
        part.flags.writeable = False
    model = fit(features, y, weight)
    np.testing.assert_allclose(model.coef_, plain.coef_, atol=1e-6)
    model.predict_proba(features)


def test_duplicate_entries_of_a_sparse_matrix_add_up_and_stay() -> None:
    data = np.array([1.0, 1.0, 2.0, 3.0])
    X = sparse.csr_matrix((data, np.array([1, 1, 0, 1]), np.array([0, 2, 3, 4])), shape=(3, 2))
    model = SoftmaxClassifier().fit(X, [0, 1, 1])
    assert X.nnz == 4
    assert X.data is data or (X.data == data).all()
    dense = SoftmaxClassifier().fit(X.toarray(), [0, 1, 1])
    np.testing.assert_allclose(model.coef_, dense.coef_, atol=1e-6)


LABELS = {
    "strings": np.array(["setosa", "versicolor", "virginica"])[Y],
    "objects": np.array(["a", "b", "c"], dtype=object)[Y],
    "list": Y.tolist(),
    "floats": Y.astype(float),
    "negative": Y - 5,
    "bytes": Y.astype(np.uint8),
    "torch": torch.from_numpy(Y),
    "pandas": pd.Series(["a", "b", "c"]).iloc[Y].reset_index(drop=True),
    "categorical": pd.Categorical.from_codes(Y, ["a", "b", "c"]),
    "nullable": pd.array(Y, dtype="Int64"),
    "polars": pl.Series(["a", "b", "c"]).gather(Y),
}


@pytest.mark.parametrize("kind", LABELS)
def test_labels_of_any_kind(plain, kind: str) -> None:
    y = LABELS[kind]
    model = fit(X, y)
    np.testing.assert_allclose(model.coef_, plain.coef_, atol=1e-6)
    assert list(model.classes_) == sorted(set(np.asarray(y).tolist()))
    assert set(model.predict(X)) <= set(model.classes_)
    assert model.score(X, y) == plain.score(X, Y)


def test_boolean_labels() -> None:
    model = fit(X, Y == 1)
    assert model.classes_.tolist() == [False, True]
    assert model.predict(X).dtype == bool
    assert model.coef_.shape == (1, 4)
    assert model.intercept_.shape == (1,)
    scores = model.decision_function(X)
    assert scores.shape == (150,)
    np.testing.assert_allclose(model.predict_proba(X)[:, 1], 1 / (1 + np.exp(-scores)))
    assert (model.predict(X) == (scores > 0)).all()


def test_a_column_of_labels_warns_and_is_taken(plain) -> None:
    with pytest.warns(DataConversionWarning):
        model = SoftmaxClassifier(tol=1e-10).fit(X, Y[:, None])
    np.testing.assert_allclose(model.coef_, plain.coef_)


def test_soft_targets_may_name_their_classes() -> None:
    frame = pd.DataFrame(np.eye(3)[Y], columns=["auk", "owl", "wren"])
    assert fit(X, frame).classes_.tolist() == ["auk", "owl", "wren"]
    assert fit(X, torch.eye(3)[Y]).classes_.tolist() == [0, 1, 2]
    assert fit(X, np.eye(3)[Y]).predict(X[:1]).tolist() == [0]


@pytest.mark.parametrize("form", [np.asarray, list, torch.tensor, pd.Series, pl.Series])
def test_sample_weights_of_any_kind(form) -> None:
    weight = np.random.default_rng(0).exponential(size=150)
    np.testing.assert_allclose(fit(X, Y, form(weight)).coef_, fit(X, Y, weight).coef_, atol=1e-9)


def test_shapes_and_attributes(plain) -> None:
    assert plain.coef_.shape == (3, 4)
    assert plain.intercept_.shape == (3,)
    assert plain.n_features_in_ == 4
    assert plain.n_iter_.shape == (1,)
    assert plain.decision_function(X).shape == (150, 3)
    np.testing.assert_allclose(plain.predict_proba(X).sum(axis=1), 1.0)
    np.testing.assert_allclose(plain.predict_log_proba(X), np.log(plain.predict_proba(X)))
    np.testing.assert_allclose(plain.decision_function(X), X @ plain.coef_.T + plain.intercept_)
    assert not hasattr(plain, "feature_names_in_")


@pytest.mark.parametrize("frame", [pd.DataFrame, pl.DataFrame])
def test_column_names_are_kept_and_checked(frame) -> None:
    table = frame(dict(zip(NAMES, X.T, strict=True)))
    model = fit(table)
    assert model.feature_names_in_.tolist() == NAMES
    with pytest.raises(ValueError, match="same order"):
        model.predict(table[NAMES[::-1]])
    with pytest.raises(ValueError, match="Feature names"):
        model.predict(
            table.rename({NAMES[0]: "x"})
            if frame is pl.DataFrame
            else table.rename(columns={NAMES[0]: "x"})
        )
    with pytest.warns(UserWarning, match="does not have valid feature names"):
        model.predict(X)


def test_log_probabilities_keep_digits_that_probabilities_lose() -> None:
    model = fit(np.array([[-1.0], [1.0]] * 5), [0, 1] * 5)
    far = np.array([[1e4]])
    assert model.predict_proba(far)[0, 0] == 0.0
    assert np.isfinite(model.predict_log_proba(far)).all()


def test_clones_and_pickles(plain) -> None:
    assert clone(plain).get_params() == plain.get_params()
    again = pickle.loads(pickle.dumps(plain))
    np.testing.assert_array_equal(again.predict_proba(X), plain.predict_proba(X))
    assert again.certificate_ == plain.certificate_


def test_fit_changes_no_argument() -> None:
    model = SoftmaxClassifier(C=np.float32(2), class_weight={0: 2}, dtype="float64", device="cpu")
    before = dict(model.get_params())
    assert model.fit(X, Y) is model
    assert model.get_params() == before


def test_is_fitted_before_use() -> None:
    for method in ("predict", "predict_proba", "predict_log_proba", "decision_function"):
        with pytest.raises(NotFittedError):
            getattr(SoftmaxClassifier(), method)(X)


def test_a_good_fit_is_silent(capfd: pytest.CaptureFixture[str]) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        SoftmaxClassifier().fit(X, Y).predict_proba(X)
    assert capfd.readouterr() == ("", "")
