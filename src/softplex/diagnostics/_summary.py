"""A diagnosis to read: judgements, and the figures they rest on in small tables."""

from __future__ import annotations

from softplex._text import aligned, readable, rows, wrapped
from softplex.diagnostics._judgement import (
    LOSS_NAMES,
    NAMED_ROWS,
    judgements,
    share_text,
    small,
)
from softplex.diagnostics._measurements import Measurements

TITLES = {
    "saturation": "Saturation of gradients",
    "over_confidence": "Over-confidence",
    "outliers": "Outliers",
    "precision": "Precision",
}


def summary(measured: Measurements) -> str:
    """Give all judgements with the figures they rest on."""
    tables = {
        "saturation": [_saturation_table(measured)],
        "over_confidence": [_confidence_table(measured)],
        "outliers": [_outlier_table(measured), _worst_table(measured)],
        "precision": [_precision_table(measured)],
    }
    lines = [f"{rows(measured.n)}, {len(measured.classes)} classes"]
    for topic, sentence in judgements(measured).items():
        lines += ["", TITLES[topic], *wrapped(sentence)]
        for table in tables[topic]:
            lines += ["", *aligned(table, indent=4)]
    return "\n".join(lines)


def _saturation_table(measured: Measurements) -> list[tuple[str, ...]]:
    saturation = measured.saturation
    table = [("gradient shorter than", *(f"{limit:g}" for limit in saturation.thresholds))]
    for one in saturation.losses:
        for kind, shares in (("right", one.share_right), ("wrong", one.share_wrong)):
            cells = [share_text(float(share)) for share in shares]
            table.append((f"{LOSS_NAMES[one.loss]}, {kind} rows", *cells))
    return table


def _confidence_table(measured: Measurements) -> list[tuple[str, ...]]:
    one = measured.over_confidence
    return [
        ("", "as it is", f"T = {one.temperature:.4g}"),
        ("mean confidence", share_text(one.confidence), share_text(one.confidence_after)),
        ("confidence - accuracy", f"{one.gap:+.4f}", f"{one.gap_after:+.4f}"),
        ("calibration error (ECE)", share_text(one.ece), share_text(one.ece_after)),
        ("log-loss, nats", f"{one.log_loss:.4f}", f"{one.log_loss_after:.4f}"),
    ]


def _outlier_table(measured: Measurements) -> list[tuple[str, ...]]:
    outliers = measured.outliers
    heads = [f"worst {100 * share:g}% of rows" for share in outliers.shares]
    table = [("borne by the", *heads)]
    for one in outliers.losses:
        for kind, shares in (("loss", one.loss_share), ("gradient", one.gradient_share)):
            cells = [share_text(float(share)) for share in shares]
            table.append((f"{LOSS_NAMES[one.loss]}, {kind}", *cells))
    return table


def _worst_table(measured: Measurements) -> list[tuple[str, ...]]:
    head = ("highest cross-entropy", "label", "prediction", "p of label", "nats")
    body = [
        (
            f"row {row.row}",
            readable(row.label, 20),
            readable(row.predicted, 20),
            f"{row.probability_of_label:.2g}",
            f"{row.loss:.4g}",
        )
        for row in measured.outliers.worst[:NAMED_ROWS]
    ]
    return [head, *body]


def _precision_table(measured: Measurements) -> list[tuple[str, ...]]:
    head = ("dtype, formula", "rows lost", "error of p", "of the loss", "changed", "tied", "zeros")
    body = [
        (
            f"{one.dtype}, {one.formula}",
            f"{one.lost_rows:,}",
            small(one.probability_error),
            small(one.loss_error),
            f"{one.changed_rows:,}",
            f"{one.tied_rows:,}",
            share_text(one.zero_gradient_share),
        )
        for one in measured.precision
    ]
    return [head, *body]
