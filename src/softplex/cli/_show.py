"""``softplex show``: what a fitted folder holds."""

from __future__ import annotations

from softplex.cli._folder import REPORT_FILE, load_table_classifier, read_metrics
from softplex.cli._grids import columns_grid, facts_grid, metrics_grid
from softplex.cli._options import Debug, JsonLines, ModelFolder
from softplex.cli._screen import Outcome
from softplex.cli._session import session


def show(folder: ModelFolder, json_lines: JsonLines = False, debug: Debug = False) -> None:
    """Say what a fitted folder holds: its columns, its classes, and how good it is."""
    with session(json_lines=json_lines, debug=debug) as screen:
        schema = load_table_classifier(folder).schema
        metrics = read_metrics(folder)
        screen.table(columns_grid(schema.summary()))
        screen.table(facts_grid(metrics))
        screen.table(metrics_grid(metrics["test"], metrics.get("uncalibrated")))
        report = str(folder / REPORT_FILE)
        screen.result(Outcome(f"Report: {report}", {"report": report, "metrics": metrics}))
