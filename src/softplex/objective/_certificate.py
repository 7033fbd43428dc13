"""What a fit proves about itself."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any


class Status(StrEnum):
    """How a fit ended; the value is the sentence that a user reads."""

    CONVERGED = "The asked relative duality gap was reached."
    MAX_ITER = "The iteration limit came before the asked gap: raise max_iter or tol."
    STALLED = (
        "The arithmetic allows no further progress: raise tol, or use dtype='float64' and scale "
        "the features."
    )
    SEPARATED = (
        "The classes are separated and nothing is penalised there, so no optimum exists and no "
        "bound: take a finite C, merge the classes, or drop the feature that separates them."
    )
    NO_BOUND = (
        "No bound on the optimum is known here: features without a penalty need a fit that is "
        "nearer to it. Raise max_iter, scale the features, or penalise them."
    )
    INTERRUPTED = "The fit was interrupted; these are the best parameters so far."

    @property
    def sentence(self) -> str:
        """The status in words."""
        return self.value


@dataclass(frozen=True)
class Certificate:
    """A proof of how far a fit is from the optimum: dual <= optimum <= primal.

    All numbers are float64, evaluated on the final parameters, in the units of the objective
    C x sum(weighted losses) + penalty (losses in nats).

    Parameters
    ----------
    primal : float
        The objective at the fitted parameters.
    dual : float
        A lower bound on the objective at any parameters; -inf where none is known.
    gap : float
        primal - dual, summed from non-negative terms so that no digits cancel; then inf.
    status : Status
        How the fit ended.

    Examples
    --------
    >>> Certificate(primal=2.0, dual=1.5, gap=0.5, status=Status.CONVERGED).relative_gap
    0.25
    """

    primal: float
    dual: float
    gap: float
    status: Status

    @property
    def relative_gap(self) -> float:
        """gap / abs(primal); 0 where both are 0."""
        if self.gap == 0.0:
            return 0.0
        return self.gap / abs(self.primal) if self.primal else math.inf

    def to_dict(self) -> dict[str, Any]:
        """Give the certificate as plain JSON values; null where no bound is known."""
        numbers = {**asdict(self), "relative_gap": self.relative_gap}
        for name in ("primal", "dual", "gap", "relative_gap"):
            numbers[name] = numbers[name] if math.isfinite(numbers[name]) else None
        return {**numbers, "status": self.status.name.lower(), "sentence": self.status.sentence}
