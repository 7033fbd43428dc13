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
from softplex.solvers._hinge_rows import HingeRows

_MAX_COLUMNS = 6000
_MAX_PARAMETERS = 1500
_MAX_GRAM = 2000
_COLUMNS_AT_ONCE = 4096
_CG_TOLERANCE = 0.1
_CG_STEPS = 60
# Operations of a conjugate-gradient step count this often beside those of a factorisation.
_CG_COST = 8.0


@dataclass(frozen=True)
class Step:
    """A change of the parameters."""

    weight: Tensor
    bias: Tensor


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
    """

    rows: HingeRows
    y: Tensor
    response: HingeResponse
    curvature: Tensor
    first: int
    ridge: float

    def solve(self, weight_gradient: Tensor, bias_gradient: Tensor) -> Step:
        """Give the Newton step for a gradient."""
        r, d = weight_gradient.shape
        active, coupling = self.response.active, self.response.coupling
        counts = active.sum(1) - (coupling[:, 0] * active.sum(1) > 1.0 - 1e-9).long()
        m, p = int(counts.sum()), r * (d + 1)
        n = self.rows.n
        if m == 0:
            finite = self.ridge < float("inf")
            bias = -bias_gradient / self.ridge if finite else torch.zeros_like(bias_gradient)
            return Step(-weight_gradient, bias)
        by_columns = n * n * d + m**3 / 3 if m <= _MAX_COLUMNS else float("inf")
        by_parameters = m * p**2 + p**3 / 3 if p <= _MAX_PARAMETERS else float("inf")
        iterated = _CG_COST * _CG_STEPS * n * d * r
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
        rows, dtype = self.rows, self.rows.dtype
        q = q64.to(dtype)
        kernel = rows.kernel(rows)[owner][:, owner] * (q @ q.T)
        kernel.diagonal().add_(1.0)
        lower = damped_cholesky(kernel)
        left = (rows.scores(weight_gradient)[owner] * q).sum(1, keepdim=True)
        if self.ridge < float("inf"):
            solved = torch.cholesky_solve(torch.cat([left, q], 1), lower).to(torch.float64)
            schur = q64.T @ solved[:, 1:]
            schur.diagonal().add_(self.ridge)
            bias = torch.linalg.solve(schur, q64.T @ solved[:, 0] - bias_gradient)
            inner = solved[:, 0] - solved[:, 1:] @ bias
        else:
            inner = torch.cholesky_solve(left, lower)[:, 0].to(torch.float64)
            bias = torch.zeros_like(bias_gradient)
        spread = torch.zeros(rows.n, q.shape[1], dtype=torch.float64, device=q.device)
        spread.index_add_(0, owner, inner[:, None] * q64)
        return Step(rows.moment(spread) - weight_gradient, bias)

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
        finite = self.ridge < float("inf")
        ridge[:, -1] = self.ridge if finite else 1.0
        if not finite:
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

    def _apply(self, step: Step) -> Step:
        scores = self.rows.scores(step.weight).to(torch.float64) + step.bias
        full = torch.nn.functional.pad(scores, (self.first, 0))
        lead = (full - full.gather(1, self.y[:, None])) * self.response.active
        lead -= self.response.active * (self.response.coupling * lead.sum(1, keepdim=True))
        back = hinge_direction(lead, self.y) * self.curvature[:, None]
        back = back[:, self.first :]
        finite = self.ridge < float("inf")
        bias = back.sum(0) + self.ridge * step.bias if finite else torch.zeros_like(step.bias)
        return Step(step.weight + self.rows.moment(back), bias)

    def _iterated(self, weight_gradient: Tensor, bias_gradient: Tensor) -> Step:
        precondition = self._preconditioner()
        step = Step(torch.zeros_like(weight_gradient), torch.zeros_like(bias_gradient))
        residual = Step(-weight_gradient, -bias_gradient)
        better = precondition(residual)
        way, size = better, _dot(residual, better)
        first_size = size
        for _ in range(_CG_STEPS):
            image = self._apply(way)
            length = size / _dot(way, image)
            step = _sum(step, way, length)
            residual = _sum(residual, image, -length)
            better = precondition(residual)
            following = _dot(residual, better)
            if following <= _CG_TOLERANCE**2 * first_size:
                break
            way, size = _sum(better, way, following / size), following
        return step

    def _preconditioner(self) -> Callable[[Step], Step]:
        response = self.response
        share = (response.active * (1.0 - response.coupling)) * self.curvature[:, None]
        share = share.scatter_add(1, self.y[:, None], share.sum(1, keepdim=True))
        classes = share.sum(0)[self.first :]
        per_row = share[:, self.first :].mean(1)
        finite = self.ridge < float("inf")
        bias_size = classes + self.ridge
        lower = None
        if self.rows.d <= _MAX_GRAM:
            gram = self.rows.gram(per_row)
            gram.diagonal().add_(1.0)
            lower = damped_cholesky(gram)

        def apply(residual: Step) -> Step:
            bias = residual.bias / bias_size if finite else residual.bias
            weight = residual.weight
            if lower is not None:
                weight = torch.cholesky_solve(weight.T, lower).T
            return Step(weight, bias)

        return apply


def _dot(left: Step, right: Step) -> float:
    return float((left.weight * right.weight).sum() + (left.bias * right.bias).sum())


def _sum(left: Step, right: Step, factor: float) -> Step:
    return Step(left.weight + factor * right.weight, left.bias + factor * right.bias)
