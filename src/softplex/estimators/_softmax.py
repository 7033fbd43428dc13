"""The softmax classifier: a linear head trained to a certified optimum."""

from __future__ import annotations

import math
import sys
import warnings
from collections.abc import Callable, Mapping
from dataclasses import replace
from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import NDArray

from softplex._arrays import as_device, as_dtype
from softplex._checks import check_choice, check_number
from softplex.estimators._linear import LinearClassifier, Start
from softplex.estimators._separated import separation_text
from softplex.exceptions import ClassesSeparated, InvalidInput
from softplex.losses import SMOOTHING_KINDS, CrossEntropy
from softplex.maps import log_softmax, softmax
from softplex.penalties import ElasticNet, NoPenalty, Penalty, Ridge
from softplex.solvers import (
    SOLVERS,
    Iteration,
    RidgeProblem,
    Solution,
    check_solver,
    describe_choice,
    solve_penalised,
)
from softplex.streaming import Targets


class SoftmaxClassifier(LinearClassifier):
    r"""Multinomial logistic regression with a proof of optimality.

    Minimises scikit-learn's objective

    .. math:: C \sum_i w_i\, l(W x_i + b, q_i) + \rho \|W\|_1 + \tfrac{1 - \rho}{2} \|W\|_2^2

    with l the cross-entropy in nats, W ``(k, d)``, rho the ``l1_ratio`` and an unpenalised
    intercept b, and stops when the relative duality gap is at most ``tol``. Two classes use one
    score column.

    Parameters
    ----------
    C : float > 0, default 1.0
        Inverse strength of the penalty, as in ``LogisticRegression``; ``inf`` for none: maximum
        likelihood, which exists only where the classes overlap.
    l1_ratio : float in [0, 1], default 0.0
        The share rho of the lasso in the penalty: 0 is ridge, 1 lasso.
    penalty : Penalty or None, default None
        What the ratio cannot say, such as ``softplex.penalties.GroupLasso()`` or one weight a
        feature, ``Ridge(weights)``; in the place of the two terms above.
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
    solver : "auto", "lbfgs", "newton" or "proximal", default "auto"
        L-BFGS in whitened coordinates, Newton's method with a Cholesky factor, or proximal Newton
        steps (for lasso and group penalties). The automatic choice compares their operations by
        the size of the data; ``verbose`` prints it.
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
        ``primal``, ``dual``, ``gap``, ``relative_gap``, ``status``; the gap is infinite where no
        bound is known.
    separation_ : str or None
        Which classes are separated, by what, and what to do; None where an optimum exists, or was
        not in doubt.
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
        l1_ratio: float = 0.0,
        penalty: Penalty | None = None,
        fit_intercept: bool = True,
        smoothing: float = 0.0,
        smoothing_kind: str = "others",
        class_weight: Mapping[Any, float] | str | None = None,
        tol: float = 1e-4,
        max_iter: int = 1000,
        solver: str = "auto",
        warm_start: bool = False,
        dtype: Any = None,
        device: Any = None,
        random_state: Any = None,
        verbose: int = 0,
    ) -> None:
        self.C = C
        self.l1_ratio = l1_ratio
        self.penalty = penalty
        self.fit_intercept = fit_intercept
        self.smoothing = smoothing
        self.smoothing_kind = smoothing_kind
        self.class_weight = class_weight
        self.tol = tol
        self.max_iter = max_iter
        self.solver = solver
        self.warm_start = warm_start
        self.dtype = dtype
        self.device = device
        self.random_state = random_state
        self.verbose = verbose

    def predict_proba(self, X: Any) -> NDArray[np.float64]:
        """Give the class probabilities, ``(n, k)``, columns in the order of ``classes_``."""
        return np.asarray(softmax(self._two_sided(self.decision_function(X))))

    def predict_log_proba(self, X: Any) -> NDArray[np.float64]:
        """Give the logarithms of the probabilities in nats, ``(n, k)``; no digits are lost."""
        return np.asarray(log_softmax(self._two_sided(self.decision_function(X))))

    @staticmethod
    def _two_sided(scores: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.column_stack([np.zeros_like(scores), scores]) if scores.ndim == 1 else scores

    def _check_arguments(self) -> None:
        if not self._has_no_penalty():
            none = ", or inf for no penalty"
            check_number("C", self.C, low=0.0, open_low=True, besides=none)
        check_number("l1_ratio", self.l1_ratio, low=0.0, high=1.0)
        self._check_penalty()
        check_number("tol", self.tol, low=0.0, open_low=True)
        check_number("max_iter", self.max_iter, low=0, integer=True)
        check_number("smoothing", self.smoothing, low=0.0, high=1.0, open_high=True)
        check_choice("solver", self.solver, SOLVERS)
        check_choice("smoothing_kind", self.smoothing_kind, SMOOTHING_KINDS)
        as_device(self.device)
        as_dtype(self.dtype)

    def _has_finite_optimum(self) -> bool:
        return super()._has_finite_optimum() or self.smoothing > 0

    def _solution(
        self,
        X: Any,
        targets: Targets,
        n_columns: int,
        start: Start,
        report: Callable[[Iteration], None],
    ) -> Solution:
        C = 1.0 if self._has_no_penalty() else self.C
        problem = self._problem(X, targets, n_columns)
        penalty = self._chosen_penalty().parts(X.shape[1]).to(problem.device)
        check_solver(problem, penalty)
        if self.verbose:
            sys.stderr.write(describe_choice(problem, penalty) + "\n")
        return solve_penalised(
            replace(problem, targets=replace(targets, weight=C * targets.weight)),
            penalty,
            tol=self.tol,
            max_iter=self.max_iter,
            start=start,
            report=report,
        )

    def _problem(self, X: Any, targets: Targets, n_columns: int) -> RidgeProblem:
        """The problem at C = 1 with the ridge penalty."""
        return RidgeProblem(
            X=X,
            targets=targets,
            loss=CrossEntropy(self.smoothing, self.smoothing_kind),
            fit_intercept=bool(self.fit_intercept),
            n_columns=n_columns,
            dtype=as_dtype(self.dtype),
            solver=self.solver,
        )

    def _has_no_penalty(self) -> bool:
        return isinstance(self.C, Real) and math.isinf(self.C) and self.C > 0

    def _check_penalty(self) -> None:
        who = type(self).__name__
        if self._has_no_penalty() and self.l1_ratio != 0:
            raise InvalidInput(
                f"{who} fits without a penalty at C=inf, but got l1_ratio={self.l1_ratio!r}. Take "
                "a finite C, or leave the ratio away."
            )
        if self.penalty is None:
            return
        if not isinstance(self.penalty, Penalty):
            raise InvalidInput(
                f"{who} needs penalty as an object such as softplex.penalties.GroupLasso(), but "
                f"got {self.penalty!r}. For lasso and ridge, l1_ratio will do."
            )
        if self.l1_ratio != 0:
            raise InvalidInput(
                f"{who} takes a penalty or an l1_ratio, but got both: penalty={self.penalty!r} "
                f"and l1_ratio={self.l1_ratio!r}. Put the ratio into the penalty."
            )
        if self._has_no_penalty() and not isinstance(self.penalty, NoPenalty):
            raise InvalidInput(
                f"{who} fits without a penalty at C=inf, but got penalty={self.penalty!r}. Take a "
                "finite C, or leave the penalty away."
            )

    def _chosen_penalty(self) -> Penalty:
        if self._has_no_penalty():
            return NoPenalty()
        if self.penalty is not None:
            return self.penalty
        return Ridge() if self.l1_ratio == 0 else ElasticNet(l1_ratio=self.l1_ratio)

    def _keep(self, solution: Solution, classes: NDArray[Any], present: NDArray[np.bool_]) -> None:
        super()._keep(solution, classes, present)
        found, self.separation_ = solution.separation, None
        if found is not None and found.is_separated:
            names = getattr(self, "feature_names_in_", np.arange(self.n_features_in_))
            self.separation_ = separation_text(found, classes[present], list(names))

    def _warn(self) -> None:
        if self.separation_ is None:
            super()._warn()
            return
        warnings.warn(
            f"{type(self).__name__} found no optimum: {self.separation_}",
            ClassesSeparated,
            stacklevel=3,
        )
