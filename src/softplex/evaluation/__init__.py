"""Probabilities and labels in, numbers out: scores, calibration, intervals."""

from softplex.evaluation._calibration import expected_calibration_error, reliability_curve
from softplex.evaluation._evaluate import evaluate
from softplex.evaluation._proper import brier, log_loss
from softplex.evaluation._result import ClassScores, Estimate, Evaluation, ReliabilityCurve

__all__ = [
    "ClassScores",
    "Estimate",
    "Evaluation",
    "ReliabilityCurve",
    "brier",
    "evaluate",
    "expected_calibration_error",
    "log_loss",
    "reliability_curve",
]
