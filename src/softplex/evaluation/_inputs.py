"""Reads probabilities, labels, classes and weights, and refuses what cannot be evaluated."""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from softplex.exceptions import InvalidInput

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.intp]

# Room for rounding in the sum of a row: of single and double precision, and of half precision.
SUM_TOLERANCE = 1e-4
HALF_SUM_TOLERANCE = 1e-2


@dataclass(frozen=True)
class Rows:
    """Checked input: the rows that count, in the order in which they came."""

    probabilities: FloatArray
    """(n, k), in [0, 1]."""
    truth: IntArray
    """(n,), the column of each row's label."""
    weight: FloatArray
    """(n,), above zero."""
    classes: tuple[Any, ...]
    weighted: bool
    """Whether weights were given."""

    @property
    def n(self) -> int:
        return len(self.truth)

    @property
    def k(self) -> int:
        return len(self.classes)

    @property
    def relative_weight(self) -> FloatArray:
        """(n,), the largest being 1: for what does not depend on the weights' scale."""
        share: FloatArray = self.weight / self.weight.max()
        return share

    @property
    def true_probability(self) -> FloatArray:
        """(n,), what each row's own label was given."""
        value: FloatArray = self.probabilities[np.arange(self.n), self.truth]
        return value

    @property
    def predicted(self) -> IntArray:
        """(n,), the column of the highest probability; the first of equals."""
        column: IntArray = self.probabilities.argmax(axis=1)
        return column


def read_rows(
    caller: str,
    probabilities: Any,
    y: Any,
    classes: Sequence[Any] | None,
    sample_weight: ArrayLike | None,
) -> Rows:
    """Check everything that the caller was given; rows of weight zero are left out."""
    matrix = read_probabilities(caller, probabilities)
    labels = read_labels(caller, "y", y)
    n, k = matrix.shape
    if len(labels) != n:
        raise InvalidInput(
            f"{caller}: y must have one label per row of probabilities; "
            f"it has {len(labels)} labels for {n} rows."
        )
    names = _class_list(caller, labels, classes, k)
    truth = _encode(caller, labels, names)
    weight = _read_weight(caller, sample_weight, n)
    counted = weight > 0
    if not counted.all():
        matrix, truth, weight = matrix[counted], truth[counted], weight[counted]
    return Rows(matrix, truth, weight, tuple(names), sample_weight is not None)


def read_probabilities(caller: str, probabilities: Any) -> FloatArray:
    """Return a checked (n, k) matrix; (n,) holds the probability of the second of two classes."""
    matrix, itemsize = _numbers(caller, "probabilities", probabilities)
    if matrix.ndim not in (1, 2):
        raise InvalidInput(
            f"{caller}: probabilities must have shape (n, k), or (n,) for two classes; "
            f"they have shape {matrix.shape}."
        )
    if matrix.shape[0] == 0:
        raise InvalidInput(f"{caller}: probabilities have no rows; at least one is needed.")
    if matrix.ndim == 2 and matrix.shape[1] < 2:
        raise InvalidInput(
            f"{caller}: probabilities need one column per class, at least two; they have "
            f"{matrix.shape[1]}. For two classes pass (n, 2), or (n,) with the probability "
            "of the second class."
        )
    _refuse_outside(caller, matrix, itemsize)
    matrix = np.clip(matrix, 0.0, 1.0)
    if matrix.ndim == 1:
        return np.column_stack([1.0 - matrix, matrix])
    _refuse_sums(caller, matrix, HALF_SUM_TOLERANCE if itemsize <= 2 else SUM_TOLERANCE)
    return matrix


def read_labels(caller: str, name: str, values: Any) -> list[Any]:
    """Return labels as a list of Python scalars, none of them missing."""
    labels = [
        value.item() if isinstance(value, np.generic) else value
        for value in _as_list(caller, name, values)
    ]
    for row, label in enumerate(labels):
        if isinstance(label, tuple) or not isinstance(label, Hashable):
            raise InvalidInput(
                f"{caller}: {name} must hold one label per row; row {row} holds {label!r}."
            )
    boxed = np.empty(len(labels), dtype=object)
    boxed[:] = labels
    missing = np.flatnonzero(pd.isna(boxed))
    if missing.size:
        raise InvalidInput(
            f"{caller}: {name} must not have missing labels; row {missing[0]} holds "
            f"{labels[missing[0]]!r}{_more(missing.size)}. Leave such rows out."
        )
    return labels


def read_prior(caller: str, prior: ArrayLike | None, rows: Rows) -> FloatArray:
    """Return the class distribution (k,); by default the weighted class shares of the rows."""
    if prior is None:
        seen: FloatArray = weight_by(rows.truth, rows.weight, rows.k) / rows.weight.sum()
        return seen
    values, itemsize = _numbers(caller, "prior", prior)
    if values.shape != (rows.k,):
        raise InvalidInput(
            f"{caller}: prior must hold one probability per class, shape ({rows.k},); "
            f"it has shape {values.shape}."
        )
    _refuse_outside(caller, values, itemsize, name="prior")
    _refuse_sums(caller, values[None, :], SUM_TOLERANCE, name="prior")
    shares: FloatArray = np.clip(values, 0.0, 1.0)
    return shares


def weight_by(group: IntArray, weight: FloatArray, size: int) -> FloatArray:
    """Return the sum of the weights in each of `size` groups."""
    return np.bincount(group, weight, size).astype(np.float64)


def whole_number(caller: str, name: str, value: Any, least: int) -> int:
    """Return a whole number of at least `least`."""
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < least:
        raise InvalidInput(
            f"{caller}: {name} must be a whole number of at least {least}; it is {value!r}."
        )
    return int(value)


def open_share(caller: str, name: str, value: Any) -> float:
    """Return a number strictly between 0 and 1."""
    if not isinstance(value, float | np.floating) or not 0 < value < 1:
        raise InvalidInput(
            f"{caller}: {name} must be a number between 0 and 1, both excluded; it is {value!r}."
        )
    return float(value)


def one_of(caller: str, name: str, value: Any, allowed: Sequence[str]) -> None:
    """Refuse a name that is not on offer."""
    if value not in allowed:
        offered = ", ".join(repr(word) for word in allowed)
        raise InvalidInput(f"{caller}: {name} must be one of {offered}; it is {value!r}.")


def _numbers(caller: str, name: str, values: Any) -> tuple[FloatArray, int]:
    """Return float64 numbers and the bytes per number that they came with."""
    # torch tensors may ask for gradients, lie on another device, or be bfloat16,
    # none of which NumPy reads by itself.
    itemsize = 8
    if hasattr(values, "detach"):
        itemsize = values.element_size()
        values = values.detach().cpu().double().numpy()
    try:
        raw = np.asarray(values)
        if np.iscomplexobj(raw):
            raise TypeError("complex numbers")
        if raw.dtype.kind == "f":
            itemsize = min(itemsize, raw.dtype.itemsize)
        return np.asarray(raw, dtype=np.float64), itemsize
    except (TypeError, ValueError) as error:
        raise InvalidInput(f"{caller}: {name} must be an array of numbers ({error}).") from error


def _refuse_outside(
    caller: str, values: FloatArray, itemsize: int, name: str = "probabilities"
) -> None:
    lost = np.argwhere(~np.isfinite(values))
    if lost.size:
        raise InvalidInput(
            f"{caller}: {name} must be finite; {_place(lost[0], name)} holds "
            f"{values[tuple(lost[0])]}{_more(len(lost))}."
        )
    slack = {1: 1e-2, 2: 1e-2, 4: 1e-6}.get(itemsize, 1e-12)
    outside = np.argwhere((values < -slack) | (values > 1 + slack))
    if outside.size:
        raise InvalidInput(
            f"{caller}: {name} must lie between 0 and 1; {_place(outside[0], name)} holds "
            f"{values[tuple(outside[0])]:.10g}{_more(len(outside))}. "
            "Scores become probabilities through softplex.softmax."
        )


def _refuse_sums(
    caller: str, matrix: FloatArray, tolerance: float, name: str = "probabilities"
) -> None:
    excess = matrix.sum(axis=1) - 1.0
    off = np.flatnonzero(np.abs(excess) > tolerance)
    if not off.size:
        return
    amount = excess[off[0]]
    total = f"sums to {1 + amount:.10g}, {abs(amount):.3g} too {'much' if amount > 0 else 'little'}"
    if name != "probabilities":
        raise InvalidInput(f"{caller}: {name} must sum to 1; it {total}.")
    raise InvalidInput(
        f"{caller}: every row of probabilities must sum to 1; row {off[0]} {total}"
        f"{_more(off.size)}. Divide each row by its sum if the numbers are shares."
    )


def _as_list(caller: str, name: str, values: Any) -> list[Any]:
    if isinstance(values, str | bytes | dict) or not hasattr(values, "__len__"):
        raise InvalidInput(
            f"{caller}: {name} must be a sequence of labels; it is {type(values).__name__}."
        )
    shape = getattr(values, "shape", (len(values),))
    if len(shape) != 1:
        raise InvalidInput(
            f"{caller}: {name} must have one dimension, one label per entry; "
            f"it has shape {tuple(shape)}."
        )
    for method in ("tolist", "to_list", "to_pylist"):
        if hasattr(values, method):
            return list(getattr(values, method)())
    return list(values)


def _class_list(caller: str, labels: list[Any], classes: Sequence[Any] | None, k: int) -> list[Any]:
    if classes is None:
        return _classes_of(caller, labels, k)
    names = read_labels(caller, "classes", classes)
    if len(names) != k:
        raise InvalidInput(
            f"{caller}: classes must name each column of probabilities; "
            f"{len(names)} names came for {k} columns."
        )
    if len(set(names)) != k:
        twice = next(name for name in names if names.count(name) > 1)
        raise InvalidInput(f"{caller}: classes must differ; {twice!r} comes more than once.")
    return names


def _classes_of(caller: str, labels: list[Any], k: int) -> list[Any]:
    try:
        names = sorted(set(labels))
    except TypeError as error:
        raise InvalidInput(
            f"{caller}: the labels in y have no common order ({error}); "
            "pass classes=, the label of each column of probabilities."
        ) from error
    if len(names) != k:
        raise InvalidInput(
            f"{caller}: y holds {len(names)} different labels for {k} columns of probabilities; "
            "pass classes=, the label of each column."
        )
    return names


def _encode(caller: str, labels: list[Any], names: list[Any]) -> IntArray:
    index = {name: column for column, name in enumerate(names)}
    truth = np.fromiter((index.get(label, -1) for label in labels), np.intp, len(labels))
    strange = np.flatnonzero(truth < 0)
    if strange.size:
        shown = ", ".join(repr(name) for name in names[:5]) + (", ..." if len(names) > 5 else "")
        raise InvalidInput(
            f"{caller}: every label in y must be one of the classes ({shown}); "
            f"row {strange[0]} holds {labels[strange[0]]!r}{_more(strange.size)}."
        )
    return truth


def _read_weight(caller: str, sample_weight: ArrayLike | None, n: int) -> FloatArray:
    if sample_weight is None:
        return np.ones(n)
    weight, _ = _numbers(caller, "sample_weight", sample_weight)
    if weight.shape != (n,):
        raise InvalidInput(
            f"{caller}: sample_weight must have one weight per row, shape ({n},); "
            f"it has shape {weight.shape}."
        )
    bad = np.flatnonzero(~np.isfinite(weight) | (weight < 0))
    if bad.size:
        raise InvalidInput(
            f"{caller}: sample_weight must be finite and not negative; "
            f"row {bad[0]} holds {weight[bad[0]]}{_more(bad.size)}."
        )
    if not weight.any() or not math.isfinite(weight.sum()):
        raise InvalidInput(
            f"{caller}: sample_weight must have a finite sum above zero; it is {weight.sum()}."
        )
    return weight


def _place(position: NDArray[np.intp], name: str) -> str:
    if name != "probabilities":
        return f"entry {position[0]}"
    return ", ".join(f"{axis} {at}" for axis, at in zip(("row", "column"), position, strict=False))


def _more(count: int) -> str:
    return f" (and {count - 1} more)" if count > 1 else ""
