r"""What a path over C has found: scores, their standard errors, certificates, and the choice.

With s_f the score of fold f and :math:`\omega_f` its share of the held-out weight,

.. math:: \bar s = \sum_f \omega_f s_f, \qquad
          SE = \sqrt{\frac{\sum_f \omega_f (s_f - \bar s)^2}{F - 1}}

over the F folds that hold out any weight, which is :math:`sd / \sqrt F` for folds of equal weight.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from softplex.objective import Certificate, Status

RULES = ("best", "one_standard_error")


@dataclass(frozen=True, eq=False)
class RegularisationPath:
    r"""Held-out scores and certificates of the fits over C and folds.

    Arrays hold NaN (0 for counts) at values of C that an early end left out.

    Parameters
    ----------
    scoring : str
        What was measured on the held-out rows.
    greater_is_better : bool
        False for the losses "log_loss" (in nats) and "brier".
    rule : "best" or "one_standard_error"
        How the C was chosen.
    Cs : array (m,)
        Ascending, from the strongest penalty to the weakest.
    fold_weights : array (folds,)
        Weight of the held-out rows that were measured.
    fold_scores : array (m, folds)
        NaN too for a fold with no row to measure.
    relative_gaps : array (m, folds)
        Certified relative duality gap of each fit.
    statuses : tuple of m tuples of Status or None
        How each fit ended.
    n_iters : array (m, folds) of int
        Iterations of each fit.
    coefficient_norms : array (m, folds)
        Euclidean norm of all coefficients, without the intercepts.
    n_nonzeros : array (m, folds) of int
        Coefficients that are not exactly zero.
    coefficients, intercepts : arrays (m, r, d) and (m, r), optional
        Of the fits on all rows, where they were asked for.
    certificates : tuple of m Certificates or None, optional
        Of the same fits.

    References
    ----------
    Hastie, Tibshirani, Friedman (2009), The Elements of Statistical Learning, section 7.10 (the
    one-standard-error rule); Friedman, Hastie, Tibshirani (2010), "Regularization paths for
    generalized linear models via coordinate descent" (the standard error of weighted folds, as
    glmnet takes it).
    """

    scoring: str
    greater_is_better: bool
    rule: str
    Cs: NDArray[np.float64]
    fold_weights: NDArray[np.float64]
    fold_scores: NDArray[np.float64]
    relative_gaps: NDArray[np.float64]
    statuses: tuple[tuple[Status | None, ...], ...]
    n_iters: NDArray[np.int64]
    coefficient_norms: NDArray[np.float64]
    n_nonzeros: NDArray[np.int64]
    coefficients: NDArray[np.float64] | None = None
    intercepts: NDArray[np.float64] | None = None
    certificates: tuple[Certificate | None, ...] | None = None

    @property
    def is_reached(self) -> NDArray[np.bool_]:
        """Which values of C were fitted, ``(m,)``; an early end leaves the last ones out."""
        return np.isfinite(self.mean)

    @property
    def mean(self) -> NDArray[np.float64]:
        """Mean score over the folds, each by its held-out weight, ``(m,)``."""
        return weighted_mean(self.fold_scores, self.fold_weights)

    @property
    def standard_error(self) -> NDArray[np.float64]:
        """Standard error of the mean over the folds, ``(m,)``; NaN with a single fold."""
        return standard_error(self.fold_scores, self.fold_weights)

    @property
    def best_index(self) -> int:
        """Where the mean is best; of equals, the strongest penalty."""
        return best_index(self.mean, self.greater_is_better)

    @property
    def one_standard_error_index(self) -> int:
        """The strongest penalty whose mean is within one standard error of the best.

        With a single fold there is no standard error, and it is the best.
        """
        error = self.standard_error[self.best_index]
        worse = np.abs(self.mean - self.mean[self.best_index])
        within = worse <= (error if math.isfinite(error) else 0.0)
        return int(np.flatnonzero(within)[0])

    @property
    def chosen_index(self) -> int:
        """The index that the rule names."""
        return self.best_index if self.rule == "best" else self.one_standard_error_index

    def to_frame(self) -> Any:
        """Give a pandas data frame with one line a value of C.

        ``relative_gap`` is the largest of the folds, ``n_iter`` their sum, ``coefficient_norm``
        and ``n_nonzero`` their means; ``fold_0`` and on are the scores of the folds.
        """
        import pandas as pd

        places = np.arange(len(self.Cs))
        reached = self.is_reached
        columns: dict[str, Any] = {
            "C": self.Cs,
            "mean": self.mean,
            "standard_error": self.standard_error,
            **{f"fold_{number}": scores for number, scores in enumerate(self.fold_scores.T)},
            "relative_gap": self.relative_gaps.max(axis=1),
            "n_iter": self.n_iters.sum(axis=1),
            "coefficient_norm": self.coefficient_norms.mean(axis=1),
            "n_nonzero": np.where(reached, self.n_nonzeros.mean(axis=1), np.nan),
            "is_best": places == self.best_index,
            "is_one_standard_error": places == self.one_standard_error_index,
            "is_chosen": places == self.chosen_index,
        }
        return pd.DataFrame(columns)

    def to_dict(self) -> dict[str, Any]:
        """Give what was measured and chosen as plain JSON values, NaN as None."""
        return {
            "scoring": self.scoring,
            "greater_is_better": self.greater_is_better,
            "rule": self.rule,
            "folds": len(self.fold_weights),
            "C": self.Cs.tolist(),
            "mean": _plain(self.mean),
            "standard_error": _plain(self.standard_error),
            "coefficient_norm": _plain(self.coefficient_norms.mean(axis=1)),
            "relative_gap": _plain(self.relative_gaps.max(axis=1)),
            "best": self.best_index,
            "one_standard_error": self.one_standard_error_index,
            "chosen": self.chosen_index,
        }


def weighted_mean(
    fold_scores: NDArray[np.float64], fold_weights: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Mean over the folds that hold out weight, along the last axis."""
    counts = fold_weights > 0
    share = fold_weights[counts] / fold_weights[counts].sum()
    return np.asarray(fold_scores[..., counts] @ share)


def standard_error(
    fold_scores: NDArray[np.float64], fold_weights: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Standard error of :func:`weighted_mean`, NaN with a single fold."""
    n_folds = int((fold_weights > 0).sum())
    if n_folds < 2:
        return np.full(fold_scores.shape[:-1], np.nan)
    away = fold_scores - weighted_mean(fold_scores, fold_weights)[..., None]
    return np.asarray(np.sqrt(weighted_mean(away**2, fold_weights) / (n_folds - 1)))


def best_index(mean: NDArray[np.float64], greater_is_better: bool) -> int:
    """Index of the best mean, NaN apart; of equals the first."""
    return int(np.nanargmax(mean) if greater_is_better else np.nanargmin(mean))


def _plain(values: NDArray[np.float64]) -> list[float | None]:
    return [value if math.isfinite(value) else None for value in values.tolist()]
