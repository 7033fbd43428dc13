"""What is given to a mini-batch fit, checked and brought into one form."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from softplex._arrays import to_numpy
from softplex._labels import EncodedTargets, class_weights, encode_soft_targets, row_weights
from softplex._scored import label_places, read_weight
from softplex.estimators._held_out import stratified_rows
from softplex.estimators._inputs import read_features, read_labels, read_training_data
from softplex.exceptions import InvalidInput


@dataclass(frozen=True)
class WeightedRows:
    """Features, targets among known classes and the weight of each row.

    Parameters
    ----------
    X : array or CSR matrix (n, d)
    targets : EncodedTargets
    weight : array (n,)
        Sample weight times class weight.
    rows : array of int
        The rows that take part, all of positive weight.
    """

    X: Any
    targets: EncodedTargets
    weight: NDArray[np.float64]
    rows: NDArray[np.intp]


def read_rows_to_fit(estimator: Any, X: Any, y: Any, sample_weight: Any) -> WeightedRows:
    """Check the rows of a fit, which says what the classes are."""
    data = read_training_data(estimator, X, y, sample_weight)
    return _weighted(estimator, data.X, data.targets, data.sample_weight)


def read_more_rows(
    estimator: Any, X: Any, y: Any, sample_weight: Any, classes: NDArray[Any], *, reset: bool
) -> WeightedRows:
    """Check rows whose classes are known already."""
    features = read_features(estimator, X, reset=reset)
    targets = _targets_among(type(estimator).__name__, y, classes)
    n = features.shape[0]
    if len(targets.values) != n:
        raise InvalidInput(
            f"{type(estimator).__name__} needs one target a row: X has {n} rows, y has "
            f"{len(targets.values)}."
        )
    weight = read_weight(type(estimator).__name__, to_numpy(sample_weight), n)
    return _weighted(estimator, features, targets, to_numpy(weight))


def read_validation(estimator: Any, validation: Any, classes: NDArray[Any]) -> WeightedRows:
    """Check rows that are given to be judged on."""
    if not isinstance(validation, tuple | list) or len(validation) not in (2, 3):
        raise InvalidInput(
            f"{type(estimator).__name__} needs validation=(X, y) or (X, y, sample_weight), but "
            f"got {type(validation).__name__}."
        )
    X, y, *rest = validation
    return read_more_rows(estimator, X, y, rest[0] if rest else None, classes, reset=False)


def split_rows(
    estimator: Any, data: WeightedRows, fraction: float, seed: int
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Give the rows to train on and those to hold out; soft targets count as their largest."""
    values = data.targets.values[data.rows]
    labels = values.argmax(axis=1) if values.ndim == 2 else values
    train, held = stratified_rows(type(estimator).__name__, labels, fraction, seed)
    return data.rows[train], data.rows[held]


def _weighted(
    estimator: Any, X: Any, targets: EncodedTargets, sample_weight: NDArray[np.float64]
) -> WeightedRows:
    who = type(estimator).__name__
    per_class = class_weights(who, estimator.class_weight, targets, sample_weight)
    weight = row_weights(targets, per_class, sample_weight)
    rows = np.flatnonzero(weight > 0)
    if len(rows) == 0:
        raise InvalidInput(
            f"{who} needs at least one row of positive weight, but the product of sample weight "
            f"and class weight is zero in all {len(weight)} rows."
        )
    return WeightedRows(X, targets, weight, rows)


def _targets_among(who: str, y: Any, classes: NDArray[Any]) -> EncodedTargets:
    values = np.asarray(to_numpy(y))
    if values.ndim == 2 and values.shape[1] == len(classes):
        return encode_soft_targets(who, values, classes)
    return EncodedTargets(classes, label_places(who, read_labels(who, values), classes))
