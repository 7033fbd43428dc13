"""The files of a fitted folder, beside those of the model itself."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import softplex
from softplex.cli._card import model_card
from softplex.cli._folder import CARD_FILE, METRICS_FILE, PREDICTIONS_FILE, REPORT_FILE
from softplex.cli._judging import Judged
from softplex.cli._predictions import kept_columns, prediction_batch
from softplex.cli._screen import finite
from softplex.cli._training import Trained
from softplex.data import Schema, Table
from softplex.evaluation import Evaluation
from softplex.io import row_writer, write_model
from softplex.report import (
    CalibrationSummary,
    CertificateSummary,
    ColumnSummary,
    DataSummary,
    FeatureWeights,
    ReportContent,
    confidently_wrong,
    render_report,
)

_METRICS_FORMAT = 1


@dataclass(frozen=True, eq=False)
class Findings:
    """All that a fit has to say for itself.

    Parameters
    ----------
    trained : Trained
    test : Table
        The test rows; `judged` says which of them were measured.
    probabilities : array of shape (n, k)
        Of the judged rows, calibrated if the model is.
    evaluation, uncalibrated : Evaluation
        With the calibrator, and without it (None where there is no calibrator).
    source : str
        What the table is called.
    notes : tuple of str
        How the rows were split.
    train_rows : int
    command : str
        As it was typed.
    out : str
        The folder, as it was typed.
    seed : int
    """

    trained: Trained
    test: Table
    judged: Judged
    probabilities: NDArray[np.float64]
    evaluation: Evaluation
    uncalibrated: Evaluation | None
    source: str
    notes: tuple[str, ...]
    train_rows: int
    command: str
    out: str
    seed: int

    @property
    def schema(self) -> Schema:
        """What the columns are."""
        return self.trained.model.schema


def write_artifacts(findings: Findings, folder: Path) -> dict[str, Any]:
    """Write the model, its numbers, its test predictions, its report and its card.

    Returns
    -------
    dict
        The content of ``metrics.json``.
    """
    content = report_content(findings)
    metrics = metrics_content(findings)
    write_model(findings.trained.model, folder)
    (folder / METRICS_FILE).write_text(json_text(metrics) + "\n", encoding="utf-8")
    batch = _test_predictions(findings)
    with row_writer(folder / PREDICTIONS_FILE, batch.schema) as write:
        write(batch)
    (folder / REPORT_FILE).write_text(render_report(content), encoding="utf-8")
    (folder / CARD_FILE).write_text(model_card(content), encoding="utf-8")
    return metrics


def json_text(content: dict[str, Any], indent: str = "") -> str:
    """Write JSON with one line for each key of the upper two levels, so that it can be read."""
    inner = indent + " "
    lines = [
        f"{inner}{json.dumps(key)}: "
        + (
            json_text(value, inner)
            if isinstance(value, dict) and not indent
            else json.dumps(value, allow_nan=False)
        )
        for key, value in content.items()
    ]
    return "{\n" + ",\n".join(lines) + f"\n{indent}}}"


def metrics_content(findings: Findings) -> dict[str, Any]:
    """Give the numbers of a fit for programs; what is not finite becomes null."""
    trained, before = findings.trained, findings.uncalibrated
    calibration = calibration_summary(trained)
    content = {
        "format": _METRICS_FORMAT,
        "softplex": softplex.__version__,
        "source": findings.source,
        "target": findings.schema.target,
        "rows": {"train": findings.train_rows, "test": findings.evaluation.n},
        "seed": findings.seed,
        "C": trained.C,
        "path": None if trained.path is None else trained.path.to_dict(),
        "prior": list(trained.prior),
        "test": findings.evaluation.to_dict(),
        "uncalibrated": None if before is None else before.to_dict(),
        "calibration": vars(calibration),
        "certificate": trained.softmax.certificate_.to_dict(),
    }
    return dict(finite(content))


def _test_predictions(findings: Findings) -> Any:
    rows = findings.test.take(findings.judged.positions)
    return prediction_batch(
        findings.probabilities,
        findings.trained.model.classes_.tolist(),
        rows.rows,
        kept=kept_columns(rows, findings.schema.id_columns),
        labels=findings.judged.labels,
    )


def report_content(findings: Findings) -> ReportContent:
    """Gather what the report and the card show."""
    trained, schema = findings.trained, findings.schema
    rows = findings.test.take(findings.judged.positions)
    softmax = trained.softmax
    return ReportContent(
        title=f"{findings.source}: {schema.target}",
        evaluation=findings.evaluation,
        probabilities=findings.probabilities,
        labels=findings.judged.labels,
        row_ids=_row_ids(rows, schema),
        row_cells=_cells(findings, rows),
        uncalibrated=findings.uncalibrated,
        calibration=calibration_summary(trained),
        weights=FeatureWeights(
            np.asarray(softmax.coef_),
            trained.model.feature_names,
            "Numbers were standardised, so sizes compare.",
        ),
        certificate=certificate_summary(trained),
        path=trained.path,
        data=_data_summary(findings),
        command=findings.command,
        model_folder=findings.out,
        version=softplex.__version__,
        seed=findings.seed,
    )


def certificate_summary(trained: Trained) -> CertificateSummary:
    """Give the certificate of a fit in plain numbers and words."""
    certificate = trained.softmax.certificate_
    return CertificateSummary(
        primal=float(certificate.primal),
        dual=float(certificate.dual),
        gap=float(certificate.gap),
        relative_gap=float(certificate.relative_gap),
        status=certificate.status.sentence,
    )


def calibration_summary(trained: Trained) -> CalibrationSummary:
    """Say in a sentence what was done to the scores after training."""
    if not trained.is_calibrated:
        return CalibrationSummary("The probabilities were not calibrated.")
    calibrator = trained.model.classifier.calibrator_
    temperature = float(calibrator.temperature_)
    return CalibrationSummary(calibrator.status_.sentence, temperature)


def _row_ids(rows: Table, schema: Schema) -> tuple[Any, ...]:
    ids = [name for name in schema.id_columns if name in rows.column_names]
    if ids:
        return tuple(rows.column(ids[0]).to_pylist())
    return tuple(rows.rows.tolist())


def _cells(findings: Findings, rows: Table) -> dict[int, dict[str, str]]:
    """Give the cells of the rows that the report lists."""
    wrong = confidently_wrong(
        findings.probabilities, findings.judged.labels, findings.evaluation.classes
    )
    names = [column.name for column in findings.schema.features]
    shown = rows.take(np.asarray(wrong, dtype=np.int64))
    columns = {name: shown.column(name).to_pylist() for name in names}
    return {
        int(position): {name: _cell(columns[name][index]) for name in names}
        for index, position in enumerate(wrong)
    }


def _cell(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.6g}"
    return "" if value is None else str(value)


def _data_summary(findings: Findings) -> DataSummary:
    schema = findings.schema
    features = {column.name for column in schema.features}
    columns = [
        ColumnSummary(column.name, column.kind, column.note)
        for column in schema.columns
        if column.kind != "target"
    ]
    if schema.n_sparse is not None:
        columns.insert(0, ColumnSummary(f"0 to {schema.n_sparse - 1}", "number", "sparse"))
        features.add(columns[0].name)
    return DataSummary(
        source=findings.source,
        target=schema.target,
        train_rows=findings.train_rows,
        test_rows=findings.evaluation.n,
        columns=tuple(column for column in columns if column.name in features),
        dropped=tuple(column for column in columns if column.name not in features),
        class_counts=findings.trained.class_counts,
        notes=findings.notes,
    )
