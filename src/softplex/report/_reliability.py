"""Layout of the reliability diagram and of the histogram of confidence."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from softplex._text import percent, rows, short_count, whole_percent
from softplex.evaluation import Evaluation, ReliabilityCurve

LEFT, TOP, SIDE = 46.0, 10.0, 300.0
FEW_ROWS = 5
TICKS = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)


@dataclass(frozen=True)
class Tick:
    """A mark on an axis."""

    position: float
    text: str


@dataclass(frozen=True)
class Band:
    """The interval of one bin, as a rectangle."""

    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True)
class ReliabilityPoint:
    """One bin that holds rows."""

    x: float
    y: float
    radius: float
    band: Band | None
    is_thin: bool
    text: str


@dataclass(frozen=True)
class ReliabilityChart:
    """A reliability diagram in the units of its view box."""

    name: str
    title: str
    description: str
    points: tuple[ReliabilityPoint, ...]
    x_ticks: tuple[Tick, ...]
    y_ticks: tuple[Tick, ...]


def reliability_chart(evaluation: Evaluation, name: str, title: str) -> ReliabilityChart:
    """Bins as points with bands, the size of a point growing with its rows."""
    curve = evaluation.reliability
    filled = np.flatnonzero(np.asarray(curve.count) > 0)
    largest = max((float(curve.count[index]) for index in filled), default=1.0)
    points = tuple(_point(curve, int(index), largest) for index in filled)
    error = evaluation.metrics["ece"].value if "ece" in evaluation.metrics else math.nan
    return ReliabilityChart(
        name=name,
        title=title,
        description=(
            f"Confidence against accuracy in {len(points)} bins; expected calibration error "
            f"{percent(error)}. " + " ".join(point.text for point in points)
        ),
        points=points,
        x_ticks=tuple(Tick(_x(share), f"{share:.0%}") for share in TICKS),
        y_ticks=tuple(Tick(_y(share), f"{share:.0%}") for share in TICKS),
    )


def _x(share: float) -> float:
    return LEFT + SIDE * share


def _y(share: float) -> float:
    return TOP + SIDE * (1 - share)


def _point(curve: ReliabilityCurve, index: int, largest: float) -> ReliabilityPoint:
    said, was = float(curve.confidence[index]), float(curve.accuracy[index])
    low, high = float(curve.low[index]), float(curve.high[index])
    band, interval = None, ""
    if math.isfinite(low) and math.isfinite(high):
        start, end = (_x(float(edge)) for edge in curve.edges[index : index + 2])
        band = Band(start, _y(high), end - start, max(_y(low) - _y(high), 1.0))
        interval = f", interval {whole_percent(low)} to {whole_percent(high)}"
    text = (
        f"Said {whole_percent(said)}: right {whole_percent(was)} of "
        f"{rows(float(curve.count[index]))}{interval}."
    )
    radius = 2.5 + 4.5 * math.sqrt(float(curve.count[index]) / largest)
    return ReliabilityPoint(
        _x(said), _y(was), radius, band, bool(curve.count[index] < FEW_ROWS), text
    )


@dataclass(frozen=True)
class HistogramBar:
    """One bin of confidence: right rows above the line, wrong rows below."""

    x: float
    width: float
    right_height: float
    wrong_height: float
    right_text: str
    wrong_text: str
    text: str


@dataclass(frozen=True)
class HistogramChart:
    """The histogram in the units of its view box."""

    description: str
    base: float
    height: float
    bars: tuple[HistogramBar, ...]
    x_ticks: tuple[Tick, ...]


def histogram_chart(evaluation: Evaluation) -> HistogramChart:
    """Right and wrong rows by confidence; areas would drown rare mistakes, so roots are drawn."""
    right, wrong = right_and_wrong(evaluation)
    edges = np.asarray(evaluation.reliability.edges, dtype=float)
    top, bottom = math.sqrt(right.max(initial=0)), math.sqrt(wrong.max(initial=0))
    unit = 190.0 / max(top + bottom, 1.0)
    bars = tuple(
        _bar(edges[index : index + 2], float(right[index]), float(wrong[index]), unit)
        for index in range(len(right))
        if right[index] + wrong[index] > 0
    )
    base = 24.0 + unit * top
    return HistogramChart(
        description=" ".join(bar.text for bar in bars),
        base=base,
        height=base + unit * bottom + 62.0,
        bars=bars,
        x_ticks=tuple(Tick(_x(share), f"{share:.0%}") for share in TICKS),
    )


def right_and_wrong(evaluation: Evaluation) -> tuple[NDArray[Any], NDArray[Any]]:
    """Split the counts of right and of wrong rows in each bin of confidence."""
    counts = np.asarray(evaluation.confidence_counts, dtype=float)
    return counts[0], counts[1]


def _bar(edges: NDArray[Any], right: float, wrong: float, unit: float) -> HistogramBar:
    start, end = _x(float(edges[0])), _x(float(edges[1]))
    labelled = end - start >= 16
    return HistogramBar(
        x=start + 1,
        width=max(end - start - 2, 0.5),
        right_height=unit * math.sqrt(right),
        wrong_height=unit * math.sqrt(wrong),
        right_text=short_count(right) if right and labelled else "",
        wrong_text=short_count(wrong) if wrong and labelled else "",
        text=f"Confidence {edges[0]:.0%} to {edges[1]:.0%}: "
        f"{right:,.0f} right, {wrong:,.0f} wrong.",
    )


@dataclass(frozen=True)
class BinRow:
    """One line of the table behind the charts."""

    span: str
    rows: str
    said: str
    was: str
    interval: str
    right: str
    wrong: str


def bin_rows(evaluation: Evaluation) -> tuple[BinRow, ...]:
    """Write out the filled bins, as text."""
    curve = evaluation.reliability
    right, wrong = right_and_wrong(evaluation)
    made = []
    for index in np.flatnonzero(np.asarray(curve.count) > 0):
        low, high = curve.low[index], curve.high[index]
        known = math.isfinite(low) and math.isfinite(high)
        made.append(
            BinRow(
                span=f"{curve.edges[index]:.1%} to {curve.edges[index + 1]:.1%}",
                rows=f"{curve.count[index]:,.0f}",
                said=percent(float(curve.confidence[index])),
                was=percent(float(curve.accuracy[index])),
                interval=f"{percent(float(low))} to {percent(float(high))}" if known else "",
                right=f"{right[index]:,.0f}",
                wrong=f"{wrong[index]:,.0f}",
            )
        )
    return tuple(made)
