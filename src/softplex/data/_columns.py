"""What a column is: number, boolean, date, category, free text, or nothing to learn from."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from softplex.data._names import counted, listed
from softplex.data._schema import Column
from softplex.data._values import (
    LARGEST,
    MISSING_NUMBERS,
    is_moment,
    is_nested,
    is_text,
    to_moments,
    to_numbers,
    to_texts,
)

MAX_LEVELS = 10_000
_SAMPLE = 1000
# A column is one of numbers when at most this share of its cells is something else, spelt in
# at most this many ways; those spellings then mean "no value".
_ODD_SHARE, _ODD_WORDS = 0.05, 10
_FEW_NUMBERS = 20
_TEXT_WORDS = 2.5
_ID_ROWS = 10
_PLAIN_ID_NAME = re.compile(
    r"^(index|row|rownames|unnamed: \d+|column_1|(.*(\b|_))?(id|uuid|guid))$", re.IGNORECASE
)
_CAMEL_ID_NAME = re.compile(r"^.*[a-z](Id|ID)$")
# Thai, Lao, Khmer, Chinese, Japanese and their neighbours begin here in Unicode.
_FIRST_UNSPACED = 0x0E00
_BOOLEAN_PAIRS = ({"true", "false"}, {"yes", "no"}, {"t", "f"}, {"y", "n"})
_DATE_FORMATS = (
    "ISO8601",
    "%Y/%m/%d",
    "%Y/%m/%d %H:%M:%S",
    "%Y/%m/%d %H:%M",
    "%d.%m.%Y",
    "%d.%m.%Y %H:%M",
    "%d.%m.%Y %H:%M:%S",
    "%m/%d/%Y",
    "%d/%m/%Y",
    "%m/%d/%Y %H:%M",
    "%d/%m/%Y %H:%M",
    "%m/%d/%Y %H:%M:%S",
    "%d/%m/%Y %H:%M:%S",
    "%m-%d-%Y",
    "%d-%m-%Y",
    "%d %b %Y",
    "%d %B %Y",
    "%d-%b-%Y",
    "%b %d, %Y",
    "%B %d, %Y",
)


def infer_column(name: str, column: pa.ChunkedArray) -> Column:
    """Decide what a column is from its values, and from its name for ids."""
    if is_nested(column):
        return Column(name, "nested", "lists, structures or bytes are no features; left out")
    if is_moment(column):
        return _typed_date(name, column)
    if pa.types.is_boolean(column.type):
        return _from_values(name, column, "boolean")
    if not is_text(column):
        values, infinite = to_numbers(column)
        return _number(name, values, int(infinite.sum()))
    for attempt in (_as_number, _as_boolean, _as_date):
        found = attempt(name, column)
        if found is not None:
            return found
    return _as_words(name, column)


def category_column(name: str, column: pa.ChunkedArray) -> Column:
    """Freeze the levels of a column of categories, the most frequent first."""
    counts = pd.Series(to_texts(column).drop_null().to_pandas(), dtype=object).value_counts()
    if len(counts) == 0:
        return Column(name, "empty", "no values; left out")
    ordered = sorted(counts.items(), key=lambda item: (-item[1], str(item[0])))
    levels = tuple(str(level) for level, _ in ordered) if len(ordered) <= MAX_LEVELS else ()
    note = f"{len(ordered)} levels" + _missing_note(to_texts(column).null_count)
    return Column(name, "category", note, levels=levels)


def text_column(name: str, column: pa.ChunkedArray) -> Column:
    """Describe a column of free text."""
    texts = to_texts(column)
    if texts.null_count == len(texts):
        return Column(name, "empty", "no values; left out")
    words = _mean_words(texts.drop_null().slice(0, _SAMPLE))
    note = f"about {words:.0f} words a row" + _missing_note(texts.null_count)
    return Column(name, "text", note)


def number_columns(names: tuple[str, ...], matrix: NDArray[np.float64]) -> list[Column]:
    """Describe the columns of a dense block of numbers."""
    known = np.abs(matrix) <= LARGEST
    counts = known.sum(axis=0)
    complete = bool(counts.min(initial=len(matrix)) == len(matrix))
    low = (matrix if complete else np.where(known, matrix, np.inf)).min(axis=0)
    high = (matrix if complete else np.where(known, matrix, -np.inf)).max(axis=0)
    return [
        _described(name, int(count), len(matrix), bool(lowest == highest), f"{lowest:g}")
        for name, count, lowest, highest in zip(names, counts, low, high, strict=True)
    ]


def _described(name: str, n_known: int, n_rows: int, one_value: bool, value: str) -> Column:
    if n_known == 0:
        return Column(name, "empty", "no values; left out")
    if one_value and n_known == n_rows:
        return Column(name, "constant", f"always {value}; left out")
    return Column(name, "number", _missing_note(n_rows - n_known).lstrip(", "))


def _number(name: str, values: NDArray[np.float64], n_infinite: int) -> Column:
    known = values[np.isfinite(values)]
    if len(known) == len(values) and _is_id(name, known):
        return Column(name, "id", "a different whole number in every row; left out")
    if n_infinite and len(known) == 0:
        return Column(name, "empty", "no finite values; left out")
    first = float(known[0]) if len(known) else 0.0
    one_value = bool(np.all(known == first))
    column = _described(name, len(known) + n_infinite, len(values), one_value, f"{first:g}")
    if n_infinite and column.kind == "number":
        words = f"{counted(n_infinite, 'infinite value')}, whose rows are left out"
        return replace(column, note=", ".join(filter(None, [column.note, words])))
    return column


def _is_id(name: str, known: NDArray[np.float64]) -> bool:
    return (
        _is_called_id(name)
        and len(known) > 1
        and bool(np.all(known == known.round()))
        and _all_differ(known)
    )


def _is_called_id(name: str) -> bool:
    return bool(_PLAIN_ID_NAME.match(name) or _CAMEL_ID_NAME.match(name))


def _all_differ(known: NDArray[np.float64]) -> bool:
    return len(np.unique(known)) == len(known)


def _as_number(name: str, column: pa.ChunkedArray) -> Column | None:
    head = to_texts(column.slice(0, 10 * _SAMPLE), MISSING_NUMBERS).drop_null().slice(0, _SAMPLE)
    if len(head):
        if int(to_numbers(head)[1].sum()) > 0.5 * len(head):
            return None
        if pc.any(pc.match_substring_regex(head, r"^[+-]?0\d")).as_py():
            # Codes such as 00501: as numbers they would lose their zeros.
            return None
    values, unreadable = to_numbers(column)
    n_odd = int(unreadable.sum())
    if n_odd > _ODD_SHARE * (n_odd + int(np.isfinite(values).sum())):
        return None
    odd = pc.unique(pc.utf8_trim_whitespace(column.filter(pa.array(unreadable)))).to_pylist()
    infinite = [word for word in odd if word.lower().lstrip("+-") in ("inf", "infinity")]
    words = tuple(sorted(set(odd) - set(infinite)))
    if not words:
        return _number(name, values, n_odd)
    # A few codes, some of them letters, are categories rather than numbers.
    few_values = len(np.unique(values[np.isfinite(values)])) <= _FEW_NUMBERS
    if len(words) > _ODD_WORDS or few_values:
        return None
    found = _number(name, values, 0)
    note = f"{listed(words)} read as missing"
    return replace(found, missing=words, note=", ".join(filter(None, [found.note, note])))


def _as_boolean(name: str, column: pa.ChunkedArray) -> Column | None:
    texts = to_texts(column, MISSING_NUMBERS)
    head = set(pc.unique(pc.utf8_lower(texts.slice(0, _SAMPLE)).drop_null()).to_pylist())
    if not any(head <= pair for pair in _BOOLEAN_PAIRS) or not head:
        return None
    words = set(pc.unique(pc.utf8_lower(texts).drop_null()).to_pylist())
    if words not in _BOOLEAN_PAIRS:
        return None
    return _from_values(name, texts, "boolean")


def _from_values(name: str, column: pa.ChunkedArray, kind: str) -> Column:
    """Describe a typed or boolean column by its values alone."""
    known = pc.unique(column.drop_null())
    if len(known) == 0:
        return Column(name, "empty", "no values; left out")
    if len(known) == 1 and column.null_count == 0:
        return Column(name, "constant", f"always {known[0].as_py()}; left out")
    note = _missing_note(column.null_count).lstrip(", ")
    return Column(name, "boolean" if kind == "boolean" else "date", note)


def _typed_date(name: str, column: pa.ChunkedArray) -> Column:
    return replace(_from_values(name, column, "date"), date_format="ISO8601")


def _as_date(name: str, column: pa.ChunkedArray) -> Column | None:
    texts = to_texts(column, MISSING_NUMBERS)
    head = pa.chunked_array([pc.unique(texts.slice(0, 10 * _SAMPLE).drop_null())]).slice(0, 200)
    if len(head) == 0 or not pc.all(pc.match_substring_regex(head, r"^\S.*\d.*$")).as_py():
        return None
    if pc.max(pc.utf8_length(head)).as_py() > 40:
        return None
    date_format = find_date_format(head, column)
    if date_format is None:
        return None
    found = _from_values(name, texts, "date")
    if found.kind != "date":
        return found
    note = ", ".join(filter(None, [f"written as {date_format}", found.note]))
    return replace(found, date_format=date_format, note=note)


def find_date_format(head: pa.ChunkedArray, column: pa.ChunkedArray) -> str | None:
    """Give the first format that every cell follows, or None."""
    for date_format in _DATE_FORMATS:
        if to_moments(head, date_format)[1].any():
            continue
        if not to_moments(column, date_format)[1].any():
            return date_format
    return None


def _as_words(name: str, column: pa.ChunkedArray) -> Column:
    texts = to_texts(column)
    known = texts.drop_null()
    n_known = len(known)
    if n_known == 0:
        return Column(name, "empty", "no values; left out")
    n_levels = len(pc.unique(known))
    if n_levels == 1 and texts.null_count == 0:
        return Column(name, "constant", f"always {known[0].as_py()!r}; left out")
    head = known.slice(0, _SAMPLE)
    if _is_free_text(head, n_levels, n_known):
        return text_column(name, column)
    if n_levels == n_known == len(texts) and _names_rows(name, head, n_known):
        return Column(name, "id", "a different word in every row; left out")
    found = category_column(name, column)
    if _has_decimal_commas(head):
        words = "numbers with decimal commas? write 1.5 for 1,5"
        return replace(found, note=f"{found.note}; {words}")
    return found


def _has_decimal_commas(head: pa.ChunkedArray) -> bool:
    alike = pc.match_substring_regex(head, r"^\s*[+-]?\d+(\.\d{3})*(,\d+)?\s*$")
    commas = pc.match_substring_regex(head, ",")
    return bool(pc.all(alike).as_py() and pc.any(commas).as_py())


def _names_rows(name: str, head: pa.ChunkedArray, n_known: int) -> bool:
    single_words = not pc.any(pc.match_substring_regex(head, r"\s")).as_py()
    return (single_words and n_known >= _ID_ROWS) or (_is_called_id(name) and n_known > 1)


def _is_free_text(head: pa.ChunkedArray, n_levels: int, n_known: int) -> bool:
    words = _mean_words(head)
    if words >= _TEXT_WORDS:
        return n_levels > 200 or (n_levels >= 5 and n_levels > 0.5 * n_known)
    if words >= 1.5:
        return n_levels > 0.9 * n_known and n_known >= 50
    return n_levels > 0.5 * n_known and _is_unspaced_script(head)


def _is_unspaced_script(head: pa.ChunkedArray) -> bool:
    """Whether the values are sentences of a script without spaces, such as Chinese or Thai."""
    sample = head.slice(0, 100).to_pylist()
    letters = "".join(sample)
    unspaced = sum(ord(letter) >= _FIRST_UNSPACED for letter in letters)
    return len(letters) >= 8 * len(sample) and unspaced > 0.5 * len(letters)


def _mean_words(head: pa.ChunkedArray) -> float:
    if len(head) == 0:
        return 0.0
    return 1.0 + float(pc.mean(pc.count_substring_regex(head, r"\s+")).as_py())


def _missing_note(n_missing: int) -> str:
    return f", {n_missing} missing" if n_missing else ""
