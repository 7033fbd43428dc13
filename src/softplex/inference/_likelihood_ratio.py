"""The likelihood-ratio test between nested fits."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import stats

from softplex.exceptions import InvalidInput
from softplex.inference._inference import Inference

# Rounding of a log-likelihood, relative to it.
_ROUNDING = 1e-9


@dataclass(frozen=True)
class LikelihoodRatioTest:
    """The hypothesis that the smaller model is enough.

    Attributes
    ----------
    statistic : float
        Twice the difference of the log-likelihoods; chi-squared under the hypothesis.
    degrees_of_freedom : int
        Coefficients that the larger model has more.
    p_value : float
    """

    statistic: float
    degrees_of_freedom: int
    p_value: float


def likelihood_ratio_test(
    larger: Inference, smaller: Inference | None = None
) -> LikelihoodRatioTest:
    r"""Test a smaller model against a larger one that contains it.

    .. math:: 2 (\ell_{larger} - \ell_{smaller}) \sim \chi^2_{\nu}, \qquad
              \nu = df_{larger} - df_{smaller}

    Parameters
    ----------
    larger : Inference
        Of an unpenalised fit.
    smaller : Inference, optional
        Of an unpenalised fit to the same rows with fewer features; the null model, which has the
        class shares alone, by default.

    Returns
    -------
    LikelihoodRatioTest

    Raises
    ------
    InvalidInput
        Fits that are penalised, or not by the likelihood of labels; other rows or classes; a
        smaller model that is no smaller, or fits better, and so is not contained in the larger.

    References
    ----------
    Wilks (1938), "The large-sample distribution of the likelihood ratio for testing composite
    hypotheses".

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
    >>> test = likelihood_ratio_test(infer(fit, x, y))
    >>> round(test.statistic, 3), test.degrees_of_freedom, round(test.p_value, 3)
    (4.027, 1, 0.045)
    """
    for role, result in (("larger", larger), ("smaller", smaller)):
        if result is not None:
            _refuse_no_likelihood(role, result)
    if smaller is None:
        intercepts = len(larger.classes) - 1 if larger.fit_intercept else 0
        return _test(larger, larger.null_log_likelihood, intercepts)
    _refuse_other_data(larger, smaller)
    return _test(larger, smaller.log_likelihood, round(smaller.degrees_of_freedom))


def _test(larger: Inference, smaller: float, smaller_freedom: int) -> LikelihoodRatioTest:
    freedom = round(larger.degrees_of_freedom) - smaller_freedom
    if freedom <= 0:
        raise InvalidInput(
            f"likelihood_ratio_test needs a smaller model with fewer coefficients, but it has "
            f"{smaller_freedom} and the larger one {round(larger.degrees_of_freedom)}."
        )
    gained = larger.log_likelihood - smaller
    if gained < -_ROUNDING * max(abs(smaller), 1.0):
        raise InvalidInput(
            "likelihood_ratio_test needs a smaller model that is contained in the larger one, but "
            f"its log-likelihood is higher, by {-gained:.3g}. Fit both to the same rows, the "
            "smaller one on a part of the features."
        )
    statistic = max(2.0 * gained, 0.0)
    return LikelihoodRatioTest(statistic, freedom, float(stats.chi2.sf(statistic, freedom)))


def _refuse_no_likelihood(role: str, result: Inference) -> None:
    if result.penalty > 0 or not result.is_likelihood:
        what = "is penalised" if result.penalty > 0 else "is not by the likelihood of labels"
        raise InvalidInput(
            f"likelihood_ratio_test needs fits of maximum likelihood, but the {role} one {what}: "
            "the statistic then is not chi-squared. Fit with C=inf, without smoothing and class "
            "weights."
        )


def _refuse_other_data(larger: Inference, smaller: Inference) -> None:
    same_rows = np.isclose(larger.n, smaller.n, rtol=_ROUNDING, atol=0.0)
    if set(larger.classes) != set(smaller.classes) or not same_rows:
        raise InvalidInput(
            "likelihood_ratio_test needs two fits to the same rows, but one has "
            f"{larger.n:g} rows of {len(larger.classes)} classes and the other {smaller.n:g} of "
            f"{len(smaller.classes)}."
        )
