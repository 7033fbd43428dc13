r"""A quadratic model of the smooth objective, minimised together with the kinks of a penalty.

The model's Hessian is that of L-BFGS in its compact form (Byrd, Nocedal and Schnabel 1994,
eq. 2.17),

.. math:: B = B_0 - [B_0 S, Y]
          \begin{pmatrix} S^T B_0 S & L \\ L^T & -D \end{pmatrix}^{-1} [B_0 S, Y]^T ,

with :math:`B_0 = \sigma\, diag(\kappa) \otimes G + diag(\rho)`: G the Gram matrix of the
standardised features and :math:`\kappa_c = \sum_i s_i p_{ic} (1 - p_{ic})`. A product with B costs
r d^2 operations and no pass over the rows, so the proximal subproblem is solved by an accelerated
gradient method with restarts (Lee, Sun and Saunders 2014, "Proximal Newton-type methods";
O'Donoghue and Candes 2015).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch import Tensor

from softplex.objective import RidgeObjective
from softplex.penalties import PenaltyParts
from softplex.solvers._preconditioner import gram_is_affordable
from softplex.solvers._reduced_newton import standard_gram

HISTORY = 10
Operator = Callable[[Tensor], Tensor]
_MAX_ITERATIONS = 200
# The subproblem is solved until a step is this share of the first one.
_ACCURACY = 0.02
_POWER_STEPS = 12
_MARGIN = 1.15
_TINY = 1e-30
# How far the newest pair may scale the first matrix.
_SMALLEST_SCALE, _LARGEST_SCALE = 0.05, 2.0


@dataclass
class KinkedModel:
    """Curvature pairs and the Gram matrix; gives the minimiser of the model at a point.

    Parameters
    ----------
    objective : RidgeObjective
        Loss and quadratic penalty.
    penalty : PenaltyParts
        In the coordinates of the solver.
    """

    objective: RidgeObjective
    penalty: PenaltyParts
    steps: deque[Tensor] = field(default_factory=lambda: deque(maxlen=HISTORY))
    changes: deque[Tensor] = field(default_factory=lambda: deque(maxlen=HISTORY))

    def __post_init__(self) -> None:
        self._gram = (
            standard_gram(self.objective) if gram_is_affordable(self.objective.features) else None
        )

    def learn(self, step: Tensor, change: Tensor) -> None:
        """Keep the change of the gradient over a step."""
        if float((step * change).sum()) > 0.0:
            self.steps.append(step)
            self.changes.append(change)

    def minimiser(
        self, theta: Tensor, gradient: Tensor, curvature: Tensor, dtype: torch.dtype
    ) -> Tensor:
        """Give the parameters that minimise the model with the kinks.

        Parameters
        ----------
        theta, gradient : tensors (r, d + 1)
            Where the model stands.
        curvature : tensor (r,)
            kappa.
        dtype : torch.dtype
            Of the arithmetic.
        """
        product = self._operator(curvature.to(dtype))
        start, slope = theta.to(dtype), gradient.to(dtype)
        length = 1.0 / _largest_eigenvalue(product, slope)
        kinks = self.penalty.without_quadratic().to(dtype)
        here, ahead, momentum, first = start, start, 1.0, 0.0
        for _ in range(_MAX_ITERATIONS):
            moved = ahead - length * (slope + product(ahead - start))
            weight = kinks.prox(moved[:, :-1], length)
            following = torch.cat([weight, moved[:, -1:]], 1)
            size = float((following - ahead).norm())
            first = max(first, size)
            step = following - here
            # The momentum ends where it points uphill.
            uphill = float(((ahead - following) * step).sum()) > 0.0
            grown = 1.0 if uphill else 0.5 * (1.0 + (1.0 + 4.0 * momentum**2) ** 0.5)
            ahead = following if uphill else following + (momentum - 1.0) / grown * step
            here, momentum = following, grown
            if size <= _ACCURACY * first:
                break
        return here.to(theta.dtype)

    def _operator(self, curvature: Tensor) -> Operator:
        """Give the product with B."""
        plain = self._first_operator(curvature)
        if not self.steps:
            return plain
        shape, dtype = self.steps[0].shape, curvature.dtype
        steps = torch.stack([step.reshape(-1) for step in self.steps]).to(dtype)
        changes = torch.stack([change.reshape(-1) for change in self.changes]).to(dtype)
        images = torch.stack([plain(step.reshape(shape)).reshape(-1) for step in steps])
        scale = float(steps[-1] @ changes[-1]) / max(float(steps[-1] @ images[-1]), _TINY)
        scale = min(max(scale, _SMALLEST_SCALE), _LARGEST_SCALE)
        images = scale * images
        inner = (steps @ changes.T).to(torch.float64)
        lower = inner.tril(-1)
        top = torch.cat([(steps @ images.T).to(torch.float64), lower], 1)
        bottom = torch.cat([lower.T, -torch.diag(inner.diagonal())], 1)
        middle = torch.linalg.pinv(torch.cat([top, bottom]), rtol=1e-7).to(dtype)
        sides = torch.cat([images, changes])

        def product(vector: Tensor) -> Tensor:
            held = middle @ (sides @ vector.reshape(-1))
            low_rank: Tensor = (held @ sides).reshape(shape)
            return scale * plain(vector) - low_rank

        return product

    def _first_operator(self, curvature: Tensor) -> Operator:
        """Give the product with B_0 at sigma = 1."""
        dtype = curvature.dtype
        gram = None if self._gram is None else self._gram.to(dtype)
        rho = torch.nn.functional.pad(self.objective.penalty_weight, (0, 1)).to(dtype)

        def product(vector: Tensor) -> Tensor:
            return curvature[:, None] * (vector if gram is None else vector @ gram) + rho * vector

        return product


def _largest_eigenvalue(product: Operator, like: Tensor) -> float:
    """The power method from a fixed start, with a margin for what it has not reached."""
    generator = torch.Generator(device="cpu").manual_seed(0)
    vector = torch.randn(like.shape, generator=generator, dtype=like.dtype).to(like.device)
    size = 1.0
    for _ in range(_POWER_STEPS):
        vector = product(vector)
        size = float(vector.norm())
        vector = vector / max(size, _TINY)
    return _MARGIN * size
