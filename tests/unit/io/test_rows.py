"""Tables written batch by batch read back as they were."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet
import pytest

from softplex.exceptions import InvalidInput
from softplex.io._rows import FORMATS, output_format, row_writer

SCHEMA = pa.schema([("id", pa.string()), ("p", pa.float64()), ("n", pa.int64())])
ROWS = [
    {"id": 'a,"b"\n', "p": 0.1 + 0.2, "n": 1},
    {"id": None, "p": 0.0, "n": -3},
    {"id": "blåbär", "p": 1e-300, "n": 2**53 + 1},
]


def write(path: Path, batches: int = 2) -> None:
    with row_writer(path, SCHEMA) as write_batch:
        for _ in range(batches):
            write_batch(pa.RecordBatch.from_pylist(ROWS, schema=SCHEMA))


@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".csv.gz", ".tsv.zst"])
def test_delimited_text(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"out{suffix}"
    write(path)
    with pa.input_stream(path) as unpacked:
        frame = pd.read_csv(unpacked, sep="\t" if "tsv" in suffix else ",")
    assert frame["p"].tolist() == [row["p"] for row in ROWS] * 2
    assert frame["n"].tolist() == [row["n"] for row in ROWS] * 2
    assert frame["id"].fillna("").tolist() == [row["id"] or "" for row in ROWS] * 2


@pytest.mark.parametrize("suffix", [".parquet", ".feather"])
def test_columnar(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"out{suffix}"
    write(path)
    frame = pd.read_parquet(path) if suffix == ".parquet" else pd.read_feather(path)
    assert frame["p"].tolist() == [row["p"] for row in ROWS] * 2
    assert frame["n"].tolist() == [row["n"] for row in ROWS] * 2


def test_json_lines(tmp_path: Path) -> None:
    write(tmp_path / "out.jsonl.gz", batches=1)
    with gzip.open(tmp_path / "out.jsonl.gz", "rt", encoding="utf-8") as file:
        assert [json.loads(line) for line in file] == ROWS


@pytest.mark.parametrize("suffix", sorted({*FORMATS, ".csv.gz", ".jsonl.zst"}))
def test_the_same_rows_give_the_same_bytes(tmp_path: Path, suffix: str) -> None:
    write(tmp_path / f"a{suffix}")
    write(tmp_path / f"b{suffix}")
    assert (tmp_path / f"a{suffix}").read_bytes() == (tmp_path / f"b{suffix}").read_bytes()


@pytest.mark.parametrize("suffix", sorted(FORMATS))
def test_no_rows_give_a_file_with_columns(tmp_path: Path, suffix: str) -> None:
    write(tmp_path / f"out{suffix}", batches=0)
    assert (tmp_path / f"out{suffix}").exists()


def test_an_unfinished_file_does_not_appear(tmp_path: Path) -> None:
    def write_half() -> None:
        with row_writer(tmp_path / "out.parquet", SCHEMA) as write_batch:
            write_batch(pa.RecordBatch.from_pylist(ROWS, schema=SCHEMA))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_half()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["out.xlsx", "out", "out.parquet.gz", "out.gz", ".csv"])
def test_other_suffixes_are_refused(name: str) -> None:
    with pytest.raises(InvalidInput, match="suffix"):
        output_format(name)
