"""What a user hands to an estimator, checked and brought into one form."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from sklearn.utils import _safe_indexing, column_or_1d
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import _check_sample_weight, validate_data

from softplex._arrays import to_numpy
from softplex._checks import check_finite
from softplex._labels import EncodedTargets, encode_labels, encode_soft_targets
from softplex.exceptions import InvalidInput


@dataclass(frozen=True)
class TrainingData:
    """Features, targets and example weights of the rows that count."""

    X: Any
    targets: EncodedTargets
    sample_weight: NDArray[np.float64]


def read_features(estimator: Any, X: Any, *, reset: bool) -> Any:
    """Give X as a float32 or float64 array or CSR matrix with finite entries."""
    X = to_numpy(X)
    checked = validate_data(
        estimator,
        X,
        reset=reset,
        skip_check_array=_is_plain_matrix(X),
        accept_sparse="csr",
        dtype=[np.float64, np.float32],
        ensure_all_finite=False,
    )
    if sparse.issparse(checked):
        checked = sparse.csr_matrix(checked, copy=not checked.has_canonical_format)
        checked.sum_duplicates()  # in place, and the matrix of the user is not ours to change
    names = getattr(estimator, "feature_names_in_", None)
    check_finite(type(estimator).__name__, checked, names)
    return checked


def read_training_data(estimator: Any, X: Any, y: Any, sample_weight: Any) -> TrainingData:
    """Check X, y and the weights together; rows of weight zero are as good as absent."""
    who = type(estimator).__name__
    if y is None:
        read_labels(who, y)
    X = read_features(estimator, X, reset=True)
    targets = _read_targets(who, y)
    n = X.shape[0]
    if len(targets.values) != n:
        raise InvalidInput(
            f"{who} needs one target a row: X has {n} rows, y has {len(targets.values)}."
        )
    weight = read_sample_weight(who, X, sample_weight)
    counts = weight > 0
    if not counts.all():
        X, weight = X[counts], weight[counts]
        targets = _without_rows(targets, counts)
    if len(targets.classes) < 2:
        (only,) = targets.classes.tolist()
        raise InvalidInput(
            f"{who} needs at least two classes, but y holds one class: {only!r}. "
            "Check the label column, or the rows that were left in."
        )
    return TrainingData(X, targets, weight)


def read_sample_weight(who: str, X: Any, sample_weight: Any) -> NDArray[np.float64]:
    """Give one finite weight a row of X, not negative and not all zero; ones without any."""
    given = to_numpy(sample_weight)
    if given is not None and not np.asarray(given).any():
        raise InvalidInput(
            f"{who} needs at least one row of positive weight, of at least two classes, but "
            "every sample weight is zero."
        )
    weight = _check_sample_weight(given, X, dtype=np.float64)
    if (weight < 0.0).any():
        row = int(np.flatnonzero(weight < 0.0)[0])
        raise InvalidInput(
            f"{who} needs sample weights that are not negative, but row {row} has "
            f"{weight[row]:g}. A row of weight 0 is left out."
        )
    return np.asarray(weight)


def _read_targets(who: str, y: Any) -> EncodedTargets:
    names = np.asarray(y.columns) if hasattr(y, "columns") else None
    values = np.asarray(to_numpy(y))
    if values.ndim == 2 and values.shape[1] > 1:
        if values.dtype.kind not in "fiub":
            raise InvalidInput(
                f"{who} needs y as one label a row, or as an (n, k) array of class "
                f"probabilities, but got an array of shape {values.shape} of {values.dtype}."
            )
        return encode_soft_targets(who, values, names)
    return encode_labels(read_labels(who, values))


def read_labels(who: str, y: Any) -> NDArray[Any]:
    """Give y as one label a row, none of them missing."""
    if y is None:
        raise InvalidInput(
            f"{who} requires y to be passed, but the target y is None: give one label a row."
        )
    values = np.asarray(to_numpy(y))
    if _are_plain_labels(values):
        return values
    values = column_or_1d(values, warn=True)
    _refuse_missing_labels(who, values)
    check_classification_targets(values)
    return np.asarray(values)


def _is_plain_matrix(X: Any) -> bool:
    """Whether scikit-learn's checks, which take as long as a small fit, would find nothing."""
    return (
        type(X) is np.ndarray
        and X.ndim == 2
        and X.size > 0
        and X.dtype in (np.float64, np.float32)
        and X.dtype.isnative
    )


def _are_plain_labels(y: NDArray[Any]) -> bool:
    """Whether y is a row of whole numbers from 0 to half their count.

    They can be nothing but classes, and are too few for scikit-learn's warning about labels of
    which more than half are distinct.
    """
    if y.ndim != 1 or y.dtype.kind not in "iu" or y.size == 0:
        return False
    return int(y.min()) >= 0 and int(y.max()) < y.size // 2


def rows_of(X: Any, rows: NDArray[np.intp]) -> Any:
    """Give some rows of an array, a sparse matrix or a data frame."""
    return _safe_indexing(X, rows)


def _refuse_missing_labels(who: str, y: NDArray[Any]) -> None:
    if y.dtype.kind == "f":
        missing = ~np.isfinite(y)
    elif y.dtype.kind == "O":
        missing = np.array([label is None or label != label for label in y], dtype=bool)
    else:
        return
    if missing.any():
        row = int(np.flatnonzero(missing)[0])
        raise InvalidInput(
            f"{who} needs a label in every row, but y holds {y[row]!r} (NaN, infinity or None) in "
            f"row {row}, {int(missing.sum())} such rows in all. Drop these rows."
        )


def _without_rows(targets: EncodedTargets, keep: NDArray[np.bool_]) -> EncodedTargets:
    values = targets.values[keep]
    if values.ndim == 2:
        return EncodedTargets(targets.classes, values)
    present, indices = np.unique(values, return_inverse=True)
    return EncodedTargets(targets.classes[present], indices.reshape(-1))
