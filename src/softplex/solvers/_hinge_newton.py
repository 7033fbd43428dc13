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
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from softplex.objective import HingeResponse
from softplex.solvers._hinge_state import Gap, HingeData, HingeState, gap_of
from softplex.solvers._hinge_system import NewtonSystem, Step

_MAX_STEPS = 25
_MAX_TRIALS = 40
# How flat the search along a step has to end, as a share of the slope at its start.
_FLAT = 0.3
# The gradient may leave this share of the gap that the dual rows themselves have.
_INEXACT, _INEXACT_BALANCE = 1.0, 0.1


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


@dataclass(frozen=True)
class Outcome:
    """The gap at the end of a proximal step, its Newton steps, and whether they were enough."""

    gap: Gap
    steps: int
    reached: bool


def minimise(
    data: HingeData,
    state: HingeState,
    step: Proximal,
    watch: Callable[[Gap, bool], bool],
) -> Outcome:
    """Move the state to about the minimum, or back where that takes too many steps in vain.

    ``watch`` is told of the gap, and whether the minimum is near enough, before each Newton step,
    and says whether to stop.
    """
    before, first = replace(state), 0.0
    for count in range(_MAX_STEPS + 1):
        excess = data.pieces.excess(state.scores, data.y)
        response = data.pieces.respond(step.dual, excess, data.y, step.sigma)
        state.set_dual(data, response.dual)
        gap = gap_of(data, state, excess, response.dual, has_intercept=step.has_intercept)
        first = gap.total if count == 0 else first
        gradient, settled = _gradient(data, state, step, gap)
        if watch(gap, count > 0 and settled):
            return Outcome(gap, count, reached=True)
        if count == _MAX_STEPS:
            break
        change = _system(data, response, step).solve(*gradient)
        if not _move(data, state, step, change, gradient, excess):
            return Outcome(gap, count, reached=True)
    if gap.total >= first:
        vars(state).update(vars(before))
    return Outcome(gap, count, reached=False)


def _gradient(
    data: HingeData, state: HingeState, step: Proximal, gap: Gap
) -> tuple[tuple[Tensor, Tensor], bool]:
    """Give the gradient in W and b, and whether it is small beside what the step has moved."""
    pull = torch.zeros_like(state.bias)
    bias_gradient = pull
    if step.has_intercept:
        pull = step.ridge * (state.bias - step.bias)
        bias_gradient = pull - state.balance
    margin = data.pieces.loss.margin
    left = gap.infeasible + margin * float(bias_gradient.abs().sum())
    moved = max(_INEXACT * gap.slack, _INEXACT_BALANCE * margin * float(pull.abs().sum()))
    return (state.weight - state.moment, bias_gradient), left <= moved


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
        response.slope * float(data.weight.sum()),
        data.ids[free],
        data.stores,
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
    scores = data.scores(change.weight) + data.full(change.bias[None])
    lead = scores - scores.gather(1, data.y[:, None])
    start = float((gradient[0] * change.weight).sum() + gradient[1] @ change.bias)
    if not -float("inf") < start < 0.0:
        return False
    bend = float(change.weight.square().sum())
    if step.has_intercept:
        bend += step.ridge * float(change.bias.square().sum())
    here = float(data.weight @ (state.dual * lead).sum(1))

    def at(length: float) -> tuple[float, float]:
        moved = torch.add(excess, lead, alpha=length)
        response = data.pieces.respond(step.dual, moved, data.y, step.sigma)
        slope = start + float(data.weight @ (response.dual * lead).sum(1)) - here + length * bend
        free = lead * response.active
        curved = free.square().sum(1) - response.coupling[:, 0] * free.sum(1).square()
        return slope, response.slope * float(data.weight @ curved) + bend

    length = _flat_point(at, start)
    state.weight = state.weight + length * change.weight
    state.bias = state.bias + length * change.bias
    state.scores = state.scores + length * scores
    return True


def _flat_point(at: Callable[[float], tuple[float, float]], start: float) -> float:
    """Where the slope of a convex function is nearly 0; at first 1 is tried.

    Newton's method on the slope, which is piecewise linear; fourfold steps as long as the function
    falls, and halving where Newton leaves the bracket or does not narrow it.
    """
    low, high, length, width = 0.0, float("inf"), 1.0, float("inf")
    for _ in range(_MAX_TRIALS):
        slope, curvature = at(length)
        if abs(slope) <= -_FLAT * start:
            return length
        low, high = (length, high) if slope < 0.0 else (low, length)
        if high == float("inf"):
            length *= 4.0
            continue
        narrowed, width = high - low <= 0.5 * width, high - low
        length -= slope / curvature
        if not (narrowed and low < length < high):
            length = 0.5 * (low + high)
    return low
