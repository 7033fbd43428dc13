r"""A line search for the (approximate) Wolfe conditions.

A step t along a direction with slope :math:`\phi'(0) < 0` is taken when the slope has flattened,
:math:`\phi'(t) \ge \sigma \phi'(0)`, and either the value has fallen enough,
:math:`\phi(t) \le \phi(0) + \delta t \phi'(0)`, or the value has not risen by more than the
rounding of the arithmetic and :math:`\phi'(t) \le (2 \delta - 1) \phi'(0)`. The second form
(Hager and Zhang 2005, "A new conjugate gradient method with guaranteed descent") goes on when
differences of values have drowned in rounding and slopes have not.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from softplex.objective import Point

_DELTA, _SIGMA = 1e-4, 0.9
_MAX_TRIALS = 25


@dataclass(frozen=True)
class Trial:
    """A step, the point it leads to, and the slope there."""

    step: float
    point: Point
    slope: float


def search(
    at: Callable[[float], tuple[Point, float]], start: Trial, rounding: float
) -> tuple[Trial | None, int]:
    """Find a step, 1 first.

    Parameters
    ----------
    at : callable
        Step to (point, slope).
    start : Trial
        Step 0.
    rounding : float
        How much the value may rise and still count as unchanged.

    Returns
    -------
    trial : Trial or None
        None when no step can be found.
    evaluations : int
    """
    low, high, step, width = start, None, 1.0, math.inf
    for count in range(1, _MAX_TRIALS + 1):
        trial = Trial(step, *at(step))
        if _descends(trial, start, rounding):
            if trial.slope >= _SIGMA * start.slope:
                return trial, count
            low = trial
        else:
            high = trial
        if high is None:
            step = _longer_step(low, start)
        else:
            last, width = width, high.step - low.step
            step = low.step + width * _share(low, high, narrowed=width <= 0.5 * last)
    return None, _MAX_TRIALS


def _descends(trial: Trial, start: Trial, rounding: float) -> bool:
    fallen = trial.point.value - start.point.value
    if fallen <= _DELTA * trial.step * start.slope:
        return True
    return fallen <= rounding and trial.slope <= (2 * _DELTA - 1) * start.slope


def _longer_step(low: Trial, start: Trial) -> float:
    """Extrapolate the zero of the slope, within bounds."""
    bend = start.slope - low.slope
    factor = start.slope / bend if bend < 0 else 10.0
    return low.step * min(max(factor, 1.5), 10.0)


def _share(low: Trial, high: Trial, *, narrowed: bool) -> float:
    """Where in the bracket to go: to the zero of the chord, or to the middle.

    The chord alone creeps where the slope is like a step function, so the middle follows each
    time that the bracket has not been halved.
    """
    if not narrowed or not high.slope > low.slope:
        return 0.5
    return min(max(low.slope / (low.slope - high.slope), 0.1), 0.9)
