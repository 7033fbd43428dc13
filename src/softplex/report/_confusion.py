"""Layout of the confusion matrix, as a table of shades or as a compact map."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from softplex._text import count, percent, quoted, readable
from softplex.evaluation import Evaluation
from softplex.report._selection import confused_pairs

LARGEST_TABLE = 30
# Shares of the true class's rows where the next shade begins; rare mistakes still get the first.
SHADES = (0.01, 0.03, 0.07, 0.15, 0.3, 0.5, 0.8)


@dataclass(frozen=True)
class Cell:
    """One count; ``shade`` is empty for zero, else a CSS class."""

    text: str
    shade: str
    title: str


@dataclass(frozen=True)
class ConfusionLine:
    """The test rows of one true class."""

    name: str
    total: str
    cells: tuple[Cell, ...]


@dataclass(frozen=True)
class ShadePath:
    """All cells of one shade, as one path of unit squares."""

    shade: str
    path: str


@dataclass(frozen=True)
class PairLine:
    """One pair of classes that were mixed up."""

    true: str
    predicted: str
    rows: str
    share: str


@dataclass(frozen=True)
class ConfusionChart:
    """A table for few classes, a map for many, and the commonest mistakes for both."""

    size: int
    names: tuple[str, ...]
    upright: bool
    lines: tuple[ConfusionLine, ...]
    paths: tuple[ShadePath, ...]
    pairs: tuple[PairLine, ...]
    description: str


def confusion_chart(evaluation: Evaluation) -> ConfusionChart:
    """Rows are true classes, columns predicted ones; shades are shares of the row."""
    confusion = np.asarray(evaluation.confusion, dtype=float)
    size = len(confusion)
    names = tuple(readable(label) for label in evaluation.classes)
    pairs = tuple(
        PairLine(names[pair.true], names[pair.predicted], count(pair.rows), percent(pair.share))
        for pair in confused_pairs(confusion, limit=8 if size <= LARGEST_TABLE else 20)
    )
    totals = confusion.sum(axis=1, keepdims=True)
    shades = 1 + np.searchsorted(SHADES, confusion / np.where(totals > 0, totals, 1), side="right")
    is_table = size <= LARGEST_TABLE
    return ConfusionChart(
        size=size,
        names=names,
        upright=size > 6 and max(map(len, names)) > 3,
        lines=tuple(_lines(confusion, shades, names)) if is_table else (),
        paths=() if is_table else tuple(_paths(confusion, shades)),
        pairs=pairs,
        description=_description(evaluation, confusion),
    )


def _lines(
    confusion: NDArray[Any], shades: NDArray[Any], names: tuple[str, ...]
) -> Iterable[ConfusionLine]:
    for true, name in enumerate(names):
        total = confusion[true].sum()
        cells = tuple(
            Cell(
                count(rows) if rows else "",
                _shade(true == taken, shades[true, taken]) if rows else "",
                f"{percent(rows / total)} of {quoted(name)} taken for {quoted(names[taken])}"
                if rows
                else "",
            )
            for taken, rows in enumerate(confusion[true])
        )
        yield ConfusionLine(name, count(total), cells)


def _shade(is_right: bool, level: int) -> str:
    return f"{'r' if is_right else 'w'}{level}"


def _paths(confusion: NDArray[Any], shades: NDArray[Any]) -> Iterable[ShadePath]:
    diagonal = np.eye(len(confusion), dtype=bool)
    for is_right in (False, True):
        for level in range(1, len(SHADES) + 2):
            chosen = (confusion > 0) & (shades == level) & (diagonal == is_right)
            squares = "".join(f"M{x} {y}h1v1h-1z" for y, x in np.argwhere(chosen))
            if squares:
                yield ShadePath(_shade(is_right, level), squares)


def _description(evaluation: Evaluation, confusion: NDArray[Any]) -> str:
    right, total = np.trace(confusion), confusion.sum()
    return (
        f"{count(right)} of {count(total)} test rows lie on the diagonal. Each line is a true "
        f"class, each column a predicted one; {len(evaluation.classes)} classes."
    )
