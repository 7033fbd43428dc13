"""The support vector machine: a linear head trained on a multiclass hinge."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from numbers import Real
from typing import Any, Final, NoReturn

import numpy as np
from numpy.typing import NDArray
from sklearn.utils.validation import check_is_fitted

from softplex._arrays import as_device, as_dtype
from softplex._checks import check_choice, check_number
from softplex._labels import EncodedTargets
from softplex.estimators._inputs import read_labels
from softplex.estimators._linear import LinearClassifier, Start
from softplex.exceptions import InvalidInput
from softplex.losses import CrammerSinger, WestonWatkins
from softplex.solvers import HingeProblem, Iteration, Solution, solve_hinge
from softplex.streaming import Targets

LOSSES: Final[dict[str, tuple[type[WestonWatkins | CrammerSinger], bool]]] = {
    "weston_watkins": (WestonWatkins, False),
    "crammer_singer": (CrammerSinger, False),
    "squared_weston_watkins": (WestonWatkins, True),
    "squared_crammer_singer": (CrammerSinger, True),
}


class SVMClassifier(LinearClassifier):
    r"""A linear multiclass support vector machine with a proof of optimality.

    Minimises

    .. math:: C \sum_i w_i\, l(W x_i + b, y_i) + \tfrac12 \|W\|^2

    with l a multiclass hinge, W ``(k, d)`` and an unpenalised intercept b, and stops when the
    relative duality gap is at most ``tol``. Two classes use one score column, w = the scores of the
    second class, and all hinges are then the binary one,
    :math:`C \sum_i w_i \max(0, \Delta - t_i (w \cdot x_i + b)) + \tfrac12 \|w\|^2`, t = -1 or 1
    (squared, if asked): the problem with two columns at C / 2.

    The scores are no probabilities. For these, wrap the classifier in
    :class:`CalibratedClassifier`.

    Parameters
    ----------
    C : float > 0, default 1.0
        Inverse strength of the penalty.
    loss : str, default "weston_watkins"
        With the excesses e_j = z_j - z_y + margin of the other classes: ``"weston_watkins"`` is
        sum_j max(0, e_j), ``"crammer_singer"`` is max(0, max_j e_j), ``"squared_weston_watkins"``
        is sum_j max(0, e_j)^2, ``"squared_crammer_singer"`` is max(0, max_j e_j)^2.
    margin : float > 0, default 1.0
        How far the score of the true class has to lead.
    fit_intercept : bool, default True
        Whether the scores have an intercept.
    class_weight : mapping, "balanced" or None, default None
        Weights of the classes.
    tol : float > 0, default 1e-4
        The asked relative duality gap, (primal - dual) / abs(primal).
    max_iter : int, default 1000
        Limit of Newton steps.
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
        Above 0, a line a Newton step on standard error.

    Attributes
    ----------
    coef_ : ndarray (k, d), or (1, d) for two classes
    intercept_ : ndarray (k,), or (1,) for two classes
        A class of zero weight has intercept -inf.
    classes_ : ndarray (k,)
    certificate_ : Certificate
        ``primal``, ``dual``, ``gap``, ``relative_gap``, ``status``.
    n_iter_ : ndarray (1,)
        Newton steps.
    n_features_in_ : int
    feature_names_in_ : ndarray (d,), where X has column names

    Raises
    ------
    InvalidInput
        From ``fit``: an argument out of range, non-finite features (row and column named), missing
        labels, one class only, soft targets.

    References
    ----------
    Weston & Watkins (1999), "Support vector machines for multi-class pattern recognition".
    Crammer & Singer (2001), "On the algorithmic implementation of multiclass kernel-based vector
    machines".

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> X, y = load_iris(return_X_y=True)
    >>> model = SVMClassifier(loss="crammer_singer").fit(X, y)
    >>> round(model.score(X, y), 3)
    0.987
    >>> model.certificate_.relative_gap <= 1e-4
    True
    """

    def __init__(
        self,
        C: float = 1.0,
        *,
        loss: str = "weston_watkins",
        margin: float = 1.0,
        fit_intercept: bool = True,
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
        self.loss = loss
        self.margin = margin
        self.fit_intercept = fit_intercept
        self.class_weight = class_weight
        self.tol = tol
        self.max_iter = max_iter
        self.warm_start = warm_start
        self.dtype = dtype
        self.device = device
        self.random_state = random_state
        self.verbose = verbose

    def geometric_margins(self, X: Any, y: Any = None) -> NDArray[np.float64]:
        r"""Give each row's distance from the nearest boundary of a class, ``(n,)``.

        .. math:: \min_{j \ne y} \frac{z_y - z_j}{\|w_y - w_j\|}

        in the units of the features: positive where the row lies on the side of its class.

        Parameters
        ----------
        X : array, CSR matrix, data frame or tensor (n, d)
        y : labels (n,), optional
            The classes; those that are predicted by default.

        Returns
        -------
        margins : ndarray (n,)
            Infinite where the boundary is nowhere: weights are equal, or a class is absent.

        Raises
        ------
        InvalidInput
            For a label that is not among ``classes_``, or another number of labels than rows.
        """
        check_is_fitted(self, "coef_")
        scores = self.decision_function(X)
        weight = self.coef_
        if scores.ndim == 1:
            scores = np.column_stack([np.zeros_like(scores), scores])
            weight = np.vstack([np.zeros_like(weight), weight])
        own = scores.argmax(axis=1) if y is None else self._places(y, len(scores))
        with np.errstate(invalid="ignore"):  # two absent classes
            lead = scores[np.arange(len(scores)), own][:, None] - scores
        distance = _distances(weight)[own]
        endless = np.where(lead < 0.0, -np.inf, np.inf)
        bounded = (distance > 0.0) & np.isfinite(lead)
        return np.asarray(np.divide(lead, distance, out=endless, where=bounded).min(axis=1))

    def _places(self, y: Any, n: int) -> NDArray[np.intp]:
        who = type(self).__name__
        labels = read_labels(who, y)
        if len(labels) != n:
            raise InvalidInput(f"{who} needs one label a row: X has {n} rows, y has {len(labels)}.")
        places = np.searchsorted(self.classes_, labels).clip(0, len(self.classes_) - 1)
        unknown = self.classes_[places] != labels
        if unknown.any():
            row = int(np.flatnonzero(unknown)[0])
            raise InvalidInput(
                f"{who} was not fitted on the class {labels.tolist()[row]!r} of row {row}. The "
                f"classes are {self.classes_.tolist()}."
            )
        return places

    @property
    def predict_proba(self) -> NoReturn:
        """Refused, for hinge scores are no probabilities."""
        raise AttributeError(_NO_PROBABILITIES.format(who=type(self).__name__))

    @property
    def predict_log_proba(self) -> NoReturn:
        """Refused, for hinge scores are no probabilities."""
        raise AttributeError(_NO_PROBABILITIES.format(who=type(self).__name__))

    def _check_arguments(self) -> None:
        who = type(self).__name__
        if isinstance(self.C, Real) and math.isinf(self.C) and self.C > 0:
            raise InvalidInput(
                f"{who} needs a finite C, but got C=inf (no penalty), for which an optimum need "
                "not be unique. Take a large C, such as 1e4."
            )
        check_number("C", self.C, low=0.0, open_low=True)
        check_choice("loss", self.loss, tuple(LOSSES))
        check_number("margin", self.margin, low=0.0, open_low=True)
        check_number("tol", self.tol, low=0.0, open_low=True)
        check_number("max_iter", self.max_iter, low=0, integer=True)
        as_device(self.device)
        as_dtype(self.dtype)

    def _fittable_classes(
        self, targets: EncodedTargets, weight: NDArray[np.float64]
    ) -> NDArray[np.bool_]:
        if targets.values.ndim == 2:
            raise InvalidInput(
                f"{type(self).__name__} needs one class a row, but y holds rows of probabilities, "
                "of which a hinge knows nothing. Take their argmax, or SoftmaxClassifier."
            )
        return super()._fittable_classes(targets, weight)

    def _solution(
        self,
        X: Any,
        targets: Targets,
        n_columns: int,
        start: Start,
        report: Callable[[Iteration], None],
    ) -> Solution:
        kind, squared = LOSSES[self.loss]
        problem = HingeProblem(
            X=X,
            targets=replace(targets, weight=self.C * targets.weight),
            loss=kind(self.margin, squared),
            fit_intercept=bool(self.fit_intercept),
            n_columns=n_columns,
            dtype=as_dtype(self.dtype),
        )
        return solve_hinge(
            problem, tol=self.tol, max_iter=self.max_iter, start=start, report=report
        )


_NO_PROBABILITIES: Final = (
    "{who} has no probabilities: a hinge says which class leads, not how often it is right. Wrap "
    "it in CalibratedClassifier({who}(...)) for calibrated ones."
)


def _distances(weight: NDArray[np.float64]) -> NDArray[np.float64]:
    """Distance of each pair of rows, ``(k, k)``, without forming their differences at once."""
    return np.stack([np.linalg.norm(weight - row, axis=1) for row in weight])
