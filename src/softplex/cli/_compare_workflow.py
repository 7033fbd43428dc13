"""The steps of ``softplex compare``; what they compute is in the library."""

from __future__ import annotations

import time
from typing import Any

import numpy as np

from softplex.cli._compare_artifacts import (
    Comparison,
    Measured,
    comparison_content,
    write_comparison,
)
from softplex.cli._compare_training import Pair, Side, train_pair
from softplex.cli._folder import COMPARISON_FILE, REPORT_FILE
from softplex.cli._grids import comparison_grid
from softplex.cli._judging import Judged, evaluate_judged, judge, warn_left_out
from softplex.cli._screen import Outcome, Screen
from softplex.cli._workflow import Data, FitRequest, check_options, prepare
from softplex.data import warn_unseen
from softplex.estimators import scores_of
from softplex.evaluation import disagreement, evaluate, margin_study, margins
from softplex.io import check_free, staged_folder


def compare_folder(request: FitRequest, loss: str, screen: Screen) -> None:
    """Read, infer, split, train both, compare and write; refuse first what cannot end well."""
    begun = time.perf_counter()
    check_free(request.out, force=request.force, mark=COMPARISON_FILE)
    check_options(request)
    data = prepare(request, screen)
    pair = train_pair(data.train, data.schema, request, loss, screen)
    for side in (pair.softmax, pair.hinge):
        if side.caution:
            screen.warning(side.caution)
    screen.step(f"comparing on {len(data.test):,} rows")
    comparison = examine(request, loss, data, pair)
    screen.step(f"writing {request.out}")
    found = comparison_content(comparison)
    with staged_folder(request.out, force=request.force, mark=COMPARISON_FILE) as stage:
        write_comparison(comparison, found, stage)
    seconds = [model.side.seconds for model in comparison.models]
    screen.table(comparison_grid(found, seconds))
    screen.line(comparison.disagreement.summary("Softmax", "the hinge"))
    screen.line(f"All of it took {time.perf_counter() - begun:.1f} s.")
    report = str(request.out / REPORT_FILE)
    content = {"out": str(request.out), "report": report, "comparison": found}
    screen.result(Outcome(f"Report: {report}", content))


def examine(request: FitRequest, loss: str, data: Data, pair: Pair) -> Comparison:
    """Measure both models on the same test rows."""
    table = pair.softmax.trained.model
    encoded = table.encode(data.test)
    warn_unseen(encoded.unseen)
    judged = judge(table, data.test, encoded.kept, encoded.rejects)
    warn_left_out(data.test, judged.rejects)
    X, classes = encoded.X[judged.among_kept], table.classes_.tolist()
    one, two = (_measured(side, judged, X, request.seed) for side in (pair.softmax, pair.hinge))
    return Comparison(
        request=request,
        loss=loss,
        data=data,
        pair=pair,
        judged=judged,
        models=(one, two),
        disagreement=disagreement(
            one.probabilities,
            two.probabilities,
            judged.labels,
            answers=(one.answers, two.answers),
            classes=classes,
            sample_weight=judged.weights,
        ),
        study=margin_study([one.margins, two.margins], judged.weights),
    )


def _measured(side: Side, judged: Judged, X: Any, seed: int) -> Measured:
    model, trained = side.trained.model, side.trained
    probabilities = model.classifier.predict_proba(X)
    answers, classes = trained.softmax.predict(X), model.classes_
    certain = np.equal.outer(answers, classes).astype(np.float64)
    plain = evaluate(
        certain,
        judged.labels,
        classes=classes.tolist(),
        sample_weight=judged.weights,
        random_state=seed,
    )
    return Measured(
        side=side,
        evaluation=evaluate_judged(model, judged, probabilities, trained.prior, seed),
        probabilities=probabilities,
        answers=answers,
        uncalibrated_accuracy=plain.metrics["accuracy"],
        margins=margins(scores_of(trained.softmax, X), judged.labels, classes.tolist()),
    )
