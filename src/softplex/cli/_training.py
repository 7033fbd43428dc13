"""Encoding, the choice of C, the fit and the calibration, in this order."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from softplex.cli._screen import Screen
from softplex.data import (
    Encoded,
    Schema,
    Table,
    TableClassifier,
    fit_encoding,
    read_labels,
    row_weights,
)
from softplex.estimators import CalibratedClassifier, SoftmaxClassifier, SoftmaxClassifierCV


@dataclass(frozen=True)
class TrainingOptions:
    """How to train; see the options of ``softplex fit``."""

    C: float | None
    calibrate: bool
    seed: int
    device: str | None


@dataclass(frozen=True, eq=False)
class Trained:
    """A fitted model and what became known on the way.

    Parameters
    ----------
    model : TableClassifier
    C : float
        As given, or as chosen by cross-validation.
    class_counts : dict of label to int
        Rows of each class that were learnt from.
    prior : tuple of k numbers
        Their shares, by weight.
    """

    model: TableClassifier
    C: float
    class_counts: dict[Any, int]
    prior: tuple[float, ...]

    @property
    def is_calibrated(self) -> bool:
        """Whether a calibrator stands behind the classifier."""
        return isinstance(self.model.classifier, CalibratedClassifier)

    @property
    def softmax(self) -> SoftmaxClassifier:
        """The classifier without its calibrator."""
        classifier = self.model.classifier
        return classifier.estimator_ if self.is_calibrated else classifier


def train(table: Table, schema: Schema, options: TrainingOptions, screen: Screen) -> Trained:
    """Fit a table classifier.

    Parameters
    ----------
    table : Table
        The rows to learn from.
    schema : Schema
        What their columns are.
    options : TrainingOptions
    screen : Screen
        Where the steps are reported.
    """
    screen.step(f"encoding {len(table):,} rows")
    encoder, encoded = fit_encoding(table, schema)
    labels = read_labels(table.column(schema.target), schema.label_kind)[0][encoded.kept]
    weights = row_weights(table, schema)
    weights = None if weights is None else weights[encoded.kept]
    C = (
        options.C
        if options.C is not None
        else _choose_by_validation(encoded, labels, weights, options, screen)
    )
    classifier: Any = SoftmaxClassifier(C=C, device=options.device, random_state=options.seed)
    if options.calibrate:
        classifier = CalibratedClassifier(classifier)
    doing = "training and calibrating" if options.calibrate else "training"
    screen.step(f"{doing} on {len(labels):,} rows, {encoded.X.shape[1]:,} features, C = {C:.4g}")
    classifier.fit(encoded.X, labels, sample_weight=weights)
    return _trained(TableClassifier(schema, encoder, classifier), C, labels, weights)


def _choose_by_validation(
    encoded: Encoded,
    labels: NDArray[Any],
    weights: NDArray[np.float64] | None,
    options: TrainingOptions,
    screen: Screen,
) -> float:
    screen.step("choosing C by cross-validation")
    search = SoftmaxClassifierCV(device=options.device, random_state=options.seed)
    search.fit(encoded.X, labels, sample_weight=weights)
    return float(search.C_)


def _trained(
    model: TableClassifier,
    C: float,
    labels: NDArray[Any],
    weights: NDArray[np.float64] | None,
) -> Trained:
    positions = np.searchsorted(model.classes_, labels)
    counts = np.bincount(positions, minlength=len(model.classes_))
    masses = np.bincount(positions, weights, minlength=len(model.classes_))
    class_counts = dict(zip(model.classes_.tolist(), counts.tolist(), strict=True))
    return Trained(model, C, class_counts, tuple((masses / masses.sum()).tolist()))
