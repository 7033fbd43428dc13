"""The softmax classifier: a linear head trained to a certified optimum."""

from __future__ import annotations

import math
import sys
import warnings
from collections.abc import Mapping
from numbers import Real
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.validation import check_is_fitted

from softplex._arrays import as_device, as_dtype, to_numpy, to_tensor
from softplex._checks import check_choice, check_number
from softplex._labels import EncodedTargets, class_weights, row_weights
from softplex.estimators._inputs import TrainingData, read_features, read_training_data
from softplex.exceptions import GapNotReached, InvalidInput
from softplex.losses import SMOOTHING_KINDS, CrossEntropy
from softplex.maps import log_softmax, softmax
from softplex.objective import Certificate, Status
from softplex.solvers import Iteration, RidgeProblem, Solution, solve_ridge
from softplex.streaming import Targets, as_features, linear_scores


class SoftmaxClassifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    r"""Multinomial logistic regression with a proof of optimality.

    Minimises scikit-learn's objective

    .. math:: C \sum_i w_i\, l(W x_i + b, q_i) + \tfrac12 \|W\|^2

    with l the cross-entropy in nats, W ``(k, d)`` and an unpenalised intercept b, and stops when
    the relative duality gap is at most ``tol``. Two classes use one score column.

    Parameters
    ----------
    C : float > 0, default 1.0
        Inverse strength of the penalty, as in ``LogisticRegression``.
    fit_intercept : bool, default True
        Whether the scores have an intercept.
    smoothing : float in [0, 1), default 0.0
        Label smoothing.
    smoothing_kind : "others" or "uniform", default "others"
        Its convention.
    class_weight : mapping, "balanced" or None, default None
        Weights of the classes.
    tol : float > 0, default 1e-4
        The asked relative duality gap, (primal - dual) / abs(primal).
    max_iter : int, default 1000
        Limit of iterations.
    warm_start : bool, default False
        Begin at the previous coefficients when the classes and features are the same.
    dtype : None, "float32" or "float64", default None
        Precision of the products. None begins in float32 where the data are large and finishes in
        float64 where the gap needs it; sums, the certificate and small problems are always
        float64.
    device : str or None, default None
        A torch device for training; the processor by default.
    random_state : int, RandomState or None, default None
        Accepted for scikit-learn's sake: this fit has no random part.
    verbose : int, default 0
        Above 0, a line an iteration on standard error.

    Attributes
    ----------
    coef_ : ndarray (k, d), or (1, d) for two classes
    intercept_ : ndarray (k,), or (1,) for two classes
        A class of zero weight has intercept -inf and probability 0.
    classes_ : ndarray (k,)
    certificate_ : Certificate
        ``primal``, ``dual``, ``gap``, ``relative_gap``, ``status``.
    n_iter_ : ndarray (1,)
    n_features_in_ : int
    feature_names_in_ : ndarray (d,), where X has column names

    Raises
    ------
    InvalidInput
        From ``fit``: an argument out of range, non-finite features (row and column named), missing
        labels, one class only, soft targets that are not probabilities.

    References
    ----------
    Bishop (2006), Pattern Recognition and Machine Learning, section 4.3.4; the dual is that of
    Yu, Huang, Lin (2011), "Dual coordinate descent methods for logistic regression and maximum
    entropy models".

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> X, y = load_iris(return_X_y=True)
    >>> model = SoftmaxClassifier().fit(X, y)
    >>> round(model.score(X, y), 3)
    0.973
    >>> model.certificate_.relative_gap <= 1e-4
    True
    """

    def __init__(
        self,
        C: float = 1.0,
        *,
        fit_intercept: bool = True,
        smoothing: float = 0.0,
        smoothing_kind: str = "others",
        class_weight: Mapping[Any, float] | str | None = None,
        tol: float = 1e-4,
        max_iter: int = 1000,
        warm_start: bool = False,
        dtype: Any = None,
        device: Any = None,
        random_state: Any = None,
        verbose: int = 0,
    ) -> None:
        self.C = C
        self.fit_intercept = fit_intercept
        self.smoothing = smoothing
        self.smoothing_kind = smoothing_kind
        self.class_weight = class_weight
        self.tol = tol
        self.max_iter = max_iter
        self.warm_start = warm_start
        self.dtype = dtype
        self.device = device
        self.random_state = random_state
        self.verbose = verbose

    def __sklearn_tags__(self) -> Any:
        """Declare what the estimator takes."""
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> SoftmaxClassifier:
        """Fit to the asked gap; warn when it was not reached.

        Parameters
        ----------
        X : array, CSR matrix, data frame or tensor (n, d)
        y : labels (n,), or class probabilities (n, k)
        sample_weight : array (n,), optional
            Weights of the rows, not negative; a weight of 2 is a row given twice.

        Returns
        -------
        self
        """
        self._check_arguments()
        data = read_training_data(self, X, y, sample_weight)
        per_class = class_weights(
            type(self).__name__, self.class_weight, data.targets, data.sample_weight
        )
        weight = row_weights(data.targets, per_class, data.sample_weight)
        present = self._fittable_classes(data.targets, weight)
        solution = self._solve(data, weight, present)
        self._keep(solution, data.targets.classes, present)
        self._warn()
        return self

    def decision_function(self, X: Any) -> NDArray[np.float64]:
        """Give the scores, ``(n, k)``, or ``(n,)`` of the second class for two classes."""
        check_is_fitted(self, "coef_")
        X = read_features(self, X, reset=False)
        dtype = torch.float32 if X.dtype == np.float32 else torch.float64
        k = len(self.intercept_)
        features = as_features(X, dtype, torch.device("cpu"), k)
        scores = linear_scores(features, to_tensor(self.coef_), to_tensor(self.intercept_))
        scores = to_numpy(scores).astype(np.float64, copy=False)
        return np.asarray(scores[:, 0] if k == 1 else scores)

    def predict_proba(self, X: Any) -> NDArray[np.float64]:
        """Give the class probabilities, ``(n, k)``, columns in the order of ``classes_``."""
        return np.asarray(softmax(self._two_sided(self.decision_function(X))))

    def predict_log_proba(self, X: Any) -> NDArray[np.float64]:
        """Give the logarithms of the probabilities in nats, ``(n, k)``; no digits are lost."""
        return np.asarray(log_softmax(self._two_sided(self.decision_function(X))))

    def predict(self, X: Any) -> NDArray[Any]:
        """Give the most probable class of each row, ``(n,)``."""
        scores = self.decision_function(X)
        chosen = (scores > 0).astype(np.intp) if scores.ndim == 1 else scores.argmax(axis=1)
        return np.asarray(self.classes_[chosen])

    @staticmethod
    def _two_sided(scores: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.column_stack([np.zeros_like(scores), scores]) if scores.ndim == 1 else scores

    def _check_arguments(self) -> None:
        who = type(self).__name__
        if isinstance(self.C, Real) and math.isinf(self.C) and self.C > 0:
            raise InvalidInput(
                f"{who} needs a finite C, but got C=inf (no penalty), for which an optimum need "
                "not exist. Take a large C, such as 1e6."
            )
        check_number("C", self.C, low=0.0, open_low=True)
        check_number("tol", self.tol, low=0.0, open_low=True)
        check_number("max_iter", self.max_iter, low=0, integer=True)
        check_number("smoothing", self.smoothing, low=0.0, high=1.0, open_high=True)
        check_choice("smoothing_kind", self.smoothing_kind, SMOOTHING_KINDS)
        as_device(self.device)
        as_dtype(self.dtype)

    def _fittable_classes(
        self, targets: EncodedTargets, weight: NDArray[np.float64]
    ) -> NDArray[np.bool_]:
        """Classes with a finite optimum: one without any mass has its intercept at -inf."""
        present = targets.totals(weight) > 0
        if present.sum() < 2:
            raise InvalidInput(
                f"{type(self).__name__} needs at least two classes of positive weight, but only "
                f"{targets.classes[present].tolist()} has any. Check class_weight and the targets."
            )
        finite_anyway = not self.fit_intercept or self.smoothing > 0
        return np.ones_like(present) if finite_anyway else present

    def _solve(
        self, data: TrainingData, weight: NDArray[np.float64], present: NDArray[np.bool_]
    ) -> Solution:
        counts = weight > 0
        X, values = (data.X, data.targets.values)
        if not counts.all():
            X, values, weight = X[counts], values[counts], weight[counts]
        values = _columns_of(values, present)
        device = as_device(self.device)
        k = int(present.sum())
        targets = Targets(
            to_tensor(values, device=device),
            to_tensor(self.C * weight, device=device),
            k,
        )
        problem = RidgeProblem(
            X=X,
            targets=targets,
            loss=CrossEntropy(self.smoothing, self.smoothing_kind),
            fit_intercept=bool(self.fit_intercept),
            n_columns=1 if len(present) == 2 else k,
            dtype=as_dtype(self.dtype),
        )
        return solve_ridge(
            problem,
            tol=self.tol,
            max_iter=self.max_iter,
            start=self._previous(data.targets.classes, X.shape[1], present, device),
            report=_say if self.verbose else _silent,
        )

    def _previous(
        self, classes: NDArray[Any], d: int, present: NDArray[np.bool_], device: torch.device
    ) -> tuple[torch.Tensor, torch.Tensor] | None:
        if not (self.warm_start and hasattr(self, "coef_") and present.all()):
            return None
        same = np.array_equal(self.classes_, classes) and self.coef_.shape[1] == d
        if not (same and np.isfinite(self.intercept_).all()):
            return None
        bias = self.intercept_ if self.fit_intercept else np.zeros_like(self.intercept_)
        return to_tensor(self.coef_, device=device), to_tensor(bias, device=device)

    def _keep(self, solution: Solution, classes: NDArray[Any], present: NDArray[np.bool_]) -> None:
        coef, intercept = to_numpy(solution.weight), to_numpy(solution.bias)
        if not present.all():
            coef, intercept = _with_absent_classes(coef, intercept, present)
        self.coef_, self.intercept_, self.classes_ = coef, intercept, classes
        self.n_iter_ = np.array([max(solution.n_iter, 1)])
        self.certificate_: Certificate = solution.certificate

    def _warn(self) -> None:
        certificate = self.certificate_
        if certificate.status is not Status.CONVERGED:
            warnings.warn(
                f"{type(self).__name__} stopped at a relative duality gap of "
                f"{certificate.relative_gap:.2g}, not the asked {self.tol:.2g}. "
                f"{certificate.status.sentence}",
                GapNotReached,
                stacklevel=3,
            )


def _columns_of(values: NDArray[Any], present: NDArray[np.bool_]) -> NDArray[Any]:
    if present.all():
        return values
    if values.ndim == 2:
        return values[:, present]
    return np.asarray(np.cumsum(present)[values] - 1)


def _with_absent_classes(
    coef: NDArray[np.float64], intercept: NDArray[np.float64], present: NDArray[np.bool_]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    all_coef = np.zeros((len(present), coef.shape[1]))
    all_intercept = np.full(len(present), -np.inf)
    all_coef[present], all_intercept[present] = coef, intercept
    return all_coef, all_intercept


def _say(iteration: Iteration) -> None:
    relative = iteration.gap / abs(iteration.primal) if iteration.primal else 0.0
    sys.stderr.write(
        f"iteration {iteration.number:4d}  objective {iteration.primal:.8g}  "
        f"relative gap about {relative:.1e}\n"
    )


def _silent(_: Iteration) -> None:
    return None
