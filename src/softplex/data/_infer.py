"""`infer_schema`: the kinds of all columns of a table, decided once and frozen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

import pyarrow as pa

from softplex.data._columns import (
    category_column,
    find_date_format,
    infer_column,
    number_columns,
    text_column,
)
from softplex.data._names import listed
from softplex.data._schema import Column, Kind, Schema
from softplex.data._table import Table, no_such_column
from softplex.data._target import check_target
from softplex.data._values import is_moment, is_text, to_numbers
from softplex.exceptions import DataError, InvalidInput

# Blocks of numbers with more cells than this are held in float32.
_LARGE_BLOCK = 4_000_000


def infer_schema(
    table: Table,
    target: str | None = None,
    *,
    drop: Sequence[str] = (),
    categorical: Sequence[str] = (),
    text: Sequence[str] = (),
    weight: str | None = None,
    group: str | None = None,
    time: str | None = None,
    id_column: str | None = None,
    single_rows: Literal["raise", "keep"] = "raise",
) -> Schema:
    """Decide what every column is.

    Parameters
    ----------
    table
        The table to learn from.
    target
        Label column; may be left out where the format names one.
    drop, categorical, text
        Columns to leave out, to take as categories and to take as free text, whatever they hold.
    weight, group, time
        Columns with these roles in fitting and splitting; they are no features.
    id_column
        A column that names the rows; kept for output, no feature.
    single_rows
        See `check_target`.

    Returns
    -------
    Schema
        Frozen; `Schema.summary` lists the decisions.

    Raises
    ------
    DataError
        A column that is not there, a target that cannot be learnt (see `check_target`), and a
        table in which no feature is left.
    InvalidInput
        One column in two roles.

    Examples
    --------
    >>> from softplex.data import as_table
    >>> table = as_table({"size": [1.5, 2.5, 0.5, 3.5], "kind": ["a", "b", "a", "b"]})
    >>> infer_schema(table, "kind").summary()
    [('size', 'number', ''), ('kind', 'target', '2 classes')]
    """
    target, label_kind, classes = check_target(table, target, single_rows=single_rows)
    roles = _roles(
        table,
        (("target", [target]), ("dropped", drop), ("category", categorical), ("text", text)),
        (("weight", weight), ("group", group), ("time", time), ("id", id_column)),
    )
    columns = [*_matrix_columns(table, roles), *_other_columns(table, roles)]
    notes = {target: f"{len(classes)} classes"}
    columns = [replace(column, note=notes.get(column.name, column.note)) for column in columns]
    n_numbers = sum(column.kind == "number" for column in columns)
    schema = Schema(
        target=target,
        classes=classes,
        label_kind=label_kind,
        columns=tuple(columns),
        n_rows=len(table),
        dtype="float32" if n_numbers * len(table) > _LARGE_BLOCK else "float64",
        n_sparse=table.matrix.shape[1] if table.is_sparse else None,
    )
    _refuse_without_features(table, schema)
    return schema


def _roles(
    table: Table,
    lists: Sequence[tuple[Kind, Sequence[str]]],
    singles: Sequence[tuple[Kind, str | None]],
) -> dict[str, Kind]:
    roles: dict[str, Kind] = {}
    wanted = [*lists, *((kind, [name]) for kind, name in singles if name is not None)]
    for kind, names in wanted:
        for name in names:
            if name not in table.column_names:
                raise no_such_column(table, name)
            if roles.get(name, kind) != kind:
                raise InvalidInput(
                    f"The column {name!r} is asked for as {roles[name]} and as {kind}; "
                    "give it one role."
                )
            roles[name] = kind
    return roles


def _matrix_columns(table: Table, roles: dict[str, Kind]) -> list[Column]:
    if table.is_sparse or table.matrix is None:
        return []
    found = number_columns(table.matrix_names, table.matrix)
    return [
        _with_role(column.name, table.column(column.name), roles[column.name])
        if column.name in roles
        else column
        for column in found
    ]


def _other_columns(table: Table, roles: dict[str, Kind]) -> list[Column]:
    return [
        _with_role(name, column, roles[name]) if name in roles else infer_column(name, column)
        for name, column in zip(table.columns.column_names, table.columns.columns, strict=True)
    ]


def _with_role(name: str, column: pa.ChunkedArray, kind: Kind) -> Column:
    if kind == "category":
        return category_column(name, column)
    if kind == "text":
        return text_column(name, column)
    if kind == "time":
        return _time_column(name, column)
    notes = {"dropped": "as asked", "group": "no feature", "weight": "weighs rows, no feature"}
    return Column(name, kind, notes.get(kind, "as asked"))


def _time_column(name: str, column: pa.ChunkedArray) -> Column:
    note = "orders rows, no feature"
    if is_moment(column):
        return Column(name, "time", note, date_format="ISO8601")
    if not to_numbers(column)[1].any():
        return Column(name, "time", note)
    date_format = find_date_format(column.slice(0, 200), column) if is_text(column) else None
    if date_format is None:
        raise DataError(
            f"The time column {name!r} holds neither numbers nor dates of one format. "
            "Write its dates as 2024-12-31, or name another column."
        )
    return Column(name, "time", note, date_format=date_format)


def _refuse_without_features(table: Table, schema: Schema) -> None:
    if schema.features or schema.n_sparse:
        return
    left_out = [
        f"{column.name} ({column.kind})" for column in schema.columns if column.kind != "target"
    ]
    reason = f"left out are {listed(left_out)}" if left_out else "there is only the label"
    raise DataError(
        f"{table.name}: no column is left to learn from; {reason}. Add a column of features, or "
        "name one as text or categorical."
    )
