"""``softplex fit``: from a table to a folder with a model, its numbers and its report."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from softplex.cli._command import command_line
from softplex.cli._options import Debug, Force, JsonLines, Seed, Table, complete_table
from softplex.cli._session import session

_COLUMNS = "Columns"
_SPLIT = "Test rows"
_TRAINING = "Training"


def fit(
    ctx: typer.Context,
    table: Table,
    out: Annotated[Path, typer.Option("--out", "-o", metavar="DIR", help="The folder to make.")],
    target: Annotated[
        str | None,
        typer.Option(
            "--target",
            "-t",
            metavar="COL",
            help="The label column. Bundled data sets, NPZ and svmlight files know theirs.",
        ),
    ] = None,
    drop: Annotated[
        list[str] | None,
        typer.Option(metavar="COL", help="Leave a column out.", rich_help_panel=_COLUMNS),
    ] = None,
    categorical: Annotated[
        list[str] | None,
        typer.Option(
            metavar="COL",
            help="Read a column as categories, whatever it looks like.",
            rich_help_panel=_COLUMNS,
        ),
    ] = None,
    text: Annotated[
        list[str] | None,
        typer.Option(
            metavar="COL", help="Read a column as free text (TF-IDF).", rich_help_panel=_COLUMNS
        ),
    ] = None,
    weight: Annotated[
        str | None,
        typer.Option(
            metavar="COL", help="Weights of the rows, 0 or more.", rich_help_panel=_COLUMNS
        ),
    ] = None,
    test: Annotated[
        str | None,
        typer.Option(
            metavar="FILE",
            help="A table of test rows; nothing is then split off.",
            autocompletion=complete_table,
            rich_help_panel=_SPLIT,
        ),
    ] = None,
    test_size: Annotated[
        float | None,
        typer.Option(
            metavar="SHARE",
            help="Share of the rows to test on, above 0 and below 1. [default: 0.2]",
            rich_help_panel=_SPLIT,
        ),
    ] = None,
    group: Annotated[
        str | None,
        typer.Option(
            metavar="COL",
            help="Keep rows of one group on one side of every split.",
            rich_help_panel=_SPLIT,
        ),
    ] = None,
    time: Annotated[
        str | None,
        typer.Option(metavar="COL", help="Test on the latest rows.", rich_help_panel=_SPLIT),
    ] = None,
    C: Annotated[
        float | None,
        typer.Option(
            "--C",
            metavar="NUMBER",
            help="Inverse strength of the penalty, as in scikit-learn; larger fits closer. "
            "[default: chosen by cross-validation]",
            rich_help_panel=_TRAINING,
        ),
    ] = None,
    calibrate: Annotated[
        bool,
        typer.Option(
            "--calibrate/--no-calibrate",
            help="Fit a temperature on out-of-fold scores.",
            rich_help_panel=_TRAINING,
        ),
    ] = True,
    seed: Seed = 0,
    device: Annotated[
        str | None,
        typer.Option(
            metavar="NAME", help="Where to compute: cpu, cuda, mps.", rich_help_panel=_TRAINING
        ),
    ] = None,
    force: Force = False,
    json_lines: JsonLines = False,
    debug: Debug = False,
) -> None:
    """Train, calibrate and certify a classifier on TABLE, and test it on rows it has not seen.

    DIR gets the model, report.html, metrics.json, predictions.parquet (the test rows) and a
    model card.
    """
    with session(
        json_lines=json_lines, debug=debug, interrupted="nothing was saved", steps=7
    ) as screen:
        from softplex.cli._workflow import FitRequest, fit_folder

        request = FitRequest(
            table=table,
            out=out,
            target=target,
            drop=tuple(drop or ()),
            categorical=tuple(categorical or ()),
            text=tuple(text or ()),
            weight=weight,
            test=test,
            test_size=test_size,
            group=group,
            time=time,
            C=C,
            calibrate=calibrate,
            seed=seed,
            device=device,
            force=force,
            command=command_line(ctx),
        )
        fit_folder(request, screen)
