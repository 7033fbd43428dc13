r"""Average marginal effects, with standard errors by the delta method.

For the coefficients b_c of feature j,

.. math:: E_{cj} = \frac1n \sum_i w_i\, p_{ic} (b_{cj} - \bar b_{ij}), \qquad
          \bar b_{ij} = \sum_m p_{im} b_{mj}, \qquad n = \sum_i w_i

and with :math:`a_{ic} = b_{cj} - \bar b_{ij}` its derivative in the score of class m is

.. math:: \delta_{cm}\, p_c a_c - p_c p_m (a_c + a_m).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import sparse, stats
from torch import Tensor

from softplex._arrays import to_numpy, to_tensor
from softplex._checks import check_number
from softplex._scored import read_weight
from softplex._text import aligned, figure, readable
from softplex.exceptions import InvalidInput
from softplex.inference._design import dense_blocks
from softplex.inference._inference import Inference
from softplex.inference._rows import read_matrix
from softplex.inference._summary import p_text

if TYPE_CHECKING:
    import pandas as pd

FloatArray = NDArray[np.float64]
_WHO = "average_marginal_effects"


@dataclass(frozen=True, eq=False, repr=False)
class MarginalEffects:
    """How much the probability of each class changes with each feature, on average.

    Attributes
    ----------
    classes : tuple of k labels
    feature_names : tuple of d names
    effects, standard_errors : arrays (k, d)
        Changes of probability per unit of the feature; from 0 to 1 for a discrete one. They sum to
        0 over the classes.
    discrete : tuple of names
        The features whose effect is the difference between 1 and 0.
    """

    classes: tuple[Any, ...]
    feature_names: tuple[str, ...]
    effects: FloatArray
    standard_errors: FloatArray
    discrete: tuple[str, ...]

    def __repr__(self) -> str:
        return f"MarginalEffects({len(self.classes)} classes, {len(self.feature_names)} features)"

    def __str__(self) -> str:
        return self.summary()

    @property
    def z(self) -> FloatArray:
        """Effects over their standard errors; 0 where both are 0."""
        out = np.zeros_like(self.effects)
        np.divide(self.effects, self.standard_errors, out=out, where=self.standard_errors > 0)
        return out

    @property
    def p_values(self) -> FloatArray:
        """Two-sided p-values of normal z, ``(k, d)``."""
        return np.asarray(2.0 * stats.norm.sf(np.abs(self.z)))

    def confidence_intervals(self, level: float = 0.95) -> FloatArray:
        """Give effect -+ z standard errors, ``(k, d, 2)``; level in (0, 1)."""
        check_number("level", level, low=0.0, high=1.0, open_low=True, open_high=True)
        half = stats.norm.isf((1.0 - level) / 2.0) * self.standard_errors
        return np.stack([self.effects - half, self.effects + half], axis=-1)

    def to_frame(self, level: float = 0.95) -> pd.DataFrame:
        """Give a tidy table: a line for each class and feature."""
        import pandas as pd

        intervals = self.confidence_intervals(level)
        d = len(self.feature_names)
        return pd.DataFrame(
            {
                "class": np.repeat(np.array(self.classes, dtype=object), d),
                "feature": list(self.feature_names) * len(self.classes),
                "effect": self.effects.ravel(),
                "standard_error": self.standard_errors.ravel(),
                "z": self.z.ravel(),
                "p_value": self.p_values.ravel(),
                "lower": intervals[..., 0].ravel(),
                "upper": intervals[..., 1].ravel(),
            }
        )

    def summary(self, level: float = 0.95) -> str:
        """Give a readable table as text."""
        intervals = self.confidence_intervals(level)
        tail = 50.0 * (1.0 - level)
        heads = ("effect", "std. error", "z", "P > |z|", f"{tail:.4g} %", f"{100 - tail:.4g} %")
        starred = ", or from 0 to 1 (*)" if self.discrete else ""
        lines = [f"Average marginal effects: changes of probability per unit{starred}"]
        for c, label in enumerate(self.classes):
            cells: list[tuple[str, ...]] = [("", *heads)]
            for j, name in enumerate(self.feature_names):
                mark = "*" if name in self.discrete else ""
                numbers = (self.effects[c, j], self.standard_errors[c, j], self.z[c, j])
                cells.append(
                    (
                        readable(name, 40) + mark,
                        *map(figure, numbers),
                        p_text(float(self.p_values[c, j])),
                        *map(figure, intervals[c, j]),
                    )
                )
            lines += ["", readable(label), *aligned(cells)]
        return "\n".join(lines)


def average_marginal_effects(
    inference: Inference,
    X: Any,
    sample_weight: Any = None,
    *,
    discrete: Sequence[str | int] = (),
) -> MarginalEffects:
    r"""Give the change of each class probability with each feature, averaged over rows.

    .. math:: E_{cj} = \frac1n \sum_i w_i\, \partial p_{ic} / \partial x_{ij}, \qquad
              \mathrm{Var}(E) = J\, \mathrm{Cov}(\hat\theta)\, J^T, \quad
              J = \partial E / \partial \theta

    The rows count as given: the standard errors hold the uncertainty of the coefficients alone.

    Parameters
    ----------
    inference : Inference
        From `infer`, with the whole covariance.
    X : array, CSR matrix, data frame or tensor (n, d)
        The rows to average over, usually those of the fit.
    sample_weight : array (n,), optional
    discrete : names or columns, default none
        0/1 features, for which the effect is p(x_j = 1) - p(x_j = 0).

    Returns
    -------
    MarginalEffects

    Raises
    ------
    InvalidInput
        An approximate covariance, an unknown feature, a discrete one with other values than 0 and
        1, rows that do not fit.

    References
    ----------
    Greene (2018), Econometric Analysis, 8th edition, section 18.2.4.

    Examples
    --------
    >>> from types import SimpleNamespace
    >>> import numpy as np
    >>> from softplex.inference import infer
    >>> x, y = np.repeat([[0.0], [1.0]], 50, 0), np.repeat([0, 1, 0, 1], [30, 20, 20, 30])
    >>> fit = SimpleNamespace(
    ...     coef_=[[2 * np.log(1.5)]], intercept_=[-np.log(1.5)], classes_=np.array([0, 1]),
    ...     C=np.inf, fit_intercept=True,
    ... )
    >>> effects = average_marginal_effects(infer(fit, x, y), x, discrete=[0])
    >>> effects.effects.round(6).ravel()  # 30 of 50 against 20 of 50
    array([-0.2,  0.2])
    >>> effects.standard_errors.round(4).ravel(), (2 * 0.24 / 50) ** 0.5
    (array([0.098, 0.098]), 0.0979...)
    """
    if inference.approximation is not None:
        raise InvalidInput(
            f"{_WHO} needs the whole covariance matrix, but this inference has the "
            f"{inference.approximation} approximation. Take fewer features."
        )
    names = inference.feature_names
    matrix = read_matrix(_WHO, X, names)
    weight = read_weight(_WHO, to_numpy(sample_weight), matrix.shape[0])
    weight = weight / weight.sum()
    columns = [inference.column(_WHO, feature) for feature in discrete]
    for column in columns:
        _refuse_not_binary(matrix, column, names)
    effects, jacobian = _effects_and_jacobian(inference, matrix, weight, columns)
    covariance = to_tensor(inference.covariance)
    flat = jacobian.reshape(-1, len(covariance))
    variances = ((flat @ covariance) * flat).sum(1).clamp_min(0.0)
    return MarginalEffects(
        classes=inference.classes,
        feature_names=names,
        effects=to_numpy(effects.T.contiguous()),
        standard_errors=to_numpy(variances.sqrt().reshape(len(names), -1).T.contiguous()),
        discrete=tuple(names[column] for column in columns),
    )


def _effects_and_jacobian(
    inference: Inference, X: Any, weight: Tensor, columns: list[int]
) -> tuple[Tensor, Tensor]:
    """Effects ``(d, k)`` and their derivatives ``(d, k, rows, width)`` in the coefficients."""
    k, rows = len(inference.classes), list(inference.rows_of_classes)
    theta = torch.zeros(k, len(inference.column_names), dtype=torch.float64)
    theta[rows] = to_tensor(inference.estimates)
    d, width = len(inference.feature_names), theta.shape[1]
    effects = torch.zeros(d, k, dtype=torch.float64)
    jacobian = torch.zeros(d, k, len(rows), width, dtype=torch.float64)
    for part, block in dense_blocks(X, numbers_a_row=max(k * len(rows), d)):
        x = torch.nn.functional.pad(block, (0, 1), value=1.0)[:, :width]
        p = torch.softmax(x @ theta.T, 1)
        for j in range(d):
            if j in columns:
                _add_difference(x, weight[part], theta, j, rows, effects[j], jacobian[j])
            else:
                _add_slope(x, p, weight[part], theta[:, j], j, rows, effects[j], jacobian[j])
    return effects, jacobian


def _add_slope(
    x: Tensor,
    p: Tensor,
    weight: Tensor,
    coefficient: Tensor,
    column: int,
    rows: list[int],
    effect: Tensor,
    jacobian: Tensor,
) -> None:
    gap = coefficient - (p @ coefficient)[:, None]
    weighted = weight[:, None] * p
    effect += (weighted * gap).sum(0)
    both = weighted[:, :, None] * p[:, None, rows]
    change = -both * (gap[:, :, None] + gap[:, None, rows])
    change[:, rows, torch.arange(len(rows))] += (weighted * gap)[:, rows]
    jacobian += (change.flatten(1).T @ x).reshape(jacobian.shape)
    jacobian[:, :, column] += _score_jacobian(both, weighted, rows)


def _add_difference(
    x: Tensor,
    weight: Tensor,
    theta: Tensor,
    column: int,
    rows: list[int],
    effect: Tensor,
    jacobian: Tensor,
) -> None:
    for value, sign in ((1.0, 1.0), (0.0, -1.0)):
        moved = x.clone()
        moved[:, column] = value
        p = torch.softmax(moved @ theta.T, 1)
        weighted = sign * weight[:, None] * p
        effect += weighted.sum(0)
        change = -weighted[:, :, None] * p[:, None, rows]
        change[:, rows, torch.arange(len(rows))] += weighted[:, rows]
        jacobian += (change.flatten(1).T @ moved).reshape(jacobian.shape)


def _score_jacobian(both: Tensor, weighted: Tensor, rows: list[int]) -> Tensor:
    """Sum over the rows of diag(p) - p p^T, the columns of ``rows`` alone."""
    total = -both.sum(0)
    total[rows, torch.arange(len(rows))] += weighted.sum(0)[rows]
    return total


def _refuse_not_binary(X: Any, column: int, names: tuple[str, ...]) -> None:
    if column >= len(names):
        raise InvalidInput(f"{_WHO} needs a feature, but the intercept has no effect of its own.")
    values = np.asarray(X[:, [column]].toarray() if sparse.issparse(X) else X[:, column]).ravel()
    bad = np.flatnonzero((values != 0) & (values != 1))
    if bad.size:
        raise InvalidInput(
            f"{_WHO} needs discrete features that are 0 or 1, but {names[column]!r} holds "
            f"{values[bad[0]]:g} in row {bad[0]}."
        )
