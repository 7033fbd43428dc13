"""Probabilities as columns of a table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from softplex.data import Reject, Table

_OWN: Final = ("row", "y", "predicted", "confidence")


def prediction_batch(
    probabilities: NDArray[Any],
    classes: Sequence[Any],
    rows: NDArray[np.int64],
    *,
    kept: Mapping[str, Any],
    labels: NDArray[Any] | None = None,
) -> pa.RecordBatch:
    """Put the predictions of some rows into columns.

    Parameters
    ----------
    probabilities : array of shape (n, k)
    classes : sequence of k labels
    rows : array of shape (n,)
        Number of each row in its table, counted from 1.
    kept : mapping of name to column
        Columns of the table that go along, such as an id.
    labels : array of shape (n,), optional
        The true labels, for the column ``y``.

    Returns
    -------
    pyarrow.RecordBatch
        ``row``, the kept columns, ``y`` if given, ``predicted``, ``confidence`` and one column
        ``p_<class>`` for each class. A kept column of one of these names becomes ``id_<name>``.
    """
    names = np.asarray(classes)
    label_type = pa.array(names.tolist()).type
    taken = {*_OWN, *(f"p_{label}" for label in classes)}
    columns: dict[str, Any] = {"row": rows}
    for name, column in kept.items():
        columns[_free_name(name, taken)] = column
    if labels is not None:
        columns["y"] = pa.array(np.asarray(labels).tolist(), label_type)
    best = np.argmax(probabilities, axis=1)
    columns["predicted"] = pa.array(names[best].tolist(), label_type)
    columns["confidence"] = probabilities[np.arange(len(best)), best]
    for label, column in zip(classes, np.asarray(probabilities).T, strict=True):
        columns[f"p_{label}"] = np.ascontiguousarray(column)
    return pa.record_batch({name: _as_array(column) for name, column in columns.items()})


def _free_name(name: str, taken: set[str]) -> str:
    while name in taken:
        name = f"id_{name}"
    taken.add(name)
    return name


def _as_array(column: Any) -> pa.Array:
    if isinstance(column, pa.ChunkedArray):
        return column.combine_chunks()
    return column if isinstance(column, pa.Array) else pa.array(column)


def reject_batch(rejects: Sequence[Reject]) -> pa.RecordBatch:
    """Put rejected rows and their reasons into columns."""
    records = [
        {"row": one.row, "column": one.column, "value": one.value, "reason": one.reason}
        for one in rejects
    ]
    return pa.RecordBatch.from_pylist(records, schema=REJECTS)


REJECTS: Final = pa.schema(
    [("row", pa.int64()), ("column", pa.string()), ("value", pa.string()), ("reason", pa.string())]
)


def kept_columns(table: Table, names: Sequence[str]) -> dict[str, pa.ChunkedArray]:
    """Give those of the named columns that the table has."""
    return {name: table.column(name) for name in names if name in table.column_names}
