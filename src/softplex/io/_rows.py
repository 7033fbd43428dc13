"""Writing a table batch by batch, in the format that the file's name asks for."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import pyarrow as pa
import pyarrow.csv
import pyarrow.feather
import pyarrow.parquet

from softplex.exceptions import InvalidInput
from softplex.io._atomic import staged_file

FORMATS = {
    ".csv": "csv",
    ".tsv": "tsv",
    ".tab": "tsv",
    ".jsonl": "json lines",
    ".ndjson": "json lines",
    ".parquet": "parquet",
    ".pq": "parquet",
    ".feather": "feather",
    ".arrow": "feather",
}
_COMPRESSIONS = {".gz": "gzip", ".zst": "zstd"}
_TEXT = {"csv", "tsv", "json lines"}


class BatchSink(Protocol):
    """What takes in record batches of one schema."""

    def __call__(self, batch: pa.RecordBatch) -> None:
        """Write the rows of a batch."""


def output_format(path: str | os.PathLike[str]) -> tuple[str, str | None]:
    """Read format and compression from a file name.

    Raises
    ------
    InvalidInput
        If no format goes by that suffix.
    """
    name = Path(path)
    compression = _COMPRESSIONS.get(name.suffix.lower())
    inner = Path(name.stem) if compression else name
    found = FORMATS.get(inner.suffix.lower())
    if found is None or (compression and found not in _TEXT):
        raise InvalidInput(
            f"the format of {name.name!r} is read from its suffix, which must be one of "
            f"{', '.join(FORMATS)}; .csv, .tsv and .jsonl also with .gz or .zst"
        )
    return found, compression


@contextmanager
def row_writer(path: str | os.PathLike[str], schema: pa.Schema) -> Iterator[BatchSink]:
    """Open a table file for writing; it appears under its name when all is written.

    Parameters
    ----------
    path : path
        Where to write; the suffix is the format (see :func:`output_format`).
    schema : pyarrow.Schema
        Names and types of the columns.

    Yields
    ------
    callable
        Takes one record batch after the other.
    """
    kind, compression = output_format(path)
    with staged_file(path) as stage, ExitStack() as closing:
        if kind in _TEXT:
            target: Any = closing.enter_context(pa.output_stream(str(stage), compression))
        else:
            target = str(stage)
        yield closing.enter_context(_SINKS[kind](target, schema))


@contextmanager
def _arrow_sink(
    writer: Callable[[Any, pa.Schema], AbstractContextManager[Any]], target: Any, schema: pa.Schema
) -> Iterator[BatchSink]:
    with writer(target, schema) as opened:
        yield opened.write_batch


@contextmanager
def _json_lines_sink(target: Any, schema: pa.Schema) -> Iterator[BatchSink]:
    def write(batch: pa.RecordBatch) -> None:
        for row in batch.select(schema.names).to_pylist():
            plain = {name: _plain(value) for name, value in row.items()}
            target.write(json.dumps(plain, ensure_ascii=False, allow_nan=False).encode() + b"\n")

    yield write


def _plain(value: Any) -> Any:
    """Write dates as text, and NaN, which JSON does not have, as null."""
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value if value is None or isinstance(value, bool | int | float | str) else str(value)


def _delimited(delimiter: str) -> Callable[[Any, pa.Schema], AbstractContextManager[Any]]:
    options = pa.csv.WriteOptions(delimiter=delimiter)
    return partial(pa.csv.CSVWriter, write_options=options)


_SINKS: dict[str, Callable[[Any, pa.Schema], AbstractContextManager[BatchSink]]] = {
    "csv": partial(_arrow_sink, _delimited(",")),
    "tsv": partial(_arrow_sink, _delimited("\t")),
    "json lines": _json_lines_sink,
    "parquet": partial(_arrow_sink, pa.parquet.ParquetWriter),
    "feather": partial(_arrow_sink, partial(pa.ipc.new_file, options=None)),
}
