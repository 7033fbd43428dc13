"""Argument checks shared by all parts, and their wording."""

from __future__ import annotations

import difflib
import math
import numbers
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from scipy import sparse

from softplex.exceptions import InvalidInput


def did_you_mean(name: object, known: Iterable[object]) -> str:
    """Give ' Did you mean X?' for the nearest known name, or nothing."""
    nearest = difflib.get_close_matches(str(name), [str(item) for item in known], n=1)
    return f" Did you mean {nearest[0]!r}?" if nearest else ""


def check_choice(name: str, value: object, choices: Sequence[str]) -> None:
    """Refuse a value that is not one of the choices."""
    if not isinstance(value, str) or value not in choices:
        wanted = ", ".join(repr(choice) for choice in choices)
        raise InvalidInput(
            f"{name} must be one of {wanted}, but got {value!r}.{did_you_mean(value, choices)}"
        )


def check_number(
    name: str,
    value: Any,
    *,
    low: float = -math.inf,
    high: float = math.inf,
    open_low: bool = False,
    open_high: bool = False,
    integer: bool = False,
    besides: str = "",
) -> None:
    """Refuse what is no finite number, or lies outside the interval; say what goes besides."""
    kind = numbers.Integral if integer else numbers.Real
    number = isinstance(value, kind) and not isinstance(value, bool | np.bool_)
    if number and math.isfinite(value):
        above = value > low if open_low else value >= low
        below = value < high if open_high else value <= high
        if above and below:
            return
    left = "(" if open_low or low == -math.inf else "["
    interval = f"{left}{low:g}, {high:g}{')' if open_high or high == math.inf else ']'}"
    what = "a whole number" if integer else "a finite number"
    raise InvalidInput(f"{name} must be {what} in {interval}{besides}, but got {value!r}.")


def first_non_finite(X: Any) -> tuple[int, int] | None:
    """Row and column of the first NaN or infinity of a dense or CSR matrix, or None."""
    values = X.data if sparse.issparse(X) else X
    with np.errstate(invalid="ignore", over="ignore"):
        total = values.sum(dtype=np.float64)
    if values.dtype.kind not in "fc" or np.isfinite(total):
        return None
    bad = np.flatnonzero(~np.isfinite(values))
    if bad.size == 0:  # the sum overflowed, the entries did not
        return None
    if sparse.issparse(X):
        row = int(np.searchsorted(X.indptr, bad[0], side="right")) - 1
        return row, int(X.indices[bad[0]])
    row, column = np.unravel_index(bad[0], values.shape)
    return int(row), int(column)


def check_finite(who: str, X: Any, names: Sequence[str] | None = None) -> None:
    """Refuse NaN and infinity, and name the row and the column."""
    place = first_non_finite(X)
    if place is None:
        return
    row, column = place
    value = X[row, column]
    shown = "NaN" if np.isnan(value) else f"an infinite value ({value:g})"
    label = f"{column} ({names[column]!r})" if names is not None else str(column)
    raise InvalidInput(
        f"{who} needs finite numbers in X, but row {row}, column {label} holds {shown}. "
        "Impute or drop it first, for example with sklearn.impute.SimpleImputer."
    )
