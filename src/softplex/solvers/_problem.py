"""What one fit with a quadratic penalty is: its data, its objectives, what its solvers cost."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import torch
from scipy import sparse
from torch import Tensor

from softplex._arrays import to_tensor
from softplex.losses import CrossEntropy, smoothing_line
from softplex.objective import Coordinates, RidgeObjective
from softplex.solvers._newton_compact import CompactObjective, is_compact
from softplex.streaming import DenseFeatures, Features, Targets, as_features

# Multiplications in one product below which float64 costs nothing that anyone would notice.
_SMALL = 3_000_000
# Rows that are converted at once.
_ROWS_AT_ONCE = 4096
# Parameters above which the Hessian is not formed unasked, and not at all.
_NEWTON_SIZE, MAX_NEWTON_PARAMETERS = 1500, 16_000


@dataclass(frozen=True)
class LinearProblem:
    """Data, targets and settings of one fit of a linear head.

    Parameters
    ----------
    X : array or CSR matrix (n, d)
        Features, float32 or float64.
    targets : Targets
        With the weights C w_i, on the device.
    loss
        The loss of one row.
    fit_intercept : bool
        Whether there is an intercept.
    n_columns : int
        Score columns: k, or 1 for two classes.
    dtype : torch.dtype or None
        Of the products; None begins in float32 where the data are large.
    """

    X: Any
    targets: Targets
    loss: Any
    fit_intercept: bool
    n_columns: int
    dtype: torch.dtype | None

    @property
    def device(self) -> torch.device:
        """Where the products are formed."""
        return self.targets.weight.device

    @property
    def is_small(self) -> bool:
        """Whether float64 costs nothing that anyone would notice."""
        n, d = self.X.shape
        return bool(n * d * self.n_columns <= _SMALL)

    def features(self, dtype: torch.dtype) -> Features:
        """Give the data as features of a dtype."""
        return as_features(self.X, dtype, self.device, self.targets.n_classes)


@dataclass(frozen=True)
class RidgeProblem(LinearProblem):
    """A fit of softmax with a quadratic penalty.

    Parameters
    ----------
    X, targets, fit_intercept, n_columns, dtype
        As in :class:`LinearProblem`.
    loss : CrossEntropy
        The loss of one row.
    quadratic : tensor (d,) in float64, optional
        The penalty weight of each feature; 1 for all by default.
    solver : str, default "auto"
        "newton", "lbfgs", or what the cost model finds.
    """

    loss: CrossEntropy
    quadratic: Tensor | None = None
    solver: str = "auto"

    @property
    def n_parameters(self) -> int:
        """Weights and intercepts."""
        return int(self.n_columns * (self.X.shape[1] + 1))

    @property
    def goes_to_newton(self) -> bool:
        """Whether Newton's method takes it, when asked to, or by the cost model."""
        return self.solver == "newton" or (self.solver != "lbfgs" and _newton_pays(self))


@dataclass(frozen=True)
class PreparedRidge:
    """A problem in the solver's coordinates, ready for any weights of its rows.

    Parameters
    ----------
    precise : RidgeObjective
        On the data as they came, in float64.
    working : RidgeObjective
        In the dtype of the products.
    widens : bool
        Whether the solver may go from the second to the first where the gap needs it.
    """

    precise: RidgeObjective
    working: RidgeObjective
    widens: bool

    @classmethod
    def of(cls, problem: RidgeProblem) -> PreparedRidge:
        """Centre, scale and convert the data."""
        precise = precise_objective(problem)
        working = working_objective(problem, precise)
        widens = working.features.dtype == torch.float32 and problem.dtype is None
        return cls(precise, working, widens)

    def weighted(self, weight: Tensor) -> PreparedRidge:
        """Give the same data with other weights ``s_i`` ``(n,)``, zero for rows left out."""
        targets = replace(self.precise.targets, weight=weight)
        return replace(
            self,
            precise=replace(self.precise, targets=targets),
            working=replace(self.working, targets=targets),
        )


def default_start(problem: RidgeProblem) -> tuple[Tensor, Tensor]:
    r, d = problem.n_columns, problem.X.shape[1]
    weight = torch.zeros(r, d, dtype=torch.float64, device=problem.device)
    if not problem.fit_intercept:
        return weight, weight.new_zeros(r)
    log_prior = _prior(problem).log()
    return weight, log_prior - log_prior.mean() if r > 1 else log_prior[1:] - log_prior[0]


def precise_objective(problem: RidgeProblem) -> RidgeObjective:
    """The objective on the data as they came, in float64."""
    features = problem.features(torch.float64)
    moments = features.moments(problem.targets.weight)
    prior = _prior(problem)
    return RidgeObjective(
        features=features,
        targets=problem.targets,
        loss=problem.loss,
        coordinates=Coordinates.of_moments(*moments, centre=problem.fit_intercept),
        transformed=False,
        fit_intercept=problem.fit_intercept,
        class_curvature=(prior * (1.0 - prior))[-problem.n_columns :],
        quadratic=torch.ones_like(moments[0]) if problem.quadratic is None else problem.quadratic,
    )


def working_objective(problem: RidgeProblem, precise: RidgeObjective) -> RidgeObjective:
    """The objective in the dtype of the products; dense data centred and scaled once."""
    small = problem.is_small or problem.goes_to_newton
    dtype = torch.float64 if problem.goes_to_newton else problem.dtype
    dtype = dtype or (torch.float64 if small else torch.float32)
    sparse_input = sparse.issparse(problem.X)
    if dtype == torch.float64 and not small:
        return precise
    if sparse_input and not problem.goes_to_newton:
        return replace(precise, features=problem.features(dtype))
    shift, scale = precise.coordinates.shift, precise.coordinates.scale
    dense = problem.X.toarray() if sparse_input else problem.X
    X = to_tensor(dense, device=problem.device)
    if X.dtype == dtype == torch.float32 and not small and precise.coordinates.is_near:
        # A centred copy would take as much memory again and win no digit.
        return replace(precise, features=DenseFeatures(X, dtype))
    if dtype == torch.float64 and is_compact(X, problem.targets.n_classes):
        return CompactObjective.of(precise, X)
    scaled = shifted_and_scaled(X, shift, scale, dtype)
    return replace(precise, features=DenseFeatures(scaled, dtype), transformed=True)


def shifted_and_scaled(
    X: Tensor, shift: Tensor, scale: Tensor | float, dtype: torch.dtype
) -> Tensor:
    """Give ``(X - shift) / scale``, computed in float64 a few rows at a time."""
    out = torch.empty(X.shape, dtype=dtype, device=X.device)
    for start in range(0, len(X), _ROWS_AT_ONCE):
        rows = slice(start, start + _ROWS_AT_ONCE)
        out[rows] = (X[rows].to(torch.float64) - shift) / scale
    return out


def _newton_pays(problem: RidgeProblem) -> bool:
    """Whether Newton's method is the cheaper, and its Hessian small."""
    newton, lbfgs = estimated_work(problem)
    return problem.n_parameters <= _NEWTON_SIZE and newton <= lbfgs


def estimated_work(problem: RidgeProblem) -> tuple[float, float]:
    """Eight steps of Newton's method and twenty evaluations of L-BFGS, weighted as timed.

    The unit is a multiplication of a large product. With m = (k - 1) (d + 1) parameters a Newton
    step takes n m (m / 2 + d) for the products of its Hessian (two classes need only the first),
    100 n m to write their factors, m^3 / 3 for the Cholesky factor, and 4 million for its calls.
    An evaluation of L-BFGS takes 15 n d r for two thin products with r score columns, 200 n k for
    the softmax, and 8 million for its calls and vectors.
    """
    (n, d), k = problem.X.shape, problem.targets.n_classes
    size = (k - 1) * (d + 1)
    products = size / 2 + (d if k > 2 else 0)
    newton = 8 * (n * size * (products + 100) + size**3 / 3 + 4e6)
    return newton, 20 * (15 * n * d * problem.n_columns + 200 * n * k + 8e6)


def _prior(problem: RidgeProblem) -> Tensor:
    """Weighted mean of the smoothed targets, ``(k,)``."""
    targets, total = problem.targets, problem.targets.totals()
    slope, floor = smoothing_line(
        problem.loss.smoothing, problem.loss.smoothing_kind, targets.n_classes
    )
    return slope * total / total.sum() + floor
