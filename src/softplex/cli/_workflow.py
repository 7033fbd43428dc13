"""The steps of ``softplex fit``, one after the other; what they compute is in the library."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from softplex._arrays import as_device
from softplex.cli._artifacts import Findings, write_artifacts
from softplex.cli._folder import REPORT_FILE
from softplex.cli._grids import columns_grid, facts_grid, metrics_grid
from softplex.cli._judging import evaluate_judged, judge, warn_left_out
from softplex.cli._screen import Outcome, Screen
from softplex.cli._training import Trained, TrainingOptions, train
from softplex.data import (
    Schema,
    Table,
    check_columns,
    infer_schema,
    read_table,
    row_weights,
    split_rows,
    warn_unseen,
)
from softplex.exceptions import InvalidInput
from softplex.io import check_free, staged_folder

TEST_SIZE: Final = 0.2


@dataclass(frozen=True)
class FitRequest:
    """What the user asked for; see the options of ``softplex fit``."""

    table: str
    out: Path
    target: str | None
    drop: tuple[str, ...]
    categorical: tuple[str, ...]
    text: tuple[str, ...]
    weight: str | None
    test: str | None
    test_size: float | None
    group: str | None
    time: str | None
    C: float | None
    calibrate: bool
    seed: int
    device: str | None
    force: bool
    command: str


@dataclass(frozen=True, eq=False)
class Data:
    """The tables of a fit, and how they came about."""

    schema: Schema
    train: Table
    test: Table
    notes: tuple[str, ...]


def fit_folder(request: FitRequest, screen: Screen) -> None:
    """Read, infer, split, train, calibrate, test and write; refuse first what cannot end well."""
    begun = time.perf_counter()
    check_free(request.out, force=request.force)
    check_options(request)
    data = prepare(request, screen)
    options = TrainingOptions(request.C, request.calibrate, request.seed, request.device)
    trained = train(data.train, data.schema, options, screen)
    screen.step(f"testing on {len(data.test):,} rows")
    findings = examine(request, data, trained)
    screen.step(f"writing {request.out}")
    with staged_folder(request.out, force=request.force) as stage:
        metrics = write_artifacts(findings, stage)
    screen.table(facts_grid(metrics))
    screen.table(metrics_grid(metrics["test"], metrics["uncalibrated"]))
    # Said, and not written: the same seed gives the same files.
    screen.line(f"All of it took {time.perf_counter() - begun:.1f} s.")
    report = str(request.out / REPORT_FILE)
    content = {"out": str(request.out), "report": report, "metrics": metrics}
    screen.result(Outcome(f"Report: {report}", content))


def check_options(request: FitRequest) -> None:
    """Refuse options that contradict each other or lie out of range."""
    if request.test is not None:
        others = {
            "--test-size": request.test_size,
            "--group": request.group,
            "--time": request.time,
        }
        for option, value in others.items():
            if value is not None:
                raise InvalidInput(
                    f"{option} says how to split off test rows, and --test gives them in a file; "
                    "use one of the two"
                )
    if request.test_size is not None and not 0 < request.test_size < 1:
        raise InvalidInput(f"--test-size is a share between 0 and 1, got {request.test_size:g}")
    if request.C is not None and not 0 < request.C < math.inf:
        raise InvalidInput(f"--C is a finite number above 0, got {request.C:g}")
    as_device(request.device)


def prepare(request: FitRequest, screen: Screen) -> Data:
    """Read the table, decide what its columns are, and set the test rows apart."""
    screen.step(f"reading {request.table}")
    table = read_table(request.table)
    names = table.column_names
    schema = infer_schema(
        table,
        request.target,
        drop=separated(request.drop, names),
        categorical=separated(request.categorical, names),
        text=separated(request.text, names),
        weight=request.weight,
        group=request.group,
        time=request.time,
        single_rows="raise" if request.test is None else "keep",
    )
    screen.table(columns_grid(schema.summary()))
    row_weights(table, schema)
    if request.test is not None:
        test = read_table(request.test)
        test.column(schema.target)
        check_columns(test, schema)
        return Data(schema, table, test, (f"The test rows are those of {test.name}.",))
    split = split_rows(table, schema, test_size=request.test_size or TEST_SIZE, seed=request.seed)
    for note in split.notes:
        screen.line(note)
    return Data(schema, table.take(split.train), table.take(split.test), split.notes)


def separated(values: Sequence[str], names: Sequence[str]) -> tuple[str, ...]:
    """Take ``a,b`` as two columns, unless one column bears that name.

    >>> separated(["a,b", "c"], ["a", "b", "c"])
    ('a', 'b', 'c')
    """
    known = set(names)
    return tuple(
        part
        for value in values
        for part in (value.split(",") if "," in value and value not in known else [value])
    )


def examine(request: FitRequest, data: Data, trained: Trained) -> Findings:
    """Measure the model on the test rows, before and after calibration."""
    model = trained.model
    encoded = model.encode(data.test)
    warn_unseen(encoded.unseen)
    judged = judge(model, data.test, encoded.kept, encoded.rejects)
    warn_left_out(data.test, judged.rejects)
    X = encoded.X[judged.among_kept]
    probabilities = model.classifier.predict_proba(X)
    before = None
    if trained.is_calibrated:
        plain = trained.softmax.predict_proba(X)
        before = evaluate_judged(model, judged, plain, trained.prior, request.seed)
    return Findings(
        trained=trained,
        test=data.test,
        judged=judged,
        probabilities=probabilities,
        evaluation=evaluate_judged(model, judged, probabilities, trained.prior, request.seed),
        uncalibrated=before,
        source=data.train.name,
        notes=data.notes,
        train_rows=len(data.train),
        command=request.command,
        out=str(request.out),
        seed=request.seed,
    )
