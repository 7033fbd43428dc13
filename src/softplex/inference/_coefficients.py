"""Coefficients with their standard errors, and how well the model fits: numbers alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from softplex._checks import check_number
from softplex.exceptions import InvalidInput

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Coefficients:
    """The numbers of an `Inference`, which says what each of them is."""

    row_names: tuple[str, ...]
    column_names: tuple[str, ...]
    fit_intercept: bool
    rows_of_classes: tuple[int, ...]
    classes: tuple[Any, ...]
    reference: Any
    estimates: FloatArray
    standard_errors: FloatArray
    covariance: FloatArray
    kind: str
    approximation: str | None
    meaning: str
    n: float
    log_likelihood: float
    null_log_likelihood: float
    degrees_of_freedom: float
    penalty: float
    is_likelihood: bool
    distance: float

    @property
    def feature_names(self) -> tuple[str, ...]:
        """Names of the columns without the intercept."""
        return self.column_names[:-1] if self.fit_intercept else self.column_names

    @property
    def is_sampling(self) -> bool:
        """Whether the standard errors tell how estimates vary from sample to sample."""
        return self.penalty == 0.0 or self.kind == "robust"

    @property
    def z(self) -> FloatArray:
        """Estimates over their standard errors, ``(rows, width)``."""
        return self.estimates / self.standard_errors

    @property
    def p_values(self) -> FloatArray:
        """Two-sided p-values of normal z, ``(rows, width)``.

        Where the standard errors are those of a posterior, twice the probability of the other sign.
        """
        return np.asarray(2.0 * stats.norm.sf(np.abs(self.z)))

    def confidence_intervals(self, level: float = 0.95) -> FloatArray:
        """Give estimate -+ z standard errors, ``(rows, width, 2)``; level in (0, 1)."""
        check_number("level", level, low=0.0, high=1.0, open_low=True, open_high=True)
        half = stats.norm.isf((1.0 - level) / 2.0) * self.standard_errors
        return np.stack([self.estimates - half, self.estimates + half], axis=-1)

    @property
    def odds_ratios(self) -> FloatArray:
        """exp of the estimates, ``(rows, width)``: what one unit multiplies the odds by.

        The odds are of the row's class against the reference; for sum-to-zero against the
        geometric mean of all classes.
        """
        return np.asarray(np.exp(self.estimates))

    def odds_ratio_intervals(self, level: float = 0.95) -> FloatArray:
        """Give exp of the confidence intervals, ``(rows, width, 2)``."""
        return np.asarray(np.exp(self.confidence_intervals(level)))

    @property
    def aic(self) -> float:
        """2 degrees of freedom - 2 log-likelihood (Akaike 1974)."""
        self._need_likelihood("aic")
        return 2.0 * self.degrees_of_freedom - 2.0 * self.log_likelihood

    @property
    def bic(self) -> float:
        """log(n) degrees of freedom - 2 log-likelihood (Schwarz 1978)."""
        self._need_likelihood("bic")
        return float(np.log(self.n)) * self.degrees_of_freedom - 2.0 * self.log_likelihood

    @property
    def mcfadden(self) -> float:
        """1 - log-likelihood / null log-likelihood (McFadden 1974); 0 if the null is perfect."""
        if self.null_log_likelihood == 0.0:
            return 0.0
        return 1.0 - self.log_likelihood / self.null_log_likelihood

    def _need_likelihood(self, who: str) -> None:
        if not self.is_likelihood:
            raise InvalidInput(
                f"{who} needs a fit by the likelihood of labels, but this one had label smoothing, "
                "class weights or importance weights. Compare such fits by their loss on held-out "
                "rows."
            )
