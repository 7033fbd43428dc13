"""The chart of a diagnosis: panels beside and under each other in one SVG picture."""

from __future__ import annotations

from softplex.diagnostics._marks import HEIGHT, WIDTH
from softplex.diagnostics._measurements import Measurements
from softplex.diagnostics._panels import panels
from softplex.diagnostics._templates import environment, palette

_MARGIN, _GAP = 18.0, 36.0


def draw(measured: Measurements, columns: int) -> str:
    """Draw the panels in rows of ``columns``."""
    shown = panels(measured)
    places = [
        (
            _MARGIN + (index % columns) * (WIDTH + _GAP),
            _MARGIN + (index // columns) * (HEIGHT + _GAP),
        )
        for index in range(len(shown))
    ]
    return (
        environment()
        .get_template("diagnosis.svg")
        .render(
            panels=list(zip(places, shown, strict=True)),
            width=places[-1][0] + WIDTH + _MARGIN if columns > 1 else WIDTH + 2 * _MARGIN,
            height=places[-1][1] + HEIGHT + _MARGIN,
            palette=palette(".softplex-diagnosis"),
            rows=measured.n,
        )
    )
