r"""Where the solver of a hinge stands.

Scores, dual rows and the moment are carried along and changed by what a step changes, so that the
rounding of float32 products shrinks with the steps; they are computed anew from time to time.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from softplex.objective import HingeDual, hinge_direction
from softplex.solvers._hinge_rows import HingeRows
from softplex.solvers._hinge_system import Stores


@dataclass(frozen=True)
class HingeData:
    """What does not change: rows, classes ``(n,)``, weights s ``(n,)``, the loss, the columns.

    ``ids`` are the places of the rows in the stores.
    """

    rows: HingeRows
    y: Tensor
    weight: Tensor
    pieces: HingeDual
    n_classes: int
    n_columns: int
    ids: Tensor
    stores: Stores

    @property
    def first(self) -> int:
        """1 where the first class has no score column."""
        return self.n_classes - self.n_columns

    def select(self, chosen: Tensor) -> HingeData:
        """Give some rows."""
        return replace(
            self,
            rows=self.rows.select(chosen),
            y=self.y[chosen],
            weight=self.weight[chosen],
            ids=self.ids[chosen],
        )

    def near(self, state: HingeState, band: float) -> Tensor:
        """Give the rows whose dual may change while scores move by less than the band."""
        excess = self.pieces.excess(state.scores, self.y)
        return torch.nonzero(~self.pieces.settled(state.dual, excess, self.y, band)).squeeze(1)

    def pull(self, dual: Tensor) -> Tensor:
        """Give each row's pull on the scores, -s times the derivative of its loss, ``(n, r)``."""
        return (hinge_direction(dual, self.y) * -self.weight[:, None])[:, self.first :]

    def scores(self, weight: Tensor) -> Tensor:
        """Give the scores of weights, ``(n, k)`` in float64."""
        return self.full(self.rows.scores(weight).to(torch.float64))

    def full(self, scores: Tensor) -> Tensor:
        """Give scores with the column of the first class."""
        return torch.nn.functional.pad(scores, (self.first, 0))


@dataclass
class HingeState:
    """Parameters ``(r, d)`` and ``(r,)``, scores ``(n, k)``, dual rows ``(n, k)``, and sums.

    ``moment`` ``(r, d)`` and ``balance`` ``(r,)`` are the sums of the pulls of all dual rows.
    """

    weight: Tensor
    bias: Tensor
    scores: Tensor
    dual: Tensor
    moment: Tensor
    balance: Tensor

    def rows(self, chosen: Tensor) -> HingeState:
        """Give the state of some rows; parameters and sums are those of all."""
        return replace(self, scores=self.scores[chosen], dual=self.dual[chosen])

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
    unbalanced: float

    @property
    def total(self) -> float:
        """The gap, with an estimate of what the repair of the intercept costs."""
        return self.slack + self.infeasible + self.unbalanced


def gap_of(
    data: HingeData, state: HingeState, excess: Tensor, dual: Tensor, *, has_intercept: bool
) -> Gap:
    """Measure the gap at the parameters and dual rows whose moment the state holds."""
    value, slack = _loss_and_slack(data, excess, dual)
    penalty = 0.5 * float(state.weight.square().sum())
    infeasible = 0.5 * float((state.weight - state.moment).square().sum())
    unbalanced = data.pieces.loss.margin * float(state.balance.abs().sum())
    return Gap(value + penalty, slack, infeasible, unbalanced if has_intercept else 0.0)


def _loss_and_slack(data: HingeData, excess: Tensor, dual: Tensor) -> tuple[float, float]:
    value = data.pieces.value(excess)
    gained = (dual * excess).sum(1)  # the excess of the own column is 0
    if data.pieces.loss.squared:
        gained -= data.pieces.conjugate(dual)
    slack = (value - gained).clamp_min_(0.0)
    return float(data.weight @ value), float(data.weight @ slack)


def merge(
    data: HingeData, state: HingeState, view: HingeState, near: Tensor
) -> tuple[float, float]:
    """Bring a state up to date with the view of some of its rows.

    Gives the loss of the other rows and their slack, which is 0 if they stayed settled.
    """
    settled = torch.ones(len(data.y), dtype=torch.bool, device=near.device)
    settled[near] = False
    far = torch.nonzero(settled).squeeze(1)
    rest = data.select(far)
    change = view.bias - state.bias
    state.scores[far] += rest.scores(view.weight - state.weight) + data.full(change[None])
    state.scores[near] = view.scores
    state.dual = state.dual.index_copy(0, near, view.dual)
    state.weight, state.bias = view.weight, view.bias
    state.moment, state.balance = view.moment, view.balance
    excess = data.pieces.excess(state.scores[far], rest.y)
    return _loss_and_slack(rest, excess, state.dual[far])
