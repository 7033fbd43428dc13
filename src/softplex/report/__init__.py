"""From an evaluation to one page that says how far to trust a model."""

from __future__ import annotations

from softplex.report._comparison import ComparedModel, ComparisonContent, render_comparison
from softplex.report._content import (
    CalibrationSummary,
    CertificateSummary,
    ColumnSummary,
    DataSummary,
    FeatureWeights,
    ReportContent,
)
from softplex.report._path_chart import path_chart
from softplex.report._render import render_report
from softplex.report._selection import confidently_wrong
from softplex.report._simplex_chart import SimplexPath, simplex_chart

__all__ = [
    "CalibrationSummary",
    "CertificateSummary",
    "ColumnSummary",
    "ComparedModel",
    "ComparisonContent",
    "DataSummary",
    "FeatureWeights",
    "ReportContent",
    "SimplexPath",
    "confidently_wrong",
    "path_chart",
    "render_comparison",
    "render_report",
    "simplex_chart",
]
