"""Labels to class indices, soft targets, and the weight of each row.

The weight of row i is its example weight times sum_c q_ic class_weight_c, with q the target before
smoothing, so that class indices and soft targets which say the same give the same number.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from softplex._checks import did_you_mean
from softplex.exceptions import InvalidInput

_SIMPLEX_TOLERANCE = 1e-6


@dataclass(frozen=True)
class EncodedTargets:
    """Classes ``(k,)`` and targets: indices ``(n,)`` or rows on the simplex ``(n, k)``."""

    classes: NDArray[Any]
    values: NDArray[Any]

    def totals(self, weight: NDArray[np.float64]) -> NDArray[np.float64]:
        """Weighted mass of each class, ``(k,)``."""
        if self.values.ndim == 2:
            return np.asarray(weight @ self.values)
        masses = np.bincount(self.values, weights=weight, minlength=len(self.classes))
        return masses.astype(np.float64)


def encode_labels(y: NDArray[Any]) -> EncodedTargets:
    """Number the distinct labels in sorted order."""
    classes, indices = np.unique(y, return_inverse=True)
    return EncodedTargets(classes, indices.reshape(-1))


def encode_soft_targets(
    who: str, targets: NDArray[Any], classes: NDArray[Any] | None = None
) -> EncodedTargets:
    """Check rows of probabilities, one column a class; the columns are numbered if not named."""
    values = np.asarray(targets, dtype=np.float64)
    bad = ~np.isfinite(values) | (values < 0.0)
    if bad.any():
        row, column = np.argwhere(bad)[0]
        raise InvalidInput(
            f"{who} needs soft targets that are probabilities, but row {row}, column {column} "
            f"holds {values[row, column]}."
        )
    off = np.abs(values.sum(axis=1) - 1.0)
    if (off > _SIMPLEX_TOLERANCE).any():
        row = int(off.argmax())
        raise InvalidInput(
            f"{who} needs soft targets whose rows sum to 1, but row {row} sums to "
            f"{values[row].sum():.8g} (off by {off[row]:.3g}). Divide each row by its sum, or "
            "give class labels as a one-dimensional y."
        )
    values = values / values.sum(axis=1, keepdims=True)
    return EncodedTargets(np.arange(values.shape[1]) if classes is None else classes, values)


def class_weights(
    who: str,
    class_weight: Mapping[Any, float] | str | None,
    targets: EncodedTargets,
    sample_weight: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Give the weight of each class, ``(k,)``.

    ``"balanced"`` is total / (k x class total), as scikit-learn's; a mapping leaves the classes it
    does not name at 1.
    """
    k = len(targets.classes)
    if class_weight is None:
        return np.ones(k)
    if isinstance(class_weight, str):
        if class_weight != "balanced":
            raise InvalidInput(
                f"{who} takes class_weight=None, 'balanced' or a mapping of classes to weights, "
                f"but got {class_weight!r}."
            )
        totals = targets.totals(sample_weight)
        balanced = np.zeros(k)
        np.divide(totals.sum(), k * totals, out=balanced, where=totals > 0)
        return balanced
    if not isinstance(class_weight, Mapping):
        raise InvalidInput(
            f"{who} takes class_weight=None, 'balanced' or a mapping of classes to weights, but "
            f"got {type(class_weight).__name__}."
        )
    return _mapped_weights(who, class_weight, targets.classes)


def _mapped_weights(
    who: str, class_weight: Mapping[Any, float], classes: NDArray[Any]
) -> NDArray[np.float64]:
    places = {label: place for place, label in enumerate(classes.tolist())}
    weights = np.ones(len(classes))
    for label, weight in class_weight.items():
        key = label.item() if isinstance(label, np.generic) else label
        if key not in places:
            raise InvalidInput(
                f"{who} got a class_weight for {label!r}, which is not among the classes."
                f"{did_you_mean(label, places)}"
            )
        if not (np.isfinite(weight) and weight >= 0):
            raise InvalidInput(
                f"{who} needs class weights that are finite and not negative, but the class "
                f"{label!r} has {weight!r}."
            )
        weights[places[key]] = weight
    return weights


def row_weights(
    targets: EncodedTargets, per_class: NDArray[np.float64], sample_weight: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Give sample weight x sum_c q_ic class_weight_c, ``(n,)``."""
    if targets.values.ndim == 2:
        return sample_weight * np.asarray(targets.values @ per_class)
    return np.asarray(sample_weight * per_class[targets.values])
