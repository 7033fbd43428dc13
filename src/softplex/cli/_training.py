"""Encoding, the choice of C, the fit and the calibration, in this order."""

from __future__ import annotations

import warnings
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
from softplex.estimators import (
    CalibratedClassifier,
    RegularisationPath,
    SoftmaxClassifier,
    SoftmaxClassifierCV,
)
from softplex.exceptions import SoftplexWarning

_MANY_ROWS = 5000


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
    path : RegularisationPath or None
        How C was chosen, where it was not given.
    """

    model: TableClassifier
    C: float
    class_counts: dict[Any, int]
    prior: tuple[float, ...]
    path: RegularisationPath | None = None

    @property
    def is_calibrated(self) -> bool:
        """Whether a calibrator stands behind the classifier."""
        return isinstance(self.model.classifier, CalibratedClassifier)

    @property
    def softmax(self) -> Any:
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
    rows = Rows.of(table, schema, encoded)
    C, path = options.C, None
    if C is None:
        screen.step("choosing C by cross-validation")
        search = SoftmaxClassifierCV(
            cv=n_folds(rows), refit=False, device=options.device, random_state=options.seed
        )
        path = search.fit(rows.X, rows.labels, rows.weights, rows.groups).path_
        C = float(search.C_)
    doing = "training and calibrating" if options.calibrate else "training"
    size = f"{len(rows.labels):,} rows, {rows.X.shape[1]:,} features"
    screen.step(f"{doing} on {size}, C = {C:.4g}")
    softmax = SoftmaxClassifier(C, device=options.device, random_state=options.seed)
    if options.calibrate:
        classifier = _calibrated(softmax, rows)
    else:
        classifier = softmax.fit(rows.X, rows.labels, rows.weights)
    return as_trained(TableClassifier(schema, encoder, classifier), C, rows, path)


@dataclass(frozen=True, eq=False)
class Rows:
    """What the estimators take."""

    X: Any
    labels: NDArray[Any]
    weights: NDArray[np.float64] | None
    groups: NDArray[Any] | None

    @classmethod
    def of(cls, table: Table, schema: Schema, encoded: Encoded) -> Rows:
        labels, _ = read_labels(table.column(schema.target), schema.label_kind)
        weights = row_weights(table, schema)
        group = schema.role("group")
        groups = None
        if group is not None:
            groups = np.asarray([str(cell) for cell in table.column(group.name).to_pylist()])
        kept = encoded.kept
        return cls(
            encoded.X,
            labels[kept],
            None if weights is None else weights[kept],
            None if groups is None else groups[kept],
        )


def n_folds(rows: Rows) -> int:
    """Five folds, or three where each fit is long and the held-out rows are many."""
    return 5 if len(rows.labels) < _MANY_ROWS else 3


def _calibrated(softmax: SoftmaxClassifier, rows: Rows) -> Any:
    """Fit and calibrate; after Ctrl-C give the best classifier so far, without a calibrator."""
    calibrated = CalibratedClassifier(softmax, cv=n_folds(rows))
    try:
        return calibrated.fit(rows.X, rows.labels, rows.weights, rows.groups)
    except KeyboardInterrupt:
        best = getattr(calibrated, "estimator_", None)
        if best is None:
            raise
        warnings.warn(
            "interrupted: the classifier is saved as far as it got (relative duality gap "
            f"{best.certificate_.relative_gap:.2g}), and without calibration",
            SoftplexWarning,
            stacklevel=2,
        )
        return best


def as_trained(
    model: TableClassifier, C: float, rows: Rows, path: RegularisationPath | None = None
) -> Trained:
    """Put a fitted model together with the classes of the rows that it learnt from."""
    positions = np.searchsorted(model.classes_, rows.labels)
    counts = np.bincount(positions, minlength=len(model.classes_))
    masses = np.bincount(positions, rows.weights, minlength=len(model.classes_))
    class_counts = dict(zip(model.classes_.tolist(), counts.tolist(), strict=True))
    return Trained(model, C, class_counts, tuple((masses / masses.sum()).tolist()), path)
