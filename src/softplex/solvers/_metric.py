"""When a fit gets a better preconditioner: by what one costs, counted in evaluations.

| preconditioner | costs about | pays |
|---|---|---|
| curvature at zero weights | a Gram matrix | at once |
| the same basis, present curvature | 1 + d / 2k evaluations | early, then as the count doubles |
| a block a contrast of classes | one Gram matrix a class | in longer fits of few classes |
| all pairs of classes | two Gram matrices and one large factor | with hardly any penalty |
"""

from __future__ import annotations

import math

from torch import Tensor

from softplex.objective import RidgeObjective
from softplex.solvers._contrasts import contrast_preconditioner, evaluations_worth_contrasts
from softplex.solvers._pairs import evaluations_worth_pairs, pairwise_preconditioner
from softplex.solvers._preconditioner import (
    Preconditioner,
    first_preconditioner,
    make_basis,
    renewal_cost,
    renewed_preconditioner,
)

_FIRST_RENEWAL, _SECOND_RENEWAL = 4, 12
# The blocks are built again when the fit has come to this many times the evaluations.
_CONTRASTS_AGAIN = 5


class Metric:
    """The preconditioner of a fit, which gives way to better ones as the fit proves to be long.

    Parameters
    ----------
    objective : RidgeObjective
        What is minimised.
    preconditioner : Preconditioner, optional
        That of a neighbouring problem at its optimum, in the place of zero weights.
    """

    def __init__(
        self, objective: RidgeObjective, preconditioner: Preconditioner | None = None
    ) -> None:
        self._renewal: int | None = None
        if preconditioner is None:
            self._basis = make_basis(objective)
            preconditioner = first_preconditioner(objective, self._basis)
            self._renewal = max(_FIRST_RENEWAL, 2 * renewal_cost(objective, self._basis))
        self.preconditioner = preconditioner
        self._contrasts = evaluations_worth_contrasts(objective)
        self._pairs_cost = evaluations_worth_pairs(objective)
        self._pairs = None if self._pairs_cost is None else 2 * self._pairs_cost

    def renew(
        self,
        objective: RidgeObjective,
        theta: Tensor,
        evaluations: int,
        remaining: float = math.inf,
    ) -> bool:
        """Build what is due where the solver stands; say whether anything was.

        What costs more than the evaluations that seem to remain is not built.
        """
        cost = self._pairs_cost
        if self._pairs is not None and cost and evaluations >= self._pairs and remaining > cost:
            better = pairwise_preconditioner(objective, theta)
            self._pairs = None if better is None else evaluations + cost
            self._contrasts = self._renewal = None
            if better is not None:
                self.preconditioner = better
            return better is not None
        if self._contrasts is not None and min(evaluations, 2 * remaining) >= self._contrasts:
            self.preconditioner = contrast_preconditioner(objective, theta)
            self._contrasts, self._renewal = _CONTRASTS_AGAIN * evaluations, None
            return True
        if self._renewal is not None and evaluations >= self._renewal:
            self.preconditioner = renewed_preconditioner(objective, self._basis, theta)
            self._renewal = max(_SECOND_RENEWAL, 2 * evaluations)
            return True
        return False
