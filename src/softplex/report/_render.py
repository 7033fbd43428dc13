"""From the content of a report to one self-contained HTML page."""

from __future__ import annotations

import base64
import hashlib
from functools import cache
from typing import Any

from markupsafe import Markup

from softplex._templates import template_source
from softplex._text import count, isolated, readable, rows, whole_percent
from softplex.report._confusion import confusion_chart
from softplex.report._content import ReportContent
from softplex.report._environment import page_environment
from softplex.report._features import feature_section
from softplex.report._headlines import cards, changes, scores
from softplex.report._path_chart import path_layout
from softplex.report._reliability import (
    FEW_ROWS,
    ReliabilityChart,
    bin_rows,
    histogram_chart,
    reliability_chart,
)
from softplex.report._sections import (
    certificate_text,
    class_lines,
    data_text,
    loading_text,
    wrong_rows,
)
from softplex.report._triangle import TriangleChart, triangle_chart
from softplex.report._verdict import verdict


def render_report(content: ReportContent) -> str:
    """Draw the page that says how far to trust a model.

    The page needs no network, follows the light or dark theme of the reader, and prints.
    Everything that comes from the data is escaped, and a content security policy lets no
    script run but the page's own.

    Parameters
    ----------
    content : ReportContent

    Returns
    -------
    str
        A whole HTML document, to be written as UTF-8.

    Examples
    --------
    >>> import numpy as np
    >>> from softplex.evaluation import evaluate
    >>> probabilities, labels = np.array([[0.9, 0.1], [0.3, 0.7]]), np.array(["no", "yes"])
    >>> content = ReportContent("demo", evaluate(probabilities, labels), probabilities, labels)
    >>> render_report(content).splitlines()[0]
    '<!doctype html>'
    """
    return page_environment().get_template("report.html").render(_view(content), **page_parts())


@cache
def page_parts() -> dict[str, Markup]:
    """Read the page's own style and script, and the hash by which the browser knows the script."""
    style, script = (
        template_source(page_environment(), name) for name in ("report.css", "report.js")
    )
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return {
        "style": style,
        "script": script,
        "script_hash": Markup(f"'sha256-{digest}'"),
    }


def _view(content: ReportContent) -> dict[str, Any]:
    evaluation, uncalibrated = content.evaluation, content.uncalibrated
    wrong = wrong_rows(content)
    return {
        "title": readable(content.title, 120),
        "facts": _facts(content),
        "version": readable(content.version, 40) if content.version else "",
        "command": content.command,
        "level": whole_percent(evaluation.interval_level),
        "verdict": verdict(evaluation),
        "cards": cards(evaluation, uncalibrated),
        "scores": scores(evaluation),
        "reliability": _reliability(content),
        "few": FEW_ROWS,
        "changes": changes(evaluation, uncalibrated) if uncalibrated is not None else (),
        "calibration": content.calibration,
        "histogram": histogram_chart(evaluation),
        "bins": bin_rows(evaluation),
        "triangle": _triangle(content),
        "confusion": confusion_chart(evaluation),
        "classes": class_lines(evaluation),
        "class_total": len(evaluation.classes),
        "features": feature_section(content.weights, evaluation.classes)
        if content.weights is not None
        else None,
        "wrong": wrong,
        "wrong_cells": any(row.cells for row in wrong),
        "certificate": certificate_text(content.certificate)
        if content.certificate is not None
        else None,
        "path": path_layout(content.path) if content.path is not None else None,
        "data": data_text(content.data) if content.data is not None else None,
        "loading": loading_text(content.model_folder) if content.model_folder else None,
    }


def _facts(content: ReportContent) -> tuple[str, ...]:
    facts = [rows(len(content.labels)).replace(" row", " test row")]
    facts.append(f"{count(len(content.evaluation.classes))} classes")
    if content.data is not None:
        facts.insert(0, f"label column {isolated(content.data.target)}")
    if content.seed is not None:
        facts.append(f"seed {content.seed}")
    return tuple(facts)


def _reliability(content: ReportContent) -> tuple[ReliabilityChart, ...]:
    if content.uncalibrated is None:
        return (reliability_chart(content.evaluation, "after", "Reliability"),)
    return (
        reliability_chart(content.uncalibrated, "before", "Before calibration"),
        reliability_chart(content.evaluation, "after", "After calibration"),
    )


def _triangle(content: ReportContent) -> TriangleChart | None:
    classes = content.evaluation.classes
    if len(classes) != 3:
        return None
    return triangle_chart(content.probabilities, content.labels, classes)
