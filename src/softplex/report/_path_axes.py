"""Axes of the chart of a path: from values to pixels, and where the ticks stand."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from softplex._text import MINUS, power_of_ten

_STEPS = (1.0, 2.0, 2.5, 5.0, 10.0)


@dataclass(frozen=True)
class Axis:
    """A straight or logarithmic axis between two values and their pixels.

    Parameters
    ----------
    low, high : float
        The values at the ends, low < high.
    start, end : float
        Their pixels.
    is_log : bool
    """

    low: float
    high: float
    start: float
    end: float
    is_log: bool = False

    def __call__(self, value: float) -> float:
        """Give the pixel of a value."""
        share = (self._place(value) - self._place(self.low)) / (
            self._place(self.high) - self._place(self.low)
        )
        return self.start + share * (self.end - self.start)

    def _place(self, value: float) -> float:
        return math.log10(value) if self.is_log else value

    def ticks(self, most: int) -> tuple[tuple[float, str], ...]:
        """Give pixels and texts of round values, ``most`` of them at the most."""
        find = _log_ticks if self.is_log else _linear_ticks
        return tuple((self(value), text) for value, text in find(self.low, self.high, most))


def padded(values: NDArray[np.float64], share: float) -> tuple[float, float]:
    """Ends of a straight axis that shows all values, with a margin."""
    low, high = float(np.nanmin(values)), float(np.nanmax(values))
    margin = share * (high - low) or 0.1 * abs(high) or 1.0
    return low - margin, high + margin


def padded_log(values: NDArray[np.float64], share: float) -> tuple[float, float]:
    """Ends of a logarithmic axis that shows all values, which are positive."""
    low, high = padded(np.log10(values), share)
    if high - low < 0.2:
        low, high = low - 0.5, high + 0.5
    return 10.0**low, 10.0**high


def _linear_ticks(low: float, high: float, most: int) -> list[tuple[float, str]]:
    rough = (high - low) / (most - 1)
    unit = 10.0 ** math.floor(math.log10(rough))
    factor = next(factor for factor in _STEPS if unit * factor >= rough)
    step = unit * factor
    values = [step * whole for whole in range(math.ceil(low / step), math.floor(high / step) + 1)]
    places = max(0, -math.floor(math.log10(step)) + (factor == 2.5))
    return [(value, f"{value:.{places}f}".replace("-", MINUS)) for value in values]


def _log_ticks(low: float, high: float, most: int) -> list[tuple[float, str]]:
    """Values 1, 2 and 5 of each power of ten where they are few, else powers of ten."""
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    fine = [f"{factor}e{power}" for power in range(first, last) for factor in (1, 2, 5)]
    shown = [value for value in map(float, fine) if low <= value <= high]
    if len(shown) <= most:
        return [(value, f"{value:g}") for value in shown]
    powers = [power for power in range(first, last + 1) if low <= 10.0**power <= high]
    every = math.ceil(len(powers) / most)
    return [(10.0**power, power_of_ten(power)) for power in powers[::every]]
