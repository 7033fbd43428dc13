r"""One proximal step of a hinge: a semismooth Newton method on the smoothed primal.

At fixed dual rows u' and size sigma the step minimises

.. math:: \Phi(W, b) = \sum_i s_i \max_{u \in U} \left(u \cdot m_i - h(u)
          - \tfrac{1}{2 \sigma} \|u - u'_i\|^2\right) + \tfrac12 \|W\|^2
          + \tfrac{\epsilon}{2} \|b - b'\|^2,

which is convex with a Lipschitz gradient, piecewise quadratic, and the maximisers are the next dual
rows (Rockafellar 1976, "Augmented Lagrangians and applications of the proximal point algorithm";
Li, Sun and Toh 2018, "A highly efficient semismooth Newton augmented Lagrangian method").
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from softplex.objective import HingeResponse
from softplex.solvers._hinge_state import Gap, HingeData, HingeState, gap_of
from softplex.solvers._hinge_system import NewtonSystem, Step

_MAX_STEPS = 30
_MAX_TRIALS = 12
# How flat the search along a step has to end, as a share of the slope at its start.
_FLAT = 0.3
# The gradient may leave this share of the gap that the dual rows themselves have.
_INEXACT = 2.0


@dataclass(frozen=True)
class Proximal:
    """The step to take: its centre, size, and the pull of the intercept towards b'."""

    dual: Tensor
    sigma: float
    bias: Tensor
    ridge: float

    @property
    def has_intercept(self) -> bool:
        """Whether b moves."""
        return self.ridge < float("inf")


def minimise(
    data: HingeData,
    state: HingeState,
    step: Proximal,
    stop: Callable[[Gap], bool],
) -> Gap:
    """Move the state to about the minimum; give the gap there."""
    for count in range(_MAX_STEPS + 1):
        excess = data.pieces.excess(state.scores, data.y)
        response = data.pieces.respond(step.dual, excess, data.y, step.sigma)
        state.set_dual(data, response.dual)
        gap = gap_of(data, state, excess, response)
        enough = gap.infeasible <= _INEXACT * gap.slack
        if stop(gap) or (count > 0 and enough) or count == _MAX_STEPS:
            break
        weight_gradient = state.weight - state.moment
        bias_gradient = step.ridge * (state.bias - step.bias) if step.has_intercept else None
        bias_gradient = (
            bias_gradient - state.balance
            if bias_gradient is not None
            else torch.zeros_like(state.bias)
        )
        change = _system(data, response, step).solve(weight_gradient, bias_gradient)
        if not _move(data, state, step, change, (weight_gradient, bias_gradient), excess):
            break
    return gap


def _system(data: HingeData, response: HingeResponse, step: Proximal) -> NewtonSystem:
    active, coupling = response.active, response.coupling
    count = active.sum(1)
    curved = (count > 0) & (coupling[:, 0] * count * (count == 1) < 1.0 - 1e-9)
    free = torch.nonzero(curved).squeeze(1)
    part = HingeResponse(response.dual, active[free], coupling[free], response.slope)
    return NewtonSystem(
        data.rows.select(free),
        data.y[free],
        part,
        data.weight[free] * response.slope,
        data.first,
        step.ridge,
    )


def _move(
    data: HingeData,
    state: HingeState,
    step: Proximal,
    change: Step,
    gradient: tuple[Tensor, Tensor],
    excess: Tensor,
) -> bool:
    """Go along a step to where the slope is nearly flat; False where there is no descent."""
    scores = data.full(data.rows.scores(change.weight).to(torch.float64) + change.bias)
    lead = scores - scores.gather(1, data.y[:, None])
    start = float((gradient[0] * change.weight).sum() + gradient[1] @ change.bias)
    if not start < 0.0:
        return False
    linear = float((state.weight * change.weight).sum())
    bend = float(change.weight.square().sum())
    if step.has_intercept:
        linear += step.ridge * float((state.bias - step.bias) @ change.bias)
        bend += step.ridge * float(change.bias.square().sum())

    def slope(length: float) -> float:
        moved = torch.add(excess, lead, alpha=length)
        dual = data.pieces.respond(step.dual, moved, data.y, step.sigma).dual
        return float(data.weight @ (dual * lead).sum(1)) + linear + length * bend

    length = _flat_point(slope, start)
    state.weight = state.weight + length * change.weight
    state.bias = state.bias + length * change.bias
    state.scores = state.scores + length * scores
    return True


def _flat_point(slope: Callable[[float], float], start: float) -> float:
    """Where the slope of a convex function is nearly 0, in (0, 1]; 1 where it still falls."""
    low, low_slope, high, high_slope, length = 0.0, start, 0.0, 0.0, 1.0
    for _ in range(_MAX_TRIALS):
        here = slope(length)
        if abs(here) <= -_FLAT * start:
            return length
        if here < 0.0:
            if high == 0.0:
                return length
            low, low_slope = length, here
        else:
            high, high_slope = length, here
        share = low_slope / (low_slope - high_slope)
        length = low + (high - low) * min(max(share, 0.1), 0.9)
    return length
