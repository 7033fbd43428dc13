"""JSON lines: one object a line, read as text in blocks of bounded memory."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow as pa

from softplex.data._files import Source, open_bytes
from softplex.data._names import clipped
from softplex.data._table import Reject, Table, from_columns
from softplex.exceptions import DataError

_BLOCK_ROWS = 8192


def iter_json_lines(source: Source, *, keep_ragged: bool) -> Iterator[Table]:
    """Read JSON lines block by block; every value becomes text, as in a CSV file.

    Parameters
    ----------
    keep_ragged
        True: lines that are no JSON object become rejects; False: they are refused.

    Raises
    ------
    DataError
        A line that is not a JSON object, with its number.
    """
    names = _all_names(source)
    records: list[dict[str, Any]] = []
    rows: list[int] = []
    rejects: list[Reject] = []
    for number, text, record in _lines(source):
        if record is None:
            if not keep_ragged:
                raise _not_an_object(source, number, text)
            rejects.append(Reject(number, "", text, "the line is not a JSON object"))
            continue
        records.append(record)
        rows.append(number)
        if len(records) == _BLOCK_ROWS:
            yield _block(source, names, records, rows, rejects)
            records, rows, rejects = [], [], []
    if records or rejects or names:
        yield _block(source, names, records, rows, rejects)


def _all_names(source: Source) -> list[str]:
    """Find every key of the file: a key may first occur on the last line."""
    names: dict[str, None] = {}
    for number, text, record in _lines(source):
        if number == 1 and text.startswith("["):
            raise DataError(
                f"{source.name} holds one JSON array; JSON lines are needed, one object a line. "
                "With pandas: frame.to_json(path, orient='records', lines=True)."
            )
        names.update(dict.fromkeys(record or ()))
    return list(names)


def _lines(source: Source) -> Iterator[tuple[int, str, dict[str, Any] | None]]:
    with open_bytes(source) as stream:
        number = 0
        for line in io.BufferedReader(stream):
            text = line.decode("utf-8-sig" if number == 0 else "utf-8").strip()
            if not text:
                continue
            number += 1
            yield number, text, _record(text)


def _record(text: str) -> dict[str, Any] | None:
    try:
        record = json.loads(text)
    except (json.JSONDecodeError, RecursionError):
        return None
    return record if isinstance(record, dict) else None


def _block(
    source: Source,
    names: list[str],
    records: list[dict[str, Any]],
    rows: list[int],
    rejects: list[Reject],
) -> Table:
    columns = [pa.array([_text(r.get(name)) for r in records], pa.string()) for name in names]
    numbers = np.array(rows, dtype=np.int64)
    table = pa.table(columns, names=names)
    return from_columns(table, source.name, rows=numbers, rejects=tuple(rejects))


def _text(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    return json.dumps(value)


def _not_an_object(source: Source, number: int, text: str) -> DataError:
    return DataError(
        f"{source.name}, row {number}: every line must be one JSON object such as "
        f'{{"age": 3}}, but this one is {clipped(text)}.'
    )
