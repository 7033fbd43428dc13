"""The steps of ``softplex predict``: read a piece, predict it, write it."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from softplex.cli._predictions import REJECTS, kept_columns, prediction_batch, reject_batch
from softplex.cli._screen import Screen
from softplex.data import Reject, Table, TableClassifier, TablePrediction, iter_table
from softplex.exceptions import DataError, InvalidInput
from softplex.io import BatchSink, check_file, output_format, row_writer


@dataclass(frozen=True)
class PredictRequest:
    """What the user asked for; see the options of ``softplex predict``."""

    table: str
    out: Path
    rejects: Path
    kept: tuple[str, ...]
    batch_rows: int


@dataclass
class Tally:
    """How many rows went where."""

    predicted: int = 0
    rejected: int = 0


def rejects_beside(out: Path) -> Path:
    """Name the rejects file of an output file.

    >>> rejects_beside(Path("some/out.csv.gz")).as_posix()
    'some/out.rejects.csv'
    """
    return out.with_name(f"{out.name.partition('.')[0]}.rejects.csv")


def row_count(count: int) -> str:
    """Write a number of rows.

    >>> row_count(1), row_count(2000)
    ('1 row', '2,000 rows')
    """
    return f"{count:,} row" if count == 1 else f"{count:,} rows"


def check_request(request: PredictRequest) -> None:
    """Refuse, before anything is loaded, what could not be written at the end.

    Raises
    ------
    InvalidInput
        A file of an unknown format, a folder, or the table itself.
    """
    for path in (request.out, request.rejects):
        output_format(path)
        check_file(path)
        if path.exists() and Path(request.table).exists() and path.samefile(request.table):
            raise InvalidInput(f"{path} is the table that is read; write to another file")


def predict_table(request: PredictRequest, model: TableClassifier, screen: Screen) -> Tally:
    """Write the predictions of a table piece by piece, and its rejected rows.

    Both files appear whole at the end, or not at all. A rejects file is made only if there are
    rejected rows, and one of an earlier run is removed.

    Raises
    ------
    DataError
        If the table has no rows.
    """
    pieces = iter_table(request.table, rows=request.batch_rows)
    tally = Tally()
    with ExitStack() as files:
        write: BatchSink | None = None
        write_rejects: BatchSink | None = None
        for table, prediction in model.predict_batches(pieces):
            batch = _predicted(model, table, prediction, request.kept)
            write = write or files.enter_context(row_writer(request.out, batch.schema))
            write(batch)
            if prediction.rejects:
                write_rejects = write_rejects or files.enter_context(
                    row_writer(request.rejects, REJECTS)
                )
                write_rejects(reject_batch(sorted(prediction.rejects, key=_row)))
            tally.predicted += batch.num_rows
            tally.rejected += len({reject.row for reject in prediction.rejects})
            screen.progress(f"{tally.predicted:,} rows predicted")
        if tally.predicted + tally.rejected == 0:
            raise DataError(f"{request.table} has no rows; there is nothing to predict")
    if not tally.rejected:
        request.rejects.unlink(missing_ok=True)
    return tally


def _row(reject: Reject) -> int:
    return reject.row


def _predicted(
    model: TableClassifier, table: Table, prediction: TablePrediction, kept: Iterable[str]
) -> pa.RecordBatch:
    for name in kept:
        table.column(name)
    rows = table.take(prediction.kept)
    names = dict.fromkeys((*model.schema.id_columns, *kept))
    return prediction_batch(
        prediction.probabilities,
        model.classes_.tolist(),
        rows.rows,
        kept=kept_columns(rows, tuple(names)),
    )
