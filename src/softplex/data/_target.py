"""The label column: what its labels are, and why it may not be one."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from softplex.data._names import clipped, counted, listed, row_list
from softplex.data._schema import Label, LabelKind
from softplex.data._table import Reject, Table, no_such_column
from softplex.data._values import is_moment, is_nested, is_text, to_numbers, to_numpy, to_texts
from softplex.exceptions import DataError

_LABEL_NAMES = ("target", "label", "labels", "class", "y", "category", "outcome", "species", "type")
_MANY_FRACTIONS = 20
_MANY_INTEGERS = 100
_WHOLE = r"^(-?[1-9]\d{0,17}|0)(\.0*)?$"
_LIST = r"^\s*[\[({].*[\])}]\s*$"


def check_target(
    table: Table, target: str | None = None, *, single_rows: Literal["raise", "keep"] = "raise"
) -> tuple[str, LabelKind, tuple[Label, ...]]:
    """Find the label column and its classes, or say why it cannot be learnt.

    Parameters
    ----------
    table
        At least one row.
    target
        Name of the label column; may be left out where the format names one (`Table.target`).
    single_rows
        ``"raise"`` (default) refuses a class with one row, which can be in training or in a test
        but not in both; ``"keep"`` lets it pass.

    Returns
    -------
    (name, label_kind, classes)
        The column, what a label is, and the sorted labels.

    Raises
    ------
    DataError
        No such column, no rows, missing or infinite labels, numbers that are measured rather
        than counted, lists of labels, one class only, a class with one row.

    Examples
    --------
    >>> from softplex.data import read_table
    >>> check_target(read_table("digits"))[1:]
    ('integer', (0, 1, 2, 3, 4, 5, 6, 7, 8, 9))
    """
    name = _target_name(table, target)
    column = table.column(name)
    if len(table) == 0:
        raise DataError(f"{table.name} has no rows; labelled rows are needed.")
    _refuse_lists(table, name, column)
    _refuse_missing(table, name, column)
    kind = _label_kind(table, name, column)
    labels, _ = read_labels(column, kind)
    classes, counts = np.unique(labels, return_counts=True)
    found = tuple(label.item() if hasattr(label, "item") else label for label in classes)
    _refuse_counts(table, name, found, counts, single_rows)
    return name, kind, found


def read_labels(column: pa.ChunkedArray, kind: LabelKind) -> tuple[NDArray[Any], NDArray[np.bool_]]:
    """Give the labels of a column as one kind, and a mask of cells that hold none.

    Text labels come as strings (missing: empty), the others as int64 and bool (missing: 0).
    """
    if is_nested(column):
        return np.zeros(len(column), dtype=np.int64), np.ones(len(column), dtype=bool)
    if kind == "text":
        texts = to_texts(_boolean_text(column))
        filled = np.asarray(texts.fill_null("").to_pylist(), dtype=np.str_)
        return filled, np.asarray(to_numpy(texts.is_null()), dtype=bool)
    if kind == "boolean" and pa.types.is_boolean(column.type):
        missing = np.asarray(to_numpy(column.is_null()), dtype=bool)
        return np.asarray(column.fill_null(False).to_pylist(), dtype=bool), missing
    if kind == "boolean":
        words = pc.utf8_lower(to_texts(column))
        return (
            np.asarray(to_numpy(pc.fill_null(pc.equal(words, "true"), False)), dtype=bool),
            ~np.asarray(
                to_numpy(pc.is_in(words, pa.array(["true", "false"], words.type))), dtype=bool
            ),
        )
    values, unreadable = to_numbers(column)
    missing = np.isnan(values) | unreadable | (values != np.round(values))
    return np.where(missing, 0, values).astype(np.int64), missing


def table_labels(
    table: Table, target: str, kind: LabelKind, classes: tuple[Label, ...]
) -> tuple[NDArray[Any], tuple[Reject, ...]]:
    """Give the labels of a table that a fitted model meets, and the rows that cannot be judged.

    Returns
    -------
    (labels, rejects)
        One label a row, and a `Reject` for each row whose label is missing or was not among the
        classes of the fit.
    """
    column = table.column(target)
    labels, missing = read_labels(column, kind)
    unknown = ~np.isin(labels, np.asarray(classes, dtype=labels.dtype)) & ~missing
    written = column.to_pylist() if (missing | unknown).any() else []
    rejects = [
        Reject(
            int(table.rows[position]),
            target,
            "" if written[position] is None else str(written[position]),
            "the label is missing" if missing[position] else "the model knows no such class",
        )
        for position in np.flatnonzero(missing | unknown)
    ]
    return labels, tuple(rejects)


def likely_target(table: Table, besides: str | None = None) -> str | None:
    """Guess which column holds labels: by its name, else the last one with few values."""
    names = [name for name in table.columns.column_names if name != besides]
    few = [name for name in names if _has_few_values(table.columns.column(name), len(table))]
    named = [name for name in few if name.casefold() in _LABEL_NAMES]
    texts = [name for name in few if is_text(table.columns.column(name))]
    words = [name for name in texts if to_numbers(table.columns.column(name))[1].any()]
    for candidates in (named, words, texts, few):
        if candidates:
            return str(candidates[-1])
    return None


def _has_few_values(column: pa.ChunkedArray, n_rows: int) -> bool:
    if is_nested(column) or is_moment(column) or pa.types.is_floating(column.type):
        return False
    n_levels = len(pc.unique(column.drop_null()))
    return 2 <= n_levels <= max(2, min(200, n_rows // 5))


def _suggestion(table: Table, name: str) -> str:
    found = likely_target(table, besides=name)
    return f" The column {found!r} looks like a label." if found is not None else ""


def _target_name(table: Table, target: str | None) -> str:
    name = target if target is not None else table.target
    if name is None:
        raise DataError(
            f"{table.name}: name the label column.{_suggestion(table, '')} "
            f"The columns are {listed(table.column_names)}."
        )
    if name not in table.column_names:
        raise no_such_column(table, name)
    return name


def _refuse_lists(table: Table, name: str, column: pa.ChunkedArray) -> None:
    listed_cells = is_nested(column)
    if is_text(column):
        shares = pc.mean(
            pc.match_substring_regex(column.drop_null(), _LIST).cast(pa.int8())
        ).as_py()
        listed_cells = shares is not None and shares > 0.5
    if listed_cells:
        first = column.drop_null()[0].as_py()
        raise DataError(
            f"{table.name}: the target {name!r} holds lists of labels, such as {clipped(first)}; "
            "one label a row is needed. Give each label a row of its own, or keep one of them."
            f"{_suggestion(table, name)}"
        )


def _refuse_missing(table: Table, name: str, column: pa.ChunkedArray) -> None:
    missing = np.asarray(to_numpy(to_texts(_boolean_text(column)).is_null()), dtype=bool)
    if missing.all():
        raise DataError(
            f"{table.name}: the target {name!r} is empty in all {len(table)} rows; "
            f"labels are needed.{_suggestion(table, name)}"
        )
    if missing.any():
        raise DataError(
            f"{table.name}: the target {name!r} is missing (empty or NaN) in {missing.sum()} of "
            f"{len(table)} rows: {row_list(list(table.rows[missing]))}. "
            "Fill in the labels or remove these rows."
        )
    infinite = _infinite(column)
    if infinite.any():
        raise DataError(
            f"{table.name}: the target {name!r} is infinite in {counted(int(infinite.sum()))}: "
            f"{row_list(list(table.rows[infinite]))}. Correct or remove these rows."
        )


def _infinite(column: pa.ChunkedArray) -> NDArray[np.bool_]:
    if is_text(column):
        pattern = r"^\s*[+-]?inf(inity)?\s*$"
        return np.asarray(
            to_numpy(pc.match_substring_regex(column, pattern, ignore_case=True)), dtype=bool
        )
    if pa.types.is_floating(column.type):
        return np.isinf(to_numpy(column))
    return np.zeros(len(column), dtype=bool)


def _boolean_text(column: pa.ChunkedArray) -> pa.ChunkedArray:
    return column.cast(pa.string()) if pa.types.is_boolean(column.type) else column


def _label_kind(table: Table, name: str, column: pa.ChunkedArray) -> LabelKind:
    if pa.types.is_boolean(column.type):
        return "boolean"
    if is_moment(column):
        raise DataError(
            f"{table.name}: the target {name!r} holds dates; classes are needed."
            f"{_suggestion(table, name)}"
        )
    values, unreadable = to_numbers(column)
    if unreadable.any():
        return "text"
    _refuse_continuous(table, name, values)
    whole = bool(np.all(values == np.round(values)) and np.all(np.abs(values) < 2**53))
    if is_text(column):
        whole = whole and pc.all(pc.match_substring_regex(to_texts(column), _WHOLE)).as_py()
    return "integer" if whole else "text"


def _refuse_continuous(table: Table, name: str, values: NDArray[np.float64]) -> None:
    n_values = len(np.unique(values))
    fractions = bool(np.any(values != np.round(values)))
    if fractions:
        many = n_values > min(_MANY_FRACTIONS, max(5, len(values) // 2))
    else:
        many = n_values > _MANY_INTEGERS and n_values > 0.2 * len(values)
    if many:
        raise DataError(
            f"{table.name}: the target {name!r} is continuous: {n_values} different numbers in "
            f"{len(values)} rows, from {values.min():g} to {values.max():g}. Classes are needed; "
            f"name another column, or cut this one into ranges.{_suggestion(table, name)}"
        )


def _refuse_counts(
    table: Table,
    name: str,
    classes: tuple[Label, ...],
    counts: NDArray[np.int64],
    single_rows: Literal["raise", "keep"],
) -> None:
    if len(classes) == 1:
        raise DataError(
            f"{table.name}: the target {name!r} has one class only, {classes[0]!r}, in all "
            f"{len(table)} rows; at least two are needed.{_suggestion(table, name)}"
        )
    singles = [label for label, count in zip(classes, counts, strict=True) if count == 1]
    if len(classes) > 0.5 * len(table) and len(classes) > 5:
        raise DataError(
            f"{table.name}: the target {name!r} has {len(classes)} different values in "
            f"{len(table)} rows, so it names rows rather than classes."
            f"{_suggestion(table, name)}"
        )
    if singles and single_rows == "raise":
        which = "the class" if len(singles) == 1 else f"{len(singles)} classes"
        raise DataError(
            f"{table.name}: {which} {listed(singles)} of the target {name!r} has a single row"
            f"{'' if len(singles) == 1 else ' each'}; at least two are needed, one to learn from "
            "and one to test on. Add rows, merge the class with another, or remove its row."
        )
