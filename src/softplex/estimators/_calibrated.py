"""Any classifier with calibrated probabilities."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from sklearn.base import BaseEstimator, ClassifierMixin, MetaEstimatorMixin, clone
from sklearn.utils import get_tags
from sklearn.utils.validation import (
    _check_sample_weight,
    _num_samples,
    check_is_fitted,
    has_fit_parameter,
)

from softplex._arrays import to_numpy
from softplex._checks import check_choice
from softplex.calibrators import TemperatureScaling
from softplex.estimators._folds import make_folds, stop_if_interrupted
from softplex.estimators._inputs import read_labels, rows_of
from softplex.estimators._softmax import SoftmaxClassifier
from softplex.exceptions import InvalidInput, SoftplexWarning
from softplex.losses import cross_entropy
from softplex.maps import log_softmax, softmax

METHODS = ("temperature",)


class CalibratedClassifier(ClassifierMixin, MetaEstimatorMixin, BaseEstimator):  # type: ignore[misc]
    """A classifier whose scores are calibrated on rows that it did not see.

    The estimator is fitted on all but one fold and scores that fold, for each fold; the calibrator
    is fitted on these out-of-fold scores; then the estimator is fitted on all rows. With
    ``cv="prefit"`` the estimator is taken as it is, and the rows given to ``fit`` only calibrate.

    Parameters
    ----------
    estimator : classifier, default SoftmaxClassifier()
        Anything with ``fit`` and ``decision_function`` or ``predict_proba``.
    method : "temperature", default "temperature"
        The calibrator: one temperature, by maximum likelihood.
    cv : int, splitter, iterable of splits or "prefit", default 5
        A number means stratified folds, or whole groups where ``fit`` is given groups.

    Attributes
    ----------
    estimator_ : classifier
        Fitted on all rows.
    calibrator_ : TemperatureScaling
        With ``temperature_`` and ``status_``.
    log_loss_ : float
        Of the rows that it was fitted on, in nats: out of fold, so what new rows may be expected
        to cost, and a measure to choose ``C`` by for estimators without probabilities.
    classes_ : ndarray (k,)
    n_features_in_ : int

    Raises
    ------
    InvalidInput
        From ``fit``: an unknown method, an estimator without scores, folds that cannot be made.

    Examples
    --------
    >>> from sklearn.datasets import load_wine
    >>> from sklearn.preprocessing import scale
    >>> X, y = load_wine(return_X_y=True)
    >>> model = CalibratedClassifier().fit(scale(X), y)
    >>> 0.4 < model.calibrator_.temperature_ < 0.5  # the penalty had made it under-confident
    True
    """

    def __init__(self, estimator: Any = None, method: str = "temperature", cv: Any = 5) -> None:
        self.estimator = estimator
        self.method = method
        self.cv = cv

    def __sklearn_tags__(self) -> Any:
        """Take what the inner estimator takes."""
        tags = super().__sklearn_tags__()
        inner = get_tags(self._inner())
        tags.input_tags = inner.input_tags
        return tags

    def fit(
        self, X: Any, y: Any, sample_weight: Any = None, groups: Any = None
    ) -> CalibratedClassifier:
        """Fit the estimator and its calibrator.

        Parameters
        ----------
        X : array, CSR matrix, data frame or tensor (n, d)
        y : labels (n,)
        sample_weight : array (n,), optional
        groups : array (n,), optional
            Rows of one group stay in one fold.
        """
        who = type(self).__name__
        check_choice("method", self.method, METHODS)
        X = _indexable(X)
        y = read_labels(who, y)
        if _num_samples(X) != len(y):
            raise InvalidInput(
                f"{who} needs one label a row: X has {_num_samples(X)} rows, y has {len(y)}."
            )
        weight = (
            None
            if sample_weight is None
            else _check_sample_weight(
                to_numpy(sample_weight), X, dtype=np.float64, ensure_non_negative=True
            )
        )
        if isinstance(self.cv, str) and self.cv == "prefit":
            if self.estimator is None:
                raise InvalidInput(
                    f"{who} needs a fitted estimator for cv='prefit', but got estimator=None."
                )
            check_is_fitted(self.estimator)
            self.estimator_ = self.estimator
            scores, rows = scores_of(self.estimator_, X), np.arange(len(y))
        else:
            self.estimator_ = _fitted(self._inner(), X, y, weight)
            stop_if_interrupted(self.estimator_)  # after it is kept: it is the best so far
            scores, rows = self._out_of_fold(X, y, weight, groups)
        self.classes_ = self.estimator_.classes_
        self._copy_features()
        self.calibrator_ = TemperatureScaling().fit(
            scores[rows],
            y[rows],
            sample_weight=None if weight is None else weight[rows],
            classes=self.classes_,
        )
        self.log_loss_ = float(
            cross_entropy(
                self.calibrator_.calibrated_scores(scores[rows]),
                np.searchsorted(self.classes_, y[rows]),
                sample_weight=None if weight is None else weight[rows],
            )
        )
        return self

    def decision_function(self, X: Any) -> NDArray[np.float64]:
        """Give the calibrated scores, ``(n, k)``, or ``(n,)`` for two classes."""
        scores = self._calibrated_scores(X)
        return scores[:, 1] - scores[:, 0] if len(self.classes_) == 2 else scores

    def predict_proba(self, X: Any) -> NDArray[np.float64]:
        """Give the calibrated probabilities, ``(n, k)``."""
        return np.asarray(softmax(self._calibrated_scores(X)))

    def predict_log_proba(self, X: Any) -> NDArray[np.float64]:
        """Give their logarithms in nats, ``(n, k)``."""
        return np.asarray(log_softmax(self._calibrated_scores(X)))

    def predict(self, X: Any) -> NDArray[Any]:
        """Give the most probable class of each row, ``(n,)``: a temperature keeps the order."""
        check_is_fitted(self)
        return np.asarray(self.estimator_.predict(to_numpy(X)))

    def _inner(self) -> Any:
        return SoftmaxClassifier() if self.estimator is None else self.estimator

    def _calibrated_scores(self, X: Any) -> NDArray[np.float64]:
        check_is_fitted(self)
        scores = scores_of(self.estimator_, to_numpy(X))
        return np.asarray(self.calibrator_.calibrated_scores(scores))

    def _copy_features(self) -> None:
        for name in ("n_features_in_", "feature_names_in_"):
            if hasattr(self.estimator_, name):
                setattr(self, name, getattr(self.estimator_, name))

    def _out_of_fold(
        self, X: Any, y: NDArray[Any], weight: NDArray[np.float64] | None, groups: Any
    ) -> tuple[NDArray[np.float64], NDArray[np.intp]]:
        """Scores of each row by an estimator that did not see it, and the rows that have them.

        A row whose class is absent from its training folds says nothing about the temperature and
        is left out.
        """
        classes = _classes_of(self.estimator_)
        scores = np.full((len(y), len(classes)), -np.inf)
        usable: list[NDArray[np.intp]] = []
        for train, held_out in make_folds(type(self).__name__, self.cv, X, y, groups):
            part = None if weight is None else weight[train]
            inner = _fitted(self._inner(), rows_of(X, train), y[train], part)
            stop_if_interrupted(inner)
            columns = np.searchsorted(classes, inner.classes_)
            scores[np.ix_(held_out, columns)] = scores_of(inner, rows_of(X, held_out))
            usable.append(held_out[np.isin(y[held_out], inner.classes_)])
        rows = np.unique(np.concatenate(usable))
        if weight is not None:
            rows = rows[weight[rows] > 0]
        if len(rows) == 0:
            raise InvalidInput(
                f"{type(self).__name__} found no row whose class occurs outside its own fold. Use "
                "fewer folds, or cv='prefit' with separate calibration rows."
            )
        return scores, rows


def _indexable(X: Any) -> Any:
    """Bring tensors, sparse matrices and array-likes into a form whose rows can be taken."""
    X = to_numpy(X)
    if sparse.issparse(X):
        return X.tocsr()
    if hasattr(X, "iloc") or hasattr(X, "columns"):
        return X
    return X if isinstance(X, list | np.ndarray) else np.asarray(X)


def scores_of(estimator: Any, X: Any) -> NDArray[np.float64]:
    """Give an estimator's scores as ``(n, k)``: its decision function, else log-probabilities."""
    k = len(_classes_of(estimator))
    if hasattr(estimator, "decision_function"):
        scores = np.asarray(estimator.decision_function(X), dtype=np.float64)
    elif hasattr(estimator, "predict_proba"):
        with np.errstate(divide="ignore"):
            scores = np.log(np.asarray(estimator.predict_proba(X), dtype=np.float64))
    else:
        raise InvalidInput(
            f"CalibratedClassifier needs an estimator with decision_function or predict_proba, "
            f"but {type(estimator).__name__} has neither."
        )
    if scores.ndim == 1:
        scores = np.column_stack([np.zeros_like(scores), scores])
    if scores.shape[1] != k:
        raise InvalidInput(
            f"CalibratedClassifier needs one score a class, but {type(estimator).__name__} gives "
            f"{scores.shape[1]} for {k} classes (one-vs-one?). Ask it for one-vs-rest scores."
        )
    return scores


def _classes_of(estimator: Any) -> NDArray[Any]:
    if not hasattr(estimator, "classes_"):
        raise InvalidInput(
            f"CalibratedClassifier needs a classifier, but {type(estimator).__name__} has no "
            "classes_ after fitting."
        )
    return np.asarray(estimator.classes_)


def _fitted(estimator: Any, X: Any, y: NDArray[Any], weight: NDArray[np.float64] | None) -> Any:
    inner = clone(estimator)
    if weight is None:
        inner.fit(X, y)
    elif has_fit_parameter(inner, "sample_weight"):
        inner.fit(X, y, sample_weight=weight)
    else:
        warnings.warn(
            f"{type(inner).__name__} takes no sample weights: they are used for the calibration "
            "alone.",
            SoftplexWarning,
            stacklevel=4,
        )
        inner.fit(X, y)
    return inner
