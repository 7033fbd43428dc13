"""What held-out rows are judged by: a loss, the accuracy, or a scorer of scikit-learn."""

from __future__ import annotations

import inspect
import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from numbers import Real
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.metrics import get_scorer, get_scorer_names
from torch import Tensor

from softplex._checks import did_you_mean
from softplex.estimators._fold_fits import FoldFits
from softplex.exceptions import InvalidInput
from softplex.losses import Brier, CrossEntropy
from softplex.solvers import Solution


class Measure(ABC):
    """One number for a fit from the rows that its fold holds out."""

    name: str
    greater_is_better: bool

    @abstractmethod
    def of(self, fits: FoldFits, fold: int, solution: Solution) -> float:
        """Judge a solution by the held-out rows, of which there is at least one."""


class RowMeasure(Measure):
    """A weighted mean over the held-out rows, taken block by block.

    Parameters
    ----------
    name : str
    per_row : callable
        Scores ``(rows, k)`` and class indices to ``(rows,)``.
    greater_is_better : bool
    weight : array (n,)
        Sample weights.
    """

    def __init__(
        self,
        name: str,
        per_row: Callable[[Tensor, Tensor], Tensor],
        greater_is_better: bool,
        weight: NDArray[np.float64],
    ) -> None:
        self.name, self.greater_is_better = name, greater_is_better
        self._per_row, self._weight = per_row, weight

    def of(self, fits: FoldFits, fold: int, solution: Solution) -> float:
        held_out = fits.held_out[fold]
        weight, total = self._weight[held_out.rows], 0.0
        for rows, scores in fits.held_out_scores(fold, solution):
            values = self._per_row(scores, held_out.targets[rows])
            total += float(values.double().cpu().numpy() @ weight[rows])
        return total / float(weight.sum())


class ScorerMeasure(Measure):
    """A scorer of scikit-learn: ``scorer(estimator, X, y)``, of which more is better.

    Parameters
    ----------
    name : str
    scorer : callable
    y : array (n,)
        Labels.
    weight : array (n,), optional
        Sample weights, where the user gave any.
    """

    greater_is_better = True

    def __init__(
        self,
        name: str,
        scorer: Callable[..., Any],
        y: NDArray[Any],
        weight: NDArray[np.float64] | None,
    ) -> None:
        self.name = name
        self._scorer, self._y, self._weight = scorer, y, weight

    def of(self, fits: FoldFits, fold: int, solution: Solution) -> float:
        rows = fits.held_out[fold].rows
        model = fits.classifier(fold, solution)
        weights = {} if self._weight is None else {"sample_weight": self._weight[rows]}
        value = self._scorer(model, fits.X[rows], self._y[rows], **weights)
        if not (isinstance(value, Real) and math.isfinite(value)):
            raise InvalidInput(
                f"SoftmaxClassifierCV needs one finite number from scoring={self.name!r}, but got "
                f"{value!r} on fold {fold} with its {len(rows)} rows. Take a measure that is "
                "defined on every fold, or fewer folds."
            )
        return float(value)


def make_measure(
    scoring: Any,
    y: NDArray[Any],
    weight: NDArray[np.float64],
    *,
    is_weighted: bool,
) -> Measure:
    """Give the measure that ``scoring`` names.

    Parameters
    ----------
    scoring : str or callable
    y, weight : arrays (n,)
        Labels and sample weights.
    is_weighted : bool
        Whether the user gave weights, which a scorer must then take.
    """
    if isinstance(scoring, str):
        if scoring in _PER_ROW:
            return RowMeasure(scoring, _PER_ROW[scoring], scoring == "accuracy", weight)
        known = sorted({*_PER_ROW, *get_scorer_names()})
        if scoring not in known:
            raise InvalidInput(
                "scoring must be 'log_loss', 'accuracy', 'brier', a scorer name of scikit-learn "
                f"or a callable, but got {scoring!r}.{did_you_mean(scoring, known)}"
            )
        name, scorer = scoring, get_scorer(scoring)
    elif callable(scoring):
        name, scorer = str(getattr(scoring, "__name__", scoring)), scoring
    else:
        raise InvalidInput(
            "scoring must be 'log_loss', 'accuracy', 'brier', a scorer name of scikit-learn or a "
            f"callable (estimator, X, y) -> number, but got {scoring!r}."
        )
    if is_weighted and not _takes_weights(scorer):
        raise InvalidInput(
            f"SoftmaxClassifierCV was given sample weights, which scoring={name!r} does not take. "
            "Give it a sample_weight argument, or choose another measure."
        )
    return ScorerMeasure(name, scorer, y, weight if is_weighted else None)


def _takes_weights(scorer: Callable[..., Any]) -> bool:
    parameters = inspect.signature(scorer).parameters
    score_function = getattr(scorer, "_score_func", None)  # a scorer hands its weights on to it
    if score_function is not None:
        parameters = inspect.signature(score_function).parameters
    any_keyword = any(item.kind is inspect.Parameter.VAR_KEYWORD for item in parameters.values())
    return any_keyword or "sample_weight" in parameters


def _is_right(scores: Tensor, targets: Tensor) -> Tensor:
    return (scores.argmax(1) == targets).to(torch.float64)


_PER_ROW: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "log_loss": CrossEntropy().per_example,
    "brier": Brier().per_example,
    "accuracy": _is_right,
}
