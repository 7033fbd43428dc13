"""Over-confidence: what is said against how often it is right, and what mends it."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from softplex.calibrators import TemperatureScaling
from softplex.evaluation import ReliabilityCurve, expected_calibration_error, reliability_curve
from softplex.exceptions import CalibrationWarning
from softplex.losses import cross_entropy
from softplex.maps import softmax


@dataclass(frozen=True, eq=False)
class OverConfidence:
    """Mean confidence against accuracy, as the scores are and after the best temperature.

    `gap` is mean confidence minus accuracy, positive for over-confidence; `ece` the expected
    calibration error in bins of equal width; `log_loss` the mean cross-entropy in nats. The
    temperature is the likeliest on these very rows; `temperature_sentence` says whether a finite
    one exists.
    """

    accuracy: float
    confidence: float
    gap: float
    ece: float
    log_loss: float
    temperature: float
    temperature_sentence: str
    confidence_after: float
    gap_after: float
    ece_after: float
    log_loss_after: float
    reliability: ReliabilityCurve
    reliability_after: ReliabilityCurve


def measure_confidence(
    scores: Tensor, targets: Tensor, classes: NDArray[Any], bins: int
) -> OverConfidence:
    """Measure the scores as they are and over the temperature that suits them best."""
    calibrator = TemperatureScaling()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", CalibrationWarning)  # the sentence is part of the answer
        calibrator.fit(scores, targets, classes=np.arange(scores.shape[1]))
    after = calibrator.calibrated_scores(scores)
    accuracy = float((scores.argmax(1) == targets).double().mean())
    confidence, confidence_after = (_mean_confidence(each) for each in (scores, after))
    labels = classes[targets.numpy()].tolist()
    columns = classes.tolist()
    probabilities, probabilities_after = (softmax(each).numpy() for each in (scores, after))
    return OverConfidence(
        accuracy=accuracy,
        confidence=confidence,
        gap=confidence - accuracy,
        ece=expected_calibration_error(probabilities, labels, bins=bins, classes=columns),
        log_loss=float(cross_entropy(scores, targets)),
        temperature=float(calibrator.temperature_),
        temperature_sentence=calibrator.status_.sentence,
        confidence_after=confidence_after,
        gap_after=confidence_after - accuracy,
        ece_after=expected_calibration_error(
            probabilities_after, labels, bins=bins, classes=columns
        ),
        log_loss_after=float(cross_entropy(after, targets)),
        reliability=reliability_curve(probabilities, labels, bins=bins, classes=columns),
        reliability_after=reliability_curve(
            probabilities_after, labels, bins=bins, classes=columns
        ),
    )


def _mean_confidence(scores: Tensor) -> float:
    return float(softmax(scores).amax(1).mean())
