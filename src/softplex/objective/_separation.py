r"""Whether classes are separated, so that without a penalty there is no optimum.

A direction delta of the unpenalised coefficients with

.. math:: \delta_{y_i} \tilde x_i \ge \delta_j \tilde x_i \quad \text{for all rows } i
          \text{ and classes } j

and > for one of them lowers the loss for ever (Albert and Anderson 1984, "On the existence of
maximum likelihood estimates in logistic regression models"). The largest sum of the differences
over a box of directions is a linear programme (Konis 2007); it is 0 exactly when the classes
overlap. Rows enter it as they are violated, and what it finds is checked on all rows.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.optimize import linprog

Floats = NDArray[np.float64]

# Numbers of the largest linear programme: constraints times variables.
_MAX_NUMBERS = 4_000_000
_MAX_VARIABLES = 1500
_NEW_CONSTRAINTS = 1500
_MAX_ROUNDS = 30
# Differences of standardised scores, for a direction of size 1, that are ties of rounding, and what
# the linear programme leaves undecided.
_TIE, _CLEAR = 1e-9, 1e-6
_ROWS = 4096


class Overlap(StrEnum):
    """How the classes lie to each other; the value says it in words."""

    OVERLAPPING = "The classes overlap: an optimum exists."
    COMPLETE = "The classes are completely separated."
    QUASI = "The classes are separated, perhaps but for ties (quasi-completely)."
    UNKNOWN = "Whether the classes are separated could not be decided at this size."


@dataclass(frozen=True)
class Separation:
    """What is known about the separation of the classes.

    Parameters
    ----------
    overlap : Overlap
        The verdict.
    pairs : tuple of (int, int)
        Classes with no row of the one on the side of the other, the most clearly separated first.
    features : tuple of int
        The features that tell them apart, by the size of their share.
    """

    overlap: Overlap
    pairs: tuple[tuple[int, int], ...] = ()
    features: tuple[int, ...] = ()

    @property
    def is_separated(self) -> bool:
        """Whether there is no optimum."""
        return self.overlap in (Overlap.COMPLETE, Overlap.QUASI)


@dataclass(frozen=True)
class _Rows:
    """Standardised unpenalised features and a column of ones; which classes each row may be."""

    X: Any
    columns: NDArray[np.intp]
    shift: Floats
    scale: Floats
    values: NDArray[Any]
    k: int
    fit_intercept: bool

    @property
    def n(self) -> int:
        return int(self.X.shape[0])

    def block(self, rows: Any) -> Floats:
        part = self.X[rows]
        part = (
            part.tocsc()[:, self.columns].toarray()
            if sparse.issparse(part)
            else part[:, self.columns]
        )
        standard = (np.asarray(part, dtype=np.float64) - self.shift) / self.scale
        ones = np.full((len(standard), 1), float(self.fit_intercept))
        return np.asarray(np.hstack([standard, ones]))

    def held(self, rows: Any) -> NDArray[np.bool_]:
        """The classes with mass, ``(rows, k)``."""
        values = self.values[rows]
        if values.ndim == 2:
            return np.asarray(values > 0)
        return np.asarray(values[:, None] == np.arange(self.k))

    def margins(self, rows: Any, direction: Floats) -> Floats:
        """The least score of a held class less that of each class, ``(rows, k)``; 0 for held."""
        scores, held = self.block(rows) @ direction.T, self.held(rows)
        least = np.where(held, scores, np.inf).min(1)
        margins = least[:, None] - scores
        # Two held classes must tie, from either side.
        spread = least - np.where(held, scores, -np.inf).max(1)
        margins[held] = np.broadcast_to(spread[:, None], held.shape)[held]
        return np.asarray(margins)

    def slices(self) -> list[slice]:
        return [slice(start, start + _ROWS) for start in range(0, self.n, _ROWS)]


def find_separation(
    X: Any,
    values: NDArray[Any],
    k: int,
    free: NDArray[np.bool_],
    shift: Floats,
    scale: Floats,
    *,
    fit_intercept: bool,
    hint: tuple[Floats, Floats],
) -> Separation:
    """Decide whether the classes are separated in the unpenalised features.

    Parameters
    ----------
    X : array or CSR matrix (n, d)
        Features.
    values : array (n,) or (n, k)
        Targets before smoothing: class indices, or probabilities of the classes.
    k : int
        Number of classes.
    free : boolean array (d,)
        The features without a penalty.
    shift, scale : arrays (d,)
        That standardise the features.
    fit_intercept : bool
        Whether there is an intercept.
    hint : (weight (k, d), bias (k,))
        Where a fit has come to, whose direction is tried first.

    Returns
    -------
    Separation
    """
    columns = np.flatnonzero(free)
    rows = _Rows(X, columns, shift[columns], scale[columns], values, k, fit_intercept)
    weight, bias = hint
    direction = np.hstack(
        [weight[:, columns] * rows.scale, (bias + weight[:, columns] @ rows.shift)[:, None]]
    )
    direction[:, -1] *= float(fit_intercept)
    direction = _normalised(direction - direction.mean(0))
    if free.all():
        verdict = _judged(rows, direction)
        if verdict.overlap is Overlap.COMPLETE:
            return verdict
    return _by_linear_programme(rows, direction)


def _judged(rows: _Rows, direction: Floats) -> Separation:
    """Check a direction on every row."""
    least = np.full((rows.k, rows.k), np.inf)
    most = np.full((rows.k, rows.k), -np.inf)
    for part in rows.slices():
        margins = rows.margins(part, direction)
        held = rows.held(part)
        margins[held & (held.sum(1, keepdims=True) == 1)] = 0.0
        for c in range(rows.k):
            own = margins[held[:, c]]
            if len(own):
                least[c] = np.minimum(least[c], own.min(0))
                most[c] = np.maximum(most[c], own.max(0))
    different = ~np.eye(rows.k, dtype=bool) & np.isfinite(most)
    if not (least[np.isfinite(least)] >= -_TIE).all() or not (most[different] > _CLEAR).any():
        return Separation(Overlap.OVERLAPPING)
    complete = bool((least[different] > _TIE).all())
    features = _shares(direction, rows.columns)
    pairs = _pairs(least, most)
    return Separation(Overlap.COMPLETE if complete else Overlap.QUASI, pairs, features)


def _pairs(least: Floats, most: Floats) -> tuple[tuple[int, int], ...]:
    """Pairs that are apart from both sides, else those with some rows apart."""
    clear = np.minimum(least, least.T)
    clear = np.where(clear > _TIE, clear, -np.inf)
    if not np.isfinite(clear[~np.eye(len(clear), dtype=bool)]).any():
        clear = np.where(np.maximum(most, most.T) > _CLEAR, np.maximum(most, most.T), -np.inf)
    upper = np.argwhere(np.triu(np.isfinite(clear), 1))
    order = np.argsort([-clear[a, b] for a, b in upper], kind="stable")
    return tuple((int(upper[i][0]), int(upper[i][1])) for i in order)


def _shares(direction: Floats, columns: NDArray[np.intp]) -> tuple[int, ...]:
    size = np.ptp(direction[:, :-1], axis=0)
    order = np.argsort(-size, kind="stable")
    return tuple(int(columns[j]) for j in order if size[j] > 0.01 * size.max(initial=0.0))


def _normalised(direction: Floats) -> Floats:
    size = np.abs(direction).max(initial=0.0)
    return direction / size if size > 0 else direction


def _by_linear_programme(rows: _Rows, hint: Floats) -> Separation:
    """Cutting planes: the programme on some constraints, and the most violated of the others."""
    width = len(rows.columns) + 1
    variables = (rows.k - 1) * width
    if variables > _MAX_VARIABLES:
        return Separation(Overlap.UNKNOWN)
    gain = _total_margin(rows)
    matrix = np.empty((0, variables))
    direction = hint
    for _ in range(_MAX_ROUNDS):
        violated = _violated(rows, direction)
        if len(violated) == 0 and len(matrix):
            break
        matrix = np.vstack([matrix, violated])
        if matrix.size > _MAX_NUMBERS:
            return Separation(Overlap.UNKNOWN)
        solved = linprog(
            -gain, A_ub=-matrix, b_ub=np.zeros(len(matrix)), bounds=(-1.0, 1.0), method="highs"
        )
        if solved.x is None:
            return Separation(Overlap.UNKNOWN)
        # Every direction that separates would reach at least a clear difference in one row.
        if -solved.fun <= _CLEAR:
            return Separation(Overlap.OVERLAPPING)
        direction = _with_ties(solved.x, matrix).reshape(rows.k - 1, width)
        direction = _normalised(np.vstack([np.zeros(width), direction]))
    verdict = _judged(rows, direction)
    return verdict if verdict.is_separated else Separation(Overlap.UNKNOWN)


def _with_ties(solution: Floats, matrix: Floats) -> Floats:
    """Make what the programme left at rounding from zero a tie in fact."""
    ties = matrix[np.abs(matrix @ solution) < _CLEAR]
    if len(ties) == 0:
        return solution
    return np.asarray(solution - np.linalg.lstsq(ties, ties @ solution, rcond=1e-9)[0])


def _constraint(x: Floats, held: NDArray[np.intp], other: NDArray[np.intp], k: int) -> Floats:
    """Rows of the constraints delta_held x - delta_other x >= 0, without the first class."""
    out = np.zeros((len(x), k, x.shape[1]))
    place = np.arange(len(x))
    out[place, held] += x
    out[place, other] -= x
    return out[:, 1:].reshape(len(x), -1)


def _violated(rows: _Rows, direction: Floats) -> Floats:
    """The constraints that a direction breaks most, or comes nearest to breaking at the start."""
    found: list[tuple[float, int, int]] = []
    for part in rows.slices():
        margins = rows.margins(part, direction)
        single = rows.held(part) & (rows.held(part).sum(1, keepdims=True) == 1)
        margins[single] = np.inf
        bad = np.argwhere(margins < -_TIE)
        found += [(float(margins[i, j]), part.start + int(i), int(j)) for i, j in bad]
    found = sorted(found)[:_NEW_CONSTRAINTS]
    if not found:
        return np.empty((0, (rows.k - 1) * (len(rows.columns) + 1)))
    place = np.array([row for _, row, _ in found])
    other = np.array([column for _, _, column in found])
    x, held = rows.block(place), rows.held(place)
    scores = np.where(held, x @ direction.T, np.inf)
    return _constraint(x, scores.argmin(1), other, rows.k)


def _total_margin(rows: _Rows) -> Floats:
    """The sum of all differences as a linear function of the direction."""
    total = np.zeros((rows.k, len(rows.columns) + 1))
    for part in rows.slices():
        held = rows.held(part)
        share = held / held.sum(1, keepdims=True)
        total += (share - 1.0 / rows.k).T @ rows.block(part)
    return np.asarray(total[1:].reshape(-1))
