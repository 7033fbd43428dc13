"""What a solver returns."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from softplex.objective import Certificate, Separation, Status


@dataclass(frozen=True)
class Iteration:
    """One line of a fit's history: the objective, and the gap as the solver estimates it."""

    number: int
    evaluations: int
    primal: float
    gap: float


@dataclass(frozen=True)
class Solution:
    """Fitted parameters and the proof of their quality.

    Parameters
    ----------
    weight, bias : tensors (r, d) and (r,) in float64
        The parameters, in the units of the features as they came.
    certificate : Certificate
        Evaluated in float64 on these parameters.
    n_iter : int
        Iterations over all stages.
    history : tuple of Iteration
        One entry an iteration.
    separation : Separation, optional
        What is known about the separation of the classes, where that was asked.
    """

    weight: Tensor
    bias: Tensor
    certificate: Certificate
    n_iter: int
    history: tuple[Iteration, ...]
    separation: Separation | None = None

    @property
    def status(self) -> Status:
        """How the fit ended."""
        return self.certificate.status
