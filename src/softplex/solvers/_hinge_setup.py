r"""What a hinge solver works on: rows in its own units and dtype, and the same rows in float64.

The features are shifted to their mean (dense ones, where there is an intercept) and divided by one
number f, so that a row has about unit length; with W = W' / f the objective is that of the weights
s' = f^2 s, divided by f^2.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from scipy import sparse
from torch import Tensor

from softplex._arrays import to_numpy, to_tensor
from softplex.exceptions import InvalidInput
from softplex.losses import CrammerSinger, WestonWatkins
from softplex.objective import HingeDual
from softplex.solvers._hinge_kernel import GramStore, KernelStore
from softplex.solvers._hinge_rows import HingeRows
from softplex.solvers._hinge_state import HingeData
from softplex.solvers._hinge_system import Stores
from softplex.solvers._problem import LinearProblem, shifted_and_scaled
from softplex.streaming import DenseFeatures, Features


@dataclass(frozen=True)
class HingeProblem(LinearProblem):
    """A fit of a hinge with half the squared weights as its penalty.

    Parameters
    ----------
    X, targets, fit_intercept, n_columns, dtype
        As in :class:`LinearProblem`; the targets are class indices.
    loss : WestonWatkins or CrammerSinger
        The loss of one row.
    """

    loss: WestonWatkins | CrammerSinger

    @property
    def first_dtype(self) -> torch.dtype:
        """The dtype to begin in."""
        return self.dtype or (torch.float64 if self.is_small else torch.float32)


@dataclass(frozen=True)
class Units:
    """The shift of each feature ``(d,)``, and the number f that a row is divided by."""

    shift: Tensor
    length: float

    @classmethod
    def of(cls, problem: HingeProblem, features: Features) -> Units:
        """Measure the mean, and the usual distance of a row from it."""
        weight = problem.targets.weight
        mean = features.weighted_sum(weight / weight.sum())
        values = problem.X.data if sparse.issparse(problem.X) else problem.X
        with np.errstate(over="ignore"):
            length = np.linalg.norm(to_numpy(values).astype(np.float64, copy=False))
            square = float(np.square(length))
        if not np.isfinite(square):
            raise InvalidInput(_overflow(problem.X))
        square /= problem.X.shape[0]
        if not (problem.fit_intercept and isinstance(features, DenseFeatures)):
            mean = torch.zeros_like(mean)
        # The difference may drown in rounding, but f need not be exact.
        square = max(square - float(mean.square().sum()), 1e-12 * square)
        return cls(mean, square**0.5 if square > 0.0 else 1.0)


def precise_features(problem: HingeProblem) -> tuple[Features, Units]:
    """Give the features in float64, shifted but not scaled, and the units."""
    features = problem.features(torch.float64)
    units = Units.of(problem, features)
    if isinstance(features, DenseFeatures) and bool(units.shift.any()):
        features = features.centred(units.shift)
    return features, units


def working_data(problem: HingeProblem, units: Units, dtype: torch.dtype) -> HingeData:
    """Give the rows in the solver's units, in the dtype of its products."""
    targets = problem.targets
    rows = HingeRows(_in_units(problem, units, dtype), dtype, problem.device, problem.n_columns)
    return HingeData(
        rows,
        targets.values,
        targets.weight * units.length**2,
        HingeDual(problem.loss),
        targets.n_classes,
        problem.n_columns,
        torch.arange(rows.n, device=problem.device),
        Stores(KernelStore(rows), GramStore()),
    )


def _in_units(problem: HingeProblem, units: Units, dtype: torch.dtype) -> Any:
    if sparse.issparse(problem.X):
        name = "float32" if dtype == torch.float32 else "float64"
        return (problem.X.astype("float64") / units.length).astype(name)
    X = to_tensor(problem.X, device=problem.device)
    return shifted_and_scaled(X, units.shift, units.length, dtype)


def _overflow(X: Any) -> str:
    wide = X.tocsc() if sparse.issparse(X) else to_numpy(X)
    largest = abs(wide).max(axis=0)
    largest = largest.toarray().ravel() if sparse.issparse(largest) else np.asarray(largest)
    return (
        f"The squares of feature column {int(largest.argmax())} overflow float64. Divide the "
        "column by its largest absolute value, or drop it."
    )
