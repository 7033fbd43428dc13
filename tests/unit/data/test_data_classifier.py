"""`TableClassifier` on later tables, and on real ones."""

from __future__ import annotations

from pathlib import Path
from zipfile import ZIP_DEFLATED

import numpy as np
import pandas as pd
import polars as pl
import pytest
import skops.io
from sklearn.linear_model import LogisticRegression
from sklearn.svm import LinearSVC

from softplex.data import (
    TableClassifier,
    as_table,
    encode_table,
    fit_encoding,
    fit_table_classifier,
    infer_schema,
    iter_table,
    read_table,
    row_weights,
    split_rows,
    table_labels,
)
from softplex.exceptions import DataError, DataWarning, SchemaMismatch

N = 60
FRAME = pd.DataFrame(
    {
        "size": np.r_[np.linspace(0, 1, N // 2), np.linspace(2, 3, N // 2)],
        "city": ["Rome", "Oslo", "Bern"] * (N // 3),
        "key": [f"k{i}" for i in range(N)],
        "kind": ["small"] * (N // 2) + ["large"] * (N // 2),
    }
)


@pytest.fixture(scope="module")
def model() -> TableClassifier:
    table = as_table(FRAME)
    return fit_table_classifier(table, infer_schema(table, "kind"), LogisticRegression())


def test_probabilities_follow_the_rows(model: TableClassifier) -> None:
    probabilities, kept, rejects = model.predict_proba(FRAME)
    assert model.classes_.tolist() == ["large", "small"]
    assert probabilities.shape == (N, 2)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1.0)
    assert kept.tolist() == list(range(N))
    assert rejects == ()
    assert model.predict(FRAME)[0].tolist() == FRAME["kind"].tolist()
    assert model.feature_names == ("size", "city = Bern", "city = Oslo", "city = Rome")
    assert model.schema.id_columns == ("key",)


def test_order_extras_and_the_label_do_not_matter(model: TableClassifier) -> None:
    expected = model.predict_proba(FRAME).probabilities
    other = FRAME[["city", "size"]].assign(extra=1)
    np.testing.assert_array_equal(model.predict_proba(other).probabilities, expected)
    np.testing.assert_array_equal(
        model.predict_proba(pl.DataFrame(other.to_dict("list"))).probabilities, expected
    )


def test_a_lacking_column_is_named(model: TableClassifier) -> None:
    with pytest.raises(SchemaMismatch, match=r"'city'\. Did you mean 'citi'\?"):
        model.predict_proba(FRAME.rename(columns={"city": "citi"}))


def test_bad_rows_and_late_categories(model: TableClassifier) -> None:
    later = pd.DataFrame({"size": ["1", "x", "", "3"], "city": ["Rome", "Rome", "Paris", None]})
    with pytest.warns(DataWarning, match="'city' has 1 row with unseen values such as 'Paris'"):
        probabilities, kept, rejects = model.predict_proba(later)
    assert kept.tolist() == [0, 2, 3]
    assert probabilities.shape == (3, 2)
    assert [(reject.row, reject.column, reject.value) for reject in rejects] == [(2, "size", "x")]


def test_a_table_without_readable_rows(model: TableClassifier) -> None:
    probabilities, kept, rejects = model.predict_proba({"size": ["x"], "city": ["Rome"]})
    assert probabilities.shape == (0, 2)
    assert len(kept) == 0
    assert len(rejects) == 1
    assert model.predict_proba(FRAME.iloc[:0]).probabilities.shape == (0, 2)


def test_pieces_of_a_file(model: TableClassifier, tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    late = FRAME.assign(city=["Paris", *FRAME["city"][1:-1], "Lima"])
    late.to_csv(path, index=False)
    with path.open("a") as file:
        file.write("1.0\nx,Rome,k,small\n")
    with pytest.warns(DataWarning, match="2 rows with unseen values such as 'Paris', 'Lima'"):
        pieces = list(model.predict_batches(iter_table(path, rows=25)))
    assert [len(table) for table, _ in pieces] == [25, 25, 11]
    joined = np.concatenate([prediction.probabilities for _, prediction in pieces])
    with pytest.warns(DataWarning):
        whole = model.predict_proba(late).probabilities
    np.testing.assert_allclose(joined, whole, rtol=1e-12)
    rejects = [reject for _, prediction in pieces for reject in prediction.rejects]
    assert sorted(reject.row for reject in rejects) == [61, 62]


def test_weights_reach_the_classifier() -> None:
    weights = np.where(FRAME["kind"] == "small", 1.0, 5.0)
    table = as_table(FRAME.assign(w=weights))
    schema = infer_schema(table, "kind", weight="w")
    model = fit_table_classifier(table, schema, LogisticRegression(tol=1e-10))
    _, (features, *_) = fit_encoding(table, schema)
    direct = LogisticRegression(tol=1e-10).fit(features, FRAME["kind"], sample_weight=weights)
    np.testing.assert_allclose(model.classifier.coef_, direct.coef_, rtol=1e-6)


@pytest.mark.parametrize("bad", ["", "-1", "x", "inf"])
def test_bad_weights(bad: str) -> None:
    table = as_table(FRAME.assign(w=["1"] * (N - 1) + [bad]))
    schema = infer_schema(table, "kind", weight="w")
    with pytest.raises(DataError, match="numbers of at least 0, but does not in 1 row: row 60"):
        row_weights(table, schema)


def test_weights_that_are_all_zero() -> None:
    table = as_table(FRAME.assign(w=0))
    with pytest.raises(DataError, match="are all 0"):
        row_weights(table, infer_schema(table, "kind", weight="w"))


def accuracy(path: Path, target: str) -> float:
    table = read_table(path)
    schema = infer_schema(table, target)
    split = split_rows(table, schema)
    classifier = LogisticRegression(tol=1e-3, max_iter=1000)
    model = fit_table_classifier(table.take(split.train), schema, classifier)
    test = table.take(split.test)
    labels, rejects = table_labels(test, target, schema.label_kind, schema.classes)
    predicted, kept, _ = model.predict(test)
    assert rejects == ()
    return float(np.mean(predicted == labels[kept]))


@pytest.mark.parametrize(
    ("name", "least"), [("adult", 0.84), ("penguins", 0.95), ("soybean", 0.88), ("car", 0.85)]
)
def test_real_tables(shared_data: Path, name: str, least: float) -> None:
    path = shared_data / "tables" / f"{name}.csv.gz"
    if not path.is_file():
        pytest.skip(f"{path} is not here")
    assert accuracy(path, "target") >= least


def test_banking77(shared_data: Path, tmp_path: Path) -> None:
    folder = shared_data / "banking77"
    if not folder.is_dir():
        pytest.skip(f"{folder} is not here")
    train, test = (read_table(folder / f"{name}.csv.gz") for name in ("train", "test"))
    schema = infer_schema(train, "category")
    assert [column.kind for column in schema.columns] == ["text", "target"]
    encoder, encoded = fit_encoding(train, schema)
    classifier = LinearSVC(tol=0.1, random_state=0).fit(
        encoded.X, train.column("category").to_pylist()
    )
    later = encode_table(test, schema, encoder)
    assert classifier.score(later.X, test.column("category").to_pylist()) >= 0.88
    path = tmp_path / "encoder.skops"
    skops.io.dump(encoder, path, compression=ZIP_DEFLATED)
    assert path.stat().st_size < 1_000_000
