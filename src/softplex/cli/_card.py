"""The model card: the README.md of a fitted folder, in the form that the Hugging Face hub reads.

YAML takes JSON strings as they are, so the front matter is written with :mod:`json`; names from
the data are escaped before they enter the Markdown.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from softplex.evaluation import Estimate
    from softplex.report import ColumnSummary, DataSummary, ReportContent

_HEADLINES: Final = {
    "accuracy": "accuracy",
    "baseline_accuracy": "accuracy of always naming the commonest class",
    "balanced_accuracy": "balanced accuracy",
    "log_loss": "log-loss (nats)",
    "bits_saved": "bits saved a row against the class frequencies",
    "brier": "Brier score",
    "ece": "calibration error (15 bins of equal width)",
}
_HUB_METRICS: Final = ("accuracy", "balanced_accuracy", "log_loss", "brier", "ece")
_MOST_LISTED: Final = 50

_LOADING: Final = """\
```python
import softplex
from softplex.data import read_table

model = softplex.load("path/to/this/folder")
prediction = model.predict_proba(read_table("new-rows.csv"))  # or a pandas or polars frame
prediction.probabilities  # one row for each readable row, columns as in model.classes_
prediction.rejects  # the rows that could not be read, each with its reason
```

or, from the command line,

```sh
softplex predict path/to/this/folder new-rows.csv --out predictions.csv
```

Loading runs no code from the folder: the files are JSON, safetensors and skops with an explicit
list of trusted types, each with a checksum."""


def model_card(content: ReportContent) -> str:
    """Write the card of a fitted folder.

    Parameters
    ----------
    content : ReportContent
        What the report shows; the card is a shorter page of the same facts.

    Returns
    -------
    str
        Markdown with YAML front matter.
    """
    sections = [
        f"# {_safe(content.title)}",
        _purpose(content),
        "## What it is for\n\n" + _uses(content),
        "## Limits\n\n" + _limits(content),
        "## Figures\n\n" + _figures(content),
        "## How it was trained\n\n" + _training(content),
        "## How to load it\n\n" + _LOADING,
    ]
    return _front_matter(content) + "\n" + "\n\n".join(sections) + "\n"


def _front_matter(content: ReportContent) -> str:
    task = json.dumps(_task(content.data))
    dataset = json.dumps(content.data.source if content.data else content.title)
    lines = [
        "---",
        "library_name: softplex",
        f"pipeline_tag: {task}",
        "tags:",
        *(f"- {tag}" for tag in ("softplex", "softmax", "calibration", "tabular-classification")),
        "model-index:",
        f"- name: {json.dumps(content.title)}",
        "  results:",
        f"  - task: {{type: {task}}}",
        f"    dataset: {{name: {dataset}, type: {dataset}, split: test}}",
        "    metrics:",
    ]
    for name in _HUB_METRICS:
        value = content.evaluation.metrics[name].value
        if math.isfinite(value):
            lines.append(f"    - {{type: {name}, value: {value:.6g}}}")
    return "\n".join([*lines, "---", ""])


def _task(data: DataSummary | None) -> str:
    kinds = {column.kind for column in data.columns} if data else set()
    return "text-classification" if kinds == {"text"} else "tabular-classification"


def _purpose(content: ReportContent) -> str:
    classes = content.evaluation.classes
    data = content.data
    source = f" It was trained on {data.train_rows:,} rows of {_safe(data.source)}." if data else ""
    what = f"the column {_safe(data.target)}" if data else "the label"
    return (
        f"A softmax classifier (multinomial logistic regression) that gives each of "
        f"{len(classes)} classes of {what} a probability.{source} Fitted with softplex "
        f"{content.version}."
    )


def _uses(content: ReportContent) -> str:
    lines = [
        "Class probabilities for rows that come from the same source as the training table.",
        f"\nThe classes are {_listed(content.evaluation.classes)}.",
    ]
    if content.data:
        lines.append(f"\nIt reads these columns: {_columns(content.data.columns)}.")
    return "\n".join(lines)


def _limits(content: ReportContent) -> str:
    points = [
        "It knows no class but those listed: a row of any other kind still gets probabilities "
        "that sum to one.",
        "The probabilities hold for rows like the training rows. When class frequencies or "
        "columns shift, measure again with `softplex evaluate`.",
        "Scores are linear in the encoded columns, so interactions between columns are not seen.",
        "Nobody has checked whether these columns may be used for decisions about people.",
    ]
    if content.data:
        rare = [label for label, rows in content.data.class_counts.items() if rows < 10]
        if rare:
            points.append(f"Fewer than 10 training rows have the class {_listed(rare)}.")
    return "\n".join(f"- {point}" for point in points)


def _figures(content: ReportContent) -> str:
    level = f"{100 * content.evaluation.interval_level:g} %"
    before = content.uncalibrated
    heads = ["", "test rows", f"{level} interval", *(["before calibration"] if before else [])]
    rows = [heads, ["---"] * len(heads)]
    for name, words in _HEADLINES.items():
        estimate = content.evaluation.metrics[name]
        row = [words, _number(estimate.value), _interval(estimate)]
        rows.append([*row, *([_number(before.metrics[name].value)] if before else [])])
    table = "\n".join(f"| {' | '.join(row)} |" for row in rows)
    counted = f"Measured on {content.evaluation.n:,} rows that took no part in training."
    return f"{counted}\n\n{table}\n\nThe whole evaluation is in `report.html` and `metrics.json`."


def _training(content: ReportContent) -> str:
    parts: list[str] = []
    if content.data:
        parts.extend(_safe(note) for note in content.data.notes)
        if content.data.dropped:
            parts.append(f"Columns not used: {_columns(content.data.dropped)}.")
    if content.calibration:
        parts.append(_safe(content.calibration.sentence))
        if content.calibration.temperature is not None:
            parts.append(f"The temperature is {content.calibration.temperature:.4g}.")
    if content.certificate:
        parts.append(
            f"The objective is {content.certificate.primal:.6g}, with a certified relative "
            f"duality gap of {content.certificate.relative_gap:.1e}."
        )
    if content.seed is not None:
        parts.append(f"Seed {content.seed}.")
    return "\n\n".join(parts)


def _columns(columns: Sequence[ColumnSummary]) -> str:
    shown = [f"{_safe(column.name)} ({_safe(column.kind)})" for column in columns[:_MOST_LISTED]]
    return ", ".join(shown) + _rest(len(columns))


def _listed(labels: Iterable[object]) -> str:
    every = list(labels)
    return ", ".join(_safe(label) for label in every[:_MOST_LISTED]) + _rest(len(every))


def _rest(total: int) -> str:
    return f" and {total - _MOST_LISTED} more" if total > _MOST_LISTED else ""


def _number(value: float) -> str:
    if not math.isfinite(value):
        return "undefined"
    return f"{value:.1e}" if 0 < abs(value) < 5e-5 else f"{value:.4f}"


def _interval(estimate: Estimate) -> str:
    known = math.isfinite(estimate.low) and math.isfinite(estimate.high)
    return f"{_number(estimate.low)} to {_number(estimate.high)}" if known else "none"


def _safe(text: object) -> str:
    """Keep what came from the data from acting as Markdown or HTML."""
    line = " ".join(str(text).split())
    return re.sub(r"([\\`*_{}\[\]<>#|~$])", r"\\\1", line)
