r"""The whole curvature of a softmax over dense data as a preconditioner, summed over class pairs.

As :math:`diag(p) - p p^T = \sum_{a<b} p_a p_b\, (e_a - e_b)(e_a - e_b)^T`, the Hessian is

.. math:: \sum_{a<b} (e_a - e_b)(e_a - e_b)^T \otimes
          \sum_i s_i\, p_{ia} p_{ib}\, \tilde x_i \tilde x_i^T, \qquad \tilde x = (x, 1).

Most rows waver between two or three classes, so the rows that hold nearly all of a pair's weight
are few, and all pairs together cost a few Gram matrices where the plain sum costs k (k + 1) / 2.

A row that is far on the wrong side has a gradient near 1 and hardly any curvature, so a Newton step
may throw it, and with it the fit, out of all measure. Between its own class and one that leads it
by :math:`\xi > 3` nats, :math:`(p_a + p_b)^2 \tanh(\xi / 2) / (2 \xi)` takes the place of
:math:`p_a p_b`: the quadratic that lies above the loss all the way to the mirrored lead (Jaakkola
and Jordan 2000, "Bayesian parameter estimation via variational methods", equation 10). On nearly
free columns of badly scaled pixels it saves half of the steps.

The last class is the reference: for gradients that sum to zero over the classes, the block without
it, whose penalty is :math:`\rho\,(\delta_{ab} - 1/k)`, has the same inverse.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from softplex.objective import RidgeObjective
from softplex.solvers._cholesky import cholesky_in_place, mirror_lower
from softplex.solvers._contrasts import bulk
from softplex.solvers._preconditioner import THIN, Preconditioner
from softplex.streaming import DenseFeatures, Targets, self_product

# Entries of the factor; 60 million take 240 MB.
_MAX_NUMBERS = 60_000_000
_ROWS = 16_384
# What is added to a unit diagonal; near the rounding of float32 a matrix may need more.
_JITTERS = (1e-6, 1e-5, 1e-4)
# A row is lost when another class than its own leads it by this many nats.
_LOST = 3.0
# Up to this many features all pairs go through one product, in blocks of so many numbers.
_NARROW = 48
_NUMBERS_AT_ONCE = 1 << 19


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
    lower = _factor(hessian)
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


def _factor(matrix: Tensor) -> Tensor | None:
    """The lower factor in the place of a matrix of unit diagonal, with as little jitter as goes."""
    mirror_lower(matrix)
    for jitter in _JITTERS:
        matrix.diagonal().fill_(1.0 + jitter)
        lower = cholesky_in_place(matrix)
        if lower is not None:
            return lower
        mirror_lower(matrix.mT)
    return None


def _hessian(objective: RidgeObjective, theta: Tensor) -> Tensor:
    """The lower triangle without the last class, ``((k - 1) (d + 1),) * 2`` in float32."""
    k, width = theta.shape
    sum_pairs = _sum_of_narrow if width <= _NARROW else _sum_of_wide
    out = sum_pairs(objective, theta)
    _add_penalty(out, objective)
    return out.reshape((k - 1) * width, (k - 1) * width)


def _blocks(
    objective: RidgeObjective, theta: Tensor, at_once: int
) -> Iterator[tuple[_Curvature, Tensor]]:
    """Give what curves the rows of a block, and the rows, extended, ``(rows, d + 1)``."""
    weight, bias = (part.to(objective.features.dtype) for part in objective.user_parameters(theta))
    for start in range(0, objective.features.n, at_once):
        rows = slice(start, min(start + at_once, objective.features.n))
        scores = objective.features.scores(rows, weight, bias)
        block = torch.nn.functional.pad(objective.inner_block(rows), (0, 1), value=1.0)
        yield _Curvature.of(scores, objective.targets, rows), block


@dataclass(frozen=True)
class _Curvature:
    """The curvature of some rows along the pairs of classes.

    Parameters
    ----------
    p : tensor (k, rows)
        Probabilities.
    weight : tensor (rows,)
        Row weights.
    lost : two tensors (k, rows), optional
        One at the class of a row, and what a lost row has more than p_a p_b between that class and
        another. Soft targets have none.
    """

    p: Tensor
    weight: Tensor
    lost: tuple[Tensor, Tensor] | None = None

    @classmethod
    def of(cls, scores: Tensor, targets: Targets, rows: slice) -> _Curvature:
        p, weight = torch.softmax(scores, 0), targets.weight[rows].to(scores.dtype)
        if targets.values.ndim == 2:
            return cls(p, weight)
        y = targets.values[rows][None]
        lead = scores - scores.gather(0, y)
        far = lead.clamp_min(_LOST)
        secant = (p + p.gather(0, y)).square_() * torch.tanh(0.5 * far) / (2.0 * far)
        more = torch.where(lead > _LOST, secant - p * p.gather(0, y), 0.0).clamp_min_(0.0)
        return cls(p, weight, (torch.zeros_like(p).scatter_(0, y, 1.0), more))

    def between(self, a: Tensor | int, b: Tensor | int) -> Tensor:
        """That of pairs of classes, ``(rows,)`` or ``(pairs, rows)``."""
        curvature = self.p[a] * self.p[b]
        if self.lost is not None:
            own, more = self.lost
            curvature += own[a] * more[b]
            curvature += own[b] * more[a]
        return curvature.mul_(self.weight)


def _sum_of_wide(objective: RidgeObjective, theta: Tensor) -> Tensor:
    """A Gram matrix a pair, of the rows that hold nearly all of its weight."""
    k, width = theta.shape
    out = torch.zeros(k - 1, width, k - 1, width, dtype=torch.float32, device=theta.device)
    for curvature, block in _blocks(objective, theta, _ROWS):
        for a in range(1, k):
            for b in range(a):
                gram = _weighted_gram(block, bulk(curvature.between(a, b).to(torch.float64)))
                _add_pair(out, a, b, gram.to(out.dtype))
    return out


def _sum_of_narrow(objective: RidgeObjective, theta: Tensor) -> Tensor:
    """All pairs in one product: pairs of classes times pairs of features, over the rows."""
    k, width = theta.shape
    a, b = torch.tril_indices(k, k, -1, device=theta.device)
    i, j = torch.tril_indices(width, width, device=theta.device)
    sums = torch.zeros(len(a), len(i), dtype=torch.float32, device=theta.device)
    at_once = max(256, _NUMBERS_AT_ONCE // (len(a) + len(i)))
    for curvature, block in _blocks(objective, theta, at_once):
        sums += (curvature.between(a, b) @ (block[:, i] * block[:, j])).to(sums.dtype)
    grams = torch.zeros(len(a), width, width, dtype=sums.dtype, device=theta.device)
    grams[:, i, j], grams[:, j, i] = sums, sums
    pairs = torch.zeros(k, k, width, width, dtype=sums.dtype, device=theta.device)
    pairs[a, b], pairs[b, a] = grams, grams
    out = -pairs[:-1, :-1]
    own = torch.arange(k - 1, device=theta.device)
    out[own, own] = pairs.sum(1)[:-1]
    return out.transpose(1, 2).contiguous()


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
