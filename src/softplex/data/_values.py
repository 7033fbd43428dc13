"""Cells to values: text, numbers, booleans and dates, with a mask of what cannot be read."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

# Spellings of "no value" in any column, and those that only mean it among numbers.
MISSING_WORDS = ("", "?", "NA", "N/A", "#N/A", "<NA>", "NaN", "nan", "NAN", "null", "NULL")
MISSING_NUMBERS = (*MISSING_WORDS, "na", "n/a", "Null", "None", "none", "-")
FALSE_WORDS = ("false", "no", "f", "n", "0", "0.0")
TRUE_WORDS = ("true", "yes", "t", "y", "1", "1.0")

_NUMBER = r"^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,3})?$"
# Beyond this a number is taken for infinite: its square would overflow, and float32 cannot hold it.
LARGEST = 1e37
_SECONDS_A_DAY = 86_400.0

Numbers = NDArray[np.float64]
Mask = NDArray[np.bool_]


def is_text(column: pa.ChunkedArray) -> bool:
    """Whether a column holds strings."""
    return bool(pa.types.is_string(column.type) or pa.types.is_large_string(column.type))


def is_nested(column: pa.ChunkedArray) -> bool:
    """Whether a column holds lists, structures or bytes."""
    kind = column.type
    return bool(
        pa.types.is_nested(kind) or pa.types.is_binary(kind) or pa.types.is_large_binary(kind)
    )


def is_moment(column: pa.ChunkedArray) -> bool:
    """Whether a column holds dates or timestamps."""
    return bool(pa.types.is_timestamp(column.type) or pa.types.is_date(column.type))


def to_texts(column: pa.ChunkedArray, missing: Sequence[str] = MISSING_WORDS) -> pa.ChunkedArray:
    """Give trimmed strings, with null for every spelling of a missing value.

    Whole numbers lose their decimal point (``2.0`` becomes ``"2"``), so that a column of codes
    reads the same whether its file is typed or not.
    """
    if pa.types.is_floating(column.type):
        column = _whole_as_integers(column)
    if pa.types.is_floating(column.type):
        column = pc.if_else(pc.is_nan(column), None, column)
    if not is_text(column):
        return column.cast(pa.string())
    texts = pc.utf8_trim_whitespace(column)
    return pc.if_else(pc.is_in(texts, pa.array(missing, texts.type)), None, texts)


def _whole_as_integers(column: pa.ChunkedArray) -> pa.ChunkedArray:
    values = to_numpy(column)
    known = np.isfinite(values)
    small = np.all(np.abs(values[known]) < 2**53) and np.all(values[known] == values[known].round())
    # A column with an infinite value must keep it, to be refused by name.
    if not small or np.isinf(values).any():
        return column
    return pa.chunked_array([pa.array(np.where(known, values, 0).astype(np.int64), mask=~known)])


def to_numbers(column: pa.ChunkedArray, missing: Sequence[str] = ()) -> tuple[Numbers, Mask]:
    """Give float64 values (NaN where missing) and a mask of cells that are no finite number.

    Parameters
    ----------
    missing
        More words that mean "no value" in this column.
    """
    if is_nested(column) or is_moment(column):
        return np.full(len(column), np.nan), to_numpy(column.is_valid()).astype(bool)
    if not is_text(column):
        return _finite(to_numpy(column.cast(pa.float64(), safe=False)))
    if not missing:
        try:
            return _finite(to_numpy(column.cast(pa.float64())))
        except pa.ArrowInvalid:
            pass  # some cell is missing or no number: look at every one
    texts = to_texts(column, (*MISSING_NUMBERS, *missing))
    numeric = pc.fill_null(pc.match_substring_regex(texts, _NUMBER), False)
    unreadable = to_numpy(pc.and_not(texts.is_valid(), numeric)).astype(bool)
    values, infinite = _finite(to_numpy(pc.if_else(numeric, texts, None).cast(pa.float64())))
    return values, unreadable | infinite


def _finite(values: Numbers) -> tuple[Numbers, Mask]:
    infinite = np.abs(values) > LARGEST
    return (np.where(infinite, np.nan, values) if infinite.any() else values), infinite


def to_booleans(column: pa.ChunkedArray) -> tuple[Numbers, Mask]:
    """Give 1 and 0 (NaN where missing) and a mask of cells that are neither true nor false."""
    if is_nested(column) or is_moment(column):
        return to_numbers(column)
    texts = pc.utf8_lower(to_texts(column, MISSING_NUMBERS))
    words = pa.array((*FALSE_WORDS, *TRUE_WORDS), texts.type)
    found = to_numpy(pc.index_in(texts, words)).astype(np.float64)
    valid = to_numpy(texts.is_valid()).astype(bool)
    values = np.where(np.isnan(found), np.nan, (found >= len(FALSE_WORDS)).astype(np.float64))
    return values, valid & np.isnan(found)


def to_moments(column: pa.ChunkedArray, date_format: str) -> tuple[pd.DatetimeIndex, Mask]:
    """Give UTC moments (NaT where missing) and a mask of cells that do not follow the format.

    Parameters
    ----------
    date_format
        ``"ISO8601"`` or a format of `datetime.strptime`; not used on a typed column.
    """
    if is_moment(column):
        values = pd.Series(column.cast(pa.timestamp("us")).to_pandas())
        missing = np.zeros(len(column), dtype=bool)
        return pd.DatetimeIndex(values), missing
    texts = to_texts(column, MISSING_NUMBERS).to_pandas().astype(object)
    parsed = pd.to_datetime(texts, format=date_format, errors="coerce", utc=True)
    moments = pd.DatetimeIndex(parsed).tz_localize(None)
    return moments, np.asarray(texts.notna()) & np.asarray(moments.isna())


def elapsed_days(moments: pd.DatetimeIndex) -> Numbers:
    """Days since 1970-01-01, NaN where missing."""
    seconds = (moments - pd.Timestamp(0)) / pd.Timedelta(seconds=1)
    return np.asarray(seconds, dtype=np.float64) / _SECONDS_A_DAY


def to_numpy(column: pa.ChunkedArray) -> NDArray[np.float64]:
    """Give a NumPy array; nulls among numbers become NaN."""
    return np.asarray(column.to_numpy(zero_copy_only=False))
