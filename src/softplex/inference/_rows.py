"""The rows that a model is looked at on, checked and brought into one form."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import sparse
from torch import Tensor

from softplex._arrays import to_numpy, to_tensor
from softplex._checks import check_finite
from softplex._labels import EncodedTargets, class_weights, encode_soft_targets, row_weights
from softplex._scored import label_places, read_weight
from softplex.exceptions import InvalidInput
from softplex.inference._linear_model import LinearModel
from softplex.streaming import Targets


@dataclass(frozen=True)
class Rows:
    """Features and targets of the rows of positive weight.

    Parameters
    ----------
    X : array or CSR matrix (n, d)
    targets : Targets
        Over the present classes, the reference first; the weight is frequency x importance.
    frequency : tensor (n,)
        How many rows each row stands for.
    kept : array
        Their places among the rows that were given.
    n_given : int
        The number of those.
    """

    X: Any
    targets: Targets
    frequency: Tensor
    kept: NDArray[np.intp]
    n_given: int

    @property
    def importance(self) -> Tensor:
        """How much each of them weighs in the loss."""
        return self.targets.weight / self.frequency


def read_rows(
    who: str, model: LinearModel, X: Any, y: Any, sample_weight: Any, weights: str
) -> Rows:
    """Check X, y and the weights against the model; rows of weight zero are left out."""
    matrix = read_matrix(who, X, model.feature_names)
    sample = to_numpy(read_weight(who, to_numpy(sample_weight), matrix.shape[0]))
    targets = _read_targets(who, model, y, matrix.shape[0])
    per_class = class_weights(who, model.class_weight, _of(targets, sample > 0), sample[sample > 0])
    weight = row_weights(targets, per_class, sample)
    kept = np.flatnonzero(weight > 0)
    if len(kept) == 0:
        raise InvalidInput(f"{who} needs rows of positive weight, but all weights are zero.")
    values = _present(who, model, targets, kept)
    frequency = sample[kept] if weights == "frequency" else np.ones(len(kept))
    return Rows(
        matrix if len(kept) == matrix.shape[0] else matrix[kept],
        Targets(to_tensor(values), to_tensor(weight[kept]), model.k),
        to_tensor(frequency),
        kept,
        matrix.shape[0],
    )


def read_matrix(who: str, X: Any, feature_names: tuple[str, ...]) -> Any:
    """Give X as a float array or CSR matrix with the features of the model, all finite."""
    if hasattr(X, "columns"):
        names = tuple(map(str, X.columns))
        unnamed = all(name.startswith("feature ") for name in feature_names)
        if not unnamed and names != feature_names:
            raise InvalidInput(
                f"{who} needs the columns that the model was fitted on, in their order: "
                f"{list(feature_names)}, but got {list(names)}."
            )
    values = to_numpy(X)
    if sparse.issparse(values):
        values = sparse.csr_matrix(values, dtype=np.float64, copy=True)
        values.sum_duplicates()
    else:
        values = _numbers(who, values)
    if values.ndim != 2 or values.shape[1] != len(feature_names):
        raise InvalidInput(
            f"{who} needs X of shape (n, {len(feature_names)}), the features that the model was "
            f"fitted on, but got {tuple(values.shape)}."
        )
    check_finite(who, values, feature_names)
    return values


def _numbers(who: str, values: Any) -> NDArray[Any]:
    try:
        array = np.asarray(values)
        return array if array.dtype in (np.float32, np.float64) else array.astype(np.float64)
    except (TypeError, ValueError) as error:
        raise InvalidInput(f"{who} needs features that are numbers ({error}).") from error


def _read_targets(who: str, model: LinearModel, y: Any, n: int) -> EncodedTargets:
    labels = np.asarray(to_numpy(y))
    k = len(model.all_classes)
    if labels.ndim == 2 and labels.shape == (n, k) and k > 1:
        return encode_soft_targets(who, labels, model.all_classes)
    if labels.shape != (n,):
        raise InvalidInput(
            f"{who} needs one label a row, or class probabilities of shape ({n}, {k}): X has "
            f"{n} rows, y has the shape {labels.shape}."
        )
    return EncodedTargets(model.all_classes, label_places(who, labels, model.all_classes))


def _of(targets: EncodedTargets, rows: NDArray[Any]) -> EncodedTargets:
    return EncodedTargets(targets.classes, targets.values[rows])


def _present(
    who: str, model: LinearModel, targets: EncodedTargets, kept: NDArray[np.intp]
) -> NDArray[Any]:
    """Targets among the present classes, numbered from the reference on."""
    values = targets.values[kept]
    if values.ndim == 2:
        inside = values[:, model.order]
        lost = np.abs(inside.sum(1) - 1.0) > 1e-9
    else:
        place = np.full(len(model.all_classes), -1)
        place[model.order] = np.arange(model.k)
        inside = place[values]
        lost = inside < 0
    if lost.any():
        raise InvalidInput(
            f"{who} got row {int(kept[np.flatnonzero(lost)[0]])} of a class that had no weight "
            "in the fit, so that the model gives it probability 0. Leave such rows out."
        )
    return np.asarray(inside)


def null_log_likelihood(targets: Targets, *, fit_intercept: bool) -> float:
    """Log-likelihood of the class shares alone; of equal shares without an intercept."""
    if not fit_intercept:
        return -float(targets.weight.sum()) * float(np.log(targets.n_classes))
    totals = torch.zeros(targets.n_classes, dtype=torch.float64)
    if targets.values.ndim == 2:
        totals += targets.weight @ targets.values.to(torch.float64)
    else:
        totals.index_add_(0, targets.values, targets.weight)
    return float(torch.xlogy(totals, totals / totals.sum()).sum())
