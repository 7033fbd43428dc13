"""Layout of the simplex triangle for three classes."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from softplex._text import count, readable
from softplex.maps import to_barycentric
from softplex.report._selection import class_indices

GRID = 1000
MOST_POINTS = 20_000
CROWD = 2_000
SIDE, LEFT, TOP = 340.0, 30.0, 34.0
HEIGHT = SIDE * math.sqrt(3) / 2


def barycentric_layout(probabilities: NDArray[Any]) -> NDArray[np.float64]:
    """Points of a triangle of side 1, y downwards: p_1 (0, h) + p_2 (1, h) + p_3 (1/2, 0).

    Parameters
    ----------
    probabilities : array of shape (n, 3)

    Returns
    -------
    array of shape (n, 2)

    Examples
    --------
    >>> barycentric_layout(np.array([[0.0, 0.0, 1.0]]))
    array([[0.5, 0. ]])
    """
    shares = np.asarray(probabilities, dtype=np.float64)
    places: NDArray[np.float64] = to_barycentric(shares / shares.sum(axis=1, keepdims=True))
    places[:, 1] = math.sqrt(3) / 2 - places[:, 1]
    return places


@dataclass(frozen=True)
class Cloud:
    """The rows of one true class that were all right or all wrong, as one list of points."""

    class_index: int
    is_right: bool
    points: str


@dataclass(frozen=True)
class TriangleChart:
    """The triangle in units of its view box; clouds are in thousandths of its side."""

    names: tuple[str, ...]
    corners: tuple[str, ...]
    clouds: tuple[Cloud, ...]
    right: tuple[str, ...]
    wrong: tuple[str, ...]
    description: str
    note: str
    mark: int
    cross: int
    is_crowded: bool
    left: float = LEFT
    top: float = TOP
    side: float = SIDE
    height: float = HEIGHT
    scale: float = SIDE / GRID


def triangle_chart(
    probabilities: NDArray[Any], labels: Any, classes: tuple[Any, ...]
) -> TriangleChart:
    """Every test row as a point, coloured by its true class; the wrong ones are crosses."""
    true = class_indices(labels, classes)
    is_right = np.argmax(probabilities, axis=1) == true
    rows = len(true)
    kept = np.arange(rows)
    note = ""
    if rows > MOST_POINTS:
        kept = np.linspace(0, rows - 1, MOST_POINTS).astype(np.intp)
        note = f"{MOST_POINTS:,} of {rows:,} rows are drawn, spread evenly over the test set."
    places = np.rint(GRID * barycentric_layout(probabilities[kept])).astype(int)
    names = tuple(readable(label, 40) for label in classes)
    right = tuple(count(int(np.sum((true == index) & is_right))) for index in range(3))
    wrong = tuple(count(int(np.sum((true == index) & ~is_right))) for index in range(3))
    return TriangleChart(
        names=names,
        corners=tuple(readable(label, 22) for label in classes),
        clouds=tuple(_clouds(places, true[kept], is_right[kept])),
        right=right,
        wrong=wrong,
        description="Each corner stands for certainty in one class, the centre for one third each. "
        + " ".join(
            f"{name}: {right[index]} right, {wrong[index]} wrong."
            for index, name in enumerate(names)
        ),
        note=note,
        mark=40 if rows <= 200 else 30 if rows <= CROWD else 17,
        cross=54 if rows <= 200 else 40 if rows <= CROWD else 17,
        is_crowded=rows > CROWD,
    )


def _clouds(places: NDArray[Any], true: NDArray[Any], is_right: NDArray[Any]) -> Iterable[Cloud]:
    """Right rows first, so that the wrong ones lie on top; equal points are written once."""
    for rightness in (True, False):
        for index in range(3):
            chosen = places[(true == index) & (is_right == rightness)]
            if len(chosen):
                points = " ".join(f"{x},{y}" for x, y in np.unique(chosen, axis=0))
                yield Cloud(index, rightness, points)
