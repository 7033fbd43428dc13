"""Layout of the chart of margins: a histogram under the curves of three losses."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from softplex._text import number, percent
from softplex.evaluation import MarginStudy, margin_losses
from softplex.report._path_axes import Axis
from softplex.report._simplex_frame import pixel, polyline

LOSS_NAMES: Final = {
    "log_loss": "softmax log-loss, nats",
    "hinge": "hinge",
    "squared_hinge": "squared hinge",
}
_LEFT, _RIGHT, _TOP, _BOTTOM = 46.0, 346.0, 12.0, 262.0
_LARGEST_LOSS: Final = 4.0
# The tallest bar leaves room for the curves above it.
_TALLEST: Final = 0.7 * (_BOTTOM - _TOP)


@dataclass(frozen=True)
class MarginBar:
    """The test rows of one bin."""

    x: str
    y: str
    width: str
    height: str
    is_right: bool
    text: str


@dataclass(frozen=True)
class LossCurve:
    """A loss over the margin, as far as it fits."""

    loss: str
    line: str
    is_trained: bool


@dataclass(frozen=True)
class MarginChart:
    """The picture in the units of its view box."""

    title: str
    description: str
    unit: str
    left: str
    right: str
    bottom: str
    bars: tuple[MarginBar, ...]
    curves: tuple[LossCurve, ...]
    x_ticks: tuple[tuple[str, str], ...]
    y_ticks: tuple[tuple[str, str], ...]


def margin_chart(study: MarginStudy, index: int, title: str, trained_on: str) -> MarginChart:
    """Draw the margins of one model of a study under the losses, one of which it was trained on."""
    edges, shares, unit = study.edges, study.shares[index], study.units[index]
    x = Axis(float(edges[0]), float(edges[-1]), _LEFT, _RIGHT)
    y = Axis(0.0, _LARGEST_LOSS, _BOTTOM, _TOP)
    scale = _TALLEST / max(float(shares.max()), 1e-12)
    bars = tuple(
        MarginBar(
            x=pixel(x(low)),
            y=pixel(_BOTTOM - scale * share),
            width=pixel(max(x(high) - x(low) - 0.8, 0.5)),
            height=pixel(scale * share),
            is_right=bool(low + high > 0),
            text=f"Margin {low:.1f} to {high:.1f}: {percent(share)} of the rows.",
        )
        for low, high, share in zip(edges[:-1], edges[1:], shares.tolist(), strict=True)
        if share > 0
    )
    wrong = float(shares[edges[1:] <= 1e-9].sum())
    return MarginChart(
        title=title,
        description=(
            f"{percent(wrong)} of the rows have a negative margin. One unit is {number(unit)} in "
            "the scores. " + " ".join(bar.text for bar in bars)
        ),
        unit=number(unit),
        left=pixel(_LEFT),
        right=pixel(_RIGHT),
        bottom=pixel(_BOTTOM),
        bars=bars,
        curves=_curves(x, y, unit, trained_on),
        x_ticks=tuple((pixel(place), text) for place, text in x.ticks(9)),
        y_ticks=tuple((pixel(y(value)), f"{value:g}") for value in range(int(_LARGEST_LOSS) + 1)),
    )


def _curves(x: Axis, y: Axis, unit: float, trained_on: str) -> tuple[LossCurve, ...]:
    at = np.linspace(x.low, x.high, 401)
    places = np.array([x(value) for value in at])
    curves = []
    for loss, values in margin_losses(unit * at).items():
        shown = values <= _LARGEST_LOSS
        heights = np.array([y(value) for value in values[shown]])
        line = polyline(np.column_stack([places[shown], heights])) if shown.any() else ""
        curves.append(LossCurve(loss, line, loss == trained_on))
    return tuple(curves)
