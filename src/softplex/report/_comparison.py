"""Softmax beside hinge: one page that compares two classifiers on the same test rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from softplex._text import MINUS, count, number, percent, readable, rows, whole_percent
from softplex.evaluation import Disagreement, Estimate, Evaluation, MarginStudy
from softplex.exceptions import InvalidInput
from softplex.report._comparison_chart import LOSS_NAMES, margin_chart
from softplex.report._content import CalibrationSummary, CertificateSummary
from softplex.report._environment import page_environment
from softplex.report._headlines import Score, score
from softplex.report._reliability import FEW_ROWS, reliability_chart
from softplex.report._render import page_parts
from softplex.report._sections import certificate_text
from softplex.report._selection import class_indices

_SCORES: Final = (
    "accuracy", "balanced_accuracy", "mcc", "roc_auc", "log_loss", "bits", "brier", "ece",
    "ece_equal_mass", "classwise_ece",
)  # fmt: skip
_MOST_COUNTS: Final = 15


@dataclass(frozen=True, eq=False)
class ComparedModel:
    """One of the two models, as numbers.

    Parameters
    ----------
    name : str
    loss : "log_loss", "hinge" or "squared_hinge"
        The curve of the loss that it was trained on.
    evaluation : Evaluation
        Of its calibrated probabilities.
    probabilities : array (n, k)
        Of the test rows, calibrated.
    answers : array (n,)
        The classes that its scores put first.
    uncalibrated_accuracy : Estimate
        Of these answers.
    calibration : CalibrationSummary
    certificate : CertificateSummary
    facts : tuple of (name, text)
        Further lines on its training.
    caution : str
        What to know before its probabilities are compared, if anything.
    """

    name: str
    loss: str
    evaluation: Evaluation
    probabilities: NDArray[np.floating[Any]]
    answers: NDArray[Any]
    uncalibrated_accuracy: Estimate
    calibration: CalibrationSummary
    certificate: CertificateSummary
    facts: tuple[tuple[str, str], ...] = ()
    caution: str = ""


@dataclass(frozen=True, eq=False)
class ComparisonContent:
    """Everything that the page needs.

    Parameters
    ----------
    title : str
    models : two of ComparedModel
        Softmax, then hinge.
    labels : array (n,)
        Of the test rows.
    row_numbers : array (n,)
        What each test row is called.
    disagreement : Disagreement
        Of the two models in this order.
    margins : MarginStudy
        Of the two models in this order.
    notes : tuple of str
        Further sentences, such as how the rows were split.
    command, version : str
    seed : int, optional

    Raises
    ------
    InvalidInput
        When there are not two models of one list of classes and one number of rows.
    """

    title: str
    models: tuple[ComparedModel, ComparedModel]
    labels: NDArray[Any]
    row_numbers: NDArray[Any]
    disagreement: Disagreement
    margins: MarginStudy
    notes: tuple[str, ...] = ()
    command: str = ""
    version: str = ""
    seed: int | None = None

    def __post_init__(self) -> None:
        lists = {model.evaluation.classes for model in self.models}
        if len(lists) != 1 or len(self.margins.units) != len(self.models):
            raise InvalidInput(
                "ComparisonContent needs models of the same classes, and the margins of each, but "
                f"got {len(lists)} lists of classes and margins of {len(self.margins.units)}."
            )
        n, k = len(self.labels), len(self.models[0].evaluation.classes)
        for model in self.models:
            if np.shape(model.probabilities) != (n, k) or len(model.answers) != n:
                raise InvalidInput(
                    f"ComparisonContent needs probabilities of shape {(n, k)} and {n} answers of "
                    f"{readable(model.name)}, but got {np.shape(model.probabilities)} and "
                    f"{len(model.answers)}."
                )
        if len(self.row_numbers) != n:
            raise InvalidInput(
                f"ComparisonContent needs {n} row numbers, but got {len(self.row_numbers)}."
            )


def render_comparison(content: ComparisonContent) -> str:
    """Draw the page that puts two models side by side, as a whole HTML document.

    Like that of :func:`render_report` it needs no network, and everything that comes from the data
    is escaped.

    Parameters
    ----------
    content : ComparisonContent
    """
    template = page_environment().get_template("comparison.html")
    return template.render(_view(content), **page_parts())


def _view(content: ComparisonContent) -> dict[str, Any]:
    models, found = content.models, content.disagreement
    return {
        "title": readable(content.title, 120),
        "facts": _facts(content),
        "version": readable(content.version, 40) if content.version else "",
        "command": content.command,
        "loading": None,
        "level": whole_percent(models[0].evaluation.interval_level),
        "headline": _headline(content),
        "test": found.summary("Softmax", "the hinge"),
        "cautions": tuple(readable(model.caution, 600) for model in models if model.caution),
        "models": models,
        "scores": tuple(_score_lines(models)),
        "minus": MINUS,
        "margins": tuple(
            margin_chart(content.margins, index, model.name, model.loss)
            for index, model in enumerate(models)
        ),
        "losses": tuple(LOSS_NAMES.items()),
        "reliability": tuple(
            reliability_chart(model.evaluation, f"model-{index}", f"{model.name}, calibrated")
            for index, model in enumerate(models)
        ),
        "few": FEW_ROWS,
        "table": found,
        "counts": tuple(
            {
                **{name: readable(getattr(entry, name)) for name in ("first", "second", "truth")},
                "rows": entry.rows,
            }
            for entry in found.counts[:_MOST_COUNTS]
        ),
        "count_note": _count_note(found),
        "disputed": tuple(_disputed(content)),
        "training": tuple(_training(models)),
        "notes": tuple(readable(note, 400) for note in content.notes),
    }


def _facts(content: ComparisonContent) -> tuple[str, ...]:
    facts = [
        rows(content.disagreement.n).replace(" row", " test row"),
        f"{count(len(content.models[0].evaluation.classes))} classes",
    ]
    return (*facts, f"seed {content.seed}") if content.seed is not None else tuple(facts)


def _headline(content: ComparisonContent) -> str:
    softmax, hinge = (percent(model.uncalibrated_accuracy.value) for model in content.models)
    return f"Softmax is right in {softmax} of the test rows, the hinge in {hinge}"


@dataclass(frozen=True)
class _ScoreLine:
    name: str
    cells: tuple[Score, ...]


def _score_lines(models: tuple[ComparedModel, ...]) -> list[_ScoreLine]:
    before = tuple(score("accuracy", model.uncalibrated_accuracy) for model in models)
    lines = [
        _ScoreLine(cells[0].name, cells)
        for key in _SCORES
        if all(key in model.evaluation.metrics for model in models)
        for cells in [tuple(score(key, model.evaluation.metrics[key]) for model in models)]
    ]
    return [_ScoreLine("Accuracy before calibration", before), *lines]


def _count_note(found: Disagreement) -> str:
    hidden = found.counts[_MOST_COUNTS:]
    if not hidden:
        return ""
    total = sum(entry.rows for entry in hidden)
    return f"{len(hidden):,} rarer kinds of disagreement, in {rows(total)}, are not listed."


def _disputed(content: ComparisonContent) -> list[dict[str, Any]]:
    classes, found = content.models[0].evaluation.classes, content.disagreement
    listed = []
    for position, distance in zip(found.strongest.tolist(), found.distance, strict=True):
        label = content.labels[position : position + 1]
        own = int(class_indices(label, classes)[0])
        listed.append(
            {
                "row": readable(content.row_numbers[position], 40),
                "label": readable(classes[own]),
                "answers": [_answer(model, position, own) for model in content.models],
                "distance": f"{distance:.3f}",
            }
        )
    return listed


def _answer(model: ComparedModel, position: int, own: int) -> dict[str, str]:
    answer = model.answers[position : position + 1]
    said = int(class_indices(answer, model.evaluation.classes)[0])
    row = model.probabilities[position]
    return {
        "says": readable(model.evaluation.classes[said]),
        "confidence": percent(float(row[said])),
        "of_label": percent(float(row[own])),
    }


def _training(models: tuple[ComparedModel, ...]) -> list[tuple[str, list[str]]]:
    columns = []
    for model in models:
        certificate = certificate_text(model.certificate)
        temperature = model.calibration.temperature
        facts = {
            **dict(model.facts),
            **dict(certificate.lines),
            "How it ended": certificate.status,
            "Temperature": number(temperature) if temperature is not None else "",
            "Calibration": readable(model.calibration.sentence, 300),
        }
        columns.append(facts)
    names = dict.fromkeys(name for facts in columns for name in facts)
    return [(name, [facts.get(name, "") for facts in columns]) for name in names]
