"""Probabilities and labels in, numbers out: scores, calibration, intervals."""

from softplex.evaluation._calibration import expected_calibration_error, reliability_curve
from softplex.evaluation._disagreement import AnswerCount, Disagreement, disagreement
from softplex.evaluation._evaluate import evaluate
from softplex.evaluation._margins import (
    MarginStudy,
    margin_losses,
    margin_study,
    margins,
    zero_hinge_share,
)
from softplex.evaluation._proper import brier, log_loss
from softplex.evaluation._result import ClassScores, Estimate, Evaluation, ReliabilityCurve

__all__ = [
    "AnswerCount",
    "ClassScores",
    "Disagreement",
    "Estimate",
    "Evaluation",
    "MarginStudy",
    "ReliabilityCurve",
    "brier",
    "disagreement",
    "evaluate",
    "expected_calibration_error",
    "log_loss",
    "margin_losses",
    "margin_study",
    "margins",
    "reliability_curve",
    "zero_hinge_share",
]
