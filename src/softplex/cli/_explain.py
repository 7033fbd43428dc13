"""``softplex explain``: one row of a table, step by step through a fitted model."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from softplex.cli._folder import load_table_classifier
from softplex.cli._options import Debug, JsonLines, ModelFolder, Table
from softplex.cli._screen import Outcome
from softplex.cli._session import session

if TYPE_CHECKING:
    from softplex.cli._screen import Screen
    from softplex.data import Table as TableOfRows
    from softplex.data import TableClassifier
    from softplex.diagnostics import Explanation


def explain(
    folder: ModelFolder,
    table: Table,
    row: Annotated[
        int,
        typer.Option(
            "--row",
            min=1,
            metavar="N",
            help="The row to explain, counted from 1 below the header, as in the predictions.",
            show_default=False,
        ),
    ],
    target: Annotated[
        str | None,
        typer.Option(
            "--target",
            metavar="COL",
            help="The column with the label. [default: the model's, where TABLE has it]",
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", metavar="FILE", help="A page (.html) to write as well."),
    ] = None,
    json_lines: JsonLines = False,
    debug: Debug = False,
) -> None:
    """Walk one row of TABLE through the model in DIR: scores, probabilities, loss, gradient."""
    with session(
        json_lines=json_lines, debug=debug, interrupted="nothing was saved", steps=3
    ) as screen:
        _check_page(out, table)
        screen.step(f"loading {folder}")
        model = load_table_classifier(folder)
        screen.step(f"reading {table}")
        chosen = _row(table, row)
        explanation = _explanation(model, chosen, target, screen)
        screen.line(explanation.to_text())
        page = _written(explanation, out)
        sentence = f"Page: {page}" if page else f"Row {row} of {table} explained"
        content = {"row": row, "page": page, "explanation": explanation.to_dict()}
        screen.result(Outcome(sentence, content))


def _check_page(out: Path | None, table: str) -> None:
    """Refuse, before anything is loaded, a page that could not be written at the end."""
    from softplex.exceptions import InvalidInput
    from softplex.io import check_file

    if out is None:
        return
    if out.suffix.lower() not in (".html", ".htm"):
        raise InvalidInput(f"--out writes a page, so name it .html, not {out.name!r}")
    check_file(out)
    if out.exists() and Path(table).exists() and out.samefile(table):
        raise InvalidInput(f"{out} is the table that is read; write to another file")


def _row(name: str, row: int) -> TableOfRows:
    import numpy as np

    from softplex.data import read_table
    from softplex.exceptions import DataError

    table = read_table(name, keep_ragged=True)
    rejected = next((reject for reject in table.rejects if reject.row == row), None)
    if rejected is not None:
        raise DataError(f"{table.name}: row {row} cannot be read: {rejected.reason}")
    place = np.flatnonzero(table.rows == row)
    if not place.size:
        last = max([0, *table.rows.tolist(), *(reject.row for reject in table.rejects)])
        raise DataError(f"{table.name} has no row {row}; its rows are numbered 1 to {last:,}")
    return table.take(place)


def _explanation(
    model: TableClassifier, row: TableOfRows, column: str | None, screen: Screen
) -> Explanation:
    from softplex.data import warn_unseen
    from softplex.diagnostics import explain as explain_row

    screen.step(f"explaining row {row.rows[0]}")
    warn_unseen(model.encode(row).unseen)
    return explain_row(model, row, _label(model, row, column, screen))


def _label(model: TableClassifier, row: TableOfRows, column: str | None, screen: Screen) -> Any:
    """Give the label of the row; None where the table has none and none was asked for."""
    from softplex._checks import did_you_mean
    from softplex.data import table_labels
    from softplex.exceptions import DataError

    name = column or model.schema.target
    if column is None and name not in row.column_names:
        return None
    classes = tuple(model.classes_.tolist())
    labels, rejects = table_labels(row, name, model.schema.label_kind, classes)
    if not rejects:
        return labels[0]
    shown = f" ({rejects[0].value!r})" if rejects[0].value else ""
    reason = f"row {row.rows[0]}, column {name!r}{shown}: {rejects[0].reason}"
    if column is not None:
        raise DataError(f"{reason}.{did_you_mean(rejects[0].value, classes)}")
    screen.warning(f"{reason}, so the walk ends at the probabilities")
    return None


def _written(explanation: Explanation, out: Path | None) -> str | None:
    from softplex.io import staged_file

    if out is None:
        return None
    with staged_file(out) as stage:
        stage.write_text(explanation.to_html(), encoding="utf-8")
    return str(out)
