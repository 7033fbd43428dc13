"""Penalties by name: frozen values that give their parts once the number of features is known."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from softplex._arrays import to_numpy
from softplex._checks import check_number
from softplex.exceptions import InvalidInput
from softplex.penalties._parts import PenaltyParts


@dataclass(frozen=True)
class Penalty(ABC):
    """A penalty of the weights, separable over the features; the intercept is never penalised.

    Parameters
    ----------
    weights : sequence of d numbers >= 0, optional
        Multiplies the penalty of each feature; 0 leaves a feature unpenalised. All 1 by default.

    Raises
    ------
    InvalidInput
        Weights that are negative, not finite, or not one row of numbers; a ratio outside [0, 1].
    """

    weights: Sequence[float] | None = None

    def __post_init__(self) -> None:
        if self.weights is not None:
            # A tuple, so that penalties compare, hash and print as values.
            object.__setattr__(self, "weights", _as_tuple(type(self).__name__, self.weights))

    def parts(self, n_features: int) -> PenaltyParts:
        """Give the three weights of each feature.

        Parameters
        ----------
        n_features : int
            The number d of features.

        Returns
        -------
        PenaltyParts

        Raises
        ------
        InvalidInput
            When ``weights`` has another length than d.
        """
        if self.weights is None:
            each = torch.ones(n_features, dtype=torch.float64)
        elif len(self.weights) != n_features:
            raise InvalidInput(
                f"{type(self).__name__} needs one weight for each of the {n_features} features, "
                f"but weights holds {len(self.weights)}."
            )
        else:
            each = torch.tensor(self.weights, dtype=torch.float64)
        quadratic, l1, group = self._shares()
        return PenaltyParts(quadratic * each, l1 * each, group * each)

    @abstractmethod
    def _shares(self) -> tuple[float, float, float]:
        """How much of a weight goes to 1/2 ||w||_2^2, ||w||_1 and ||w||_2."""


@dataclass(frozen=True)
class NoPenalty(Penalty):
    """No penalty on any weight: maximum likelihood.

    An optimum exists only where the classes overlap; a fit to separated classes says so.

    Examples
    --------
    >>> NoPenalty().parts(2).unpenalised.tolist()
    [True, True]
    """

    def __post_init__(self) -> None:
        if self.weights is not None:
            raise InvalidInput("NoPenalty takes no weights: use Ridge(weights), with zeros in it.")

    def _shares(self) -> tuple[float, float, float]:
        return 0.0, 0.0, 0.0


@dataclass(frozen=True)
class Ridge(Penalty):
    r"""Half the squared weights, :math:`\tfrac12 \sum_j \omega_j \|W_{.j}\|_2^2`.

    Parameters
    ----------
    weights : sequence of d numbers >= 0, optional
        The weights omega; all 1 by default.

    Examples
    --------
    >>> Ridge([1.0, 0.0]).parts(2).quadratic.tolist()
    [1.0, 0.0]
    """

    def _shares(self) -> tuple[float, float, float]:
        return 1.0, 0.0, 0.0


@dataclass(frozen=True)
class Lasso(Penalty):
    r"""The sum of the absolute weights, :math:`\sum_j \omega_j \|W_{.j}\|_1`.

    Many single weights are zero at the optimum (Tibshirani 1996).

    Parameters
    ----------
    weights : sequence of d numbers >= 0, optional
        The weights omega; all 1 by default.

    Examples
    --------
    >>> Lasso().parts(1).l1.tolist()
    [1.0]
    """

    def _shares(self) -> tuple[float, float, float]:
        return 0.0, 1.0, 0.0


@dataclass(frozen=True)
class ElasticNet(Penalty):
    r"""A mixture of lasso and ridge.

    .. math:: \sum_j \omega_j \bigl(\rho \|W_{.j}\|_1 + \tfrac{1 - \rho}{2} \|W_{.j}\|_2^2\bigr)

    That of ``LogisticRegression(l1_ratio=...)`` (Zou and Hastie 2005, "Regularization and variable
    selection via the elastic net").

    Parameters
    ----------
    weights : sequence of d numbers >= 0, optional
        The weights omega; all 1 by default.
    l1_ratio : float in [0, 1], default 0.5
        The share rho of the lasso.

    Examples
    --------
    >>> parts = ElasticNet(l1_ratio=0.25).parts(1)
    >>> parts.quadratic.item(), parts.l1.item()
    (0.75, 0.25)
    """

    l1_ratio: float = 0.5

    def __post_init__(self) -> None:
        super().__post_init__()
        check_number("l1_ratio", self.l1_ratio, low=0.0, high=1.0)

    def _shares(self) -> tuple[float, float, float]:
        return 1.0 - self.l1_ratio, self.l1_ratio, 0.0


@dataclass(frozen=True)
class GroupLasso(Penalty):
    r"""The norm of each feature's weights over the classes, :math:`\sum_j \omega_j \|W_{.j}\|_2`.

    A feature is used by all classes or by none (Yuan and Lin 2006, "Model selection and estimation
    in regression with grouped variables").

    Parameters
    ----------
    weights : sequence of d numbers >= 0, optional
        The weights omega; all 1 by default.

    Examples
    --------
    >>> GroupLasso().parts(1).group.tolist()
    [1.0]
    """

    def _shares(self) -> tuple[float, float, float]:
        return 0.0, 0.0, 1.0


@dataclass(frozen=True)
class SparseGroupLasso(Penalty):
    r"""A mixture of lasso and group lasso.

    .. math:: \sum_j \omega_j \bigl(\rho \|W_{.j}\|_1 + (1 - \rho) \|W_{.j}\|_2\bigr)

    Whole features are dropped, and single weights of those that stay (Simon et al. 2013, "A
    sparse-group lasso").

    Parameters
    ----------
    weights : sequence of d numbers >= 0, optional
        The weights omega; all 1 by default.
    l1_ratio : float in [0, 1], default 0.5
        The share rho of the lasso.

    Examples
    --------
    >>> parts = SparseGroupLasso(l1_ratio=0.25).parts(1)
    >>> parts.l1.item(), parts.group.item()
    (0.25, 0.75)
    """

    l1_ratio: float = 0.5

    def __post_init__(self) -> None:
        super().__post_init__()
        check_number("l1_ratio", self.l1_ratio, low=0.0, high=1.0)

    def _shares(self) -> tuple[float, float, float]:
        return 0.0, self.l1_ratio, 1.0 - self.l1_ratio


def _as_tuple(who: str, weights: Any) -> tuple[float, ...]:
    try:
        values = np.asarray(to_numpy(weights), dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise InvalidInput(f"{who} needs weights as numbers, one a feature, but: {error}") from None
    if values.ndim != 1:
        raise InvalidInput(f"{who} needs one weight a feature, but got shape {values.shape}.")
    bad = np.flatnonzero(~(np.isfinite(values) & (values >= 0.0)))
    if bad.size:
        raise InvalidInput(
            f"{who} needs weights that are finite and not negative, but weight {bad[0]} is "
            f"{values[bad[0]]:g}."
        )
    return tuple(values.tolist())
