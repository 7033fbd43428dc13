"""The softmax classifier with its penalty chosen by cross-validation."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from softplex._checks import check_choice, check_number
from softplex._labels import EncodedTargets, class_weights, encode_labels, row_weights
from softplex._threads import threads_for
from softplex.estimators._fold_fits import FoldFits
from softplex.estimators._folds import make_folds
from softplex.estimators._inputs import read_features, read_labels, read_sample_weight
from softplex.estimators._linear import Start
from softplex.estimators._path_result import RULES, RegularisationPath
from softplex.estimators._path_scoring import make_measure
from softplex.estimators._path_walk import Walk, parameters, walk_path
from softplex.estimators._softmax import SoftmaxClassifier
from softplex.exceptions import GapNotReached, InvalidInput
from softplex.objective import Status
from softplex.penalties import Penalty
from softplex.solvers import Solution

_OWN = ("Cs", "cv", "scoring", "rule", "path_tol", "early_stopping", "store_coefficients", "refit")


class SoftmaxClassifierCV(SoftmaxClassifier):
    r"""A softmax classifier whose ``C`` is chosen by cross-validation.

    The values of C are walked from the strongest penalty to the weakest. With a quadratic penalty
    all rows are fitted at each C first, and the folds begin there, with the curvature that all
    share; with lasso or group terms each fold begins at its previous coefficients. All scores and
    certificates are kept in ``path_``; :func:`softplex.report.path_chart` draws it.

    Parameters
    ----------
    Cs : int or array, default 10
        The values of C, or how many: then C x (total weight) runs from 1 to 1e6 in equal ratios.
    cv : int, splitter or iterable of splits, default 5
        A number means stratified folds, or whole groups where ``fit`` is given groups.
    scoring : str or callable, default "log_loss"
        What is measured on the held-out rows: "log_loss" (nats) or "brier", of which less is
        better; "accuracy"; or a scorer name of scikit-learn or a callable
        ``(estimator, X, y) -> number``, of which more is better ("neg_log_loss" is one).
    rule : "best" or "one_standard_error", default "best"
        The C with the best mean over the folds, or the smallest one whose mean is within one
        standard error of it.
    path_tol : float > 0, default 1e-3
        The relative duality gap of the fits along the path; the final fit uses ``tol``.
    early_stopping : bool, default True
        End the walk when, at two values of C in a row, the mean is worse than the best by more
        than 1 % and by more than a standard error of the differences. Later values are NaN in
        ``path_``; the chosen C can differ only where the score turns twice.
    store_coefficients : bool, default False
        Fit all rows at each C, to ``tol``, and keep the coefficients in ``path_``: as many numbers
        as the values of C times those of ``coef_`` (8 bytes each).
    refit : bool, default True
        Whether to fit all rows with the chosen C. Without it there is ``C_`` and no classifier.
    random_state : int, RandomState or None, default None
        Shuffles the rows before they are dealt to stratified folds; None is 0.
    verbose : int, default 0
        Above 0, a line for each C on standard error, and one for each iteration of the final fit;
        above 1, one for each iteration of all.
    l1_ratio, penalty, fit_intercept, smoothing, smoothing_kind, tol, max_iter
        As in :class:`SoftmaxClassifier`.
    class_weight, solver, dtype, device
        As in :class:`SoftmaxClassifier`. Class weights count in training alone, and balanced ones
        are those of all rows.

    Attributes
    ----------
    C_ : float
        The chosen value.
    Cs_ : ndarray (m,)
        The values, ascending.
    path_ : RegularisationPath
        Scores of the folds with means and standard errors, certificates, norms, both choices.
    coef_, intercept_, classes_, certificate_, n_iter_
        Of the fit on all rows with ``C_``.

    Raises
    ------
    InvalidInput
        From ``fit``: an argument out of range, an unknown measure, a fold without two classes to
        train on, no held-out row to measure, one fold for the one-standard-error rule.

    Notes
    -----
    Scores are weighted by ``sample_weight``. Held-out rows whose class is absent from their
    training rows are left out: no C could give it a probability.

    References
    ----------
    Hastie, Tibshirani, Friedman (2009), The Elements of Statistical Learning, section 7.10.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> X, y = load_iris(return_X_y=True)
    >>> model = SoftmaxClassifierCV(Cs=[0.01, 1.0, 100.0]).fit(X, y)
    >>> model.C_
    100.0
    >>> model.path_.mean.round(2)
    array([0.64, 0.14, 0.07])
    """

    def __init__(
        self,
        Cs: Any = 10,
        *,
        cv: Any = 5,
        scoring: Any = "log_loss",
        rule: str = "best",
        path_tol: float = 1e-3,
        early_stopping: bool = True,
        store_coefficients: bool = False,
        refit: bool = True,
        l1_ratio: float = 0.0,
        penalty: Penalty | None = None,
        fit_intercept: bool = True,
        smoothing: float = 0.0,
        smoothing_kind: str = "others",
        class_weight: Mapping[Any, float] | str | None = None,
        tol: float = 1e-4,
        max_iter: int = 1000,
        solver: str = "auto",
        dtype: Any = None,
        device: Any = None,
        random_state: Any = None,
        verbose: int = 0,
    ) -> None:
        super().__init__(
            l1_ratio=l1_ratio,
            penalty=penalty,
            fit_intercept=fit_intercept,
            smoothing=smoothing,
            smoothing_kind=smoothing_kind,
            class_weight=class_weight,
            tol=tol,
            max_iter=max_iter,
            solver=solver,
            dtype=dtype,
            device=device,
            random_state=random_state,
            verbose=verbose,
        )
        del self.C, self.warm_start
        self.Cs = Cs
        self.cv = cv
        self.scoring = scoring
        self.rule = rule
        self.path_tol = path_tol
        self.early_stopping = early_stopping
        self.store_coefficients = store_coefficients
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
        settings = self._settings()
        labels = read_labels(type(self).__name__, y)
        features = read_features(self, X, reset=True)
        weight, targets = self._read_weights(features, labels, sample_weight)
        per_class = class_weights(type(self).__name__, self.class_weight, targets, weight)
        folds = make_folds(
            type(self).__name__, self.cv, features, labels, groups, self.random_state
        )
        self.Cs_ = self._grid(float(weight.sum()))
        measure = make_measure(self.scoring, labels, weight, is_weighted=sample_weight is not None)
        trained = row_weights(targets, per_class, weight)
        work = features.shape[0] * features.shape[1] * len(targets.classes)
        with threads_for(work):
            fits = FoldFits(features, targets, trained, folds, settings)
            walk = walk_path(
                fits,
                self.Cs_,
                measure,
                self._fold_weights(fits, weight),
                tol=self.path_tol,
                early_stopping=bool(self.early_stopping),
                verbose=self.verbose,
            )
            self.path_ = walk.path(measure.name, self.rule)
            self.C_ = float(self.Cs_[self.path_.chosen_index])
            _warn_of_gaps(self.path_, self.path_tol)
            solution = self._fit_all(fits) if self.store_coefficients else None
            if self.refit:
                start = _mean_start(fits, walk)
                solution = solution or fits.fit(None, self.C_, self.tol, start)
                self._keep(solution, targets.classes, fits.present(None))
                self._warn()
        return self

    def _settings(self) -> SoftmaxClassifier:
        """The classifier whose C is sought; refuses arguments out of range."""
        check_number("path_tol", self.path_tol, low=0.0, open_low=True)
        check_choice("rule", self.rule, RULES)
        params = self.get_params(deep=False)
        settings = SoftmaxClassifier(
            **{name: value for name, value in params.items() if name not in _OWN}
        )
        settings._check_arguments()
        return settings

    def _read_weights(
        self, features: Any, labels: NDArray[Any], sample_weight: Any
    ) -> tuple[NDArray[np.float64], EncodedTargets]:
        who = type(self).__name__
        weight = read_sample_weight(who, features, sample_weight)
        if features.shape[0] != len(labels):
            raise InvalidInput(
                f"{who} needs one label a row of X: X has {features.shape[0]} rows, y has "
                f"{len(labels)}."
            )
        counted = np.unique(labels[weight > 0])
        if len(counted) < 2:
            raise InvalidInput(
                f"{who} needs rows of positive weight of at least two classes, but got one class: "
                f"{counted.tolist()[0]!r}."
            )
        return weight, encode_labels(labels)

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

    def _fold_weights(self, fits: FoldFits, weight: NDArray[np.float64]) -> NDArray[np.float64]:
        weights = np.array([weight[held_out.rows].sum() for held_out in fits.held_out])
        counts = int((weights > 0).sum())
        if counts == 0:
            raise InvalidInput(
                f"{type(self).__name__} found no held-out row of positive weight whose class "
                "occurs in the training rows of its fold. Use fewer folds."
            )
        if counts == 1 and self.rule == "one_standard_error":
            raise InvalidInput(
                f"{type(self).__name__} needs at least two folds for "
                "rule='one_standard_error', but one alone holds out rows that count. Use "
                "rule='best' or more folds."
            )
        return weights

    def _fit_all(self, fits: FoldFits) -> Solution:
        """Fit all rows at every C that was reached, keep the coefficients, give the chosen fit."""
        start: Start = None
        solutions: list[Solution] = []
        for C in self.Cs_[self.path_.is_reached]:
            solutions.append(fits.fit(None, float(C), self.tol, start))
            if solutions[-1].status is Status.INTERRUPTED:
                raise KeyboardInterrupt
            start = parameters(solutions[-1])
        models = [fits.classifier(None, solution) for solution in solutions]
        left_out = len(self.Cs_) - len(models)
        self.path_ = replace(
            self.path_,
            coefficients=_filled([model.coef_ for model in models], left_out),
            intercepts=_filled([model.intercept_ for model in models], left_out),
            certificates=(*(model.certificate_ for model in models), *[None] * left_out),
        )
        return solutions[self.path_.chosen_index]


def _filled(values: list[NDArray[np.float64]], left_out: int) -> NDArray[np.float64]:
    """Stack the values, with NaN for those that the walk left out."""
    return np.stack([*values, *[np.full_like(values[0], np.nan)] * left_out])


def _mean_start(fits: FoldFits, walk: Walk) -> Start:
    """Mean parameters of the best fits of the folds that know the classes of the whole."""
    present = fits.present(None)
    alike = [
        solution
        for fold, solution in enumerate(walk.best)
        if np.array_equal(fits.present(fold), present)
    ]
    if not alike:
        return None
    weight = torch.stack([solution.weight for solution in alike]).mean(0)
    return weight, torch.stack([solution.bias for solution in alike]).mean(0)


def _warn_of_gaps(path: RegularisationPath, tol: float) -> None:
    """Say once how many fits along the path ended above the asked gap."""
    ended = [status for row in path.statuses for status in row]
    above = np.array([status not in (None, Status.CONVERGED) for status in ended])
    if above.any():
        gaps = np.where(above, np.nan_to_num(path.relative_gaps.ravel(), nan=np.inf), -1.0)
        worst = int(gaps.argmax())
        place, fold = divmod(worst, path.fold_scores.shape[1])
        warnings.warn(
            f"SoftmaxClassifierCV: {int(above.sum())} of {path.fold_scores.shape[1]} x "
            f"{int(path.is_reached.sum())} fits along the path stopped above path_tol={tol:.2g}, "
            f"the worst at a relative duality gap of {gaps[worst]:.2g} (C = "
            f"{path.Cs[place]:.4g}, fold {fold}). {ended[worst]} Their scores may differ "
            "from those of the optimum; path_.relative_gaps names them.",
            GapNotReached,
            stacklevel=3,
        )
