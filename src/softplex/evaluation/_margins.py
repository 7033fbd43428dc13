"""Margins: how far the score of the true class leads, and what losses make of that."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import ArrayLike

from softplex.evaluation._inputs import FloatArray
from softplex.evaluation._result import frozen
from softplex.exceptions import InvalidInput
from softplex.losses import crammer_singer, cross_entropy

_BIN: Final = 0.2
_LOWEST, _HIGHEST = -4.0, 6.0
# A solver leaves rows on the margin within its tolerance of it, on either side.
_ON_THE_MARGIN: Final = 1e-3


@dataclass(frozen=True, eq=False)
class MarginStudy:
    """Margins of several models on the same rows, each in its own unit.

    Attributes
    ----------
    units : tuple of float, one a model
        The median size of its margins: one unit, in its scores.
    edges : array (bins + 1,)
        Bins in units; 0 is an edge. The outermost bins hold what lies beyond them, too.
    shares : array (models, bins)
        Shares of the rows, by weight.
    """

    units: tuple[float, ...]
    edges: FloatArray
    shares: FloatArray

    def __post_init__(self) -> None:
        for name in ("edges", "shares"):
            object.__setattr__(self, name, frozen(getattr(self, name)))


def margins(scores: ArrayLike, y: Any, classes: Sequence[Any]) -> FloatArray:
    r"""Give how far each row's true class leads the best of the others, ``(n,)``.

    .. math:: z_y - \max_{j \ne y} z_j

    Positive where the row is classified rightly; infinite where a class is absent (-inf).

    Parameters
    ----------
    scores : array (n, k)
        Raw scores, at least two columns.
    y : sequence of labels (n,)
    classes : sequence of k labels

    Raises
    ------
    InvalidInput
        If the shapes do not fit together, or a label is none of the classes.

    Examples
    --------
    >>> margins([[2.0, 0.5, 1.0], [0.0, 1.0, 3.0]], ["a", "b"], ["a", "b", "c"]).tolist()
    [1.0, -2.0]
    """
    matrix = np.asarray(scores, dtype=np.float64)
    labels, place = np.asarray(y).tolist(), {label: j for j, label in enumerate(classes)}
    if matrix.ndim != 2 or matrix.shape != (len(labels), len(place)) or len(place) < 2:
        raise InvalidInput(
            f"margins: scores must have one row a label and one column a class, at least two; "
            f"they have shape {matrix.shape} for {len(labels)} labels and {len(place)} classes."
        )
    unknown = [row for row, label in enumerate(labels) if label not in place]
    if unknown:
        raise InvalidInput(
            f"margins: labels must be among the classes {tuple(classes)[:10]}; row {unknown[0]} "
            f"has {labels[unknown[0]]!r}."
        )
    every, own = np.arange(len(labels)), np.array([place[label] for label in labels], dtype=int)
    rivals = matrix.copy()
    rivals[every, own] = -np.inf
    return np.asarray(matrix[every, own] - rivals.max(axis=1))


def margin_study(
    several: Sequence[ArrayLike], sample_weight: ArrayLike | None = None
) -> MarginStudy:
    """Count the margins of several models in common bins, each model's in its own unit.

    Scores of different losses have different scales. So each model's margins are divided by their
    median size: half of its rows then lie between -1 and 1, whatever the loss.

    Parameters
    ----------
    several : sequence of arrays (n,)
        What `margins` gives for each model.
    sample_weight : array (n,), optional

    Examples
    --------
    >>> study = margin_study([[-1.0, 1.0, 3.0], [20.0, 40.0, 60.0]])
    >>> study.units, study.shares.sum(axis=1).tolist()
    ((1.0, 40.0), [1.0, 1.0])
    """
    units = tuple(_unit(np.asarray(values, dtype=np.float64)) for values in several)
    scaled = np.stack([np.asarray(v) / unit for v, unit in zip(several, units, strict=True)])
    scaled = np.clip(np.nan_to_num(scaled, posinf=_HIGHEST, neginf=_LOWEST), _LOWEST, _HIGHEST)
    first = min(-1.0, float(np.quantile(scaled, 0.005)))
    last = max(2.0, float(np.quantile(scaled, 0.995)))
    edges = _BIN * np.arange(np.floor(first / _BIN), np.ceil(last / _BIN) + 1)
    weight = np.ones(scaled.shape[1]) if sample_weight is None else np.asarray(sample_weight)
    shares = [
        np.histogram(np.clip(row, edges[0], edges[-1]), edges, weights=weight / weight.sum())[0]
        for row in scaled
    ]
    return MarginStudy(units, edges, np.stack(shares))


def _unit(values: FloatArray) -> float:
    finite = np.abs(values[np.isfinite(values)])
    return (float(np.median(finite)) if len(finite) else 0.0) or 1.0


def margin_losses(at: ArrayLike) -> dict[str, FloatArray]:
    r"""Give the losses of a row of two classes as functions of its margin m.

    The log-loss :math:`\log(1 + e^{-m})` in nats, the hinge :math:`\max(0, 1 - m)` and its square.

    Examples
    --------
    >>> {name: values.round(3).tolist() for name, values in margin_losses([0.0, 2.0]).items()}
    {'log_loss': [0.693, 0.127], 'hinge': [1.0, 0.0], 'squared_hinge': [1.0, 0.0]}
    """
    values = np.atleast_1d(np.asarray(at, dtype=np.float64))
    scores, targets = np.column_stack([values, np.zeros_like(values)]), np.zeros(len(values), int)
    return {
        "log_loss": np.asarray(cross_entropy(scores, targets, reduction="none")),
        "hinge": np.asarray(crammer_singer(scores, targets, reduction="none")),
        "squared_hinge": np.asarray(
            crammer_singer(scores, targets, squared=True, reduction="none")
        ),
    }


def zero_hinge_share(at: ArrayLike, margin: float = 1.0) -> float:
    """Give the share of the rows whose hinge loss is zero: their margin is at least ``margin``.

    To within a thousandth of it, since a solver ends within a tolerance of rows that lie on it.

    Examples
    --------
    >>> zero_hinge_share([-0.5, 0.9999, 1.0, 2.0])
    0.75
    """
    return float(np.mean(np.asarray(at) >= margin * (1 - _ON_THE_MARGIN)))
