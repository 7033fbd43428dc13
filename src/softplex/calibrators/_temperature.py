r"""Temperature scaling, solved exactly.

With beta = 1/T the mean negative log-likelihood has the derivative

.. math:: \frac{d}{d\beta} = \overline{p_\beta \cdot z} - \overline{z_y}

which grows with beta. So whether a finite temperature exists is decided before any iteration, from
its limits: at beta -> 0, mean of the row means less mean true score; at beta -> infinity, mean of
the row maxima less mean true score.
"""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import torch
from numpy.typing import NDArray
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted
from torch import Tensor

from softplex._arrays import answer_in_kind
from softplex._scored import read_calibration_data, read_scores
from softplex.exceptions import CalibrationWarning, InvalidInput
from softplex.maps import softmax

_MAX_ITER = 100
# A mean of scores of root mean square 1 is zero but for rounding below this.
_ROUNDING = 1e-13


class TemperatureStatus(StrEnum):
    """Whether a finite temperature exists; the value is the sentence that a user reads."""

    CONVERGED = "No other temperature makes the calibration rows more likely."
    UNDETERMINED = (
        "Every temperature fits alike, because every row has equal scores: the temperature stays 1."
    )
    SEPARABLE = (
        "No finite temperature exists: every true class has the highest score of its row, so the "
        "likelihood grows without end as T -> 0. The temperature stays 1; more calibration rows, "
        "with some errors among them, would determine it."
    )
    UNINFORMATIVE = (
        "No finite temperature exists: the true classes score no better than the others on "
        "average, so the likelihood is highest as T -> infinity. The probabilities are uniform."
    )

    @property
    def sentence(self) -> str:
        """The status in words."""
        return self.value


class TemperatureScaling(BaseEstimator):  # type: ignore[misc]
    r"""Divide the scores by the temperature that maximises the likelihood.

    .. math:: T^* = \arg\min_{T > 0} \sum_i w_i\, [-\log softmax(z_i / T)_{y_i}]

    Newton's method in log(1/T) inside a bracket, in float64, after the existence of a finite
    optimum has been decided. Rescaled scores give a rescaled temperature to 12 digits.

    Attributes
    ----------
    temperature_ : float
        T: 1 where undetermined or separable, inf where uninformative.
    status_ : TemperatureStatus
        Whether a finite optimum exists.
    classes_ : ndarray (k,)
    n_iter_ : int

    References
    ----------
    Guo, Pleiss, Sun, Weinberger (2017), "On calibration of modern neural networks".

    Examples
    --------
    >>> import numpy as np
    >>> scores = np.array([[2.0, 0.0], [2.0, 0.0], [2.0, 0.0], [0.0, 2.0]])
    >>> calibrator = TemperatureScaling().fit(scores, np.array([0, 0, 1, 1]))
    >>> round(calibrator.temperature_, 6)  # right in 3 of 4 rows: 2 / log 3
    1.820478
    """

    def fit(
        self, scores: Any, y: Any, sample_weight: Any = None, classes: Any = None
    ) -> TemperatureScaling:
        """Fit the temperature.

        Parameters
        ----------
        scores : array or tensor (n, k), or (n,) for two classes
            Raw scores or log-probabilities; -inf is an absent class.
        y : labels (n,)
        sample_weight : array (n,), optional
        classes : sequence (k,), optional
            The label of each column. By default 0 to k - 1 where y holds such integers, else the
            sorted labels of y.

        Raises
        ------
        InvalidInput
            For scores that are NaN or +inf, unknown labels, or a true class at -inf.
        """
        data = read_calibration_data(type(self).__name__, scores, y, sample_weight, classes)
        self.classes_: NDArray[Any] = data.classes
        problem = _Problem.of(data.scores, data.targets, data.weight)
        self.status_ = problem.verdict()
        self.n_iter_ = 0
        if self.status_ is TemperatureStatus.CONVERGED:
            self.temperature_, self.n_iter_ = problem.solve()
            return self
        uninformative = self.status_ is TemperatureStatus.UNINFORMATIVE
        self.temperature_ = math.inf if uninformative else 1.0
        warnings.warn(self.status_.sentence, CalibrationWarning, stacklevel=2)
        return self

    def calibrated_scores(self, scores: Any) -> Any:
        """Give the scores over T, ``(n, k)``; absent classes stay at -inf."""
        check_is_fitted(self)
        tensor = read_scores(type(self).__name__, scores)
        if tensor.shape[1] != len(self.classes_):
            raise InvalidInput(
                f"{type(self).__name__} was fitted on {len(self.classes_)} classes, but got "
                f"scores with {tensor.shape[1]} columns."
            )
        finite = torch.isfinite(tensor)
        scaled = torch.where(finite, tensor, 0.0) / self.temperature_
        return answer_in_kind(torch.where(finite, scaled, tensor), scores)

    def predict_proba(self, scores: Any) -> Any:
        """Give the calibrated probabilities, ``(n, k)``."""
        return softmax(self.calibrated_scores(scores))


@dataclass(frozen=True)
class _Problem:
    """Shifted and scaled scores, with absent classes masked."""

    scores: Tensor
    present: Tensor
    true_score: Tensor
    weight: Tensor
    unit: float

    @classmethod
    def of(cls, scores: Tensor, targets: Tensor, weight: Tensor) -> _Problem:
        present = torch.isfinite(scores)
        shifted = scores - scores.amax(1, keepdim=True)
        shifted = torch.where(present, shifted, 0.0)
        largest = float(-shifted.min()) or 1.0  # so that no square overflows or vanishes
        root_mean_square = float((shifted / largest).square().sum() / present.sum()) ** 0.5
        unit = largest * root_mean_square or 1.0
        shifted = shifted / unit
        true_score = shifted.gather(1, targets[:, None]).squeeze(1)
        return cls(shifted, present, true_score, weight / weight.sum(), unit)

    def verdict(self) -> TemperatureStatus:
        if not bool((self.scores < 0).any()):
            return TemperatureStatus.UNDETERMINED
        if not bool((self.true_score < 0).any()):
            return TemperatureStatus.SEPARABLE
        row_means = self.scores.sum(1) / self.present.sum(1)
        if float(self.weight @ (self.true_score - row_means)) <= _ROUNDING:
            return TemperatureStatus.UNINFORMATIVE
        return TemperatureStatus.CONVERGED

    def slope_and_curvature(self, beta: float) -> tuple[float, float]:
        masked = torch.where(self.present, beta * self.scores, -math.inf)
        p = torch.softmax(masked, 1)
        mean = (p * self.scores).sum(1)
        variance = (p * (self.scores - mean[:, None]).square()).sum(1)
        return float(self.weight @ (mean - self.true_score)), float(self.weight @ variance)

    def solve(self) -> tuple[float, int]:
        """Newton in log beta; a step that leaves the bracket is replaced by its middle."""
        low, high, position = -math.inf, math.inf, 0.0
        count = 0
        while count < _MAX_ITER:
            count += 1
            beta = math.exp(position)
            slope, curvature = self.slope_and_curvature(beta)
            if slope < 0.0:
                low = position
            else:
                high = position
            newton = -slope / (beta * curvature) if curvature > 0.0 else -math.copysign(2.0, slope)
            if abs(newton) <= 1e-14 * max(1.0, abs(position)):
                break
            following = position + max(min(newton, 2.0), -2.0)
            position = following if low < following < high else 0.5 * (low + high)
            if position in (low, high):  # neighbouring numbers: the bracket is as small as it gets
                break
        return self.unit * math.exp(-position), count
