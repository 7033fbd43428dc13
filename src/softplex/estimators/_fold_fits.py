"""Fits on the training rows of each fold, and scores of the rows that it holds out.

Rows are sliced once and labels are class indices already, so that a fit at another C costs the
solver's work alone.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from softplex._arrays import as_device, to_tensor
from softplex._labels import EncodedTargets
from softplex.estimators._folds import Fold
from softplex.estimators._linear import _columns_of, _say, _silent
from softplex.estimators._softmax import SoftmaxClassifier
from softplex.exceptions import InvalidInput
from softplex.solvers import NeighbouringFits, Solution, check_solver
from softplex.streaming import Features, Targets, as_features, score_blocks


@dataclass(frozen=True, eq=False)
class HeldOut:
    """Rows that a fold holds out and its fits can judge.

    Parameters
    ----------
    rows : array (m,)
        Which rows of the data they are: of positive weight, and of classes that the fold's fits
        give a probability.
    targets : tensor (m,)
        Their classes, as columns of the fold's scores.
    features : Features
        ``(m, d)``.
    """

    rows: NDArray[np.intp]
    targets: Tensor
    features: Features


@dataclass(frozen=True, eq=False)
class _Part:
    """Training rows: of one fold, or all of them."""

    rows: NDArray[np.intp]
    targets: Targets
    present: NDArray[np.bool_]


class FoldFits:
    """Warm-started fits for any C on each fold and on all rows.

    Parameters
    ----------
    X : array or CSR matrix (n, d)
        Checked features.
    targets : EncodedTargets
        Class indices.
    weight : array (n,)
        Weights of the rows in training, those of their classes in them; rows of weight 0 are
        neither trained on nor held out.
    folds : list of (training rows, held-out rows)
        Indices.
    settings : SoftmaxClassifier
        All but ``C`` and ``tol`` is taken from it.
    """

    def __init__(
        self,
        X: Any,
        targets: EncodedTargets,
        weight: NDArray[np.float64],
        folds: list[Fold],
        settings: SoftmaxClassifier,
    ) -> None:
        self.X, self.targets = X, targets
        self._weight, self._settings = weight, settings
        self._device = as_device(settings.device)
        parts = [self._part(rows, f"fold {number}") for number, (rows, _) in enumerate(folds)]
        self._parts: list[_Part] = parts
        self.held_out = [
            self._held_out(rows, part.present) for part, (_, rows) in zip(parts, folds, strict=True)
        ]
        self._sliced: dict[int | None, Any] = {}

    def fit(
        self, fold: int | None, C: float, tol: float, start: tuple[Tensor, Tensor] | None = None
    ) -> Solution:
        """Fit the training rows of a fold, or all rows for ``fold=None``.

        Parameters
        ----------
        fold : int or None
        C : float
        tol : float
            The asked relative duality gap.
        start : (weight, bias), optional
            Where to begin, in the classes of the fold.
        """
        part = self._whole if fold is None else self._parts[fold]
        settings = copy.copy(self._settings)
        settings.C, settings.tol = C, tol
        report = _say if settings.verbose > (0 if fold is None else 1) else _silent
        if self._neighbours is not None and fold is not None:
            rows = to_tensor(np.searchsorted(self._whole.rows, part.rows), device=self._device)
            return self._neighbours.fit(rows, C, tol, report)
        if self._neighbours is not None:
            return self._neighbours.fit_all(C, tol, report)
        X = self._rows_of(fold, part)
        return settings._solution(X, part.targets, self._n_columns(part), start, report)

    @cached_property
    def _neighbours(self) -> NeighbouringFits | None:
        """Fits that share their work, for folds of the same classes and quadratic penalties."""
        whole = self._whole
        alike = all(bool((part.present == whole.present).all()) for part in self._parts)
        penalty = self._settings._chosen_penalty().parts(self.X.shape[1]).to(self._device)
        problem = self._settings._problem(
            self._rows_of(None, whole), whole.targets, self._n_columns(whole)
        )
        check_solver(problem, penalty)
        if not (alike and penalty.is_smooth) or bool(penalty.unpenalised.any()):
            return None
        problem = replace(problem, quadratic=penalty.quadratic)
        return NeighbouringFits(problem, self._settings.max_iter)

    def _rows_of(self, fold: int | None, part: _Part) -> Any:
        """The features of a part, sliced once."""
        if len(part.rows) == len(self._weight) and bool((np.diff(part.rows) == 1).all()):
            return self.X
        if fold not in self._sliced:
            self._sliced[fold] = self.X[part.rows]
        return self._sliced[fold]

    def classifier(self, fold: int | None, solution: Solution) -> SoftmaxClassifier:
        """Give a fitted classifier with the parameters of a solution."""
        model = copy.copy(self._settings)
        model._keep(solution, self.targets.classes, self.present(fold))
        model.n_features_in_ = self.X.shape[1]
        return model

    def present(self, fold: int | None) -> NDArray[np.bool_]:
        """Say which classes the fits of a fold know, ``(k,)``."""
        return (self._whole if fold is None else self._parts[fold]).present

    def held_out_scores(self, fold: int, solution: Solution) -> Iterator[tuple[slice, Tensor]]:
        """Give the scores of the held-out rows by blocks, with a column for each present class."""
        k = self._parts[fold].targets.n_classes
        yield from score_blocks(self.held_out[fold].features, solution.weight, solution.bias, k)

    def _n_columns(self, part: _Part) -> int:
        return 1 if len(part.present) == 2 else part.targets.n_classes

    @cached_property
    def _whole(self) -> _Part:
        return self._part(np.arange(len(self._weight)), "the whole")

    def _part(self, rows: NDArray[np.intp], name: str) -> _Part:
        rows = rows[self._weight[rows] > 0]
        weight, values = self._weight[rows], self.targets.values[rows]
        targets = EncodedTargets(self.targets.classes, values)
        seen = np.unique(values)
        if len(seen) < 2:
            raise InvalidInput(
                f"SoftmaxClassifierCV needs training rows of at least two classes in each fold, "
                f"but {name} has {len(rows)} that count, of {self.targets.classes[seen].tolist()}. "
                "Use stratified or fewer folds, and check the weights."
            )
        present = self._settings._fittable_classes(targets, weight)
        return _Part(
            rows,
            Targets(
                to_tensor(_columns_of(values, present), device=self._device),
                to_tensor(weight, device=self._device),
                int(present.sum()),
            ),
            present,
        )

    def _held_out(self, rows: NDArray[np.intp], present: NDArray[np.bool_]) -> HeldOut:
        values = self.targets.values
        rows = rows[(self._weight[rows] > 0) & present[values[rows]]]
        part = self.X[rows]
        dtype = torch.float32 if part.dtype == np.float32 else torch.float64
        features = as_features(part, dtype, self._device, int(present.sum()))
        columns = _columns_of(values[rows], present)
        return HeldOut(rows, to_tensor(columns, device=self._device), features)
