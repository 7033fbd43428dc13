r"""Penalties with kinks: lasso, elastic net, group lasso and mixtures.

Two kinds of steps take turns:

* a proximal quasi-Newton step, to the minimiser of a quadratic model with the kinks, which finds
  out which weights are zero (Lee, Sun and Saunders 2014, "Proximal Newton-type methods for
  minimizing composite functions");
* Newton steps over the weights that are not zero, where the penalty is smooth, with what would
  cross zero set to zero (Curtis, Dai and Robinson 2022, "A subspace acceleration method for
  minimization involving a group sparsity-inducing regularizer").

The second kind takes over once the first leaves the signs of the weights where they are, and goes
on while the zeros are nearer to their optimum than the rest. A proximal gradient step stands behind
both.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch import Tensor

from softplex.objective import Status
from softplex.solvers._kinked import KinkedObjective, KinkedPoint
from softplex.solvers._kinked_model import KinkedModel
from softplex.solvers._reduced_newton import Face, ReducedNewton, class_curvature
from softplex.solvers._result import Iteration

_MAX_HALVINGS = 30
# Newton's method takes over when a step changes the sign of no more than this share of the weights.
_SETTLED = 0.02
# How far the reduced system is solved.
_ACCURACY = 0.05
# Iterations without a smaller gap after which the arithmetic is called spent.
_PATIENCE = 30


@dataclass
class KinkedRun:
    """One run of the solver: what it knows of the objective, and the counts.

    Parameters
    ----------
    objective : KinkedObjective
        What is minimised; another precision of it may take its place between two stages.
    newton, model : ReducedNewton, KinkedModel
        Give the steps.
    max_iter : int
        Iterations over all stages.
    report : callable
        Told of every iteration.
    """

    objective: KinkedObjective
    newton: ReducedNewton
    model: KinkedModel
    max_iter: int
    report: Callable[[Iteration], None]
    history: list[Iteration] = field(default_factory=list)
    n_iter: int = 0
    evaluations: int = 0
    step: float = 1.0
    settled: bool = False

    def minimise(self, theta: Tensor, tol: float) -> tuple[KinkedPoint, Status]:
        """Go on until the estimated relative gap is at most tol, or Ctrl-C."""
        point = self._evaluate(theta)
        best, waited = point.gap, 0
        try:
            while True:
                entry = Iteration(self.n_iter, self.evaluations, point.value, point.gap)
                self.history.append(entry)
                self.report(entry)
                if point.gap <= tol * abs(point.value):
                    return point, Status.CONVERGED
                if self.n_iter >= self.max_iter:
                    return point, Status.MAX_ITER
                following = self._next(point)
                if following is None or waited > _PATIENCE:
                    return point, Status.STALLED
                falls = point.value - following.value > self._rounding(point)
                waited = 0 if falls or following.gap < 0.9 * best else waited + 1
                best = min(best, following.gap)
                point = following
                self.n_iter += 1
        except KeyboardInterrupt:
            return point, Status.INTERRUPTED

    def _evaluate(self, theta: Tensor) -> KinkedPoint:
        self.evaluations += 1
        return self.objective(theta)

    def _next(self, point: KinkedPoint) -> KinkedPoint | None:
        """A step of the model; a Newton step once the model leaves the zeros where they are."""
        following, face = None, self._face(point)
        if self.settled and not self._zeros_are_worse(point, face):
            following = self._newton_step(point, face)
        if following is None:
            self.settled = False
            following = self._model_step(point)
        if following is None:
            following = self._newton_step(point, face)
        if following is None:
            following = self._proximal_step(point)
        return following

    def _zeros_are_worse(self, point: KinkedPoint, face: Face) -> bool:
        """Whether a proximal step would move the zeros more than the rest."""
        move = (self._proximal_target(point) - point.theta).square()
        return float((move * ~face.free).sum()) > float((move * face.free).sum())

    def _model_step(self, point: KinkedPoint) -> KinkedPoint | None:
        """Go towards the minimiser of the model, as far as the objective falls enough."""
        objective, penalty = self.objective.smooth, self.objective.penalty
        curvature = class_curvature(objective, point.theta)
        floor = 0.01 * float(curvature.max())
        target = self.model.minimiser(
            point.theta,
            point.smooth.gradient,
            curvature.clamp_min(floor),
            self.objective.smooth.features.dtype,
        )
        target = self._gauged(target)
        move = target - point.theta
        kinks = penalty.kinks(target[:, :-1]).sum() - penalty.kinks(point.theta[:, :-1]).sum()
        predicted = float((point.smooth.gradient * move).sum() + kinks)
        if not predicted < 0.0:
            return None
        length = 1.0
        for _ in range(_MAX_HALVINGS):
            following = self._evaluate(point.theta + length * move)
            fallen = following.value - point.value
            if fallen <= 1e-4 * length * predicted:
                self.model.learn(
                    following.theta - point.theta,
                    following.smooth.gradient - point.smooth.gradient,
                )
                self.settled = _signs_stay(point.theta[:, :-1], following.theta[:, :-1])
                return following
            length *= 0.5
        return None

    def _face(self, point: KinkedPoint) -> Face:
        penalty = self.objective.penalty
        smooth = (penalty.l1 == 0) & (penalty.group == 0)
        weight = point.theta[:, :-1]
        # Entries of a group that is not zero move together where nothing holds them one by one.
        together = (penalty.l1 == 0) & (weight != 0).any(0)
        free = (weight != 0) | smooth | together
        intercept = torch.full_like(free[:, :1], self.objective.smooth.fit_intercept)
        return Face(torch.cat([free, intercept], 1), penalty)

    def _proximal_target(self, point: KinkedPoint) -> Tensor:
        """Where a proximal gradient step leads; the quadratic part is in the gradient."""
        length = self.step / self._bend()
        moved = point.theta - length * point.smooth.gradient
        weight = self.objective.penalty.without_quadratic().prox(moved[:, :-1], length)
        return torch.cat([weight, moved[:, -1:]], 1)

    def _bend(self) -> float:
        """The largest curvature of a standardised column alone: p (1 - p) <= 1/4, doubled."""
        return 0.5 * float(self.objective.smooth.targets.weight.sum())

    def _proximal_step(self, point: KinkedPoint) -> KinkedPoint | None:
        """A step of all coordinates, shortened until the quadratic model bounds the objective."""
        for _ in range(_MAX_HALVINGS):
            target = self._proximal_target(point)
            move = target - point.theta
            if not bool(move.any()):
                return None
            following = self._evaluate(self._gauged(target))
            model = float((point.smooth.gradient * move).sum())
            model += 0.5 * self._bend() / self.step * float(move.square().sum())
            if following.smooth.value - point.smooth.value - model <= self._rounding(point):
                self.step *= 1.5
                better = following.value < point.value or following.gap < point.gap
                return following if better else None
            self.step *= 0.5
        return None

    def _newton_step(self, point: KinkedPoint, face: Face) -> KinkedPoint | None:
        """A Newton step on the face, projected on the signs and shortened until it descends."""
        slope = (point.smooth.gradient + face.kink_gradient(point.theta)) * face.free
        size = float(slope.norm())
        if not size > 0.0:
            return None
        direction = self.newton.direction(point.theta, slope, face, accuracy=_ACCURACY)
        length = 1.0
        for _ in range(_MAX_HALVINGS):
            target = self._gauged(_projected(point.theta, length * direction, face))
            following = self._evaluate(target)
            predicted = float((slope * (target - point.theta)).sum())
            fallen = following.value - point.value
            if fallen <= 1e-4 * min(predicted, 0.0) and fallen < 0.0:
                self.settled = length == 1.0
                return following
            if fallen <= self._rounding(point) and following.gap < point.gap:
                return following
            length *= 0.5
        return None

    def _gauged(self, theta: Tensor) -> Tensor:
        """Add to each lasso column what changes no probability and lowers its norm most."""
        penalty = self.objective.penalty
        columns = (penalty.l1 > 0) & (penalty.group == 0) & (penalty.quadratic == 0)
        if len(theta) == 1 or not bool(columns.any()):
            return theta
        weight = theta[:, :-1][:, columns].sort(dim=0).values
        # Any point between the two middle values is a median; take that nearest to zero.
        low, high = weight[(len(weight) - 1) // 2], weight[len(weight) // 2]
        median = torch.where(low > 0, low, torch.where(high < 0, high, 0.0))
        gauged = theta.clone()
        gauged[:, :-1][:, columns] -= median
        return gauged

    def _rounding(self, point: KinkedPoint) -> float:
        return 4 * torch.finfo(self.objective.smooth.features.dtype).eps * abs(point.value)


def _signs_stay(before: Tensor, after: Tensor) -> bool:
    changed = int((before.sign() != after.sign()).sum())
    return changed <= _SETTLED * int((after != 0).sum())


def _projected(theta: Tensor, move: Tensor, face: Face) -> Tensor:
    """Move, and set to zero what has crossed it: entries of a lasso, columns of a group."""
    moved = theta + move
    weight, old = moved[:, :-1], theta[:, :-1]
    lasso = (face.penalty.l1 > 0) & (weight * old < 0)
    group = (face.penalty.group > 0) & ((weight * old).sum(0) <= 0) & (old != 0).any(0)
    return torch.cat([torch.where(lasso | group, 0.0, weight), moved[:, -1:]], 1)
