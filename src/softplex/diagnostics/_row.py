"""One row, through a fitted classifier to its scores."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from sklearn.utils.validation import check_is_fitted

from softplex._arrays import to_numpy
from softplex._checks import check_finite
from softplex.data import TableClassifier, as_table
from softplex.diagnostics._linear import LinearWeights, linear_weights
from softplex.diagnostics._values import FloatArray
from softplex.estimators import CalibratedClassifier, scores_of
from softplex.exceptions import InvalidInput


@dataclass(frozen=True, eq=False)
class LinearPart(LinearWeights):
    """The weights, and the feature values ``(d,)`` that they meet."""

    values: FloatArray


@dataclass(frozen=True, eq=False)
class RowScores:
    """Scores ``(k,)`` of one row, and how they came about."""

    classes: tuple[Any, ...]
    scores: FloatArray
    shares_one_score: bool
    temperature: float | None = None
    linear: LinearPart | None = None
    n_features: int | None = None
    is_encoded: bool = False


def given_scores(scores: Any, classes: Any) -> RowScores:
    """Read scores as a user wrote them; one number is the second class against zero."""
    values = np.asarray(to_numpy(scores))
    if values.ndim > 2 or (values.ndim == 2 and values.shape[0] != 1):
        raise InvalidInput(
            f"explain needs the scores of one row, but got an array of shape {values.shape}. Take "
            "one row of it, such as scores[0]."
        )
    if values.dtype.kind not in "fiub":
        raise InvalidInput(f"explain needs scores that are numbers, but got {values.dtype}.")
    values = values.astype(np.float64).reshape(-1)
    if values.size == 0:
        raise InvalidInput("explain needs at least one score, but got none.")
    shares_one_score = values.size == 1
    if shares_one_score:
        values = np.concatenate([[0.0], values])
    names = tuple(range(len(values))) if classes is None else _class_names(classes)
    if len(names) != len(values):
        raise InvalidInput(
            f"explain needs one class a score, but got {len(names)} classes for {len(values)} "
            "scores."
        )
    return RowScores(names, values, shares_one_score)


def model_scores(model: Any, x: Any) -> RowScores:
    """Send one row through a fitted classifier."""
    if isinstance(model, TableClassifier):
        return _table_scores(model, x)
    x = _framed(x)
    row = _one_row(x)
    _check_width(model, row)
    check_finite("explain", row, getattr(model, "feature_names_in_", None))
    return _classifier_scores(model, x if hasattr(x, "columns") else row, row, None)


def _table_scores(model: TableClassifier, x: Any) -> RowScores:
    if isinstance(x, Mapping):
        x = {name: [cell] if np.ndim(cell) == 0 else cell for name, cell in x.items()}
    table = as_table(_framed(x))
    if len(table) != 1:
        raise InvalidInput(
            f"explain needs one row, but the table has {len(table)}. Take one of them, such as "
            "table.take(np.array([0]))."
        )
    encoded = model.encode(table)
    if len(encoded.kept) == 0:
        reject = encoded.rejects[0]
        raise InvalidInput(
            f"explain cannot read the row: column {reject.column!r}, {reject.reason}"
        )
    scored = _classifier_scores(model.classifier, encoded.X, encoded.X, model.feature_names)
    return replace(scored, is_encoded=True)


def _classifier_scores(model: Any, x: Any, row: Any, names: tuple[str, ...] | None) -> RowScores:
    """Score the row; ``x`` is what the classifier takes, ``row`` the same as a matrix."""
    if isinstance(model, CalibratedClassifier):
        check_is_fitted(model)
        inner = _classifier_scores(model.estimator_, x, row, names)
        return replace(inner, temperature=float(model.calibrator_.temperature_))
    if not hasattr(model, "predict_proba") and not hasattr(model, "decision_function"):
        raise InvalidInput(
            f"explain needs a fitted classifier, but got {type(model).__name__}. Scores from "
            "elsewhere go in as explain(scores=..., target=..., classes=...)."
        )
    check_is_fitted(model)
    scores = scores_of(model, x)[0]
    linear = _linear_part(model, row, names)
    return RowScores(
        classes=tuple(np.asarray(model.classes_).tolist()),
        scores=scores,
        shares_one_score=linear is not None and len(linear.weights) == 1,
        linear=linear,
        n_features=int(row.shape[1]),
    )


def _linear_part(model: Any, row: Any, names: tuple[str, ...] | None) -> LinearPart | None:
    part = linear_weights(model, row.shape[1], names)
    if part is None:
        return None
    return LinearPart(part.names, part.weights, part.intercepts, _dense(row))


def _framed(x: Any) -> Any:
    """Turn a pandas series, which a row of a frame is, into a frame of one row."""
    if hasattr(x, "to_frame") and not hasattr(x, "columns"):
        return x.to_frame().T.infer_objects()
    return x


def _dense(row: Any) -> FloatArray:
    values = row.toarray() if sparse.issparse(row) else np.asarray(row)
    return np.asarray(values, dtype=np.float64).reshape(-1)


def _one_row(x: Any) -> Any:
    if isinstance(x, Mapping):
        raise InvalidInput(
            "explain takes a row by column names only for a model of tables; give the features as "
            "numbers, in the order of the fit."
        )
    values = to_numpy(x)
    if not sparse.issparse(values):
        values = _numbers(values)
        values = values.reshape(1, -1) if values.ndim == 1 else values
    if values.ndim != 2 or values.shape[0] != 1:
        raise InvalidInput(
            f"explain needs one row of features, (d,) or (1, d), but x has the shape "
            f"{tuple(values.shape)}. Take one row, such as x[0:1]."
        )
    return sparse.csr_matrix(values) if sparse.issparse(values) else values


def _numbers(values: Any) -> NDArray[np.float64]:
    try:
        return np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise InvalidInput(f"explain needs features that are numbers ({error}).") from error


def _check_width(model: Any, row: Any) -> None:
    wanted = getattr(model, "n_features_in_", None)
    if wanted is not None and row.shape[1] != wanted:
        raise InvalidInput(
            f"explain needs the {wanted} features that {type(model).__name__} was fitted on, but "
            f"x has {row.shape[1]}."
        )


def _class_names(classes: Any) -> tuple[Any, ...]:
    names = tuple(np.asarray(to_numpy(classes)).tolist())
    if len(set(names)) != len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise InvalidInput(f"explain needs classes that differ, but {twice!r} comes twice.")
    return names
