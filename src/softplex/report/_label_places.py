"""Places for short labels beside marks, so that they cover neither each other nor the lines."""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from softplex._text import readable

DISTANCES = (8.0, 15.0, 26.0, 40.0)
_DIRECTIONS = tuple(math.radians(angle) for angle in (0, 180, 90, 270, 45, 135, 315, 225))


@dataclass(frozen=True)
class Box:
    """A rectangle, y downwards."""

    left: float
    top: float
    right: float
    bottom: float

    def overlap(self, other: Box) -> float:
        """Area that the two share."""
        width = min(self.right, other.right) - max(self.left, other.left)
        height = min(self.bottom, other.bottom) - max(self.top, other.top)
        return width * height if width > 0 and height > 0 else 0.0

    def holds(self, x: float, y: float) -> bool:
        """Whether a point lies inside."""
        return self.left <= x <= self.right and self.top <= y <= self.bottom


@dataclass(frozen=True)
class Label:
    """A text at the middle of its left edge, and whether a line leads to it from its mark."""

    text: str
    x: float
    y: float
    mark_x: float
    mark_y: float
    has_leader: bool
    box: Box

    @property
    def leader_x(self) -> float:
        """Where the leader ends, the edge of the box that is nearest to the mark."""
        return min(max(self.mark_x, self.box.left), self.box.right)

    @property
    def leader_y(self) -> float:
        """Where the leader ends."""
        return min(max(self.mark_y, self.box.top + 2.0), self.box.bottom - 2.0)


def text_width(text: str, size: float) -> float:
    """Estimate the width of a text in a common sans-serif, on the generous side."""
    return size * sum(_share_of_em(character) for character in text)


def line_of_xml(value: Any, limit: int) -> str:
    """Write a name as one line that XML can hold, which U+FFFE and U+FFFF are not part of."""
    return readable(value, limit).translate({0xFFFE: "\ufffd", 0xFFFF: "\ufffd"})


def cut_to_width(text: str, size: float, width: float) -> str:
    """Cut a text that is wider than ``width``, and end it with an ellipsis."""
    if text_width(text, size) <= width:
        return text
    kept = text
    while kept and text_width(kept, size) > width - size:
        kept = kept[:-1]
    return kept.rstrip() + "…"


def place_label(
    text: str,
    mark: tuple[float, float],
    size: float,
    taken: Sequence[Box],
    drawn: Iterable[tuple[float, float]],
    canvas: Box,
) -> Label:
    """Choose the nearest place at which the text covers least of what is there already."""
    points = [point for point in drawn if math.dist(point, mark) < 160.0]
    candidates = [
        _at(text, mark, size, distance, angle) for distance in DISTANCES for angle in _DIRECTIONS
    ]

    def cost(numbered: tuple[int, Label]) -> float:
        order, label = numbered
        outside = _area(label.box) - label.box.overlap(canvas)
        covered = sum(label.box.overlap(box) for box in taken)
        crossed = sum(label.box.holds(x, y) for x, y in points)
        return 20.0 * outside + 20.0 * covered + 12.0 * min(crossed, 10) + order

    return min(enumerate(candidates), key=cost)[1]


def _at(text: str, mark: tuple[float, float], size: float, distance: float, angle: float) -> Label:
    width, height = text_width(text, size), 1.25 * size
    x, y = mark
    across, down = math.cos(angle), math.sin(angle)
    middle_x = x + distance * across + 0.5 * width * (across if abs(across) > 1e-9 else 0.0)
    if abs(across) > 0.5:  # beside the mark: the edge of the box, not its middle, is at a distance
        middle_x = x + distance * across + math.copysign(0.5 * width, across)
    middle_y = y + distance * down + 0.4 * height * down
    box = Box(
        middle_x - width / 2, middle_y - height / 2, middle_x + width / 2, middle_y + height / 2
    )
    return Label(text, box.left, middle_y, x, y, distance > DISTANCES[0], box)


def _area(box: Box) -> float:
    return (box.right - box.left) * (box.bottom - box.top)


def _share_of_em(character: str) -> float:
    if unicodedata.east_asian_width(character) in "WF":
        return 1.0
    if character in "MWmw@%":
        return 0.92
    return 0.7 if character.isupper() else 0.57
