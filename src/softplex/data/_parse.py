"""A table read by its schema: typed cells, the rows that cannot be read, the values unseen."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import scipy.sparse as sp
from numpy.typing import NDArray

from softplex.data._names import clipped, did_you_mean, listed
from softplex.data._schema import Column, Schema
from softplex.data._table import Reject, Table
from softplex.data._values import (
    LARGEST,
    elapsed_days,
    is_moment,
    is_nested,
    to_booleans,
    to_moments,
    to_numbers,
    to_texts,
)
from softplex.exceptions import SchemaMismatch

MISSING_LEVEL = "(missing)"
_PARTS = {"year": "year", "month": "month", "weekday": "day_of_week"}
DATE_PARTS = tuple(_PARTS)
# From so many cells on, a column without one readable cell is of another type, not mistyped.
_ENOUGH_CELLS = 5
_NEEDED = {
    "number": "a finite number",
    "boolean": "true or false",
    "date": "a date",
}


@dataclass(frozen=True)
class Unseen:
    """Categories that a table holds and the fit has not seen.

    Parameters
    ----------
    column
        Where they stand.
    n_rows
        Number of rows that hold one.
    examples
        Some of the values.
    """

    column: str
    n_rows: int
    examples: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class Parsed:
    """What a schema makes of a table.

    Parameters
    ----------
    features
        Typed columns named ``kind:column`` (a pandas frame), or the CSR matrix of a table that
        is one; one row for each row that could be read.
    kept
        Positions of these rows in the table, counted from 0.
    rejects
        The other rows, with what is wrong with them.
    unseen
        Categories that the fit has not seen, by column.
    """

    features: Any
    kept: NDArray[np.int64]
    rejects: tuple[Reject, ...]
    unseen: tuple[Unseen, ...]


def parse_table(table: Table, schema: Schema) -> Parsed:
    """Read a table by a schema.

    Columns are found by name, so their order does not matter, and others are ignored. A missing
    value is kept as missing; a cell that is not what its column needs rejects its row.

    Raises
    ------
    SchemaMismatch
        A needed column is lacking (with the nearest name) or is of another type throughout.
    """
    if schema.n_sparse is not None:
        return _parse_sparse(table, schema.n_sparse)
    check_columns(table, schema)
    faults = _Faults(table)
    numbers = _number_block(table, schema, faults)
    words, unseen = _word_columns(table, schema)
    features = pd.concat([numbers, words], axis=1)
    kept, rejects = faults.outcome()
    if len(kept) < len(table):
        features = features.iloc[kept]
    return Parsed(features, kept, table.rejects + rejects, unseen)


class _Faults:
    """Which rows cannot be read, by the first column at fault."""

    def __init__(self, table: Table) -> None:
        self.table = table
        self.found: list[tuple[Column, NDArray[np.bool_]]] = []

    def add(self, column: Column, unreadable: NDArray[np.bool_], n_filled: int) -> None:
        """Note the cells of a column that cannot be read, unless the column is another thing."""
        n_unreadable = int(unreadable.sum())
        if n_unreadable == 0:
            return
        cells = self.table.column(column.name)
        typed = is_nested(cells) or is_moment(cells)
        if typed or (n_unreadable == n_filled and n_filled >= _ENOUGH_CELLS):
            example = cells.filter(pa.array(unreadable))[0].as_py()
            raise SchemaMismatch(
                f"{self.table.name}: the column {column.name!r} must hold "
                f"{_NEEDED[column.kind]} in each row, as in the table of the fit, but none of its "
                f"{n_filled} filled cells does; the first is {clipped(example)}. Give it the "
                "content it had, or fit the model again."
            )
        self.found.append((column, unreadable))

    def outcome(self) -> tuple[NDArray[np.int64], tuple[Reject, ...]]:
        """Give the positions of the readable rows, and the others in file order."""
        first: dict[int, Reject] = {}
        for column, unreadable in self.found:
            cells = self.table.column(column.name)
            for position in np.flatnonzero(unreadable):
                if int(position) not in first:
                    first[int(position)] = self._reject(column, int(position), cells)
        kept = np.setdiff1d(np.arange(len(self.table)), list(first)).astype(np.int64)
        return kept, tuple(first[position] for position in sorted(first))

    def _reject(self, column: Column, position: int, cells: pa.ChunkedArray) -> Reject:
        value = str(cells[position].as_py())
        reason = f"{clipped(value)} is not {_NEEDED[column.kind]}"
        return Reject(int(self.table.rows[position]), column.name, value, reason)


def check_columns(table: Table, schema: Schema) -> None:
    """Refuse a table that lacks a column which the model needs.

    Raises
    ------
    SchemaMismatch
        With the lacking columns, and the nearest name.
    """
    needed = [column.name for column in schema.features]
    present = set(table.column_names)
    lacking = [name for name in needed if name not in present]
    if not lacking:
        return
    others = sorted(present - set(needed))
    raise SchemaMismatch(
        f"{table.name} lacks {len(lacking)} of the {len(needed)} columns that the model needs: "
        f"{listed(lacking)}.{did_you_mean(lacking[0], others)} "
        f"Name the columns as in the table of the fit."
    )


def _number_block(table: Table, schema: Schema, faults: _Faults) -> pd.DataFrame:
    """Numbers, booleans and dates, one row of memory a column, without a copy at the end."""
    numeric = [column for column in schema.features if column.kind in ("number", "boolean", "date")]
    n_rows = sum(1 + len(DATE_PARTS) * (column.kind == "date") for column in numeric)
    block = np.empty((n_rows, len(table)), dtype=schema.dtype)
    places = {name: position for position, name in enumerate(table.matrix_names)}
    in_matrix = [column for column in numeric if column.name in places]
    names = [f"number:{column.name}" for column in in_matrix]
    if in_matrix:
        part = table.matrix[:, [places[column.name] for column in in_matrix]]
        block[: len(in_matrix)] = part.T
        _refuse_infinite(block[: len(in_matrix)], in_matrix, faults)
    row = len(in_matrix)
    for column in numeric:
        if column.name in places:
            continue
        for name, values in _numeric_parts(table, column, faults):
            names.append(name)
            block[row] = values
            row += 1
    return pd.DataFrame(block.T, columns=names, copy=False)


def _refuse_infinite(block: NDArray[Any], columns: list[Column], faults: _Faults) -> None:
    infinite = np.abs(block) > LARGEST
    for row in np.flatnonzero(infinite.any(axis=1)):
        faults.add(columns[row], infinite[row], int((~np.isnan(block[row])).sum()))
        block[row, infinite[row]] = np.nan


def _numeric_parts(
    table: Table, column: Column, faults: _Faults
) -> Iterator[tuple[str, NDArray[np.float64]]]:
    cells = table.column(column.name)
    if column.kind == "date":
        yield from _date_parts(column, cells, faults)
        return
    if column.kind == "number":
        values, unreadable = to_numbers(cells, column.missing)
    else:
        values, unreadable = to_booleans(cells)
    faults.add(column, unreadable, int(np.sum(~np.isnan(values) | unreadable)))
    yield f"{column.kind}:{column.name}", values


def _date_parts(
    column: Column, cells: pa.ChunkedArray, faults: _Faults
) -> Iterator[tuple[str, NDArray[np.float64]]]:
    moments, unreadable = to_moments(cells, column.date_format)
    faults.add(column, unreadable, int(np.sum(np.asarray(moments.notna()) | unreadable)))
    yield f"days:{column.name}", elapsed_days(moments)
    for part in DATE_PARTS:
        yield f"{part}:{column.name}", np.asarray(getattr(moments, _PARTS[part]), dtype=np.float64)


def _word_columns(table: Table, schema: Schema) -> tuple[pd.DataFrame, tuple[Unseen, ...]]:
    columns: dict[str, Any] = {}
    unseen = []
    for column in schema.features:
        if column.kind not in ("category", "text"):
            continue
        cells = table.column(column.name)
        if is_nested(cells):
            raise SchemaMismatch(
                f"{table.name}: the column {column.name!r} must hold words, but holds "
                f"{cells.type}. Give it the content it had in the table of the fit."
            )
        texts = to_texts(cells)
        if column.kind == "category":
            unseen += _unseen(column, texts)
        filled = texts.fill_null(MISSING_LEVEL if column.kind == "category" else "")
        columns[f"{column.kind}:{column.name}"] = np.array(filled.to_pylist(), dtype=object)
    return pd.DataFrame(columns, index=pd.RangeIndex(len(table)), dtype=object), tuple(unseen)


def _unseen(column: Column, texts: pa.ChunkedArray) -> list[Unseen]:
    if not column.levels:
        return []
    known = pc.is_in(texts, pa.array(column.levels, texts.type))
    strange = texts.filter(pc.and_(texts.is_valid(), pc.invert(known)))
    if len(strange) == 0:
        return []
    return [Unseen(column.name, len(strange), tuple(pc.unique(strange).to_pylist()[:3]))]


def _parse_sparse(table: Table, n_sparse: int) -> Parsed:
    if table.matrix is None:
        raise SchemaMismatch(
            f"{table.name}: the model was fitted on svmlight data with {n_sparse} columns; "
            "a table of the same format is needed."
        )
    matrix = sp.csr_matrix(table.matrix, dtype=np.float64, copy=True)
    n_shared = min(n_sparse, matrix.shape[1])
    matrix = matrix[:, :n_shared]
    matrix.resize(matrix.shape[0], n_sparse)
    unreadable = np.unique(matrix.tocoo().row[~np.isfinite(matrix.data)])
    kept = np.setdiff1d(np.arange(len(table)), unreadable).astype(np.int64)
    rejects = tuple(
        Reject(int(table.rows[row]), "", "", "the row holds a value that is not a finite number")
        for row in unreadable
    )
    features = matrix if len(kept) == len(table) else matrix[kept]
    return Parsed(features, kept, table.rejects + rejects, ())
