"""A fitted model against the labels of a table."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from softplex.data import Reject, Table, TableClassifier, row_weights, table_labels
from softplex.evaluation import Evaluation, evaluate
from softplex.exceptions import DataError, DataWarning


@dataclass(frozen=True, eq=False)
class Judged:
    """The readable rows of a table whose label the model knows.

    Parameters
    ----------
    among_kept : array of bool, shape (m,)
        Which of the `m` readable rows these `n` are.
    positions : array of shape (n,)
        Where they stand in the table, counted from 0.
    labels : array of shape (n,)
    weights : array of shape (n,) or None
    rejects : tuple of Reject
        The other rows, each with its reason.
    """

    among_kept: NDArray[np.bool_]
    positions: NDArray[np.int64]
    labels: NDArray[Any]
    weights: NDArray[np.float64] | None
    rejects: tuple[Reject, ...]


def judge(
    model: TableClassifier, table: Table, kept: NDArray[np.int64], rejects: Iterable[Reject]
) -> Judged:
    """Find the rows to measure: readable (at the positions `kept`) and with a known label.

    Raises
    ------
    DataError
        If the table has no label column, or no such row; the message gives the first reason.
    """
    schema = model.schema
    classes = tuple(model.classes_.tolist())
    labels, unlabelled = table_labels(table, schema.target, schema.label_kind, classes)
    among_kept = ~np.isin(table.rows[kept], [reject.row for reject in unlabelled])
    positions = kept[among_kept]
    weighting = schema.role("weight")
    weighted = weighting is not None and weighting.name in table.column_names
    weights = row_weights(table, schema) if weighted else None
    every = (*rejects, *unlabelled)
    if len(positions) == 0:
        reason = f": row {every[0].row}, {every[0].reason}" if every else ""
        raise DataError(f"{table.name} has no row that can be judged{reason}")
    return Judged(
        among_kept,
        positions,
        labels[positions],
        None if weights is None else weights[positions],
        every,
    )


def evaluate_judged(
    model: TableClassifier,
    judged: Judged,
    probabilities: NDArray[np.float64],
    prior: Sequence[float] | None,
    seed: int,
) -> Evaluation:
    """Measure the probabilities of the judged rows against their labels."""
    return evaluate(
        probabilities,
        judged.labels,
        classes=model.classes_.tolist(),
        sample_weight=judged.weights,
        prior=prior,
        random_state=seed,
    )


def warn_left_out(table: Table, rejects: tuple[Reject, ...]) -> None:
    """Say in one warning how many rows are left out of the figures, and why the first one is."""
    if rejects:
        first = rejects[0]
        column = f", column {first.column!r}" if first.column else ""
        warnings.warn(
            f"{table.name}: {len(rejects)} of {len(table)} rows are left out of the figures; "
            f"the first is row {first.row}{column}: {first.reason}",
            DataWarning,
            stacklevel=2,
        )
