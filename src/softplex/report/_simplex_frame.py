"""The triangle itself in pixels: edges, grid, shares along the edges, names of the corners."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from softplex.maps import to_barycentric
from softplex.report._label_places import Box, cut_to_width, text_width

WIDTH, LEFT, SIDE = 400.0, 40.0, 320.0
RISE = SIDE * math.sqrt(3) / 2
CORNER_SIZE, TICK_SIZE = 13.0, 9.5
STEPS = (0.2, 0.4, 0.6, 0.8)

Places = NDArray[np.float64]


@dataclass(frozen=True)
class FrameText:
    """A text of the frame, and the room that it takes."""

    text: str
    x: str
    y: str
    anchor: str
    class_index: int
    box: Box


def to_pixels(rows: Places, top: float) -> Places:
    """Pixels of rows of probabilities: y downwards."""
    places: Places = to_barycentric(rows / rows.sum(axis=1, keepdims=True)) * SIDE
    return np.column_stack([LEFT + places[:, 0], top + RISE - places[:, 1]])


def corner_texts(names: tuple[str, ...], top: float) -> Iterator[FrameText]:
    """Names of the classes, below and above their corners."""
    base = top + RISE + 34.0
    for index, (x, y, anchor) in enumerate(
        ((14.0, base, "start"), (WIDTH - 14.0, base, "end"), (WIDTH / 2, top - 12.0, "middle"))
    ):
        text = cut_to_width(names[index], CORNER_SIZE, 180.0 if index < 2 else 340.0)
        yield _text(text, x, y, anchor, index, CORNER_SIZE)


def tick_texts(top: float) -> Iterator[FrameText]:
    """Write every share at the end of its line, in the colour of its class."""
    for step in STEPS:
        rest = 1.0 - step
        ends = np.array([[step, rest, 0.0], [0.0, step, rest], [rest, 0.0, step]])
        shifts = ((-4.0, 13.0, "middle"), (7.0, 3.0, "start"), (-7.0, 3.0, "end"))
        for index, (place, (right, down, anchor)) in enumerate(
            zip(to_pixels(ends, top), shifts, strict=True)
        ):
            yield _text(f"{step:g}", place[0] + right, place[1] + down, anchor, index, TICK_SIZE)


def _text(text: str, x: float, y: float, anchor: str, class_index: int, size: float) -> FrameText:
    width = text_width(text, size)
    left = x - width * {"start": 0.0, "middle": 0.5, "end": 1.0}[anchor]
    box = Box(left, y - 0.9 * size, left + width, y + 0.3 * size)
    return FrameText(text, pixel(x), pixel(y), anchor, class_index, box)


def grid_lines(top: float) -> str:
    """Lines on which one probability is constant."""
    lines = []
    for step in STEPS:
        rest = 1.0 - step
        for first in range(3):
            ends = np.array([[step, rest, 0.0], [step, 0.0, rest]])
            lines.append(polygon(np.roll(ends, first, axis=1), top))
    return "".join(lines)


def region_lines(top: float) -> str:
    """Lines that divide the three predictions, from the centre to the middles of the edges."""
    centre = np.full(3, 1.0 / 3.0)
    middles = (np.ones((3, 3)) - np.eye(3)) / 2.0
    return "".join(polygon(np.array([centre, middle]), top) for middle in middles)


def polygon(rows: Places, top: float) -> str:
    """Give the SVG path through rows of probabilities."""
    return polyline(to_pixels(rows, top))


def polyline(line: Places) -> str:
    """Give the SVG path through pixels; one that stands still is a point."""
    written = [text for text, _ in itertools.groupby(f"{pixel(x)} {pixel(y)}" for x, y in line)]
    return "M" + "L".join(written) if len(written) > 1 else f"M{written[0]}h0"


def pixel(value: float) -> str:
    """Write a length with one decimal at most."""
    return f"{value:.1f}".removesuffix(".0")
