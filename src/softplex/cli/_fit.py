"""``softplex fit``: from a table to a folder with a model, its numbers and its report."""

from __future__ import annotations

from typing import Annotated

import typer

from softplex.cli._command import command_line
from softplex.cli._options import (
    TRAINING,
    Categorical,
    Debug,
    Device,
    Drop,
    Force,
    Group,
    InverseStrength,
    JsonLines,
    Out,
    Seed,
    Table,
    Target,
    Test,
    TestSize,
    Text,
    Time,
    Weight,
)
from softplex.cli._session import session


def fit(
    ctx: typer.Context,
    table: Table,
    out: Out,
    target: Target = None,
    drop: Drop = None,
    categorical: Categorical = None,
    text: Text = None,
    weight: Weight = None,
    test: Test = None,
    test_size: TestSize = None,
    group: Group = None,
    time: Time = None,
    C: InverseStrength = None,
    calibrate: Annotated[
        bool,
        typer.Option(
            "--calibrate/--no-calibrate",
            help="Fit a temperature on out-of-fold scores.",
            rich_help_panel=TRAINING,
        ),
    ] = True,
    seed: Seed = 0,
    device: Device = None,
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
