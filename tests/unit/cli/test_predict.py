"""Predictions keep order and ids, take any order of columns, and stream."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

import softplex
from softplex.cli import _predicting
from softplex.data import read_table

CLASSES = ["adelie", "chinstrap", "gentoo"]
COLUMNS = ["row", "tag", "predicted", "confidence", *(f"p_{name}" for name in CLASSES)]


@pytest.fixture
def predict(run, fitted: Path, tmp_path: Path):
    """Predict a table and read the result."""

    def read(table: Path, *options: object, suffix: str = ".csv") -> pd.DataFrame:
        out = tmp_path / f"out{suffix}"
        result = run("predict", fitted, table, "--out", out, *options)
        assert result.exit_code == 0, result.output
        return pd.read_parquet(out) if suffix == ".parquet" else pd.read_csv(out)

    return read


def test_columns_rows_and_sums(predict, birds: Path) -> None:
    frame = predict(birds)
    assert list(frame.columns) == COLUMNS
    assert frame["row"].tolist() == list(range(1, 241))
    assert frame["tag"].tolist() == pd.read_csv(birds)["tag"].tolist()
    probabilities = frame[COLUMNS[-3:]].to_numpy()
    # Each of three numbers is exact to half a unit in the last place.
    np.testing.assert_allclose(probabilities.sum(axis=1), 1.0, atol=1e-12)
    np.testing.assert_array_equal(frame["confidence"], probabilities.max(axis=1))
    assert frame["predicted"].tolist() == [CLASSES[best] for best in probabilities.argmax(axis=1)]


def test_the_numbers_are_those_of_the_loaded_model(predict, birds: Path, fitted: Path) -> None:
    expected = softplex.load(fitted).predict_proba(read_table(birds)).probabilities
    np.testing.assert_array_equal(predict(birds)[COLUMNS[-3:]].to_numpy(), expected)


def test_order_extra_columns_and_the_label_do_not_matter(predict, birds, tmp_path) -> None:
    frame = pd.read_csv(birds)
    changed = frame[frame.columns[::-1]].drop(columns="species").assign(extra="x")
    changed.to_csv(tmp_path / "changed.csv", index=False)
    pd.testing.assert_frame_equal(predict(tmp_path / "changed.csv"), predict(birds))


def test_pieces_do_not_matter(predict, birds: Path) -> None:
    pd.testing.assert_frame_equal(predict(birds, "--batch-rows", "7"), predict(birds))


def test_the_table_is_never_whole_in_memory(predict, birds: Path, monkeypatch) -> None:
    sizes = []
    whole = _predicting.iter_table

    def watched(path, *, rows):
        for piece in whole(path, rows=rows):
            sizes.append(len(piece))
            yield piece

    monkeypatch.setattr(_predicting, "iter_table", watched)
    predict(birds, "--batch-rows", "50")
    assert sizes == [50, 50, 50, 50, 40]


@pytest.mark.parametrize(
    "suffix", [".parquet", ".feather", ".tsv", ".jsonl", ".csv.gz", ".tsv.zst"]
)
def test_every_format_says_the_same(run, predict, birds, fitted, tmp_path, suffix: str) -> None:
    out = tmp_path / f"same{suffix}"
    assert run("predict", fitted, birds, "--out", out).exit_code == 0
    readers = {".parquet": pd.read_parquet, ".feather": pd.read_feather}
    if suffix in readers:
        frame = readers[suffix](out)
    elif suffix == ".jsonl":
        frame = pd.DataFrame([json.loads(line) for line in out.read_text().splitlines()])
    else:
        with pa.input_stream(out) as unpacked:
            frame = pd.read_csv(unpacked, sep="\t" if "tsv" in suffix else ",")
    pd.testing.assert_frame_equal(frame, predict(birds), check_dtype=False)


def test_another_column_can_go_along(predict, birds: Path) -> None:
    assert predict(birds, "--id", "island")["island"].equals(pd.read_csv(birds)["island"])


def test_a_kept_column_gives_way_to_ours(predict, birds: Path, tmp_path: Path) -> None:
    pd.read_csv(birds).assign(predicted="mine").to_csv(tmp_path / "t.csv", index=False)
    frame = predict(tmp_path / "t.csv", "--id", "predicted")
    assert set(frame["id_predicted"]) == {"mine"}
    assert set(frame["predicted"]) <= set(CLASSES)


def test_rows_that_cannot_be_read_are_set_aside(run, fitted, birds: Path, tmp_path: Path) -> None:
    frame = pd.read_csv(birds).astype({"length": object})
    frame.loc[[4, 9], "length"] = "very long"
    frame.to_csv(tmp_path / "t.csv", index=False)
    text = (tmp_path / "t.csv").read_text().splitlines()
    text.insert(3, "too,few")
    (tmp_path / "t.csv").write_text("\n".join(text) + "\n")
    result = run("predict", fitted, tmp_path / "t.csv", "--out", tmp_path / "o.csv")
    assert result.exit_code == 0
    assert "3 rows cannot be read" in result.stderr
    rejects = pd.read_csv(tmp_path / "o.rejects.csv")
    assert rejects["row"].tolist() == [3, 6, 11]
    assert rejects["value"].tolist()[1:] == ["very long"] * 2
    assert rejects["reason"].notna().all()
    kept = pd.read_csv(tmp_path / "o.csv")
    assert len(kept) == 238
    assert not set(kept["row"]) & {3, 6, 11}


def test_a_rejects_file_of_an_earlier_run_goes(run, fitted, birds: Path, tmp_path: Path) -> None:
    (tmp_path / "o.rejects.csv").write_text("old")
    assert run("predict", fitted, birds, "--out", tmp_path / "o.csv").exit_code == 0
    assert not (tmp_path / "o.rejects.csv").exists()


def test_unseen_categories_are_counted_once(run, fitted, birds: Path, tmp_path: Path) -> None:
    pd.read_csv(birds).assign(island="Atlantis").to_csv(tmp_path / "t.csv", index=False)
    arguments = ["predict", fitted, tmp_path / "t.csv", "--out", tmp_path / "o.csv"]
    result = run(*arguments, "--batch-rows", "50")
    assert result.exit_code == 0
    warnings = [line for line in result.stderr.splitlines() if line.startswith("warning: ")]
    assert len(warnings) == 1
    assert "'island' has 240 rows" in warnings[0]


def test_json_lines_report(run, fitted: Path, birds: Path, tmp_path: Path) -> None:
    result = run("predict", fitted, birds, "--out", tmp_path / "o.csv", "--json")
    events = [json.loads(line) for line in result.stdout.splitlines()]
    assert events[-1]["event"] == "result"
    assert (events[-1]["predicted"], events[-1]["rejected"]) == (240, 0)
