"""Facts as rows of text, for the screen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from softplex.cli._screen import Grid

HEADLINES: Final = {
    "accuracy": "accuracy",
    "baseline_accuracy": "  of the commonest class",
    "balanced_accuracy": "balanced accuracy",
    "mcc": "Matthews correlation",
    "roc_auc": "ROC-AUC (one against the rest)",
    "pr_auc": "PR-AUC (one against the rest)",
    "top_3_accuracy": "top-3 accuracy",
    "top_5_accuracy": "top-5 accuracy",
    "log_loss": "log-loss (nats)",
    "bits": "log-loss (bits)",
    "bits_saved": "bits saved a row",
    "brier": "Brier score",
    "ece": "calibration error",
    "ece_equal_mass": "  bins of equal mass",
    "classwise_ece": "  each class",
}


def metrics_grid(test: Mapping[str, Any], before: Mapping[str, Any] | None = None) -> Grid:
    """Show the headline numbers of an evaluation, as `Evaluation.to_dict` gives them.

    Parameters
    ----------
    test : mapping
        The numbers of the test rows.
    before : mapping, optional
        The same before calibration.
    """
    names = [name for name in HEADLINES if name in test]
    level = f"{100 * test['interval_level']:g} % interval"
    columns: tuple[str, ...] = ("measure", f"{test['n']:,} rows", level)
    rows = [[HEADLINES[name], _number(test[name]), _interval(test, name)] for name in names]
    if before is not None:
        columns = (*columns, "before calibration")
        rows = [[*row, _number(before[name])] for row, name in zip(rows, names, strict=True)]
    return Grid("metrics", "How good the probabilities are", columns, rows)


def _interval(test: Mapping[str, Any], name: str) -> str:
    low, high = test["intervals"][name]
    return "" if low is None or high is None else f"{low:.4f} to {high:.4f}"


def _number(value: float | None) -> str:
    return "undefined" if value is None else f"{value:.4f}"


def columns_grid(summary: Sequence[tuple[str, str, str]]) -> Grid:
    """Show the chosen column kinds."""
    return Grid("columns", "Columns", ("name", "read as", "remark"), summary)


def facts_grid(metrics: Mapping[str, Any]) -> Grid:
    """Show what a fit was: rows, classes, C, temperature, certificate."""
    certificate, calibration = metrics["certificate"], metrics["calibration"]
    classes = metrics["test"]["classes"]
    rows = [
        ["source", str(metrics["source"])],
        ["target", f"{metrics['target']}, {len(classes)} classes: {_listed(classes)}"],
        ["rows", f"{metrics['rows']['train']:,} to learn, {metrics['rows']['test']:,} to test"],
        ["C", f"{metrics['C']:.4g}"],
        ["calibration", calibration["sentence"]],
        ["certified gap", f"{_gap(certificate)} (relative). {certificate['sentence']}"],
    ]
    return Grid("model", "Model", ("fact", "value"), rows)


def _gap(certificate: Mapping[str, Any]) -> str:
    gap = certificate["relative_gap"]
    return "no bound" if gap is None else f"{gap:.1e}"


def _listed(labels: Sequence[Any], shown: int = 10) -> str:
    head = ", ".join(str(label) for label in labels[:shown])
    return head if len(labels) <= shown else f"{head} and {len(labels) - shown} more"
