"""Which rows, features and pairs of classes are worth a line on the page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from softplex.exceptions import InvalidInput

Floats = NDArray[np.floating[Any]]
Indices = NDArray[np.intp]


def class_indices(labels: Any, classes: Sequence[Any]) -> Indices:
    """Find the position of each label among the classes.

    Parameters
    ----------
    labels : array of shape (n,)
    classes : sequence of k labels

    Returns
    -------
    array of shape (n,)

    Raises
    ------
    InvalidInput
        When a label is none of the classes.

    Examples
    --------
    >>> class_indices(["b", "a"], ("a", "b"))
    array([1, 0])
    """
    position = {label: index for index, label in enumerate(classes)}
    try:
        return np.array([position[label] for label in np.asarray(labels).tolist()], dtype=np.intp)
    except KeyError as unknown:
        raise InvalidInput(
            f"ReportContent needs labels among the classes {tuple(classes)[:10]}, "
            f"but got {unknown.args[0]!r}."
        ) from None


def confidently_wrong(
    probabilities: Floats, labels: Any, classes: Sequence[Any], limit: int = 20
) -> Indices:
    """Positions of the wrongly classified rows, the most confident first.

    Parameters
    ----------
    probabilities : array of shape (n, k)
    labels : array of shape (n,)
    classes : sequence of k labels
    limit : int, default 20
        At most so many positions.

    Returns
    -------
    array of at most ``limit`` positions; ties stay in the order of the rows

    Raises
    ------
    InvalidInput
        When a label is none of the classes.

    Examples
    --------
    >>> confidently_wrong(np.array([[0.6, 0.4], [0.9, 0.1], [0.2, 0.8]]), ["b", "b", "b"], "ab")
    array([1, 0])
    """
    true = class_indices(labels, classes)
    predicted = np.argmax(probabilities, axis=1)
    wrong = np.flatnonzero(predicted != true)
    order = np.argsort(-probabilities[wrong, predicted[wrong]], kind="stable")
    return wrong[order[:limit]]


@dataclass(frozen=True)
class ConfusedPair:
    """Test rows of one class that were taken for another."""

    true: int
    predicted: int
    rows: float
    share: float


def confused_pairs(confusion: NDArray[Any], limit: int = 15) -> tuple[ConfusedPair, ...]:
    """List the commonest mistakes, largest first; ``share`` is of the rows of the true class."""
    mistakes = np.array(confusion, dtype=float)
    totals = mistakes.sum(axis=1)
    np.fill_diagonal(mistakes, 0.0)
    order = np.argsort(-mistakes, axis=None, kind="stable")[:limit]
    pairs = zip(*np.unravel_index(order, mistakes.shape), strict=True)
    return tuple(
        ConfusedPair(
            int(true), int(taken), mistakes[true, taken], mistakes[true, taken] / totals[true]
        )
        for true, taken in pairs
        if mistakes[true, taken] > 0
    )


def strongest(weights: Floats, limit: int = 8) -> Indices:
    """Positions of the largest positive weights, largest first; zeros and NaN never speak."""
    speaking = np.flatnonzero(np.nan_to_num(weights) > 0)
    if len(speaking) > limit:
        largest = np.argpartition(-weights[speaking], limit - 1)[:limit]
        speaking = speaking[np.sort(largest)]
    return speaking[np.argsort(-weights[speaking], kind="stable")]
