"""Parquet and Feather: typed columns, read in batches of bounded memory."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pyarrow.feather
import pyarrow.parquet

from softplex.data._files import Source, open_seekable
from softplex.data._table import Table, from_columns

_BLOCK_ROWS = 16_384


def iter_columnar(source: Source) -> Iterator[Table]:
    """Read a Parquet or Feather file batch by batch, with the types it has."""
    batches = _parquet_batches if source.format == "parquet" else _feather_batches
    first = 1
    for columns in batches(source):
        rows = np.arange(first, first + columns.num_rows, dtype=np.int64)
        first += columns.num_rows
        yield from_columns(columns, source.name, rows=rows)


def _parquet_batches(source: Source) -> Iterator[pa.Table]:
    with open_seekable(source) as file, pyarrow.parquet.ParquetFile(file) as parquet:
        if parquet.metadata.num_rows == 0:
            yield _named(parquet.read())
        for batch in parquet.iter_batches(batch_size=_BLOCK_ROWS):
            yield _named(pa.Table.from_batches([batch]))


def _feather_batches(source: Source) -> Iterator[pa.Table]:
    with open_seekable(source) as file, pa.ipc.open_file(file) as reader:
        if reader.num_record_batches == 0:
            yield _named(reader.read_all())
        for index in range(reader.num_record_batches):
            yield _named(pa.Table.from_batches([reader.get_batch(index)]))


def _named(columns: pa.Table) -> pa.Table:
    """Drop the row index that pandas writes along when it is not a plain range."""
    extra = [name for name in columns.column_names if name.startswith("__index_level_")]
    return columns.drop_columns(extra) if extra else columns
