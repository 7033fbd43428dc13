r"""Newton's equations of a smoothed hinge.

The Hessian in (W, b) is

.. math:: H = diag(I, \epsilon I) + \sum_i \omega_i\, E_i^T (diag(a_i) - c_i a_i a_i^T) E_i
              \otimes \tilde x_i \tilde x_i^T

with a_i the active entries of a row, E_i z = z - z_y 1 and :math:`\tilde x = (x, 1)`. Its second
part is B B^T with one column of B for each free direction of each row,
:math:`B_c = q_c \otimes \tilde x_{i(c)}`. There are three ways to solve, chosen by their cost:

* through the m columns: :math:`(I + B B^T)^{-1} = I - B (I + B^T B)^{-1} B^T`, where
  :math:`B^T B = (Q Q^T) \circ (X X^T)` takes one kernel matrix of the free rows;
* through the parameters, where they are few;
* by conjugate gradients, preconditioned with the Gram matrix of the free rows or with a diagonal.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from softplex.objective import HingeResponse, hinge_direction
from softplex.solvers._cholesky import damped_cholesky
from softplex.solvers._hinge_kernel import GramStore, KernelStore
from softplex.solvers._hinge_rows import HingeRows

_MAX_COLUMNS = 6000
_MAX_PARAMETERS = 1500
_MAX_GRAM = 2000
_COLUMNS_AT_ONCE = 4096
# Damping of the intercept, of which free rows may say nothing, as a share of its curvature.
_DAMPING = 1e-8
_CG_TOLERANCE = 0.1
_CG_STEPS = 60
# Operations of a conjugate-gradient step in units of n d r.
_CG_COST = 5.0


@dataclass(frozen=True)
class Step:
    """A change of the parameters."""

    weight: Tensor
    bias: Tensor


@dataclass
class Stores:
    """What one system leaves for the next: products, and how long conjugate gradients took."""

    kernel: KernelStore
    gram: GramStore
    iterations: int = 10


@dataclass(frozen=True)
class NewtonSystem:
    """The equations at one point.

    Parameters
    ----------
    rows : HingeRows
        The free rows, those with curvature.
    y : tensor (n,)
        Their classes.
    response : HingeResponse
        Their active entries and couplings.
    curvature : tensor (n,)
        Their omega.
    first : int
        1 where the first class has no score column, else 0.
    ridge : float
        epsilon; infinite without an intercept.
    steepest : float
        The curvature of an intercept if every row were free.
    ids : tensor (n,)
        The places of the rows in the stores.
    stores : Stores
        Products of rows from the steps before.
    """

    rows: HingeRows
    y: Tensor
    response: HingeResponse
    curvature: Tensor
    first: int
    ridge: float
    steepest: float
    ids: Tensor
    stores: Stores

    @property
    def has_intercept(self) -> bool:
        """Whether b moves."""
        return self.ridge < float("inf")

    def solve(self, weight_gradient: Tensor, bias_gradient: Tensor) -> Step:
        """Give the Newton step for a gradient."""
        r, d = weight_gradient.shape
        active, coupling = self.response.active, self.response.coupling
        counts = active.sum(1) - (coupling[:, 0] * active.sum(1) > 1.0 - 1e-9).long()
        m, p = int(counts.sum()), r * (d + 1)
        n = self.rows.n
        if m == 0:
            return Step(-weight_gradient, -bias_gradient / (self.ridge + self.steepest))
        by_columns = m**3 / 3 + 30.0 * m**2 if m <= _MAX_COLUMNS else float("inf")
        by_parameters = m * p**2 + p**3 / 3 if p <= _MAX_PARAMETERS else float("inf")
        # They tend to grow from step to step; where they did not suffice, twice as many may.
        iterated = _CG_COST * 2 * self.stores.iterations * n * d * r
        best = min(by_columns, by_parameters, iterated)
        if best == by_parameters:
            return self._by_parameters(weight_gradient, bias_gradient)
        if best == by_columns:
            return self._by_columns(weight_gradient, bias_gradient)
        return self._iterated(weight_gradient, bias_gradient)

    def columns(self) -> tuple[Tensor, Tensor]:
        """Give the row of each column of B ``(m,)``, and its q ``(m, r)``."""
        active, coupling = self.response.active, self.response.coupling
        place = active.cumsum(1)
        count = place[:, -1]
        spread = (1.0 - coupling[:, 0] * count).clamp_min(0.0)
        spread = torch.where(spread < 1e-9, 0.0, spread)
        owners, parts = [], []
        for length in range(1, int(count.max()) + 1):
            # Helmert's contrasts of the active entries, and their mean last.
            longer = torch.nonzero(count > length).squeeze(1)
            ahead = active[longer] & (place[longer] <= length)
            pivot = active[longer] & (place[longer] == length + 1)
            contrast = ahead.double() - length * pivot.double()
            owners.append(longer)
            parts.append(contrast / (length * (length + 1)) ** 0.5)
        mean = torch.nonzero(spread * count > 0.0).squeeze(1)
        owners.append(mean)
        parts.append(active[mean] * (spread[mean] / count[mean]).sqrt()[:, None])
        owner = torch.cat(owners)
        q = hinge_direction(torch.cat(parts), self.y[owner])
        return owner, (q * self.curvature[owner].sqrt()[:, None])[:, self.first :]

    def _by_columns(self, weight_gradient: Tensor, bias_gradient: Tensor) -> Step:
        owner, q64 = self.columns()
        rows = self.rows
        q = q64.to(rows.dtype)
        matrix = self.stores.kernel(self.ids[owner]).mul_(q @ q.T)
        matrix.diagonal().add_(1.0)
        lower, info = torch.linalg.cholesky_ex(matrix)
        if int(info):
            lower = damped_cholesky(matrix)
        schur = None
        if self.has_intercept:
            solved = torch.cholesky_solve(q, lower).to(torch.float64)
            schur = q64.T @ solved
            schur.diagonal().add_(self.ridge + _DAMPING * self.steepest)
            schur = damped_cholesky(schur)

        def solve(weight: Tensor, bias: Tensor) -> Step:
            left = (rows.scores(weight)[owner] * q).sum(1, keepdim=True)
            inner = torch.cholesky_solve(left, lower)[:, 0].to(torch.float64)
            if schur is not None:
                bias = torch.cholesky_solve((bias - q64.T @ inner)[:, None], schur)[:, 0]
                inner = inner + solved @ bias
            spread = torch.zeros(rows.n, q.shape[1], dtype=torch.float64, device=q.device)
            spread.index_add_(0, owner, inner[:, None] * q64)
            return Step(weight - rows.product(spread), bias)

        step = solve(-weight_gradient, -bias_gradient)
        if rows.dtype == torch.float64:
            return step
        image = self._operator()(step)
        left = solve(-weight_gradient - image.weight, -bias_gradient - image.bias)
        return _sum(step, left, 1.0)

    def _by_parameters(self, weight_gradient: Tensor, bias_gradient: Tensor) -> Step:
        owner, q = self.columns()
        r, d = weight_gradient.shape
        width = d + 1
        hessian = torch.zeros(r * width, r * width, dtype=torch.float64, device=q.device)
        dense = torch.as_tensor(self._dense(), dtype=torch.float64)
        for start in range(0, len(owner), _COLUMNS_AT_ONCE):
            part = slice(start, start + _COLUMNS_AT_ONCE)
            extended = torch.nn.functional.pad(dense[owner[part]], (0, 1), value=1.0)
            block = (q[part][:, :, None] * extended[:, None, :]).reshape(-1, r * width)
            hessian += block.T @ block
        ridge = torch.ones(r, width, dtype=torch.float64, device=q.device)
        if self.has_intercept:
            ridge[:, -1] = self.ridge + _DAMPING * self.steepest
        else:
            last = torch.arange(1, r + 1, device=q.device) * width - 1
            hessian[last] = 0.0
            hessian[:, last] = 0.0
        hessian.diagonal().add_(ridge.reshape(-1))
        gradient = torch.cat([weight_gradient, bias_gradient[:, None]], 1).reshape(-1, 1)
        step = -torch.cholesky_solve(gradient, damped_cholesky(hessian)).reshape(r, width)
        return Step(step[:, :-1], step[:, -1])

    def _dense(self) -> Tensor:
        matrix = self.rows.matrix
        return matrix if isinstance(matrix, Tensor) else torch.from_numpy(matrix.toarray())

    def _iterated(self, weight_gradient: Tensor, bias_gradient: Tensor) -> Step:
        precondition = self._preconditioner()
        apply = self._operator()
        residual = Step(-weight_gradient, -bias_gradient)
        step = Step(torch.zeros_like(residual.weight), torch.zeros_like(residual.bias))
        way = precondition(residual)
        first = size = _dot(residual, way)
        for count in range(1, _CG_STEPS + 1):
            self.stores.iterations = count
            image = apply(way)
            length = size / _dot(way, image)
            step = _sum(step, way, length)
            residual = _sum(residual, image, -length)
            better = precondition(residual)
            following = _dot(residual, better)
            if following <= _CG_TOLERANCE**2 * first:
                break
            way, size = _sum(better, way, following / size), following
        return step

    def _operator(self) -> Callable[[Step], Step]:
        """The Hessian times a step."""
        dtype, y = self.rows.dtype, self.y
        active = self.response.active.to(dtype)
        coupling = self.response.coupling.to(dtype)
        curvature = self.curvature.to(dtype)[:, None]

        def apply(step: Step) -> Step:
            scores = self.rows.scores(step.weight) + step.bias.to(dtype)
            scores = torch.nn.functional.pad(scores, (self.first, 0))
            lead = (scores - scores.gather(1, y[:, None])).mul_(active)
            lead -= active * (coupling * lead.sum(1, keepdim=True))
            back = hinge_direction(lead, y).mul_(curvature)[:, self.first :]
            weight = self.rows.product(back) + step.weight
            bias = torch.zeros_like(step.bias)
            return Step(
                weight,
                back.sum(0, dtype=torch.float64) + self.ridge * step.bias
                if self.has_intercept
                else bias,
            )

        return apply

    def _preconditioner(self) -> Callable[[Step], Step]:
        """The inverse of the Hessian with one curvature for all classes, and apart for b."""
        response, dtype = self.response, self.rows.dtype
        share = (response.active * (1.0 - response.coupling)) * self.curvature[:, None]
        share = share.scatter_add(1, self.y[:, None], share.sum(1, keepdim=True))
        share = share[:, self.first :]
        bias_size = share.sum(0) + self.ridge + _DAMPING * self.steepest
        bias_scale = 1.0 / bias_size if self.has_intercept else torch.zeros_like(bias_size)
        per_row = share.mean(1)
        if self.rows.d > _MAX_GRAM:
            scale = 1.0 / (1.0 + self.rows.squares(per_row))
            return lambda residual: Step(residual.weight * scale, residual.bias * bias_scale)
        gram = self.stores.gram(self.rows, per_row)
        gram.diagonal().add_(1.0)
        inverse = torch.cholesky_inverse(damped_cholesky(gram))

        def apply(residual: Step) -> Step:
            weight = (residual.weight.to(dtype) @ inverse).to(torch.float64)
            return Step(weight, residual.bias * bias_scale)

        return apply


def _dot(left: Step, right: Step) -> float:
    return float((left.weight * right.weight).sum() + (left.bias * right.bias).sum())


def _sum(left: Step, right: Step, factor: float) -> Step:
    return Step(left.weight + factor * right.weight, left.bias + factor * right.bias)
