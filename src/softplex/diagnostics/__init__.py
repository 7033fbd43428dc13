"""What a classifier's scores suffer from, as numbers and one chart; and one row, step by step."""

from softplex.diagnostics._confidence import OverConfidence
from softplex.diagnostics._contributions import Contributions, contributions
from softplex.diagnostics._diagnosis import Diagnosis, diagnose
from softplex.diagnostics._explanation import Explanation, explain
from softplex.diagnostics._outliers import LossOutliers, Outliers, WorstRow
from softplex.diagnostics._precision import Precision
from softplex.diagnostics._saturation import LossSaturation, Saturation
from softplex.diagnostics._steps import Surprise
from softplex.diagnostics._terms import ScoreTerms, Term

__all__ = [
    "Contributions",
    "Diagnosis",
    "Explanation",
    "LossOutliers",
    "LossSaturation",
    "Outliers",
    "OverConfidence",
    "Precision",
    "Saturation",
    "ScoreTerms",
    "Surprise",
    "Term",
    "WorstRow",
    "contributions",
    "diagnose",
    "explain",
]
