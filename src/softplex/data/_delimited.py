"""CSV and TSV, read as text in blocks of bounded memory."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv as arrow_csv
from numpy.typing import NDArray

from softplex.data._files import Source, open_bytes
from softplex.data._table import Reject, Table, check_column_names, from_columns
from softplex.exceptions import DataError

_BLOCK_BYTES = 4 << 20
_HEADER_BYTES = 4 << 20
_DELIMITERS = ",;\t|"


def iter_delimited(source: Source, *, keep_ragged: bool) -> Iterator[Table]:
    """Read a delimited file block by block; every column is text.

    Parameters
    ----------
    keep_ragged
        True: rows with too few or too many cells become rejects; False: they are refused.

    Raises
    ------
    DataError
        No header, two columns of one name, a ragged row (with its line number), bytes that are
        not UTF-8.
    """
    delimiter, header = _header(source)
    names = [name.strip() or f"column_{index + 1}" for index, name in enumerate(header)]
    check_column_names(names, source.name)
    ragged: list[Reject] = []

    def take_ragged(row: Any) -> str:
        if not keep_ragged:
            return "error"
        reason = f"the row has {row.actual_columns} cells, {row.expected_columns} are needed"
        ragged.append(Reject(row.number - 1, "", row.text, reason))
        return "skip"

    def next_block() -> pa.RecordBatch | None:
        try:
            return next(blocks, None)
        except pa.ArrowInvalid as error:
            raise _explain(error, source, delimiter, len(header)) from error

    with open_bytes(source) as stream:
        try:
            blocks = iter(_open(stream, delimiter, header, take_ragged))
        except pa.ArrowInvalid as error:
            raise _explain(error, source, delimiter, len(header)) from error
        first = 1
        while (block := next_block()) is not None:
            columns = pa.table(block.columns, names=names)
            rows = _row_numbers(first, block.num_rows, [reject.row for reject in ragged])
            first = int(rows[-1]) + 1 if len(rows) else first
            # The reader looks ahead: some of the ragged rows may belong to the next block.
            passed = tuple(reject for reject in ragged if reject.row < first)
            ragged = [reject for reject in ragged if reject.row >= first]
            yield from_columns(columns, source.name, rows=rows, rejects=passed)
        if ragged:
            empty = pa.table([pa.array([], pa.string()) for _ in names], names=names)
            yield from_columns(empty, source.name, rejects=tuple(ragged))


def _open(stream: Any, delimiter: str, header: list[str], take_ragged: Callable[[Any], str]) -> Any:
    return arrow_csv.open_csv(
        stream,
        # One thread: only then is the number of a ragged row known.
        read_options=arrow_csv.ReadOptions(use_threads=False, block_size=_BLOCK_BYTES),
        parse_options=arrow_csv.ParseOptions(
            delimiter=delimiter,
            newlines_in_values=True,
            # In a single column, an empty line is a row with a missing value.
            ignore_empty_lines=len(header) > 1,
            invalid_row_handler=take_ragged,
        ),
        convert_options=arrow_csv.ConvertOptions(
            column_types=dict.fromkeys(header, pa.string()), strings_can_be_null=False
        ),
    )


def _row_numbers(first: int, n_rows: int, skipped: list[int]) -> NDArray[np.int64]:
    numbers = np.arange(first, first + n_rows + len(skipped), dtype=np.int64)
    return numbers[~np.isin(numbers, skipped)][:n_rows]


def _header(source: Source) -> tuple[str, list[str]]:
    with open_bytes(source) as stream:
        head = bytes(stream.read(_HEADER_BYTES)).removeprefix(b"\xef\xbb\xbf")
        if b"\x00" in head:
            raise DataError(
                f"{source.name} holds zero bytes, so it is not {source.format} text. "
                "Give it the suffix of its format, or save it as UTF-8 text."
            )
        line = head.splitlines()[0].decode("utf-8") if head.strip() else ""
    if not line.strip():
        raise DataError(f"{source.name} has no header: its first line must name the columns.")
    delimiter = "\t" if source.format == "tsv" else _delimiter(line)
    text = head.decode("utf-8", errors="replace")
    return delimiter, next(csv.reader(io.StringIO(text), delimiter=delimiter))


def _delimiter(line: str) -> str:
    """Give the comma where there is one, else the separator that the header uses most."""
    return "," if "," in line else max(_DELIMITERS, key=line.count)


def _explain(
    error: pa.ArrowInvalid, source: Source, delimiter: str, n_columns: int
) -> DataError | pa.ArrowInvalid:
    message = str(error)
    if "straddl" in message:
        return DataError(
            f"{source.name} has a row of more than {_BLOCK_BYTES >> 20} MB. "
            "A quotation mark that is opened and never closed is the usual cause."
        )
    if "Expected" not in message:
        return error
    return _ragged_error(source, delimiter, n_columns)


def _ragged_error(source: Source, delimiter: str, n_columns: int) -> DataError:
    with open_bytes(source) as stream:
        text = io.TextIOWrapper(stream, encoding="utf-8", errors="replace", newline="")
        reader = csv.reader(text, delimiter=delimiter)
        before = 0
        for cells in reader:
            line, before = before + 1, reader.line_num
            if cells and len(cells) != n_columns:
                return DataError(
                    f"{source.name}, line {line}: the header names {n_columns} columns, "
                    f"but this row has {len(cells)} cells. Correct the line, or put cells that "
                    f"hold {delimiter!r} in quotation marks."
                )
    return DataError(
        f"{source.name} has rows with a wrong number of cells; there should be {n_columns} in each."
    )
