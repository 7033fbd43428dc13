"""The remaining sections: classes, suspicious rows, the certificate, the data, how to load."""

from __future__ import annotations

import math
import shlex
from collections import Counter
from dataclasses import dataclass

import numpy as np

from softplex._text import count, exact, number, percent, readable
from softplex.evaluation import Evaluation
from softplex.report._content import CertificateSummary, DataSummary, ReportContent
from softplex.report._selection import class_indices, confidently_wrong, confused_pairs

MOST_CLASSES = 200
MOST_CELLS = 6
MOST_COLUMNS = 300


@dataclass(frozen=True)
class SortableNumber:
    """A number as it is read and as it is sorted; ``share`` draws a bar under it."""

    text: str
    sort: str
    share: float | None = None


@dataclass(frozen=True)
class ClassLine:
    """One line of the table of classes."""

    name: str
    numbers: tuple[SortableNumber, ...]
    mistaken_for: str


def class_lines(evaluation: Evaluation) -> tuple[ClassLine, ...]:
    """Score each class, or the weakest of very many, and say what it is mistaken for."""
    confusion = np.asarray(evaluation.confusion)
    taken = {
        pair.true: f"{readable(evaluation.classes[pair.predicted])} ({count(pair.rows)})"
        for pair in reversed(confused_pairs(confusion, limit=confusion.size))
    }
    return tuple(
        ClassLine(
            readable(scores.label),
            (
                SortableNumber(count(scores.support), f"{scores.support:g}"),
                *(_bar(value) for value in (scores.precision, scores.recall, scores.f1)),
                *(_plain(value) for value in (scores.roc_auc, scores.pr_auc)),
            ),
            taken.get(index, ""),
        )
        for index in _weakest(evaluation)
        for scores in (evaluation.per_class[index],)
    )


def _weakest(evaluation: Evaluation) -> list[int]:
    """Choose the classes with the lowest F1, in the order of the classes."""
    f1 = np.array([scores.f1 for scores in evaluation.per_class], dtype=float)
    return sorted(np.argsort(f1, kind="stable")[:MOST_CLASSES].tolist())


def _bar(value: float) -> SortableNumber:
    if not math.isfinite(value):
        return _plain(value)
    return SortableNumber(percent(value), f"{value:.4g}", round(100 * value, 1))


def _plain(value: float) -> SortableNumber:
    known = math.isfinite(value)
    return SortableNumber(f"{value:.3f}" if known else number(math.nan), f"{value:.4g}" * known)


@dataclass(frozen=True)
class WrongRow:
    """A row that the model was sure about and got wrong."""

    row: str
    predicted: str
    confidence: str
    true: str
    true_probability: str
    cells: tuple[tuple[str, str], ...]


def wrong_rows(content: ReportContent) -> tuple[WrongRow, ...]:
    """List the most confidently wrong rows with a few of their cells."""
    classes = content.evaluation.classes
    true = class_indices(content.labels, classes)
    shown = []
    for position in confidently_wrong(content.probabilities, content.labels, classes):
        row = content.probabilities[position]
        taken = int(np.argmax(row))
        cells = content.row_cells.get(int(position), {})
        shown.append(
            WrongRow(
                readable(position if content.row_ids is None else content.row_ids[position], 40),
                readable(classes[taken]),
                percent(float(row[taken])),
                readable(classes[true[position]]),
                percent(float(row[true[position]])),
                tuple(
                    (readable(name, 40), readable(cell, 160))
                    for name, cell in list(cells.items())[:MOST_CELLS]
                ),
            )
        )
    return tuple(shown)


@dataclass(frozen=True)
class CertificateText:
    """The certificate as names and values, explained."""

    lines: tuple[tuple[str, str], ...]
    is_bounded: bool
    explanation: str
    status: str


def certificate_text(certificate: CertificateSummary) -> CertificateText:
    """Say what was reached, what bounds it from below, and what that means."""
    is_bounded = math.isfinite(certificate.dual) and math.isfinite(certificate.gap)
    lines = (
        ("Primal value", exact(certificate.primal)),
        ("Dual value", exact(certificate.dual) if is_bounded else "no bound"),
        ("Gap", number(certificate.gap) if is_bounded else "unknown"),
        ("Relative gap", number(certificate.relative_gap) if is_bounded else "unknown"),
    )
    explanation = (
        "The primal value is the training objective that these coefficients reach; the dual value "
        "is a bound that no coefficients whatever can go below. The optimum lies between the two, "
        "so longer training could lower the objective by at most "
        f"{_share(certificate)} of its value."
        if is_bounded
        else "The primal value is the training objective that these coefficients reach. No bound "
        "below it could be computed for this fit, so nothing is said about how far the optimum is."
    )
    return CertificateText(lines, is_bounded, explanation, readable(certificate.status, 300))


def _share(certificate: CertificateSummary) -> str:
    return f"{number(100 * max(certificate.relative_gap, 0.0))}%"


@dataclass(frozen=True)
class DataText:
    """The data summary as text, long lists cut."""

    facts: tuple[tuple[str, str], ...]
    columns: tuple[tuple[str, str, str], ...]
    column_note: str
    dropped: tuple[tuple[str, str], ...]
    class_counts: tuple[tuple[str, str, float], ...]
    class_note: str
    notes: tuple[str, ...]


def data_text(data: DataSummary) -> DataText:
    """Rows, columns with their kinds, classes, and what was left out."""
    kinds = Counter(column.kind for column in data.columns)
    hidden = len(data.columns) - MOST_COLUMNS
    largest = max(data.class_counts.values(), default=0)
    return DataText(
        facts=(
            ("Source", readable(data.source, 120)),
            ("Label column", readable(data.target)),
            ("Rows for training", count(data.train_rows)),
            ("Rows for this report", count(data.test_rows)),
            (
                "Columns used",
                ", ".join(_many(kind, columns) for kind, columns in kinds.most_common()),
            ),
        ),
        columns=tuple(
            (readable(column.name), readable(column.kind), _note(column.note))
            for column in data.columns[:MOST_COLUMNS]
        ),
        column_note=f"The first {MOST_COLUMNS} columns are listed; {hidden:,} more were used."
        if hidden > 0
        else "",
        dropped=tuple(
            (readable(column.name), _note(column.note) or readable(column.kind))
            for column in data.dropped[:MOST_COLUMNS]
        ),
        class_note=f"The first {MOST_CLASSES} of {len(data.class_counts):,} classes are listed."
        if len(data.class_counts) > MOST_CLASSES
        else "",
        class_counts=tuple(
            (readable(label), count(rows), round(100 * rows / max(largest, 1), 1))
            for label, rows in list(data.class_counts.items())[:MOST_CLASSES]
        ),
        notes=tuple(readable(note, 400) for note in data.notes),
    )


def _many(kind: str, columns: int) -> str:
    plural = f"{kind[:-1]}ies" if kind.endswith("y") else f"{kind}s"
    return f"{columns:,} {readable(kind if columns == 1 else plural)}"


def _note(note: str) -> str:
    return readable(note, 200) if note else ""


@dataclass(frozen=True)
class LoadingText:
    """How to use the saved model again."""

    python: str
    shell: str


def loading_text(folder: str) -> LoadingText:
    """Code that runs as it stands, whatever the folder is called."""
    return LoadingText(
        python=f"import softplex\n\nmodel = softplex.load({folder!r})",
        shell=f"softplex predict {shlex.quote(folder)} TABLE --out predictions.csv",
    )
