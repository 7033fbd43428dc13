"""Every format gives the same table; every bad file gives a sentence."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.feather
import pyarrow.parquet
import pytest
import scipy.sparse as sp
from sklearn.datasets import dump_svmlight_file, load_iris

from softplex.data import Table, as_table, bundled_names, iter_table, read_table
from softplex.exceptions import DataError

FRAME = pd.DataFrame(
    {"size": [1.5, 2.0, -3.25], "note": ["a,b", 'say "x"', "two\nlines"], "kind": ["u", "v", "u"]}
)


def write(folder: Path, name: str) -> Path:
    path = folder / name
    inner = folder / name.removesuffix(".gz").removesuffix(".zst")
    kind = inner.suffix
    if kind == ".csv":
        FRAME.to_csv(inner, index=False)
    elif kind == ".tsv":
        FRAME.to_csv(inner, index=False, sep="\t")
    elif kind == ".parquet":
        FRAME.to_parquet(inner)
    elif kind == ".feather":
        pa.feather.write_feather(pa.Table.from_pandas(FRAME), str(inner))
    else:
        FRAME.to_json(inner, orient="records", lines=True)
    if name != inner.name:
        codec = "gzip" if name.endswith(".gz") else "zstd"
        with pa.output_stream(str(path), compression=codec) as stream:
            stream.write(inner.read_bytes())
    return path


def as_frame(table: Table) -> pd.DataFrame:
    frame = table.columns.to_pandas()
    frame["size"] = frame["size"].astype(float)
    return frame.astype({"note": object, "kind": object})


@pytest.mark.parametrize("kind", ["csv", "tsv", "parquet", "feather", "jsonl"])
@pytest.mark.parametrize("packed", ["", ".gz", ".zst"])
def test_formats_give_the_same_table(tmp_path: Path, kind: str, packed: str) -> None:
    table = read_table(write(tmp_path, f"table.{kind}{packed}"))
    assert table.column_names == ("size", "note", "kind")
    assert table.rows.tolist() == [1, 2, 3]
    pd.testing.assert_frame_equal(as_frame(table), FRAME.astype({"note": object, "kind": object}))


@pytest.mark.parametrize("kind", ["csv.gz", "tsv", "parquet", "feather", "jsonl.zst"])
def test_pieces_make_the_whole(tmp_path: Path, kind: str) -> None:
    path = write(tmp_path, f"table.{kind}")
    pieces = list(iter_table(path, rows=2))
    assert [len(piece) for piece in pieces] == [2, 1]
    assert [piece.rows.tolist() for piece in pieces] == [[1, 2], [3]]
    joined = pa.concat_tables([piece.columns for piece in pieces])
    assert joined.equals(read_table(path).columns)


def test_pieces_do_not_depend_on_blocks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("softplex.data._delimited._BLOCK_BYTES", 64)
    path = tmp_path / "t.csv"
    path.write_text("a,b\n" + "".join(f"{i},x\n" if i % 7 else f"{i}\n" for i in range(1, 200)))
    pieces = list(iter_table(path, rows=50))
    values = [int(v) for piece in pieces for v in piece.column("a").to_pylist()]
    assert values == [i for i in range(1, 200) if i % 7]
    assert np.concatenate([piece.rows for piece in pieces]).tolist() == values
    rejects = [reject for piece in pieces for reject in piece.rejects]
    assert [reject.row for reject in rejects] == list(range(7, 200, 7))
    assert "1 cells, 2 are needed" in rejects[0].reason


def test_npz_roles(tmp_path: Path) -> None:
    matrix, labels = np.arange(12.0).reshape(4, 3), np.array([0, 1, 0, 1])
    np.savez(tmp_path / "a.npz", X=matrix.reshape(4, 3, 1), y=labels)
    np.savez(tmp_path / "b.npz", features=matrix, labels=labels)
    np.savez(tmp_path / "c.npz", X=matrix, y=labels, feature_names=np.array(["p", "q", "r"]))
    first, second, third = (read_table(tmp_path / f"{name}.npz") for name in "abc")
    assert first.target == "y"
    assert second.target == "labels"
    assert third.column_names == ("p", "q", "r", "y")
    np.testing.assert_array_equal(first.matrix, matrix)
    assert first.column("x1").to_pylist() == [1.0, 4.0, 7.0, 10.0]
    packed = tmp_path / "a.npz.gz"
    packed.write_bytes(gzip.compress((tmp_path / "a.npz").read_bytes()))
    assert len(read_table(packed)) == 4
    assert [len(piece) for piece in iter_table(packed, rows=3)] == [3, 1]


def test_npz_refusals(tmp_path: Path) -> None:
    np.savez(tmp_path / "objects.npz", X=np.array([[None]], dtype=object))
    with pytest.raises(DataError, match="Python objects"):
        read_table(tmp_path / "objects.npz")
    np.savez(tmp_path / "two.npz", a=np.zeros((2, 2)), b=np.zeros((2, 2)))
    with pytest.raises(DataError, match=r"arrays 'X' \(n, d\) and 'y'"):
        read_table(tmp_path / "two.npz")
    np.savez(tmp_path / "short.npz", X=np.zeros((3, 2)), y=np.zeros(2))
    with pytest.raises(DataError, match="one label for each of the 3 rows"):
        read_table(tmp_path / "short.npz")
    np.savez(tmp_path / "text.npz", X=np.array([["a"]]))
    with pytest.raises(DataError, match="must hold numbers"):
        read_table(tmp_path / "text.npz")
    (tmp_path / "cut.npz").write_bytes((tmp_path / "short.npz").read_bytes()[:40])
    with pytest.raises(DataError, match="cannot be read as NPZ"):
        read_table(tmp_path / "cut.npz")


@pytest.mark.parametrize("zero_based", [True, False])
def test_svmlight_keeps_column_numbers(tmp_path: Path, zero_based: bool) -> None:
    matrix = sp.random_array((6, 5), density=0.5, random_state=0, format="csr")
    dump_svmlight_file(matrix, [0, 1] * 3, str(tmp_path / "t.svm"), zero_based=zero_based)
    table = read_table(tmp_path / "t.svm")
    shift = 0 if zero_based else 1
    assert table.is_sparse
    assert table.column("target").to_pylist() == [0, 1] * 3
    np.testing.assert_allclose(table.matrix.toarray()[:, shift : shift + 5], matrix.toarray())


def test_svmlight_refusals(tmp_path: Path) -> None:
    (tmp_path / "many.svm").write_text("1,2 0:1\n3 1:1\n")
    with pytest.raises(DataError, match="lists of labels"):
        read_table(tmp_path / "many.svm")
    (tmp_path / "words.svm").write_text("spam eggs\n")
    with pytest.raises(DataError, match="cannot be read as svmlight"):
        read_table(tmp_path / "words.svm")


def test_bundled_tables() -> None:
    assert bundled_names() == ("digits", "iris", "wine", "breast_cancer")
    iris = read_table("iris")
    np.testing.assert_array_equal(iris.matrix, load_iris().data)
    assert set(iris.column("target").to_pylist()) == {"setosa", "versicolor", "virginica"}
    assert iris.column_names[0] == "sepal length (cm)"
    assert sum(len(piece) for piece in iter_table("digits", rows=1000)) == 1797


def test_frames_in_memory() -> None:
    mixed = pd.DataFrame({"a": [1, "x", None], 3: [True, False, None]})
    assert as_table(mixed).column("a").to_pylist() == ["1", "x", None]
    assert as_table(mixed).column_names == ("a", "3")
    assert as_table(pl.DataFrame({"a": ["u", None]})).column("a").to_pylist() == ["u", None]
    assert as_table(np.zeros((2, 3))).column_names == ("x0", "x1", "x2")
    category = pd.DataFrame({"c": pd.Categorical(["a", "b"])})
    assert as_table(category).column("c").to_pylist() == ["a", "b"]
    assert not pa.types.is_dictionary(as_table(category).column("c").type)
    with pytest.raises(DataError, match="got int"):
        as_table(3)
    with pytest.raises(DataError, match="'a' stands more than once"):
        as_table(pd.DataFrame([[1, 2]], columns=["a", "a"]))


def test_semicolons_spaces_and_a_byte_order_mark(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_bytes("\ufeffa ; b;\n1;2;3\n".encode())
    assert read_table(path).column_names == ("a", "b", "column_3")


def test_a_single_column_keeps_its_empty_lines(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("note\nx\n\ny\n")
    assert read_table(path).column("note").to_pylist() == ["x", "", "y"]


def test_json_lines_with_late_keys_lists_and_bad_lines(tmp_path: Path) -> None:
    path = tmp_path / "t.jsonl"
    path.write_text('{"a": 1, "b": true}\n\n{"c": [1, 2]}\nnot json\n')
    (table,) = iter_table(path)
    assert table.columns.to_pydict() == {
        "a": ["1", None],
        "b": ["true", None],
        "c": [None, "[1, 2]"],
    }
    assert [(reject.row, reject.value) for reject in table.rejects] == [(3, "not json")]
    with pytest.raises(DataError, match="row 3: every line must be one JSON object"):
        read_table(path)
    path.write_text(json.dumps([{"a": 1}]))
    with pytest.raises(DataError, match="one JSON array"):
        read_table(path)


BAD_TEXT = {
    "ragged": (
        'a,b\n1,"x\ny"\n1\n',
        "line 4: the header names 2 columns, but this row has 1 cells",
    ),
    "long": ("a,b\n1,2\n1,2,3\n", "line 3: the header names 2 columns, but this row has 3 cells"),
    "twice": ("a,b,a\n1,2,3\n", "'a' stands more than once"),
    "header only": ("a,b\n", "has no rows"),
    "blank": ("\n\n", "has no header"),
    "page": ("<!DOCTYPE html><p>", "is a web page"),
}


@pytest.mark.parametrize("case", BAD_TEXT)
def test_bad_csv_gets_a_sentence(tmp_path: Path, case: str) -> None:
    text, sentence = BAD_TEXT[case]
    path = tmp_path / "t.csv"
    path.write_text(text)
    with pytest.raises(DataError, match=sentence):
        read_table(path)


def test_other_encodings_are_named(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_bytes("a,b\n1,x\n2,été\n".encode("latin-1"))
    with pytest.raises(DataError, match=r"not UTF-8 text: line 3 holds the byte 0xe9"):
        read_table(path)
    path.write_bytes("a,b\n1,x\n".encode("utf-16"))
    with pytest.raises(DataError, match="UTF-16"):
        read_table(path)
    path.write_bytes(b"a,b\n1,\x00\n")
    with pytest.raises(DataError, match="zero bytes"):
        read_table(path)
    path.write_bytes(b"\xe9,b\n1,2\n")
    with pytest.raises(DataError, match="not UTF-8 text: line 1"):
        read_table(path)


def test_files_that_are_not_what_their_name_says(tmp_path: Path) -> None:
    parquet = write(tmp_path, "t.parquet")
    renamed = tmp_path / "t.csv"
    renamed.write_bytes(parquet.read_bytes())
    with pytest.raises(DataError, match="is a Parquet file by its first bytes, not csv"):
        read_table(renamed)
    for suffix in ("parquet", "feather", "npz"):
        wrong = tmp_path / f"wrong.{suffix}"
        wrong.write_text("a,b\n1,2\n")
        with pytest.raises(DataError, match=f"not a {suffix} file"):
            read_table(wrong)
    plain = tmp_path / "plain.csv.gz"
    plain.write_text("a,b\n1,2\n")
    with pytest.raises(DataError, match="is not gzip-compressed"):
        read_table(plain)
    packed = tmp_path / "packed.csv"
    packed.write_bytes(gzip.compress(b"a,b\n1,2\n"))
    with pytest.raises(DataError, match="is gzip-compressed by its first bytes"):
        read_table(packed)


def test_damaged_files(tmp_path: Path) -> None:
    cut = tmp_path / "cut.csv.gz"
    cut.write_bytes(gzip.compress(b"a,b\n" + b"1,2\n" * 100_000)[:-20])
    with pytest.raises(DataError, match="damaged, cut short"):
        read_table(cut)
    parquet = write(tmp_path, "t.parquet")
    parquet.write_bytes(parquet.read_bytes()[:-30])
    with pytest.raises(DataError, match="cannot be read as a parquet file"):
        read_table(parquet)
    empty = tmp_path / "empty.csv"
    empty.touch()
    with pytest.raises(DataError, match="no bytes at all"):
        read_table(empty)
    hollow = tmp_path / "hollow.csv.gz"
    hollow.write_bytes(gzip.compress(b""))
    with pytest.raises(DataError, match="nothing in it once unpacked"):
        read_table(hollow)


def test_missing_files(tmp_path: Path) -> None:
    write(tmp_path, "penguins.csv")
    with pytest.raises(DataError, match=r"Did you mean '.*penguins\.csv'"):
        read_table(tmp_path / "penguin.csv")
    with pytest.raises(DataError, match="Did you mean 'digits'"):
        read_table("digit")
    with pytest.raises(DataError, match=r"folder .* is missing"):
        read_table(tmp_path / "nowhere" / "t.csv")
    with pytest.raises(DataError, match="is a folder"):
        read_table(tmp_path)
    (tmp_path / "t.xlsx").write_text("x")
    with pytest.raises(DataError, match=r"'.xlsx' is none of .csv"):
        read_table(tmp_path / "t.xlsx")


def test_empty_typed_files(tmp_path: Path) -> None:
    FRAME.iloc[:0].to_parquet(tmp_path / "t.parquet")
    pa.feather.write_feather(pa.Table.from_pandas(FRAME.iloc[:0]), str(tmp_path / "t.feather"))
    for name in ("t.parquet", "t.feather"):
        with pytest.raises(DataError, match="has no rows"):
            read_table(tmp_path / name)
        (piece,) = iter_table(tmp_path / name)
        assert piece.column_names == ("size", "note", "kind")
