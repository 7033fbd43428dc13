"""What the classifiers with a linear head share: reading data, scores, keeping a solution."""

from __future__ import annotations

import sys
import warnings
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.validation import check_is_fitted

from softplex._arrays import as_device, to_numpy, to_tensor
from softplex._labels import EncodedTargets, class_weights, row_weights
from softplex._threads import threads_for
from softplex.estimators._inputs import TrainingData, read_features, read_training_data
from softplex.exceptions import GapNotReached, InvalidInput, SoftplexWarning
from softplex.objective import Certificate, Status
from softplex.solvers import Iteration, Solution
from softplex.streaming import Targets, as_features, linear_scores

Start = tuple[torch.Tensor, torch.Tensor] | None


class LinearClassifier(ClassifierMixin, BaseEstimator, ABC):  # type: ignore[misc]
    """Scores ``X W^T + b``, fitted to a certified optimum of an objective."""

    C: float
    fit_intercept: bool
    class_weight: Any
    tol: float
    warm_start: bool
    device: Any
    verbose: int

    def __sklearn_tags__(self) -> Any:
        """Declare what the estimator takes."""
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Any:
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
        with threads_for(data.X.shape[0] * data.X.shape[1] * int(present.sum())):
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

    def predict(self, X: Any) -> NDArray[Any]:
        """Give the most probable class of each row, ``(n,)``."""
        scores = self.decision_function(X)
        chosen = (scores > 0).astype(np.intp) if scores.ndim == 1 else scores.argmax(axis=1)
        return np.asarray(self.classes_[chosen])

    @abstractmethod
    def _check_arguments(self) -> None:
        """Refuse arguments out of range, before anything is read."""

    @abstractmethod
    def _solution(
        self,
        X: Any,
        targets: Targets,
        n_columns: int,
        start: Start,
        report: Callable[[Iteration], None],
    ) -> Solution:
        """Solve for ``n_columns`` score columns."""

    def _has_finite_optimum(self) -> bool:
        """Whether a class without any mass has a finite intercept at the optimum."""
        return not self.fit_intercept

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
        return np.ones_like(present) if self._has_finite_optimum() else present

    def _solve(
        self, data: TrainingData, weight: NDArray[np.float64], present: NDArray[np.bool_]
    ) -> Solution:
        counts = weight > 0
        X, values = (data.X, data.targets.values)
        if not counts.all():
            X, values, weight = X[counts], values[counts], weight[counts]
        device = as_device(self.device)
        k = int(present.sum())
        targets = Targets(
            to_tensor(_columns_of(values, present), device=device),
            to_tensor(weight, device=device),
            k,
        )
        return self._solution(
            X,
            targets,
            1 if len(present) == 2 else k,
            self._previous(data.targets.classes, X.shape[1], present, device),
            _say if self.verbose else _silent,
        )

    def _previous(
        self, classes: NDArray[Any], d: int, present: NDArray[np.bool_], device: torch.device
    ) -> Start:
        if not (self.warm_start and hasattr(self, "coef_") and present.all()):
            return None
        if not (np.array_equal(self.classes_, classes) and self.coef_.shape[1] == d):
            self._warn_of_other_data(classes, d)
            return None
        if not np.isfinite(self.intercept_).all():
            return None
        bias = self.intercept_ if self.fit_intercept else np.zeros_like(self.intercept_)
        return to_tensor(self.coef_, device=device), to_tensor(bias, device=device)

    def _warn_of_other_data(self, classes: NDArray[Any], d: int) -> None:
        """Say why a warm start is none."""
        if self.coef_.shape[1] != d:
            reason = f"the last fit had {self.coef_.shape[1]} features, and X has {d}"
        else:
            known, given = self.classes_.tolist(), classes.tolist()
            new = [label for label in given if label not in known]
            gone = [label for label in known if label not in given]
            reason = "the labels differ from those of the last fit: " + ", and ".join(
                f"{labels} {what}" for labels, what in ((new, "came"), (gone, "went")) if labels
            )
        warnings.warn(
            f"{type(self).__name__} begins afresh in spite of warm_start=True, because {reason}. "
            "Use the same labels and features, or warm_start=False.",
            SoftplexWarning,
            stacklevel=5,
        )

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
