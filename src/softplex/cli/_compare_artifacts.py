"""What a comparison found, and the files of its folder."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import softplex
from softplex._text import percent
from softplex.cli._artifacts import calibration_summary, certificate_summary, json_text
from softplex.cli._compare_training import Pair, Side
from softplex.cli._folder import COMPARISON_FILE, REPORT_FILE
from softplex.cli._judging import Judged
from softplex.cli._screen import finite
from softplex.cli._workflow import Data, FitRequest
from softplex.evaluation import Disagreement, Estimate, Evaluation, MarginStudy
from softplex.io import write_model
from softplex.report import ComparedModel, ComparisonContent, render_comparison

_COMPARISON_FORMAT = 1


@dataclass(frozen=True, eq=False)
class Measured:
    """One model on the test rows."""

    side: Side
    evaluation: Evaluation
    probabilities: NDArray[np.float64]
    answers: NDArray[Any]
    uncalibrated_accuracy: Estimate
    margins: NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Comparison:
    """All that was found."""

    request: FitRequest
    loss: str
    data: Data
    pair: Pair
    judged: Judged
    models: tuple[Measured, Measured]
    disagreement: Disagreement
    study: MarginStudy


def comparison_content(comparison: Comparison) -> dict[str, Any]:
    """Give the numbers for programs; measured times are not among them: no seed repeats these."""
    softmax, hinge = comparison.models
    found, data = comparison.disagreement, comparison.data
    rows = data.test.rows[comparison.judged.positions[found.strongest]]
    content = {
        "format": _COMPARISON_FORMAT,
        "softplex": softplex.__version__,
        "source": data.train.name,
        "target": data.schema.target,
        "rows": {"train": len(data.train), "test": found.n},
        "seed": comparison.request.seed,
        "loss": comparison.loss,
        "softmax": _model_content(softmax),
        "hinge": {**_model_content(hinge), "zero_loss_share": comparison.pair.zero_loss},
        "disagreement": {
            "both_right": found.both_right,
            "softmax_right": found.first_right,
            "hinge_right": found.second_right,
            "both_wrong": found.both_wrong,
            "p_value": found.p_value,
            "answers": [
                {"softmax": one.first, "hinge": one.second, "label": one.truth, "rows": one.rows}
                for one in found.counts
            ],
            "strongest": [
                {
                    "row": int(row),
                    "label": comparison.judged.labels[position].item(),
                    "distance": float(distance),
                    "softmax": softmax.probabilities[position].tolist(),
                    "hinge": hinge.probabilities[position].tolist(),
                }
                for row, position, distance in zip(
                    rows, found.strongest, found.distance, strict=True
                )
            ],
        },
        "margins": {
            "units": list(comparison.study.units),
            "edges": comparison.study.edges.tolist(),
            "shares": comparison.study.shares.tolist(),
        },
    }
    return dict(finite(content))


def _model_content(measured: Measured) -> dict[str, Any]:
    side = measured.side
    return {
        "C": side.trained.C,
        "tried": [{"C": C, "log_loss": value} for C, value in side.tried],
        "calibration": vars(calibration_summary(side.trained)),
        "certificate": side.trained.softmax.certificate_.to_dict(),
        "uncalibrated_accuracy": measured.uncalibrated_accuracy.value,
        "test": measured.evaluation.to_dict(),
    }


def write_comparison(comparison: Comparison, found: Mapping[str, Any], folder: Path) -> None:
    """Write the numbers, the page and both models."""
    (folder / COMPARISON_FILE).write_text(json_text(dict(found)) + "\n", encoding="utf-8")
    page = render_comparison(_page_content(comparison))
    (folder / REPORT_FILE).write_text(page, encoding="utf-8")
    for model in comparison.models:
        place = folder / model.side.name
        place.mkdir()
        write_model(model.side.trained.model, place)


def hinge_name(loss: str) -> str:
    """Write the name of a loss for people.

    >>> hinge_name("squared_weston_watkins")
    'squared Weston-Watkins'
    """
    authors = loss.removeprefix("squared_").replace("_", "-").title()
    return f"squared {authors}" if loss.startswith("squared_") else authors


def _page_content(comparison: Comparison) -> ComparisonContent:
    data, (softmax, hinge) = comparison.data, comparison.models
    curve = "squared_hinge" if comparison.loss.startswith("squared") else "hinge"
    name = f"Hinge ({hinge_name(comparison.loss)})"
    zero = percent(comparison.pair.zero_loss)
    return ComparisonContent(
        title=f"{data.train.name}: {data.schema.target}",
        models=(
            _compared(
                softmax,
                "Softmax",
                "log_loss",
                ("Training rows without loss", "none: it is never zero"),
            ),
            _compared(hinge, name, curve, ("Training rows without loss", zero)),
        ),
        labels=comparison.judged.labels,
        row_numbers=data.test.rows[comparison.judged.positions],
        disagreement=comparison.disagreement,
        margins=comparison.study,
        notes=data.notes,
        command=comparison.request.command,
        version=softplex.__version__,
        seed=comparison.request.seed,
    )


def _compared(measured: Measured, name: str, loss: str, without: tuple[str, str]) -> ComparedModel:
    side = measured.side
    tried = f", of {len(side.tried)} values by log-loss out of fold" if len(side.tried) > 1 else ""
    return ComparedModel(
        name=name,
        loss=loss,
        evaluation=measured.evaluation,
        probabilities=measured.probabilities,
        answers=measured.answers,
        uncalibrated_accuracy=measured.uncalibrated_accuracy,
        calibration=calibration_summary(side.trained),
        certificate=certificate_summary(side.trained),
        facts=(
            ("C", f"{side.trained.C:.4g}{tried}"),
            ("Training and calibrating at this C", f"{side.seconds:.3g} s"),
            without,
        ),
        caution=side.caution,
    )
