"""The linear part of a classifier: weights, intercepts and the features that they meet."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import sparse
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted

from softplex._arrays import to_numpy
from softplex._checks import check_finite
from softplex.data import TableClassifier, as_table
from softplex.diagnostics._values import FloatArray
from softplex.estimators import CalibratedClassifier
from softplex.exceptions import InvalidInput


@dataclass(frozen=True, eq=False)
class LinearWeights:
    """Weights ``(r, d)`` and intercepts ``(r,)``.

    Two classes that share one score column have one row, for the second class.
    """

    names: tuple[str, ...]
    weights: FloatArray
    intercepts: FloatArray


@dataclass(frozen=True, eq=False)
class LinearRows:
    """A linear classifier with the features that reach it."""

    classes: tuple[Any, ...]
    X: Any
    part: LinearWeights


def linear_weights(
    model: Any, n_features: int, names: tuple[str, ...] | None
) -> LinearWeights | None:
    """Read the weights of a linear classifier; None for one that is not linear."""
    weights = np.asarray(getattr(model, "coef_", np.zeros(0)))
    if weights.ndim != 2 or weights.shape[1] != n_features:
        return None
    if names is None:
        unnamed = [f"feature {index}" for index in range(n_features)]
        names = tuple(str(name) for name in getattr(model, "feature_names_in_", unnamed))
    intercepts = np.broadcast_to(np.asarray(model.intercept_, np.float64), len(weights))
    return LinearWeights(names, weights.astype(np.float64), intercepts)


def linear_rows(model: Any, X: Any, names: tuple[str, ...] | None = None) -> LinearRows:
    """Follow the rows to the linear part."""
    if isinstance(model, TableClassifier):
        return linear_rows(model.classifier, _encoded(model, X), model.feature_names)
    if isinstance(model, CalibratedClassifier):
        check_is_fitted(model)
        inner = linear_rows(model.estimator_, X, names)
        return _cooled(inner, float(model.calibrator_.temperature_))
    if isinstance(model, Pipeline):
        check_is_fitted(model)
        return linear_rows(model[-1], model[:-1].transform(X), _names_out(model[:-1]))
    if not hasattr(model, "classes_"):
        raise InvalidInput(
            f"contributions needs a fitted linear classifier, but got {type(model).__name__}."
        )
    _refuse_other_columns(model, X)
    matrix = _matrix(X)
    wanted = np.shape(getattr(model, "coef_", ()))
    part = linear_weights(model, matrix.shape[1], names)
    if part is None and len(wanted) == 2:
        raise InvalidInput(
            f"contributions needs the {wanted[1]} features that {type(model).__name__} was fitted "
            f"on, but X has {matrix.shape[1]}."
        )
    classes = tuple(np.asarray(model.classes_).tolist())
    if part is None or len(part.weights) not in (len(classes), 1 if len(classes) == 2 else 0):
        raise InvalidInput(
            f"contributions needs a linear classifier with one score a class, but "
            f"{type(model).__name__} has none: its scores are not sums over features."
        )
    check_finite("contributions", matrix, part.names)
    return LinearRows(classes, matrix, part)


def _encoded(model: TableClassifier, X: Any) -> Any:
    encoded = model.encode(as_table(X))
    if encoded.rejects:
        reject = encoded.rejects[0]
        raise InvalidInput(
            f"contributions needs rows that can be read, but row {reject.row}, column "
            f"{reject.column!r}: {reject.reason} Leave such rows out."
        )
    return encoded.X


def _cooled(linear: LinearRows, temperature: float) -> LinearRows:
    part = linear.part
    present = np.isfinite(part.intercepts)
    intercepts = np.where(present, np.where(present, part.intercepts, 0.0) / temperature, -np.inf)
    cooled = LinearWeights(part.names, part.weights / temperature, intercepts)
    return LinearRows(linear.classes, linear.X, cooled)


def _names_out(steps: Pipeline) -> tuple[str, ...] | None:
    """Names of the features that leave the steps, where all of these can tell."""
    try:
        return tuple(map(str, steps.get_feature_names_out()))
    except (AttributeError, NotFittedError, ValueError):
        return None


def _refuse_other_columns(model: Any, X: Any) -> None:
    names = getattr(model, "feature_names_in_", None)
    if names is not None and hasattr(X, "columns") and list(X.columns) != list(names):
        raise InvalidInput(
            "contributions needs the columns that the model was fitted on, in their order: "
            f"{list(names)}, but got {list(X.columns)}."
        )


def _matrix(X: Any) -> Any:
    values = to_numpy(X)
    if sparse.issparse(values):
        matrix = sparse.csr_matrix(values, dtype=np.float64, copy=True)
        matrix.sum_duplicates()
        return matrix
    try:
        values = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise InvalidInput(f"contributions needs features that are numbers ({error}).") from error
    if values.ndim != 2:
        raise InvalidInput(
            f"contributions needs rows of features, (n, d), but X has the shape {values.shape}. "
            "Give one row as X[0:1]."
        )
    return values
