"""``softplex compare``: softmax beside a hinge on one table, in numbers and on a page."""

from __future__ import annotations

from enum import StrEnum
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


class HingeLoss(StrEnum):
    """The losses of SVMClassifier, here so that help does not import it."""

    weston_watkins = "weston_watkins"
    crammer_singer = "crammer_singer"
    squared_weston_watkins = "squared_weston_watkins"
    squared_crammer_singer = "squared_crammer_singer"


def compare(
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
    loss: Annotated[
        HingeLoss,
        typer.Option(help="The hinge to put beside softmax.", rich_help_panel=TRAINING),
    ] = HingeLoss.crammer_singer,
    seed: Seed = 0,
    device: Device = None,
    force: Force = False,
    json_lines: JsonLines = False,
    debug: Debug = False,
) -> None:
    """Train softmax and a hinge on the same rows of TABLE, and compare them on rows neither saw.

    DIR gets report.html, comparison.json, and a model for `softplex predict` in each of the folders
    softmax and hinge. The report also holds measured times, which no seed repeats.
    """
    with session(
        json_lines=json_lines, debug=debug, interrupted="nothing was saved", steps=6
    ) as screen:
        from softplex.cli._compare_workflow import compare_folder
        from softplex.cli._workflow import FitRequest

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
            calibrate=True,
            seed=seed,
            device=device,
            force=force,
            command=command_line(ctx),
        )
        compare_folder(request, loss.value, screen)
