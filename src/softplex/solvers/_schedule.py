"""The learning rate of each step: a linear warm-up, then a decay."""

from __future__ import annotations

import math
from dataclasses import dataclass

from softplex._checks import check_choice, check_number

SCHEDULES = ("constant", "cosine", "linear", "step")


@dataclass(frozen=True)
class Schedule:
    r"""The learning rate of step t = 0, 1, ... of T steps in all.

    In the warm-up of w steps it is :math:`\eta (t + 1) / w`. After that, with the share
    :math:`u = (t - w) / (T - w)` of the way that is gone:

    ============== =============================================
    ``"constant"`` :math:`\eta`
    ``"cosine"``   :math:`\eta (1 + \cos \pi u) / 2`
    ``"linear"``   :math:`\eta (1 - u)`
    ``"step"``     :math:`\eta f^m` with m the whole periods of ``decay_every`` epochs gone by
    ============== =============================================

    Parameters
    ----------
    learning_rate : float > 0
        The step size eta at its largest.
    kind : str
        A name in the table.
    warmup_steps : int >= 0, default 0
        The number w of steps of the warm-up.
    decay_every : int >= 1, default 10
        Epochs of one period of ``"step"``.
    decay_factor : float in (0, 1], default 0.1
        f of ``"step"``.

    References
    ----------
    Loshchilov & Hutter (2017), "SGDR: stochastic gradient descent with warm restarts", eq. 5;
    Goyal et al. (2017), "Accurate, large minibatch SGD", section 2.2, for the warm-up.

    Examples
    --------
    >>> schedule = Schedule(1.0, "linear", warmup_steps=2)
    >>> [schedule.rate(t, steps_per_epoch=6, n_steps=6) for t in range(6)]
    [0.5, 1.0, 1.0, 0.75, 0.5, 0.25]
    """

    learning_rate: float
    kind: str = "constant"
    warmup_steps: int = 0
    decay_every: int = 10
    decay_factor: float = 0.1

    def __post_init__(self) -> None:
        check_number("learning_rate", self.learning_rate, low=0.0, open_low=True)
        check_choice("schedule", self.kind, SCHEDULES)
        check_number("warmup_steps", self.warmup_steps, low=0, integer=True)
        check_number("decay_every", self.decay_every, low=1, integer=True)
        check_number("decay_factor", self.decay_factor, low=0.0, high=1.0, open_low=True)

    @property
    def needs_the_end(self) -> bool:
        """Whether the rate depends on how many steps there will be."""
        return self.kind in ("cosine", "linear")

    def rate(self, step: int, *, steps_per_epoch: int, n_steps: int) -> float:
        """Give the learning rate of a step."""
        if step < self.warmup_steps:
            return self.learning_rate * (step + 1) / self.warmup_steps
        gone = (step - self.warmup_steps) / max(n_steps - self.warmup_steps, 1)
        if self.kind == "cosine":
            return self.learning_rate * 0.5 * (1.0 + math.cos(math.pi * gone))
        if self.kind == "linear":
            return self.learning_rate * (1.0 - gone)
        if self.kind == "step":
            periods = step // steps_per_epoch // self.decay_every
            return float(self.learning_rate * self.decay_factor**periods)
        return self.learning_rate
