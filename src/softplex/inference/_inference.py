"""`Inference`: what is known about the coefficients of a fitted model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy import stats

from softplex._checks import check_number, did_you_mean
from softplex.exceptions import InvalidInput
from softplex.inference._coefficients import Coefficients
from softplex.inference._summary import summary

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, eq=False)
class WaldTest:
    """The hypothesis that one feature has no part in any class.

    Attributes
    ----------
    feature : str
    statistic : float
        b^T V^-1 b over the contrasts of the feature; chi-squared under the hypothesis.
    degrees_of_freedom : int
    p_value : float
    """

    feature: str
    statistic: float
    degrees_of_freedom: int
    p_value: float


@dataclass(frozen=True, eq=False, repr=False)
class Inference(Coefficients):
    """Estimates with their standard errors, and how well the model fits.

    Arrays of coefficients are ``(rows, width)``: a row a contrast against the reference class (or
    a class, for sum-to-zero), a column a feature, the intercept last.

    Attributes
    ----------
    row_names, column_names : tuples of str
    fit_intercept : bool
    rows_of_classes : tuple of int
        The class (a place in ``classes``) of each row.
    classes : tuple of k labels
    reference : label or None
        None for sum-to-zero.
    estimates, standard_errors : arrays (rows, width)
    covariance : array
        ``(rows * width, rows * width)``, row by row; ``(rows, width, width)`` for the block
        approximation, the variances ``(rows, width)`` for the diagonal one.
    kind : "observed", "expected" or "robust"
    approximation : None, "block" or "diagonal"
    meaning : str
        What the standard errors are, in sentences.
    n : float
        Rows, counted with their frequencies.
    log_likelihood, null_log_likelihood : float
        In nats; the null model has the class shares alone.
    degrees_of_freedom : float
        Free coefficients; with a penalty their effective number, trace of (I + 1/C)^-1 I.
    penalty : float
        1/C, or 0.
    is_likelihood : bool
        Whether the loss was the likelihood of labels: no smoothing, class or importance weights.
    distance : float
        From the optimum on these rows, in standard errors of the worst linear function of the
        coefficients.
    """

    def __repr__(self) -> str:
        return (
            f"Inference({len(self.classes)} classes, {len(self.column_names)} columns, "
            f"log_likelihood={self.log_likelihood:.6g})"
        )

    def __str__(self) -> str:
        return self.summary()

    def wald_test(self, feature: str | int) -> WaldTest:
        """Test that a feature (a name, or a column) has no part in any class.

        Raises
        ------
        InvalidInput
            An unknown feature, or an approximation, which has no covariances between classes.
        """
        if self.approximation is not None:
            raise InvalidInput(
                "wald_test needs the whole covariance matrix, but this inference has the "
                f"{self.approximation} approximation. Use likelihood_ratio_test with a fit without "
                "the feature."
            )
        column = self.column("wald_test", feature)
        # The rows of sum-to-zero are dependent: one of them is left out.
        r = len(self.classes) - 1
        width = len(self.column_names)
        places = np.arange(r) * width + column
        estimate = self.estimates[:r, column]
        part = self.covariance[np.ix_(places, places)]
        statistic = float(estimate @ np.linalg.solve(part, estimate))
        p_value = float(stats.chi2.sf(statistic, r))
        return WaldTest(self.column_names[column], statistic, r, p_value)

    def to_frame(self, level: float = 0.95) -> pd.DataFrame:
        """Give a tidy table: a line for each coefficient."""
        import pandas as pd

        intervals = self.confidence_intervals(level)
        rows, columns = self.estimates.shape
        return pd.DataFrame(
            {
                "contrast": np.repeat(np.array(self.row_names, dtype=object), columns),
                "feature": np.tile(np.array(self.column_names, dtype=object), rows),
                "estimate": self.estimates.ravel(),
                "standard_error": self.standard_errors.ravel(),
                "z": self.z.ravel(),
                "p_value": self.p_values.ravel(),
                "lower": intervals[..., 0].ravel(),
                "upper": intervals[..., 1].ravel(),
                "odds_ratio": self.odds_ratios.ravel(),
                "odds_ratio_lower": np.exp(intervals[..., 0]).ravel(),
                "odds_ratio_upper": np.exp(intervals[..., 1]).ravel(),
            }
        )

    def summary(self, level: float = 0.95) -> str:
        """Give a readable table as text."""
        check_number("level", level, low=0.0, high=1.0, open_low=True, open_high=True)
        return summary(self, level)

    def column(self, who: str, feature: str | int) -> int:
        """Give the place of a feature named or counted; ``who`` asks, for the error."""
        if isinstance(feature, str):
            if feature in self.column_names:
                return self.column_names.index(feature)
            raise InvalidInput(
                f"{who} got the feature {feature!r}, which the model does not have."
                f"{did_you_mean(feature, self.column_names)}"
            )
        check_number("feature", feature, low=0, high=len(self.column_names) - 1, integer=True)
        return int(feature)
