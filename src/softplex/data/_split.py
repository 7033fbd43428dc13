"""Which rows are for training and which for testing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.model_selection import GroupShuffleSplit, StratifiedShuffleSplit, train_test_split

from softplex.data._names import listed, row_list
from softplex.data._schema import Schema
from softplex.data._table import Table
from softplex.data._target import read_labels
from softplex.data._values import elapsed_days, to_moments, to_numbers, to_texts
from softplex.exceptions import DataError, InvalidInput

_GROUP_TRIALS = 20
Positions = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Split:
    """Rows for training and rows for testing.

    Parameters
    ----------
    train, test
        Positions in the table, counted from 0, in rising order.
    notes
        Sentences that a reader of the results should know.
    """

    train: Positions
    test: Positions
    notes: tuple[str, ...] = ()


def split_rows(table: Table, schema: Schema, *, test_size: float = 0.2, seed: int = 0) -> Split:
    """Set rows aside for testing.

    With a `group` column no group is on both sides; with a `time` column the latest rows are the
    test rows; otherwise every class keeps its share on both sides, and a class with one row goes
    to training.

    Parameters
    ----------
    table, schema
        The table, and the schema inferred from it.
    test_size
        Share of the rows (between 0 and 1), or their number. By default 0.2.
    seed
        Seed of the shuffling; the same seed gives the same split.

    Returns
    -------
    Split

    Raises
    ------
    InvalidInput
        A test size out of range; a group and a time column together.
    DataError
        One group or one time only.

    Examples
    --------
    >>> from softplex.data import infer_schema, read_table
    >>> iris = read_table("iris")
    >>> split = split_rows(iris, infer_schema(iris), test_size=30)
    >>> len(split.train), len(split.test)
    (120, 30)
    """
    n_test = _test_rows(len(table), test_size)
    group, time = schema.role("group"), schema.role("time")
    if group is not None and time is not None:
        raise InvalidInput("split_rows: give a group column or a time column, not both.")
    labels, _ = read_labels(table.column(schema.target), schema.label_kind)
    if time is not None:
        split = _by_time(table, schema, n_test)
    elif group is not None:
        split = _by_group(table, group.name, labels, n_test, seed)
    else:
        split = _stratified(labels, n_test, seed)
    return _with_absent_classes(split, labels)


def _test_rows(n_rows: int, test_size: float) -> int:
    n_test = int(test_size) if test_size >= 1 else max(1, round(test_size * n_rows))
    if not test_size > 0 or not 1 <= n_test < n_rows:
        raise InvalidInput(
            f"split_rows: test_size must be a share between 0 and 1, or a number of rows below "
            f"{n_rows}, that leaves rows on both sides; got {test_size!r}."
        )
    return n_test


def _stratified(labels: NDArray[Any], n_test: int, seed: int) -> Split:
    classes, codes, counts = np.unique(labels, return_inverse=True, return_counts=True)
    singles = counts == 1
    pool = np.flatnonzero(~singles[codes])
    notes = []
    if singles.any():
        names = [_plain(label) for label in classes[singles]]
        notes.append(f"Classes with one row, which is used for training: {listed(names)}.")
    n_pool_classes = int((~singles).sum())
    if n_test < n_pool_classes or len(pool) - n_test < n_pool_classes:
        # Too few rows for a share of every class: each keeps one row for training, if it can.
        return _shuffled(codes, n_test, seed, notes)
    shuffle = StratifiedShuffleSplit(n_splits=1, test_size=n_test, random_state=seed)
    _, test = next(shuffle.split(pool.reshape(-1, 1), codes[pool]))
    return _split(len(labels), pool[test], notes)


def _shuffled(codes: NDArray[np.int64], n_test: int, seed: int, notes: list[str]) -> Split:
    _, firsts = np.unique(codes, return_index=True)
    pool = np.setdiff1d(np.arange(len(codes)), firsts)
    if len(pool) < n_test:
        pool = np.arange(len(codes))
    if len(pool) == n_test:
        return _split(len(codes), pool, notes)
    _, test = train_test_split(pool, test_size=n_test, random_state=seed)
    return _split(len(codes), test, [*notes, "The test rows are too few for every class to occur."])


def _by_group(table: Table, name: str, labels: NDArray[Any], n_test: int, seed: int) -> Split:
    texts = to_texts(table.column(name)).fill_null("(missing)").to_pylist()
    codes, values = pd.factorize(np.asarray(texts, dtype=object))
    if len(values) < 2:
        raise DataError(
            f"{table.name}: the group column {name!r} has one value only, {values[0]!r}; "
            "at least two groups are needed, one to learn from and one to test on."
        )
    share = min(max(n_test / len(labels), 1.0 / len(values)), 1.0 - 1.0 / len(values))
    shuffle = GroupShuffleSplit(n_splits=_GROUP_TRIALS, test_size=share, random_state=seed)
    _, targets = np.unique(labels, return_inverse=True)
    trials = [test for _, test in shuffle.split(codes, groups=codes)]
    test = min(trials, key=lambda rows: _imbalance(rows, targets, n_test))
    n_groups = len(np.unique(codes[test]))
    return _split(len(labels), test, [f"The test rows are {n_groups} of {len(values)} groups."])


def _imbalance(test: Positions, targets: NDArray[np.int64], n_test: int) -> float:
    """How far a split is from the asked size and from the shares of the classes."""
    totals = np.bincount(targets)
    inside = np.bincount(targets[test], minlength=len(totals))
    untrained = int(np.sum(inside == totals))
    off = float(np.abs(inside - totals * (n_test / len(targets))).sum())
    return untrained * len(targets) + off


def _by_time(table: Table, schema: Schema, n_test: int) -> Split:
    moments = _times(table, schema)
    known = np.sort(moments[~np.isnan(moments)])
    if len(known) == 0 or known[0] == known[-1]:
        raise DataError(
            f"{table.name}: the time column {schema.of_kind('time')[0]!r} has one value only; "
            "at least two are needed, the later one to test on."
        )
    first_test = known[-min(n_test, len(known) - 1)]
    if first_test == known[0]:
        first_test = known[known > known[0]][0]
    unknown = np.flatnonzero(np.isnan(moments))
    notes = []
    if len(unknown):
        rows = row_list(list(table.rows[unknown]))
        notes.append(f"Rows without a time are used for training: {rows}.")
    return _split(len(table), np.flatnonzero(moments >= first_test), notes)


def _times(table: Table, schema: Schema) -> NDArray[np.float64]:
    column = schema.role("time")
    if column is None:
        raise InvalidInput("split_rows: the schema has no time column.")
    cells = table.column(column.name)
    if column.date_format:
        return elapsed_days(to_moments(cells, column.date_format)[0])
    return to_numbers(cells)[0]


def _split(n_rows: int, test: Positions, notes: list[str]) -> Split:
    test = np.sort(test).astype(np.int64)
    return Split(np.setdiff1d(np.arange(n_rows), test).astype(np.int64), test, tuple(notes))


def _with_absent_classes(split: Split, labels: NDArray[Any]) -> Split:
    absent = np.setdiff1d(np.unique(labels), np.unique(labels[split.train]))
    if len(absent) == 0:
        return split
    names = listed([_plain(label) for label in absent])
    note = f"No training row has these classes, so the model cannot predict them: {names}."
    return Split(split.train, split.test, (*split.notes, note))


def _plain(label: Any) -> Any:
    return label.item() if hasattr(label, "item") else label
