"""Scores with their labels and weights, checked and brought into one form."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from softplex._arrays import to_float_tensor, to_numpy, to_tensor
from softplex._checks import did_you_mean
from softplex._tensors import refuse_unusable_scores
from softplex.exceptions import InvalidInput


@dataclass(frozen=True)
class CalibrationData:
    """Scores ``(n, k)`` in float64, class indices and weights of the rows that count."""

    scores: Tensor
    targets: Tensor
    weight: Tensor
    classes: NDArray[Any]


def read_scores(who: str, scores: Any) -> Tensor:
    """Give scores as a float64 tensor ``(n, k)``; ``(n,)`` is the second class against zero."""
    tensor = to_float_tensor(scores).to(torch.float64)
    if tensor.ndim == 1:
        tensor = torch.stack([torch.zeros_like(tensor), tensor], 1)
    if tensor.ndim != 2 or tensor.shape[1] < 2:
        raise InvalidInput(
            f"{who} needs scores of shape (n, k) with k >= 2, or (n,) for two classes, but got "
            f"{tuple(tensor.shape)}."
        )
    refuse_unusable_scores(who, tensor)
    return tensor


def read_calibration_data(
    who: str, scores: Any, y: Any, sample_weight: Any, classes: Any
) -> CalibrationData:
    """Check scores, labels and weights together; rows of weight zero are left out."""
    tensor = read_scores(who, scores)
    n, k = tensor.shape
    labels = np.asarray(to_numpy(y))
    if n == 0 or labels.shape != (n,):
        raise InvalidInput(
            f"{who} needs at least one row and one label a row: scores have {n} rows, y has the "
            f"shape {labels.shape}."
        )
    names = _column_names(who, labels, classes, k)
    targets = to_tensor(label_places(who, labels, names), device=tensor.device)
    weight = read_weight(who, sample_weight, n).to(tensor.device)
    counts = weight > 0
    lost = counts & (tensor.gather(1, targets[:, None]).squeeze(1) == -torch.inf)
    if bool(lost.any()):
        row = int(torch.nonzero(lost)[0])
        raise InvalidInput(
            f"{who} needs a finite score for the true class, but row {row} has -inf for "
            f"{labels.tolist()[row]!r}: such a row has probability 0 at every temperature. Drop "
            "it, or give the class a finite score."
        )
    return CalibrationData(tensor[counts], targets[counts], weight[counts], names)


def _column_names(who: str, labels: NDArray[Any], classes: Any, k: int) -> NDArray[Any]:
    if classes is not None:
        names = np.asarray(to_numpy(classes))
        if names.shape != (k,):
            raise InvalidInput(f"{who} needs one class a column: {k} columns, {names.shape}.")
        return names
    if labels.dtype.kind in "iub" and labels.min() >= 0 and labels.max() < k:
        return np.arange(k)
    names = np.unique(labels)
    if len(names) != k:
        raise InvalidInput(
            f"{who} cannot tell which column belongs to which label: the scores have {k} columns, "
            f"y has {len(names)} distinct labels. Name the columns with classes=."
        )
    return names


def label_places(who: str, labels: NDArray[Any], names: NDArray[Any]) -> NDArray[np.int64]:
    """Give the place of each label among the names; one that is not there is an error."""
    order = np.argsort(names, kind="stable")
    found = np.searchsorted(names, labels, sorter=order).clip(max=len(names) - 1)
    places = order[found]
    unknown = names[places] != labels
    if unknown.any():
        row = int(np.flatnonzero(unknown)[0])
        label = labels.tolist()[row]
        raise InvalidInput(
            f"{who} got the label {label!r} in row {row}, which is not among the classes."
            f"{did_you_mean(label, names.tolist())}"
        )
    return np.asarray(places, dtype=np.int64)


def read_weight(who: str, sample_weight: Any, n: int) -> Tensor:
    """Give checked sample weights in float64; ones without any."""
    if sample_weight is None:
        return torch.ones(n, dtype=torch.float64)
    weight = to_tensor(sample_weight, dtype=torch.float64)
    usable = weight.shape == (n,) and bool((torch.isfinite(weight) & (weight >= 0)).all())
    if not usable or not bool((weight > 0).any()):
        raise InvalidInput(
            f"{who} needs {n} sample weights that are finite, not negative and not all zero."
        )
    return weight
