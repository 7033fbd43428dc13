"""Splits into training and held-out rows, shared by the estimators that hold rows out."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import GroupKFold, StratifiedKFold, check_cv

from softplex.exceptions import InvalidInput
from softplex.objective import Status
from softplex.solvers import TrainingStatus

Fold = tuple[NDArray[np.intp], NDArray[np.intp]]


def make_folds(
    who: str, cv: Any, X: Any, y: NDArray[Any], groups: Any, random_state: Any = None
) -> list[Fold]:
    """Give the folds: stratified for a number, by group where groups are given, else as told.

    With fewer rows of every class than folds, there are as many folds as the largest class allows.
    Stratified rows are shuffled; a random state of None is 0, so that a fit can be repeated.
    """
    if isinstance(cv, int | np.integer) and not isinstance(cv, bool):
        splitter = _splitter(who, int(cv), y, groups, 0 if random_state is None else random_state)
    elif isinstance(cv, Iterable) or hasattr(cv, "split"):
        splitter = check_cv(cv, y, classifier=True)
    else:
        raise InvalidInput(f"{who} needs cv as a number >= 2, a splitter or splits, got {cv!r}.")
    with warnings.catch_warnings():
        # Rows of a class that is absent from their training rows are left out by the callers.
        warnings.filterwarnings("ignore", message="The least populated class")
        return list(splitter.split(X, y, groups))


def _splitter(who: str, cv: int, y: NDArray[Any], groups: Any, random_state: Any) -> Any:
    if cv < 2:
        raise InvalidInput(f"{who} needs cv >= 2 folds, but got {cv}.")
    if groups is not None:
        n_groups = len(np.unique(groups))
        if n_groups < 2:
            raise InvalidInput(f"{who} needs at least two groups of rows, but got {n_groups}.")
        return GroupKFold(min(cv, n_groups))
    largest = max(Counter(y.tolist()).values())
    if largest < 2:
        raise InvalidInput(
            f"{who} needs a class with at least two rows to hold some out, but each has one sample."
        )
    return StratifiedKFold(min(cv, largest), shuffle=True, random_state=random_state)


def stop_if_interrupted(estimator: Any) -> None:
    """A fit that ended by Ctrl-C ends the work around it too."""
    proof = getattr(estimator, "certificate_", None)
    status = getattr(estimator, "status_", None) if proof is None else proof.status
    if status is Status.INTERRUPTED or status is TrainingStatus.INTERRUPTED:
        raise KeyboardInterrupt
