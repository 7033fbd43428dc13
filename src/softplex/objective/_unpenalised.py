r"""The Newton step over the coordinates that carry no penalty, which repairs a dual point.

With :math:`\tilde x` the unpenalised features, standardised, and 1 for the intercept, the step
delta solves

.. math:: \sum_i s_i\, (diag(p_i) - p_i p_i^T)\, \delta\, \tilde x_i \tilde x_i^T
          = \sum_i s_i (q_i - p_i)\, \tilde x_i^T .

Then a = p (1 + v - p.v) with :math:`v_i = \delta \tilde x_i` has :math:`\sum_i s_i (q_i - a_i)
\tilde x_i^T = 0`. The system is solved by conjugate gradients, which take collinear columns and
the free sum over the classes as they are: the system is consistent, and steps that change no
probability cost nothing. Up to ``_EXPLICIT_SIZE`` unknowns the matrix is formed and its damped
Cholesky factor preconditions, so that a few iterations end at rounding; above it the products
stream over the rows and the Gram matrix preconditions.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from softplex.objective._coordinates import Coordinates
from softplex.objective._rows import RowBlock, RowProblem

# Unknowns up to which the matrix of the step is formed.
_EXPLICIT_SIZE = 1200
# Numbers of a block of standardised rows up to which it is.
_MAX_BLOCK_NUMBERS = 20_000_000
# Rows of the tilted features that are held at a time.
_ROWS = 512
# Features up to which a Gram matrix preconditions the streamed products.
_MAX_GRAM_SIZE = 2000
# Limit of the conjugate gradients, and the iterations without a smaller residual that end them.
_MAX_ITERATIONS, _PATIENCE = 300, 20
# The share of the residuals that is rounding: where an iteration costs nothing, and a pass.
_ROUNDING, _STREAMED_ROUNDING = 1e-15, 1e-13
# Shares of the diagonal to add, the smallest that lets the factorisation pass; a smaller one would
# blow up the rounding along collinear columns.
_DAMPING = (1e-9, 1e-7, 1e-5, 1e-3, 1e-1)

Operator = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class Step:
    """A change of the scores ``v = x weight^T + bias``, in the units of the features."""

    weight: Tensor
    bias: Tensor

    def scores(self, problem: RowProblem, rows: slice) -> Tensor:
        """Give v for a block of rows, ``(rows, k)``."""
        scores = problem.features.scores(rows, self.weight, self.bias).T
        return torch.nn.functional.pad(scores, (problem.first, 0))


@dataclass(frozen=True)
class FreeCoordinates:
    """The unpenalised features of a problem, standardised, and its intercept.

    Parameters
    ----------
    problem : RowProblem
        Data and parameters.
    columns : tensor (u,)
        Indices of the unpenalised features.
    fit_intercept : bool
        Whether the intercept moves.
    coordinates : Coordinates
        Shift and scale of the unpenalised features.
    """

    problem: RowProblem
    columns: Tensor
    fit_intercept: bool
    coordinates: Coordinates

    @classmethod
    def of(cls, problem: RowProblem, columns: Tensor, *, fit_intercept: bool) -> FreeCoordinates:
        """Standardise the unpenalised features."""
        moments = problem.features.moments(problem.targets.weight)
        whole = Coordinates.of_moments(*moments, centre=fit_intercept)
        chosen = Coordinates(whole.shift[columns], whole.scale[columns])
        return cls(problem, columns, fit_intercept, chosen)

    def step(self, free: Tensor) -> Step:
        """Give delta ``(r, u + 1)`` as weights and bias of all features."""
        weight, bias = self.coordinates.to_user(free)
        wide = torch.zeros_like(self.problem.weight)
        wide[:, self.columns] = weight
        return Step(wide, bias)

    def gather(self, moment: Tensor, residual: Tensor) -> Tensor:
        """Give ``(r, u + 1)`` of the moments ``(r, d)`` in all features and the residual."""
        free = self.coordinates.pull_back(moment[:, self.columns], residual)
        if not self.fit_intercept:
            free[:, -1] = 0.0
        return free

    def size_of_parameters(self) -> Tensor:
        """Give the size of the parameters of each coordinate, ``(u + 1,)``."""
        problem = self.problem
        free = self.coordinates.from_user(problem.weight[:, self.columns], problem.bias)
        return free.abs().amax(0)

    def newton_step(self, activity: float) -> Step:
        """Solve for the step that makes the moments of the unpenalised coordinates vanish.

        Parameters
        ----------
        activity : float
            The sum of the residuals' sizes, which says what is rounding.
        """
        target = self._residual()
        if self._can_be_formed(target.numel()):
            product, precondition = _formed(self._matrix())
            rounding = _ROUNDING * activity
        else:
            product, precondition = self._product, self._gram_preconditioner()
            rounding = _STREAMED_ROUNDING * activity
        return self.step(_conjugate_gradients(product, precondition, target, rounding))

    def _can_be_formed(self, size: int) -> bool:
        rows = max(
            rows.stop - rows.start
            for rows in self.problem.features.blocks(self.problem.targets.n_classes)
        )
        return size <= _EXPLICIT_SIZE and rows * len(self.columns) <= _MAX_BLOCK_NUMBERS

    def _residual(self) -> Tensor:
        moment = torch.zeros_like(self.problem.weight)
        residual = torch.zeros_like(self.problem.bias)
        for block in self.problem.blocks():
            self._add(block, block.residual, moment, residual)
        return self.gather(moment, residual)

    def _product(self, free: Tensor) -> Tensor:
        step = self.step(free)
        moment = torch.zeros_like(self.problem.weight)
        residual = torch.zeros_like(self.problem.bias)
        for block in self.problem.blocks():
            change = tilted(block.p, step.scores(self.problem, block.rows))
            self._add(block, change, moment, residual)
        return self.gather(moment, residual)

    def _add(self, block: RowBlock, rows: Tensor, moment: Tensor, residual: Tensor) -> None:
        weighted = (rows * block.weight[:, None]).T[self.problem.first :]
        self.problem.features.add_product(block.rows, weighted, moment)
        residual += weighted.sum(1)

    def _matrix(self) -> Tensor:
        """The matrix of the step, formed; an intercept that does not move has a unit there."""
        r, width = len(self.problem.weight), len(self.columns) + 1
        matrix = torch.zeros(r * width, r * width, dtype=torch.float64, device=self.columns.device)
        diagonal = torch.zeros(r, width, width, dtype=torch.float64, device=self.columns.device)
        for block in self.problem.blocks():
            x = self._standardised(block.rows)
            for start in range(0, len(x), _ROWS):
                part = slice(start, start + _ROWS)
                p, s = block.p[part, self.problem.first :], block.weight[part]
                scaled = p[:, :, None] * x[part, None, :]
                diagonal += scaled.permute(1, 2, 0) @ (x[part] * s[:, None])
                flat = (scaled * s.sqrt()[:, None, None]).reshape(len(p), r * width)
                matrix -= flat.T @ flat
        for place in range(r):
            own = slice(place * width, (place + 1) * width)
            matrix[own, own] += diagonal[place]
            if not self.fit_intercept:
                matrix[own.stop - 1, own.stop - 1] = 1.0
        return matrix

    def _standardised(self, rows: slice) -> Tensor:
        d, u = self.problem.weight.shape[1], len(self.columns)
        choose = torch.zeros(u, d, dtype=torch.float64, device=self.columns.device)
        choose[torch.arange(u), self.columns] = 1.0 / self.coordinates.scale
        offset = -self.coordinates.shift / self.coordinates.scale
        chosen = self.problem.features.scores(rows, choose, offset).T
        return torch.nn.functional.pad(chosen, (0, 1), value=1.0 if self.fit_intercept else 0.0)

    def _gram_preconditioner(self) -> Operator:
        """The curvature at the mean probabilities, class by class."""
        total = float(self.problem.targets.weight.sum())
        mean = torch.zeros(self.problem.targets.n_classes, dtype=torch.float64)
        mean = mean.to(self.columns.device)
        for block in self.problem.blocks():
            mean += block.weight @ block.p / total
        curvature = (mean * (1.0 - mean))[self.problem.first :, None].clamp_min(1e-12)
        if self.problem.features.d > _MAX_GRAM_SIZE:
            # Standardised columns have a mean square of 1.
            return lambda free: free / (curvature * total)
        gram = self.problem.features.gram(self.problem.targets.weight)
        gram = gram[self.columns[:, None], self.columns]
        shift, scale = self.coordinates.shift, self.coordinates.scale
        gram = (gram - total * torch.outer(shift, shift)) / torch.outer(scale, scale)
        factor = _damped_factor(gram + 1e-6 * total * torch.eye(len(gram)).to(gram))

        def precondition(free: Tensor) -> Tensor:
            solved = torch.cholesky_solve(free[:, :-1].T, factor).T
            return torch.cat([solved, free[:, -1:] / total], 1) / curvature

        return precondition


def tilted(p: Tensor, v: Tensor) -> Tensor:
    """Give ``p (v - p.v)`` row by row, the change of p along v."""
    return p * (v - (p * v).sum(1, keepdim=True))


def _formed(matrix: Tensor) -> tuple[Operator, Operator]:
    """Give the product with a matrix, and with the inverse of the damped matrix."""
    factor = _damped_factor(matrix)

    def product(free: Tensor) -> Tensor:
        return (matrix @ free.reshape(-1)).reshape(free.shape)

    def precondition(free: Tensor) -> Tensor:
        return torch.cholesky_solve(free.reshape(-1, 1), factor).reshape(free.shape)

    return product, precondition


def _damped_factor(matrix: Tensor) -> Tensor:
    """The Cholesky factor with the least extra diagonal that lets it pass."""
    diagonal = matrix.diagonal().clone()
    diagonal = diagonal.clamp_min(1e-12 * float(diagonal.max().clamp_min(1e-300)))
    for damping in _DAMPING:
        factor, info = torch.linalg.cholesky_ex(matrix + torch.diag(damping * diagonal))
        if int(info) == 0:
            return torch.as_tensor(factor)
    return torch.diag(diagonal.sqrt())


def _conjugate_gradients(
    product: Operator, precondition: Operator, target: Tensor, rounding: float
) -> Tensor:
    """Solve a consistent semi-definite system, to rounding or to the limit of iterations.

    Below rounding the right side is no longer consistent, so the best solution is kept.
    """
    solution, left = torch.zeros_like(target), target.clone()
    best, least, waited = solution, float(left.abs().max()), 0
    direction = precondition(left)
    size = float((left * direction).sum())
    for _ in range(_MAX_ITERATIONS):
        if least <= rounding or waited > _PATIENCE:
            break
        image = product(direction)
        bend = float((direction * image).sum())
        if not bend > 0.0:
            break
        step = size / bend
        solution = solution + step * direction
        left = left - step * image
        largest = float(left.abs().max())
        waited += 1
        if largest < least:
            best, least, waited = solution, largest, 0
        solved = precondition(left)
        following = float((left * solved).sum())
        direction = solved + (following / size) * direction
        size = following
    return best
