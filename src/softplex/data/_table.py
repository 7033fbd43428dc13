"""`Table`: columns as they stand in a file, with the numbers of their rows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import scipy.sparse as sp
from numpy.typing import NDArray

from softplex.data._names import did_you_mean, listed
from softplex.exceptions import DataError


@dataclass(frozen=True)
class Reject:
    """A row that cannot be read, and why.

    Parameters
    ----------
    row
        Number of the row in its file, counted from 1 below the header.
    column
        Name of the column at fault; empty when the whole row is.
    value
        What stood there.
    reason
        One sentence.
    """

    row: int
    column: str
    value: str
    reason: str


@dataclass(frozen=True, eq=False)
class Table:
    """Rows of data before anything is inferred or converted.

    Parameters
    ----------
    name
        What messages call it: a file name, a bundled name or ``"table"``.
    columns
        The columns, as text (from CSV, TSV and JSON lines) or typed (from Parquet and Feather).
    rows
        Shape ``(n,)``: number of each row in its file, counted from 1 below the header.
    matrix
        A block of numbers ``(n, d)``, dense or CSR, of tables that are one (NPZ, svmlight).
    matrix_names
        The `d` column names of a dense `matrix`; a CSR one names its columns 0, 1, 2, ...
    target
        The label column, where the format says which one it is.
    rejects
        Rows that the reader could not take in.
    """

    name: str
    columns: pa.Table
    rows: NDArray[np.int64]
    matrix: Any = None
    matrix_names: tuple[str, ...] = ()
    target: str | None = None
    rejects: tuple[Reject, ...] = ()

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def is_sparse(self) -> bool:
        """Whether the features are a CSR matrix."""
        return bool(sp.issparse(self.matrix))

    @property
    def column_names(self) -> tuple[str, ...]:
        """All column names but those of a CSR matrix, in file order."""
        return (*self.matrix_names, *self.columns.column_names)

    def column(self, name: str) -> pa.ChunkedArray:
        """Give one column.

        Raises
        ------
        DataError
            When there is no such column, with the nearest name.
        """
        if name in self.columns.column_names:
            return self.columns.column(name)
        if name in self.matrix_names:
            return pa.chunked_array([pa.array(self.matrix[:, self.matrix_names.index(name)])])
        raise no_such_column(self, name)

    def take(self, positions: NDArray[np.int64]) -> Table:
        """Give the rows at these positions (counted from 0), in this order."""
        return replace(
            self,
            columns=self.columns.take(pa.array(positions)),
            rows=self.rows[positions],
            matrix=None if self.matrix is None else self.matrix[positions],
        )

    def slices(self, size: int) -> Iterable[Table]:
        """Cut the table into pieces of at most `size` rows."""
        for start in range(0, max(len(self), 1), size):
            yield replace(
                self,
                columns=self.columns.slice(start, size),
                rows=self.rows[start : start + size],
                matrix=None if self.matrix is None else self.matrix[start : start + size],
                rejects=self.rejects if start == 0 else (),
            )


def no_such_column(table: Table, name: str) -> DataError:
    """Describe a column that is not there, with the nearest name."""
    names = table.column_names
    return DataError(
        f"{table.name} has no column {name!r}.{did_you_mean(name, names)} "
        f"Its columns are {listed(names)}."
    )


def check_column_names(names: Sequence[str], where: str) -> None:
    """Refuse two columns of one name."""
    counts = pd.Series(list(names), dtype=object).value_counts()
    twice = [str(name) for name in counts.index[counts > 1]]
    if twice:
        raise DataError(
            f"{where}: every column needs a name of its own, but {listed(sorted(twice))} "
            "stands more than once. Rename or remove the copies."
        )


def as_table(data: Any, name: str = "table") -> Table:
    """Wrap what people hold (pandas, polars, Arrow, a mapping, an array) as a `Table`.

    Parameters
    ----------
    data
        A `Table` (given back as it is), a pandas or polars frame, an Arrow table, a mapping of
        columns, or a 2-D array or CSR matrix of numbers (columns ``x0``, ``x1``, ...).
    name
        What messages call it.

    Raises
    ------
    DataError
        For anything else, and for two columns of one name.

    Examples
    --------
    >>> as_table({"height": [1.7, 1.8]}).column_names
    ('height',)
    """
    if isinstance(data, Table):
        return data
    if isinstance(data, Mapping):
        data = pd.DataFrame(dict(data))
    if isinstance(data, pd.DataFrame):
        return from_columns(_from_pandas(data, name), name)
    if isinstance(data, pa.Table):
        return from_columns(data, name)
    if sp.issparse(data) or (isinstance(data, np.ndarray) and data.ndim == 2):
        return from_matrix(data, name)
    if hasattr(data, "to_arrow"):
        return from_columns(data.to_arrow(), name)
    raise DataError(
        f"{name}: a pandas or polars frame, an Arrow table or a 2-D array is needed, "
        f"got {type(data).__name__}."
    )


def from_columns(
    columns: pa.Table,
    name: str,
    *,
    rows: NDArray[np.int64] | None = None,
    rejects: tuple[Reject, ...] = (),
) -> Table:
    """Make a table of Arrow columns, which are numbered from 1 unless `rows` says otherwise."""
    check_column_names(columns.column_names, name)
    numbers = np.arange(1, columns.num_rows + 1, dtype=np.int64) if rows is None else rows
    return Table(name, plain_types(columns), numbers, rejects=rejects)


def from_matrix(
    matrix: Any,
    name: str,
    *,
    names: Sequence[str] | None = None,
    labels: NDArray[Any] | None = None,
    target: str | None = None,
) -> Table:
    """Make a table of a block of numbers and, if given, the labels of its rows."""
    sparse = sp.issparse(matrix)
    if not sparse and matrix.dtype.kind not in "biuf":
        raise DataError(f"{name}: the matrix must hold numbers, but its dtype is {matrix.dtype}.")
    if names is None:
        names = () if sparse else [f"x{index}" for index in range(matrix.shape[1])]
    check_column_names([*names, *([target] if target else [])], name)
    columns = pa.table({} if labels is None else {str(target): pa.array(labels)})
    return Table(
        name,
        columns,
        np.arange(1, matrix.shape[0] + 1, dtype=np.int64),
        matrix=sp.csr_matrix(matrix) if sparse else matrix,
        matrix_names=tuple(names),
        target=target if labels is not None else None,
    )


def plain_types(columns: pa.Table) -> pa.Table:
    """Turn dictionaries, decimals, durations and other rare types into plain ones."""
    fields, arrays = [], []
    for field, column in zip(columns.schema, columns.columns, strict=True):
        plain = _plain_type(field.type)
        fields.append(pa.field(str(field.name), plain))
        arrays.append(column if plain == field.type else column.cast(plain))
    return pa.Table.from_arrays(arrays, schema=pa.schema(fields))


def _plain_type(kind: pa.DataType) -> pa.DataType:
    if pa.types.is_dictionary(kind):
        return _plain_type(kind.value_type)
    if pa.types.is_decimal(kind):
        return pa.float64()
    if pa.types.is_float16(kind):
        return pa.float32()
    if pa.types.is_duration(kind):
        return pa.int64()
    if pa.types.is_null(kind) or pa.types.is_time(kind):
        return pa.string()
    if pa.types.is_string_view(kind) or pa.types.is_string(kind):
        return pa.string()
    return kind


def _from_pandas(frame: pd.DataFrame, name: str) -> pa.Table:
    names = [str(column) for column in frame.columns]
    check_column_names(names, name)
    arrays = [_from_series(frame.iloc[:, position]) for position in range(frame.shape[1])]
    return pa.Table.from_arrays(arrays, names=names)


def _from_series(series: pd.Series[Any]) -> pa.Array:
    try:
        array = pa.Array.from_pandas(series)
    except (pa.ArrowInvalid, pa.ArrowTypeError):
        # A column of mixed types is read as a text file would be.
        texts = [None if _is_missing(value) else str(value) for value in series]
        return pa.array(texts, type=pa.string())
    return array.combine_chunks() if isinstance(array, pa.ChunkedArray) else array


def _is_missing(value: Any) -> bool:
    return value is None or value is pd.NA or (isinstance(value, float) and value != value)
