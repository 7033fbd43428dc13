"""``softplex predict``: probabilities for the rows of a table, batch by batch."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from softplex.cli._folder import load_table_classifier
from softplex.cli._options import Debug, JsonLines, ModelFolder, Table
from softplex.cli._screen import Outcome
from softplex.cli._session import session


def predict(
    folder: ModelFolder,
    table: Table,
    out: Annotated[
        Path,
        typer.Option(
            "--out",
            "-o",
            metavar="FILE",
            help="The file to write: .csv, .tsv, .jsonl (also .gz, .zst), .parquet or .feather.",
        ),
    ],
    rejects: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Where rows go that cannot be read, each with its reason. "
            "[default: beside --out, as NAME.rejects.csv]",
        ),
    ] = None,
    keep: Annotated[
        list[str] | None,
        typer.Option(
            "--id", metavar="COL", help="A column of TABLE to copy, besides the model's id column."
        ),
    ] = None,
    batch_rows: Annotated[
        int, typer.Option(min=1, metavar="ROWS", help="Rows held in memory at a time.")
    ] = 16_384,
    json_lines: JsonLines = False,
    debug: Debug = False,
) -> None:
    """Give the rows of TABLE one probability for each class, the likeliest label, its confidence.

    Columns may stand in any order, others are ignored, and the label may be absent. The rows keep
    their order.
    """
    with session(
        json_lines=json_lines, debug=debug, interrupted="nothing was saved", steps=2
    ) as screen:
        from softplex.cli._predicting import (
            PredictRequest,
            check_request,
            predict_table,
            rejects_beside,
            row_count,
        )

        aside = rejects or rejects_beside(out)
        request = PredictRequest(table, out, aside, tuple(keep or ()), batch_rows)
        check_request(request)
        screen.step(f"loading {folder}")
        model = load_table_classifier(folder)
        screen.step(f"predicting {table}")
        tally = predict_table(request, model, screen)
        if tally.rejected:
            screen.warning(
                f"{row_count(tally.rejected)} cannot be read; the reasons are in {aside}"
            )
        sentence = f"{row_count(tally.predicted)} predicted: {out}"
        content = {
            "out": str(out),
            "predicted": tally.predicted,
            "rejected": tally.rejected,
            "rejects": str(aside) if tally.rejected else None,
        }
        screen.result(Outcome(sentence, content))
