r"""Rows that no longer teach: score gradients that have all but vanished.

The score gradient of cross-entropy is p - q, which is small only where the prediction is right and
sure. That of the squared error on probabilities (Brier),

.. math:: 2 p_j \bigl[(p_j - q_j) - \sum_i p_i (p_i - q_i)\bigr],

has the factor p_j before it and vanishes wherever the softmax is sure, right or wrong.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from softplex.diagnostics._gradients import Loss, losses_and_gradient_norms
from softplex.diagnostics._values import FloatArray, frozen
from softplex.losses import brier, cross_entropy
from softplex.maps import softmax

COMPARED: dict[str, Loss] = {"cross_entropy": cross_entropy, "brier": brier}
# The lengths at which the distribution of the gradients is drawn; sqrt(2) is the largest of p - q.
_GRID = np.logspace(-8, np.log10(2.0), 61)


@dataclass(frozen=True, eq=False)
class LossSaturation:
    """The share of rows whose score gradient is shorter than each threshold.

    Arrays of length t, one entry a threshold, NaN where there is no such row; `by_bin_right` and
    `by_bin_wrong` are ``(t, bins)``. `curve_right` and `curve_wrong` give the same shares at the
    lengths of `Saturation.lengths`.
    """

    loss: str
    share: FloatArray
    share_right: FloatArray
    share_wrong: FloatArray
    by_bin_right: FloatArray
    by_bin_wrong: FloatArray
    curve_right: FloatArray
    curve_wrong: FloatArray


@dataclass(frozen=True, eq=False)
class Saturation:
    """How many rows have a vanishing gradient, by confidence, right and wrong rows apart.

    `edges` bound the bins of confidence; `right` and `wrong` count the rows in them.
    """

    thresholds: FloatArray
    edges: FloatArray
    right: NDArray[np.int64]
    wrong: NDArray[np.int64]
    lengths: FloatArray
    losses: tuple[LossSaturation, ...]


def measure_saturation(
    scores: Tensor, targets: Tensor, thresholds: FloatArray, bins: int
) -> Saturation:
    """Measure cross-entropy beside the squared error on probabilities."""
    edges = np.linspace(0.0, 1.0, bins + 1)
    confidence = softmax(scores).amax(1).numpy()
    hit = (scores.argmax(1) == targets).numpy()
    place = np.searchsorted(edges[1:-1], confidence, side="left")
    groups = [(place == index) for index in range(bins)]
    measured = tuple(
        _measured(
            name, losses_and_gradient_norms(loss, scores, targets)[1], thresholds, hit, groups
        )
        for name, loss in COMPARED.items()
    )
    return Saturation(
        thresholds=frozen(thresholds),
        edges=frozen(edges),
        right=frozen([int((group & hit).sum()) for group in groups]),
        wrong=frozen([int((group & ~hit).sum()) for group in groups]),
        lengths=frozen(_GRID),
        losses=measured,
    )


def _measured(
    name: str,
    norms: FloatArray,
    thresholds: FloatArray,
    hit: NDArray[np.bool_],
    groups: list[NDArray[np.bool_]],
) -> LossSaturation:
    everything = np.ones_like(hit)
    return LossSaturation(
        loss=name,
        share=_share_below(norms, everything, thresholds),
        share_right=_share_below(norms, hit, thresholds),
        share_wrong=_share_below(norms, ~hit, thresholds),
        by_bin_right=_by_bin(norms, [group & hit for group in groups], thresholds),
        by_bin_wrong=_by_bin(norms, [group & ~hit for group in groups], thresholds),
        curve_right=_share_below(norms, hit, _GRID),
        curve_wrong=_share_below(norms, ~hit, _GRID),
    )


def _by_bin(
    norms: FloatArray, groups: list[NDArray[np.bool_]], thresholds: FloatArray
) -> FloatArray:
    return frozen(np.stack([_share_below(norms, group, thresholds) for group in groups], axis=1))


def _share_below(norms: FloatArray, group: NDArray[np.bool_], thresholds: FloatArray) -> FloatArray:
    if not group.any():
        return frozen(np.full(len(thresholds), np.nan))
    ordered = np.sort(norms[group])
    return frozen(np.searchsorted(ordered, thresholds, side="left") / len(ordered))
