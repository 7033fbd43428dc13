"""``softplex evaluate``: a fitted model against a labelled table."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from softplex.cli._folder import load_table_classifier, trained_prior
from softplex.cli._grids import metrics_grid
from softplex.cli._options import Debug, JsonLines, ModelFolder, Seed, Table
from softplex.cli._screen import Outcome
from softplex.cli._session import session

if TYPE_CHECKING:
    from softplex.cli._screen import Screen
    from softplex.evaluation import Evaluation


def evaluate(
    folder: ModelFolder,
    table: Table,
    seed: Seed = 0,
    json_lines: JsonLines = False,
    debug: Debug = False,
) -> None:
    """Measure the model in DIR on the labelled rows of TABLE."""
    with session(json_lines=json_lines, debug=debug, steps=3) as screen:
        evaluation = _evaluation(folder, table, seed, screen)
        numbers = evaluation.to_dict()
        screen.table(metrics_grid(numbers))
        accuracy = evaluation.metrics["accuracy"]
        sentence = f"{evaluation.n:,} rows measured, accuracy {accuracy.value:.4f}"
        screen.result(Outcome(sentence, {"metrics": {"test": numbers}}))


def _evaluation(folder: Path, name: str, seed: int, screen: Screen) -> Evaluation:
    from softplex.cli._judging import evaluate_judged, judge, warn_left_out
    from softplex.data import read_table
    from softplex.exceptions import SchemaMismatch

    screen.step(f"loading {folder}")
    model = load_table_classifier(folder)
    prior = trained_prior(folder)
    screen.step(f"reading {name}")
    table = read_table(name, keep_ragged=True)
    if model.schema.target not in table.column_names:
        raise SchemaMismatch(
            f"{table.name} has no column {model.schema.target!r} with the labels to measure "
            "against; add it, or use `softplex predict`, which needs no labels"
        )
    screen.step(f"measuring {len(table):,} rows")
    prediction = model.predict_proba(table)
    judged = judge(model, table, prediction.kept, prediction.rejects)
    warn_left_out(table, judged.rejects)
    probabilities = prediction.probabilities[judged.among_kept]
    return evaluate_judged(model, judged, probabilities, prior, seed)
