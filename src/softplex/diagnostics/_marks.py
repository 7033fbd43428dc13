"""The marks of a chart, in the units of its panel."""

from __future__ import annotations

from dataclasses import dataclass

LEFT, RIGHT, TOP, BOTTOM = 40.0, 352.0, 66.0, 276.0
WIDTH, HEIGHT = 364.0, 320.0


@dataclass(frozen=True)
class Line:
    """A path, in the words of SVG."""

    path: str
    kind: str
    text: str = ""


@dataclass(frozen=True)
class Dot:
    """A circle."""

    x: float
    y: float
    radius: float
    kind: str
    text: str = ""


@dataclass(frozen=True)
class Bar:
    """A rectangle."""

    x: float
    y: float
    width: float
    height: float
    kind: str
    text: str = ""


@dataclass(frozen=True)
class Words:
    """A piece of text."""

    x: float
    y: float
    text: str
    kind: str = "tick"
    anchor: str = "start"


@dataclass(frozen=True)
class Panel:
    """One small picture: a title, what it shows in words, and its marks from back to front."""

    title: str
    note: str
    description: str
    lines: tuple[Line, ...] = ()
    bars: tuple[Bar, ...] = ()
    dots: tuple[Dot, ...] = ()
    words: tuple[Words, ...] = ()


@dataclass(frozen=True)
class Scale:
    """From numbers to places along an axis."""

    low: float
    high: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        """Give the place of a value."""
        share = (value - self.low) / (self.high - self.low)
        return self.start + share * (self.end - self.start)


X_SHARE = Scale(0.0, 1.0, LEFT, RIGHT)
Y_SHARE = Scale(0.0, 1.0, BOTTOM, TOP)
QUARTERS = (0.0, 0.25, 0.5, 0.75, 1.0)
HALVES = (0.0, 0.5, 1.0)


def share_axis_y(axis: str) -> tuple[tuple[Line, ...], tuple[Words, ...]]:
    """Give the rules and labels of a vertical axis from 0% to 100%."""
    rules = tuple(Line(f"M{LEFT} {Y_SHARE(share):.1f}H{RIGHT}", "grid") for share in QUARTERS)
    labels = tuple(
        Words(LEFT - 6, Y_SHARE(share) + 3.5, f"{share:.0%}", anchor="end") for share in QUARTERS
    )
    return rules, (*labels, Words(0, TOP - 12, axis, "axis"))


def share_axis_x(axis: str) -> tuple[Words, ...]:
    """Give the labels of a horizontal axis from 0% to 100%."""
    labels = tuple(
        Words(X_SHARE(share), BOTTOM + 17, f"{share:.0%}", anchor="middle") for share in QUARTERS
    )
    return (*labels, axis_x(axis))


def axis_x(axis: str) -> Words:
    """Give the name of a horizontal axis."""
    return Words((LEFT + RIGHT) / 2, BOTTOM + 37, axis, "axis", "middle")
