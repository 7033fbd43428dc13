r"""Where the solver of a hinge stands.

Scores, dual rows and the moment are carried along and changed by what a step changes, so that the
rounding of float32 products shrinks with the steps; they are computed anew from time to time.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from softplex.objective import HingeDual, HingeResponse, hinge_direction
from softplex.solvers._hinge_rows import HingeRows


@dataclass(frozen=True)
class HingeData:
    """What does not change: rows, classes ``(n,)``, weights s ``(n,)``, the loss, the columns."""

    rows: HingeRows
    y: Tensor
    weight: Tensor
    pieces: HingeDual
    n_classes: int
    n_columns: int

    @property
    def first(self) -> int:
        """1 where the first class has no score column."""
        return self.n_classes - self.n_columns

    def select(self, chosen: Tensor) -> HingeData:
        """Give some rows."""
        return HingeData(
            self.rows.select(chosen),
            self.y[chosen],
            self.weight[chosen],
            self.pieces,
            self.n_classes,
            self.n_columns,
        )

    def pull(self, dual: Tensor) -> Tensor:
        """Give each row's pull on the scores, -s times the derivative of its loss, ``(n, r)``."""
        return (hinge_direction(dual, self.y) * -self.weight[:, None])[:, self.first :]

    def full(self, scores: Tensor) -> Tensor:
        """Give scores with the column of the first class."""
        return torch.nn.functional.pad(scores, (self.first, 0))


@dataclass
class HingeState:
    """Parameters ``(r, d)`` and ``(r,)``, scores ``(n, k)``, dual rows ``(n, k)``, and sums.

    ``moment`` ``(r, d)`` and ``balance`` ``(r,)`` are the sums of the pulls of ``dual``.
    """

    weight: Tensor
    bias: Tensor
    scores: Tensor
    dual: Tensor
    moment: Tensor
    balance: Tensor

    def set_dual(self, data: HingeData, dual: Tensor) -> None:
        """Change the dual rows, and the sums with them."""
        change = data.pull(dual - self.dual)
        self.moment = self.moment + data.rows.moment(change)
        self.balance = self.balance + change.sum(0)
        self.dual = dual


@dataclass(frozen=True)
class Gap:
    """The primal value and the parts of the duality gap, in the solver's units."""

    primal: float
    slack: float
    infeasible: float

    @property
    def total(self) -> float:
        """The gap, but for what the repair of the intercept costs."""
        return self.slack + self.infeasible


def gap_of(data: HingeData, state: HingeState, excess: Tensor, response: HingeResponse) -> Gap:
    """Measure the gap at the parameters and a response to their scores."""
    dual = response.dual
    value = data.pieces.value(excess)
    off = dual.scatter(1, data.y[:, None], 0.0)
    gained = (off * excess).sum(1) - data.pieces.conjugate(off)
    slack = float(data.weight @ (value - gained).clamp_min(0.0))
    penalty = 0.5 * float(state.weight.square().sum())
    infeasible = 0.5 * float((state.weight - state.moment).square().sum())
    return Gap(float(data.weight @ value) + penalty, slack, infeasible)
