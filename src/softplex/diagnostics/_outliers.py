"""The worst rows: how much of the loss and of the pull on the scores a few of them hold."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from softplex.diagnostics._gradients import Loss, losses_and_gradient_norms
from softplex.diagnostics._values import FloatArray, frozen
from softplex.losses import cross_entropy, generalised_cross_entropy, weston_watkins
from softplex.maps import softmax

COMPARED: dict[str, Loss] = {
    "cross_entropy": cross_entropy,
    "weston_watkins": weston_watkins,
    "generalised_cross_entropy": generalised_cross_entropy,
}
_MOST_LISTED = 10


@dataclass(frozen=True)
class WorstRow:
    """One of the rows with the highest cross-entropy (nats)."""

    row: int
    label: Any
    predicted: Any
    probability_of_label: float
    loss: float


@dataclass(frozen=True, eq=False)
class LossOutliers:
    """What the worst rows bear under one loss.

    `rows` are the worst by this loss, worst first, as many as the largest share asks for.
    `loss_share` and `gradient_share` have one entry a share: what those rows hold of the total
    loss and of the total of the gradient norms. NaN where the total is zero.
    """

    loss: str
    rows: NDArray[np.int64]
    loss_share: FloatArray
    gradient_share: FloatArray


@dataclass(frozen=True, eq=False)
class Outliers:
    """The worst rows under several losses; `n_worst` says how many rows each share is."""

    shares: FloatArray
    n_worst: NDArray[np.int64]
    losses: tuple[LossOutliers, ...]
    worst: tuple[WorstRow, ...]


def measure_outliers(
    scores: Tensor, targets: Tensor, classes: NDArray[Any], shares: FloatArray
) -> Outliers:
    """Rank the rows by each loss and add up what the first of them bear."""
    n_worst = np.array([math.ceil(share * len(targets)) for share in shares], dtype=np.int64)
    measured = []
    for name, loss in COMPARED.items():
        values, norms = losses_and_gradient_norms(loss, scores, targets)
        order = np.argsort(-values, kind="stable")
        measured.append(
            LossOutliers(
                loss=name,
                rows=frozen(order[: n_worst.max()]),
                loss_share=_borne(values[order], n_worst),
                gradient_share=_borne(norms[order], n_worst),
            )
        )
    worst = _worst_rows(scores, targets, classes, measured[0].rows[:_MOST_LISTED])
    return Outliers(frozen(shares), frozen(n_worst), tuple(measured), worst)


def _borne(ordered: FloatArray, n_worst: NDArray[np.int64]) -> FloatArray:
    running = np.cumsum(ordered)
    total = running[-1]
    return frozen(running[n_worst - 1] / total if total > 0 else np.full(len(n_worst), np.nan))


def _worst_rows(
    scores: Tensor, targets: Tensor, classes: NDArray[Any], rows: NDArray[np.int64]
) -> tuple[WorstRow, ...]:
    values = cross_entropy(scores, targets, reduction="none").numpy()
    probabilities = softmax(scores).numpy()
    predicted, truth = scores.argmax(1).numpy(), targets.numpy()
    labels = classes.tolist()
    return tuple(
        WorstRow(
            row=int(row),
            label=labels[truth[row]],
            predicted=labels[predicted[row]],
            probability_of_label=float(probabilities[row, truth[row]]),
            loss=float(values[row]),
        )
        for row in rows
    )
