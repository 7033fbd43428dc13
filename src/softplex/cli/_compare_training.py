"""Both models of a comparison: the same rows, the same folds, C chosen by the same rule."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from softplex.calibrators import TemperatureStatus
from softplex.cli._screen import Screen
from softplex.cli._training import Rows, Trained, as_trained, n_folds
from softplex.cli._workflow import FitRequest
from softplex.data import Schema, Table, TableClassifier, fit_encoding
from softplex.estimators import (
    CalibratedClassifier,
    SoftmaxClassifier,
    SVMClassifier,
    scores_of,
)
from softplex.evaluation import margins, zero_hinge_share
from softplex.exceptions import CalibrationWarning

# C times the total weight; SoftmaxClassifierCV walks the same range.
_LEAST, _MOST, _DECADES = 1.0, 1e6, 7
# As there: two values in a row that are worse by more than 1 % end the walk.
_WORSE: Final = 1.01
_IN_A_ROW: Final = 2


@dataclass(frozen=True, eq=False)
class Side:
    """One of the two models.

    Parameters
    ----------
    name : str
    trained : Trained
        Calibrated.
    tried : tuple of (C, log-loss)
        Each C that was tried, and the out-of-fold log-loss behind its temperature, in nats.
    seconds : float
        What training and calibrating at the chosen C took.
    """

    name: str
    trained: Trained
    tried: tuple[tuple[float, float], ...]
    seconds: float

    @property
    def caution(self) -> str:
        """What to know of its probabilities where no temperature could be fitted, else ''."""
        status = self.trained.model.classifier.calibrator_.status_
        if status is TemperatureStatus.CONVERGED:
            return ""
        return (
            f"The scores of {self.name} could not be calibrated, so its log-loss, Brier score and "
            f"calibration errors compare little. {status.sentence}"
        )


@dataclass(frozen=True, eq=False)
class Pair:
    """Both models, and the share of the training rows on which the hinge loss is zero."""

    softmax: Side
    hinge: Side
    zero_loss: float


def train_pair(
    table: Table, schema: Schema, request: FitRequest, loss: str, screen: Screen
) -> Pair:
    """Fit and calibrate softmax and a hinge on the rows of a table."""
    screen.step(f"encoding {len(table):,} rows")
    encoder, encoded = fit_encoding(table, schema)
    rows = Rows.of(table, schema, encoded)

    def side(name: str, make: Callable[[float], Any]) -> Side:
        screen.step(f"training and calibrating {name} on {len(rows.labels):,} rows")
        classifier, tried, seconds = _chosen(make, rows, request.C, name, screen)
        model = TableClassifier(schema, encoder, classifier)
        return Side(name, as_trained(model, classifier.estimator_.C, rows), tried, seconds)

    softmax = side(
        "softmax", lambda C: SoftmaxClassifier(C, device=request.device, random_state=request.seed)
    )
    hinge = side(
        "hinge",
        lambda C: SVMClassifier(C, loss=loss, device=request.device, random_state=request.seed),
    )
    svm = hinge.trained.softmax
    counted = slice(None) if rows.weights is None else rows.weights > 0
    leads = margins(scores_of(svm, rows.X), rows.labels, svm.classes_.tolist())
    return Pair(softmax, hinge, zero_hinge_share(leads[counted], svm.margin))


def _chosen(
    make: Callable[[float], Any], rows: Rows, given: float | None, name: str, screen: Screen
) -> tuple[CalibratedClassifier, tuple[tuple[float, float], ...], float]:
    """Fit at the given C, or at each of some, and keep the least out-of-fold log-loss.

    The warnings of the fits that are not kept concern nobody.
    """
    total = float(len(rows.labels) if rows.weights is None else rows.weights.sum())
    values = np.geomspace(_LEAST, _MOST, _DECADES) / total if given is None else [given]
    kept: tuple[CalibratedClassifier, float] | None = None
    said: list[warnings.WarningMessage] = []
    tried: list[tuple[float, float]] = []
    worse = 0
    for C in map(float, values):
        screen.progress(f"training and calibrating {name}, C = {C:.4g}")
        begun = time.perf_counter()
        with warnings.catch_warnings(record=True) as heard:
            warnings.simplefilter("always")
            # Said of the chosen one alone, with its name: see Side.caution.
            warnings.simplefilter("ignore", CalibrationWarning)
            fitted = CalibratedClassifier(make(C), cv=n_folds(rows)).fit(
                rows.X, rows.labels, rows.weights, rows.groups
            )
        seconds = time.perf_counter() - begun
        tried.append((C, fitted.log_loss_))
        worse = worse + 1 if kept and fitted.log_loss_ > _WORSE * kept[0].log_loss_ else 0
        if kept is None or fitted.log_loss_ < kept[0].log_loss_:
            kept, said = (fitted, seconds), heard
        if worse == _IN_A_ROW:
            break
    for one in said:
        warnings.warn_explicit(one.message, one.category, one.filename, one.lineno)
    assert kept is not None
    return kept[0], tuple(tried), kept[1]
