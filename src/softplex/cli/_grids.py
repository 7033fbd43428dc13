"""Facts as rows of text, for the screen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any, Final

from softplex.cli._screen import Grid

_MANY_COLUMNS: Final = 30
_LONG_RUN: Final = 3
_FLOAT64_LIMIT: Final = 1e-12
_SMALLEST_FIXED: Final = 5e-5

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


def comparison_grid(found: Mapping[str, Any], seconds: Sequence[float]) -> Grid:
    """Show two models side by side: the headline numbers, then how they were trained.

    Parameters
    ----------
    found : mapping
        What ``softplex compare`` writes for programs.
    seconds : two numbers
        What training and calibrating took.
    """
    models = [found["softmax"], found["hinge"]]
    tests = [model["test"] for model in models]
    level = f"{100 * tests[0]['interval_level']:g} % interval"
    names = [name for name in HEADLINES if name in tests[0]]
    rows = [
        [HEADLINES[name], *(cell for test in tests for cell in _estimate(test, name))]
        for name in names
    ]
    facts = {
        "accuracy before calibration": [
            _number(model["uncalibrated_accuracy"]) for model in models
        ],
        "C": [f"{model['C']:.4g}" for model in models],
        "temperature": [f"{model['calibration']['temperature']:.4g}" for model in models],
        "relative gap": [_relative_gap(model["certificate"]) for model in models],
        "training and calibrating": [f"{one:.3g} s" for one in seconds],
        "training rows without loss": ["", _number(found["hinge"]["zero_loss_share"])],
    }
    rows += [[name, softmax, "", hinge, ""] for name, (softmax, hinge) in facts.items()]
    columns = ("measure", "softmax", level, "hinge", f"its {level}")
    return Grid("comparison", "Softmax beside hinge", columns, rows)


def _estimate(test: Mapping[str, Any], name: str) -> tuple[str, str]:
    return _number(test[name]), _interval(test, name)


def _relative_gap(certificate: Mapping[str, Any]) -> str:
    gap = certificate["relative_gap"]
    return "unknown" if gap is None else f"{gap:.1e}"


def _interval(test: Mapping[str, Any], name: str) -> str:
    low, high = test["intervals"][name]
    return "" if low is None or high is None else f"{_number(low)} to {_number(high)}"


def _number(value: float | None) -> str:
    """Write four decimals, or two digits where those would hide a number above zero.

    >>> _number(0.25), _number(2.5e-7)
    ('0.2500', '2.5e-07')
    """
    if value is None:
        return "undefined"
    return f"{value:.1e}" if 0 < abs(value) < _SMALLEST_FIXED else f"{value:.4f}"


def columns_grid(summary: Sequence[tuple[str, str, str]]) -> Grid:
    """Show the chosen column kinds; for people, runs of like columns in wide tables are one row."""
    brief = _collapsed(summary) if len(summary) > _MANY_COLUMNS else None
    return Grid("columns", "Columns", ("name", "read as", "remark"), summary, brief)


def _collapsed(summary: Sequence[tuple[str, str, str]]) -> list[tuple[str, str, str]]:
    """Write neighbours of the same kind and remark as one row.

    >>> _collapsed([("x1", "number", ""), ("x2", "number", ""), ("x3", "number", "")])
    [('x1 ... x3', 'number', '3 columns')]
    """
    rows: list[tuple[str, str, str]] = []
    for (kind, remark), group in groupby(summary, key=lambda column: column[1:]):
        run = list(group)
        if len(run) < _LONG_RUN:
            rows.extend(run)
            continue
        name = f"{run[0][0]} ... {run[-1][0]}"
        rows.append((name, kind, "; ".join(filter(None, [f"{len(run)} columns", remark]))))
    return rows


def facts_grid(metrics: Mapping[str, Any]) -> Grid:
    """Show what a fit was: rows, classes, C, temperature, certificate."""
    certificate, calibration = metrics["certificate"], metrics["calibration"]
    classes = metrics["test"]["classes"]
    rows = [
        ["source", str(metrics["source"])],
        ["target", f"{metrics['target']}, {len(classes)} classes: {_listed(classes)}"],
        ["rows", f"{metrics['rows']['train']:,} to learn, {metrics['rows']['test']:,} to test"],
        ["C", f"{metrics['C']:.4g}{_search(metrics.get('path'))}"],
        ["calibration", _temperature(calibration.get("temperature")) + calibration["sentence"]],
        ["certified gap", f"{_gap(certificate)}. {certificate['sentence']}"],
    ]
    return Grid("model", "Model", ("fact", "value"), rows)


def _search(path: Mapping[str, Any] | None) -> str:
    """Say how C was chosen, where it was not given, and what the simplest as good is.

    >>> path = {"C": [0.1, 1.0], "mean": [0.5, None], "folds": 5}
    >>> _search({**path, "best": 0, "one_standard_error": 0})
    ', of 2 values by the log-loss on 5 folds'
    """
    if path is None:
        return ""
    chosen = f", of {len(path['C'])} values by the log-loss on {path['folds']} folds"
    if path["one_standard_error"] == path["best"]:
        return chosen
    return f"{chosen}; {path['C'][path['one_standard_error']]:.4g} is within a standard error"


def _gap(certificate: Mapping[str, Any]) -> str:
    gap = certificate["relative_gap"]
    if gap is None:
        return "no bound is known"
    if gap <= _FLOAT64_LIMIT:
        return "at most 1e-12 of the objective, the limit of float64"
    return f"the objective is within {gap:.1e} of its minimum, as a share"


def _temperature(temperature: float | None) -> str:
    """Say what the temperature does to the probabilities.

    >>> _temperature(2.5)
    'Temperature 2.5, which makes the probabilities less confident. '
    """
    if temperature is None:
        return ""
    if f"{temperature:.3g}" == "1":
        return "Temperature 1, which leaves the probabilities nearly as they were. "
    change = "less" if temperature > 1 else "more"
    return f"Temperature {temperature:.3g}, which makes the probabilities {change} confident. "


def _listed(labels: Sequence[Any], shown: int = 10) -> str:
    head = ", ".join(str(label) for label in labels[:shown])
    return head if len(labels) <= shown else f"{head} and {len(labels) - shown} more"
