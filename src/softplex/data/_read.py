"""`read_table` and `iter_table`: one door to every format."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa

from softplex.data._columnar import iter_columnar
from softplex.data._delimited import iter_delimited
from softplex.data._files import Source, locate
from softplex.data._json_lines import iter_json_lines
from softplex.data._matrices import bundled_names, read_bundled, read_npz, read_svmlight
from softplex.data._table import Table
from softplex.exceptions import DataError


def read_table(path: str | Path, *, keep_ragged: bool = False) -> Table:
    """Read a whole table from a file, or a bundled one by its name.

    Parameters
    ----------
    path
        A bundled name (see `bundled_names`) or a file: CSV, TSV, Parquet, Feather, JSON lines,
        NPZ or svmlight, told apart by suffix; each may also end in ``.gz`` or ``.zst``.
    keep_ragged
        True: rows with a wrong number of cells, and lines that are no JSON object, go to
        `Table.rejects`. False (default): they are refused, with the line number.

    Returns
    -------
    Table
        CSV, TSV and JSON lines give text columns; Parquet and Feather typed ones; NPZ, svmlight
        and the bundled tables a matrix and a label column.

    Raises
    ------
    DataError
        A missing file (with the nearest name), one that is not what its suffix says, two columns
        of one name, text that is not UTF-8, no rows.

    Examples
    --------
    >>> table = read_table("iris")
    >>> len(table), table.target
    (150, 'target')
    """
    if _is_bundled(path):
        return read_bundled(str(path))
    source = locate(path, bundled_names())
    tables = list(_blocks(source, keep_ragged))
    table = _joined(tables) if tables else None
    if table is None or (len(table) == 0 and not table.rejects):
        raise DataError(f"{source.name} has no rows; at least one row below the header is needed.")
    return table


def iter_table(
    path: str | Path, *, rows: int = 16_384, keep_ragged: bool = True
) -> Iterator[Table]:
    """Read a table piece by piece, so that it need not fit into memory.

    Parameters
    ----------
    path
        As in `read_table`. NPZ and svmlight files are read whole, then cut.
    rows
        Rows in a piece, at most.
    keep_ragged
        As in `read_table`, but True by default.

    Yields
    ------
    Table
        Pieces in file order, with the row numbers of the file; a file without rows gives one
        piece without rows.

    Raises
    ------
    DataError
        As `read_table`, except that no rows are needed.
    """
    if _is_bundled(path):
        yield from read_bundled(str(path)).slices(rows)
        return
    source = locate(path, bundled_names())
    if source.format in ("npz", "svmlight"):
        for table in _blocks(source, keep_ragged):
            yield from table.slices(rows)
        return
    yield from _resized(_blocks(source, keep_ragged), rows)


def _is_bundled(path: str | Path) -> bool:
    return str(path) in bundled_names() and not Path(path).is_file()


def _blocks(source: Source, keep_ragged: bool) -> Iterable[Table]:
    if source.format in ("csv", "tsv"):
        return iter_delimited(source, keep_ragged=keep_ragged)
    if source.format == "json lines":
        return iter_json_lines(source, keep_ragged=keep_ragged)
    if source.format in ("parquet", "feather"):
        return iter_columnar(source)
    return [read_npz(source) if source.format == "npz" else read_svmlight(source)]


def _resized(blocks: Iterable[Table], rows: int) -> Iterator[Table]:
    """Join small blocks and cut large ones, so that pieces have `rows` rows but the last."""
    waiting: list[Table] = []
    given = False
    for block in blocks:
        waiting.append(block)
        while sum(map(len, waiting)) >= rows:
            piece, *rest = _joined(waiting).slices(rows)
            waiting = rest if len(rest) < 2 else [_joined(rest)]
            given = True
            yield piece
    if waiting and (not given or any(len(piece) or piece.rejects for piece in waiting)):
        yield _joined(waiting)


def _joined(tables: list[Table]) -> Table:
    if len(tables) == 1:
        return tables[0]
    return replace(
        tables[0],
        columns=pa.concat_tables([table.columns for table in tables], promote_options="permissive"),
        rows=np.concatenate([table.rows for table in tables]),
        rejects=tuple(reject for table in tables for reject in table.rejects),
    )
