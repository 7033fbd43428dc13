r"""The whole curvature of a softmax over dense data as a preconditioner, summed over class pairs.

As :math:`diag(p) - p p^T = \sum_{a<b} p_a p_b\, (e_a - e_b)(e_a - e_b)^T`, the Hessian is

.. math:: \sum_{a<b} (e_a - e_b)(e_a - e_b)^T \otimes
          \sum_i s_i\, p_{ia} p_{ib}\, \tilde x_i \tilde x_i^T, \qquad \tilde x = (x, 1).

Most rows waver between two or three classes, so the rows that hold nearly all of a pair's weight
are few, and all pairs together cost a few Gram matrices where the plain sum costs k (k + 1) / 2.

The last class is the reference: for gradients that sum to zero over the classes, the block without
it, whose penalty is :math:`\rho\,(\delta_{ab} - 1/k)`, has the same inverse.
"""

from __future__ import annotations

import torch
from torch import Tensor

from softplex.objective import RidgeObjective
from softplex.solvers._cholesky import cholesky_in_place
from softplex.solvers._contrasts import bulk
from softplex.solvers._preconditioner import THIN, Preconditioner
from softplex.streaming import DenseFeatures, self_product

# Entries of the factor; 60 million take 240 MB.
_MAX_NUMBERS = 60_000_000
_ROWS = 16_384
_JITTER = 1e-6


def evaluations_worth_pairs(objective: RidgeObjective) -> int | None:
    """What one factor costs, in evaluations; None where it is too large, or the data sparse."""
    features, k = objective.features, objective.targets.n_classes
    size = (k - 1) * (features.d + 1)
    fits = k > 2 and size**2 <= _MAX_NUMBERS and size > features.d + 1
    if not (fits and isinstance(features, DenseFeatures)):
        return None
    build = 2.0 * features.n * features.d**2 + size**3 / 3
    evaluation = 4.0 * features.n * features.d * k * THIN
    return max(20, int(build / evaluation))


def pairwise_preconditioner(objective: RidgeObjective, theta: Tensor) -> Preconditioner | None:
    """Factor the Hessian at some parameters, or give None where rounding leaves none."""
    hessian = _hessian(objective, theta)
    unit = hessian.diagonal().clamp_min(torch.finfo(torch.float32).tiny).rsqrt()
    hessian.mul_(unit[:, None]).mul_(unit)
    hessian.diagonal().add_(_JITTER)
    lower = cholesky_in_place(hessian)
    if lower is None:
        return None
    width = theta.shape[1]

    def apply(gradient: Tensor) -> Tensor:
        right = (gradient[:-1].reshape(-1) * unit).to(lower.dtype)[:, None]
        half = torch.linalg.solve_triangular(lower, right, upper=False)
        solved = torch.linalg.solve_triangular(lower.T, half, upper=True)[:, 0] * unit
        direction = torch.nn.functional.pad(
            solved.to(gradient.dtype).reshape(-1, width), (0, 0, 0, 1)
        )
        return direction.sub_(direction.mean(0))

    return Preconditioner(apply, smallest_scale=0.0)


def _hessian(objective: RidgeObjective, theta: Tensor) -> Tensor:
    """The lower triangle without the last class, ``((k - 1) (d + 1),) * 2`` in float32."""
    k, width = theta.shape
    out = torch.zeros(k - 1, width, k - 1, width, dtype=torch.float32, device=theta.device)
    weight, bias = (part.to(objective.features.dtype) for part in objective.user_parameters(theta))
    for start in range(0, objective.features.n, _ROWS):
        rows = slice(start, min(start + _ROWS, objective.features.n))
        p = torch.softmax(objective.features.scores(rows, weight, bias), 0)
        row_weight = objective.targets.weight[rows]
        block = torch.nn.functional.pad(objective.inner_block(rows), (0, 1), value=1.0)
        for a in range(1, k):
            for b in range(a):
                gram = _weighted_gram(block, bulk(p[a] * p[b] * row_weight))
                _add_pair(out, a, b, gram.to(out.dtype))
    _add_penalty(out, objective)
    return out.reshape((k - 1) * width, (k - 1) * width)


def _weighted_gram(block: Tensor, weight: Tensor) -> Tensor:
    kept = torch.nonzero(weight).squeeze(1)
    return self_product(block[kept].mul_(weight[kept].sqrt().to(block.dtype)[:, None]))


def _add_pair(out: Tensor, a: int, b: int, gram: Tensor) -> None:
    """Add ``(e_a - e_b)(e_a - e_b)^T (x) gram`` to the lower triangle, b < a."""
    out[b, :, b] += gram
    if a < len(out):
        out[a, :, a] += gram
        out[a, :, b] -= gram


def _add_penalty(out: Tensor, objective: RidgeObjective) -> None:
    rho = torch.nn.functional.pad(objective.penalty_weight, (0, 1)).to(out.dtype)
    k = len(out) + 1
    for a in range(len(out)):
        for b in range(a + 1):
            out[a, :, b].diagonal().add_(rho, alpha=float(a == b) - 1.0 / k)
        if not objective.fit_intercept:
            out[a, -1], out[:, :, a, -1] = 0.0, 0.0
            out[a, -1, a, -1] = 1.0
