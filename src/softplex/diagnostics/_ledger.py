"""The ledger of a row: a line for each class that is shown, a column for each step."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from softplex._text import figure, readable
from softplex.diagnostics._steps import Steps
from softplex.diagnostics._values import FloatArray

NAME_LIMIT = 32


@dataclass(frozen=True)
class LedgerLine:
    """One class, or the sum of those not shown.

    `cells` has an entry a column of the ledger; `marks` says what the class is to this row.
    """

    name: str
    cells: tuple[str, ...]
    marks: tuple[str, ...]
    probability: float
    gradient: float | None


@dataclass(frozen=True)
class Ledger:
    """Column heads and lines."""

    heads: tuple[str, ...]
    lines: tuple[LedgerLine, ...]


def brief(value: float) -> str:
    """Write a number inside a sentence, to four significant digits.

    >>> brief(1000.0), brief(0.54041), brief(2e-9), brief(123456.0)
    ('1000', '0.5404', '2e-09', '123,456')
    """
    return f"{value:,.0f}" if 1e4 <= abs(value) < 1e9 else f"{value:.4g}"


def class_name(steps: Steps, index: int) -> str:
    """Write the label of a column."""
    return readable(steps.classes[index], NAME_LIMIT)


def shown_classes(steps: Steps) -> list[int]:
    """Choose the classes to show: all if they are few, else the likeliest and the label."""
    k = len(steps.classes)
    if k <= steps.top_classes + 1:
        return list(range(k))
    chosen = np.argsort(-steps.scaled, kind="stable")[: steps.top_classes].tolist()
    target = None if steps.surprise is None else steps.surprise.target
    return chosen if target is None or target in chosen else [*chosen, target]


def ledger(steps: Steps) -> Ledger:
    """Lay out the numbers of the row."""
    columns: list[tuple[str, FloatArray, bool]] = [("score z", steps.scores, False)]
    if steps.temperature is not None:
        columns.append(("z / T", steps.scaled, False))
    columns += [
        ("less max", steps.shifted, False),
        ("exp", steps.exponentials, True),
        ("p", steps.probabilities, True),
    ]
    gradient = None if steps.surprise is None else steps.surprise.gradient
    if gradient is not None:
        columns.append(("p - q", gradient, True))
    shown = shown_classes(steps)
    lines = [_line(steps, index, columns, gradient) for index in shown]
    others = np.setdiff1d(np.arange(len(steps.classes)), shown)
    if others.size:
        lines.append(_rest(steps, others, columns, gradient))
    return Ledger(tuple(head for head, _, _ in columns), tuple(lines))


def _line(
    steps: Steps,
    index: int,
    columns: list[tuple[str, FloatArray, bool]],
    gradient: FloatArray | None,
) -> LedgerLine:
    return LedgerLine(
        name=class_name(steps, index),
        cells=tuple(figure(float(values[index])) for _, values, _ in columns),
        marks=_marks(steps, index),
        probability=float(steps.probabilities[index]),
        gradient=None if gradient is None else float(gradient[index]),
    )


def _rest(
    steps: Steps,
    others: np.ndarray,
    columns: list[tuple[str, FloatArray, bool]],
    gradient: FloatArray | None,
) -> LedgerLine:
    return LedgerLine(
        name=f"{len(others):,} others",
        cells=tuple(
            figure(float(values[others].sum())) if is_summed else ""
            for _, values, is_summed in columns
        ),
        marks=(),
        probability=float(steps.probabilities[others].sum()),
        gradient=None if gradient is None else float(gradient[others].sum()),
    )


def _marks(steps: Steps, index: int) -> tuple[str, ...]:
    marks = []
    if index == steps.predicted:
        marks.append("predicted")
    if steps.surprise is not None and index == steps.surprise.target:
        marks.append("label")
    if np.isneginf(steps.scores[index]):
        marks.append("absent")
    return tuple(marks)
