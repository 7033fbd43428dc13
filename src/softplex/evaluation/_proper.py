"""Proper scores: the log-loss and the Brier score."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike

from softplex.evaluation._inputs import FloatArray, Rows, one_of, read_rows
from softplex.exceptions import InvalidInput


def log_loss(
    probabilities: ArrayLike,
    y: Any,
    *,
    classes: Sequence[Any] | None = None,
    sample_weight: ArrayLike | None = None,
    unit: Literal["nats", "bits"] = "nats",
    clip: float = 0.0,
) -> float:
    r"""Mean surprise at the true labels, or code length per label.

    .. math:: -\frac{\sum_i w_i \log p_{i, y_i}}{\sum_i w_i}

    Exact by default: a true label of probability zero makes it infinite. Published tables
    often clip the probabilities at 1e-15 first.

    Parameters
    ----------
    probabilities : array (n, k), or (n,) with the probability of the second of two classes
    y : sequence of labels (n,)
    classes : sequence of k labels, optional
        The label of each column; by default the sorted labels of `y`.
    sample_weight : array (n,), optional
    unit : {"nats", "bits"}
    clip : float
        Probabilities below it are raised to it, those above 1 - clip lowered to that.

    Returns
    -------
    float

    Raises
    ------
    InvalidInput
        If the probabilities, labels or weights do not fit together.

    Examples
    --------
    >>> log_loss([[0.5, 0.5], [0.25, 0.75]], ["a", "a"], classes=["a", "b"], unit="bits")
    1.5
    """
    one_of("log_loss", "unit", unit, ("nats", "bits"))
    if not 0 <= clip < 0.5:
        raise InvalidInput(f"log_loss: clip must be at least 0 and below 0.5; it is {clip!r}.")
    rows = read_rows("log_loss", probabilities, y, classes, sample_weight)
    surprise = np.average(row_log_loss(rows, float(clip)), weights=rows.weight)
    return float(surprise) / (math.log(2) if unit == "bits" else 1.0)


def brier(
    probabilities: ArrayLike,
    y: Any,
    *,
    classes: Sequence[Any] | None = None,
    sample_weight: ArrayLike | None = None,
) -> float:
    r"""Mean squared distance between the probabilities and the truth, summed over classes.

    .. math:: \frac{\sum_i w_i \sum_c (p_{ic} - [y_i = c])^2}{\sum_i w_i}

    It lies between 0 and 2. For two classes it is twice the number that takes only the
    second class (Brier 1950 defines the sum).

    Parameters
    ----------
    probabilities : array (n, k), or (n,) with the probability of the second of two classes
    y : sequence of labels (n,)
    classes : sequence of k labels, optional
        The label of each column; by default the sorted labels of `y`.
    sample_weight : array (n,), optional

    Returns
    -------
    float

    Raises
    ------
    InvalidInput
        If the probabilities, labels or weights do not fit together.

    Examples
    --------
    >>> brier([[0.5, 0.5], [0.0, 1.0]], ["a", "b"])
    0.25
    """
    rows = read_rows("brier", probabilities, y, classes, sample_weight)
    return float(np.average(row_brier(rows), weights=rows.weight))


def row_log_loss(rows: Rows, clip: float = 0.0) -> FloatArray:
    """Return each row's loss in nats, +inf where the true label has probability zero."""
    return surprise(np.clip(rows.true_probability, clip, 1.0 - clip))


def surprise(probability: FloatArray) -> FloatArray:
    """Return -log p, +inf at 0 and never -0."""
    with np.errstate(divide="ignore"):
        nats: FloatArray = 0.0 - np.log(probability)
    return nats


def row_brier(rows: Rows) -> FloatArray:
    """Return each row's squared distance to its own corner of the simplex."""
    true_probability = rows.true_probability
    others = np.einsum("ij,ij->i", rows.probabilities, rows.probabilities) - true_probability**2
    # The difference may round to just below zero where the label took it all.
    total: FloatArray = np.maximum(others, 0.0) + (1.0 - true_probability) ** 2
    return total
