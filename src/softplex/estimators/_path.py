"""The softmax classifier with its penalty chosen by cross-validation."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import clone
from sklearn.utils.validation import _check_sample_weight

from softplex._arrays import to_numpy
from softplex._checks import check_number
from softplex._labels import class_weights, encode_labels, row_weights
from softplex.estimators._folds import Fold, make_folds, stop_if_interrupted
from softplex.estimators._inputs import read_features, read_labels
from softplex.estimators._softmax import SoftmaxClassifier
from softplex.exceptions import GapNotReached, InvalidInput

# A path ends when the held-out loss has been worse than the best for this many values of C.
_PATIENCE = 2
# Worse means by more than this share: below it, losses differ by the tolerance of the path.
_CLEARLY = 1e-2


class SoftmaxClassifierCV(SoftmaxClassifier):
    """A softmax classifier whose ``C`` has the lowest cross-validated log-loss.

    The values of C are walked from the strongest penalty to the weakest; each fold begins at its
    previous coefficients; the walk ends early once the held-out loss has been clearly above its
    minimum twice in a row.

    Parameters
    ----------
    Cs : int or array, default 10
        The values of C, or how many: then C x (total weight) runs from 1 to 1e6 in equal ratios.
    cv : int, splitter or iterable of splits, default 5
        A number means stratified folds, or whole groups where ``fit`` is given groups.
    path_tol : float > 0, default 1e-3
        The relative duality gap of the fits along the path; the final fit uses ``tol``.
    refit : bool, default True
        Whether to fit all rows with the chosen C. Without it there is ``C_`` and no classifier.
    fit_intercept, smoothing, smoothing_kind, class_weight, tol, max_iter, warm_start, dtype, \
device, random_state, verbose
        As in :class:`SoftmaxClassifier`.

    Attributes
    ----------
    C_ : float
        The chosen value.
    Cs_ : ndarray (m,)
        The values, ascending.
    log_losses_ : ndarray (m, folds)
        Mean held-out log-loss in nats; NaN for values that the walk did not reach.
    coef_, intercept_, classes_, certificate_, n_iter_
        Of the fit on all rows with ``C_``.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> X, y = load_iris(return_X_y=True)
    >>> model = SoftmaxClassifierCV(Cs=[0.01, 1.0, 100.0]).fit(X, y)
    >>> model.C_
    100.0
    """

    def __init__(
        self,
        Cs: Any = 10,
        *,
        cv: Any = 5,
        path_tol: float = 1e-3,
        refit: bool = True,
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
        super().__init__(
            fit_intercept=fit_intercept,
            smoothing=smoothing,
            smoothing_kind=smoothing_kind,
            class_weight=class_weight,
            tol=tol,
            max_iter=max_iter,
            warm_start=warm_start,
            dtype=dtype,
            device=device,
            random_state=random_state,
            verbose=verbose,
        )
        del self.C
        self.Cs = Cs
        self.cv = cv
        self.path_tol = path_tol
        self.refit = refit

    def fit(
        self, X: Any, y: Any, sample_weight: Any = None, groups: Any = None
    ) -> SoftmaxClassifierCV:
        """Choose C by cross-validation and fit on all rows.

        Parameters
        ----------
        X : array, CSR matrix, data frame or tensor (n, d)
        y : labels (n,)
        sample_weight : array (n,), optional
        groups : array (n,), optional
            Rows of one group stay in one fold.
        """
        who = type(self).__name__
        check_number("path_tol", self.path_tol, low=0.0, open_low=True)
        self._single(1.0, self.tol)._check_arguments()
        labels = read_labels(who, y)
        features = read_features(self, X, reset=True)
        weight = _check_sample_weight(
            to_numpy(sample_weight), features, dtype=np.float64, ensure_non_negative=True
        )
        if features.shape[0] != len(labels):
            raise InvalidInput(f"{who} needs one label a row of X, not {len(labels)}.")
        folds = make_folds(who, self.cv, features, labels, groups)
        self.Cs_ = self._grid(float(weight.sum()))
        self.log_losses_ = self._walk(features, labels, weight, folds)
        self.C_ = float(self.Cs_[np.nanargmin(self.log_losses_.mean(axis=1))])
        if self.refit:
            final = self._single(self.C_, self.tol).fit(X, y, sample_weight)
            for name, value in vars(final).items():
                if name.endswith("_") and not name.startswith("_"):
                    setattr(self, name, value)
        return self

    def _grid(self, total_weight: float) -> NDArray[np.float64]:
        if isinstance(self.Cs, int | np.integer) and not isinstance(self.Cs, bool):
            check_number("Cs", self.Cs, low=1, integer=True)
            return np.logspace(0, 6, int(self.Cs)) / max(total_weight, 1e-300)
        values = np.unique(np.asarray(self.Cs))
        if values.dtype.kind not in "iuf" or not (np.isfinite(values) & (values > 0)).all():
            raise InvalidInput(f"Cs must be a number or positive finite values, got {self.Cs!r}.")
        if values.size == 0:
            raise InvalidInput("Cs must hold at least one value, but it is empty.")
        return values.astype(np.float64)

    def _single(self, C: float, tol: float) -> SoftmaxClassifier:
        own = {
            name: value
            for name, value in self.get_params(deep=False).items()
            if name not in ("Cs", "cv", "path_tol", "refit", "tol")
        }
        return SoftmaxClassifier(C, tol=tol, **own)

    def _walk(
        self,
        X: Any,
        y: NDArray[Any],
        weight: NDArray[np.float64],
        folds: list[Fold],
    ) -> NDArray[np.float64]:
        losses = np.full((len(self.Cs_), len(folds)), np.nan)
        # Class weights are those of all rows: a fold may lack a class that they name.
        targets = encode_labels(y)
        per_class = class_weights(type(self).__name__, self.class_weight, targets, weight)
        train_weight = row_weights(targets, per_class, weight)
        single = self._single(1.0, self.path_tol).set_params(warm_start=True, class_weight=None)
        walkers = [clone(single) for _ in folds]
        for place, C in enumerate(self.Cs_):
            for number, (train, held_out) in enumerate(folds):
                walker = walkers[number].set_params(C=float(C))
                with warnings.catch_warnings():
                    # A fit that ends early still ranks its C, and one cut short ends the walk.
                    warnings.simplefilter("ignore", GapNotReached)
                    walker.fit(X[train], y[train], train_weight[train])
                stop_if_interrupted(walker)
                losses[place, number] = _held_out_loss(walker, X, y, weight, held_out)
            if _has_turned(losses[: place + 1].mean(axis=1)):
                break
        return losses


def _has_turned(means: NDArray[np.float64]) -> bool:
    """Whether the loss has passed its minimum; where it is flat it may yet fall."""
    last = means[-_PATIENCE:]
    return len(means) > _PATIENCE and bool((last > means.min() * (1.0 + _CLEARLY)).all())


def _held_out_loss(
    model: SoftmaxClassifier,
    X: Any,
    y: NDArray[Any],
    weight: NDArray[np.float64],
    held_out: NDArray[np.intp],
) -> float:
    """Mean log-loss in nats over the held-out rows whose class the model knows."""
    rows = held_out[np.isin(y[held_out], model.classes_) & (weight[held_out] > 0)]
    if len(rows) == 0:
        return 0.0
    columns = np.searchsorted(model.classes_, y[rows])
    log_probabilities = model.predict_log_proba(X[rows])[np.arange(len(rows)), columns]
    return float(-np.average(log_probabilities, weights=weight[rows]))
