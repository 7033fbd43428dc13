"""A fitted linear softmax, read by its public attributes alone."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from softplex._arrays import to_numpy, to_tensor
from softplex._checks import did_you_mean
from softplex.exceptions import InvalidInput
from softplex.losses import CrossEntropy

_NEEDED = ("coef_", "intercept_", "classes_", "C", "fit_intercept")


@dataclass(frozen=True)
class LinearModel:
    """Coefficients as contrasts against a reference class, and what they were fitted with.

    Parameters
    ----------
    all_classes : array
        Every class that the model knows.
    order : array (k,)
        Places of the present classes among them, the reference first.
    weight, bias : tensors (k - 1, d) and (k - 1,)
        Scores of the other classes, less that of the reference.
    penalty : float
        1 / C, and 0 for no penalty: what multiplies half the squared norm in units of the
        log-likelihood.
    has_one_column : bool
        Whether the penalty was that of one score column for two classes.
    fit_intercept : bool
    loss : CrossEntropy
        With the smoothing.
    class_weight : mapping, "balanced" or None
    feature_names : tuple of d names
    """

    all_classes: NDArray[Any]
    order: NDArray[np.intp]
    weight: Tensor
    bias: Tensor
    penalty: float
    has_one_column: bool
    fit_intercept: bool
    loss: CrossEntropy
    class_weight: Any
    feature_names: tuple[str, ...]

    @property
    def k(self) -> int:
        """The number of present classes."""
        return len(self.order)

    @property
    def d(self) -> int:
        """The number of features."""
        return int(self.weight.shape[1])

    @property
    def width(self) -> int:
        """Coefficients of one contrast, the intercept included."""
        return self.d + int(self.fit_intercept)

    @property
    def size(self) -> int:
        """Free coefficients, (k - 1) (d + 1)."""
        return (self.k - 1) * self.width

    @property
    def classes(self) -> tuple[Any, ...]:
        """Labels of the present classes, the reference first."""
        return tuple(self.all_classes[self.order].tolist())

    @property
    def estimates(self) -> NDArray[np.float64]:
        """Contrasts, ``(k - 1, width)``, the intercept last."""
        stacked = torch.cat([self.weight, self.bias[:, None]], 1)[:, : self.width]
        return np.asarray(to_numpy(stacked))

    @property
    def class_penalty(self) -> Tensor:
        """K, with the penalty of contrasts delta being tr(delta^T K delta) / (2 C).

        The k rows of a penalised fit have the mean zero, so theirs is the squared norm of
        delta less its mean over the classes.
        """
        identity = torch.eye(self.k - 1, dtype=torch.float64)
        return identity if self.has_one_column else identity - 1.0 / self.k

    @property
    def contrast_precision(self) -> float:
        """Prior precision of one contrast by itself, 1/C, or 1/(2 C) for a difference of two."""
        return self.penalty if self.has_one_column else 0.5 * self.penalty


def read_linear_model(who: str, model: Any, reference: Any = None) -> LinearModel:
    """Read coefficients, classes and settings; the first class is the reference by default."""
    _refuse_foreign(who, model)
    classes = np.asarray(model.classes_)
    coef = np.atleast_2d(np.asarray(to_numpy(model.coef_), dtype=np.float64))
    intercept = np.atleast_1d(np.asarray(to_numpy(model.intercept_), dtype=np.float64))
    one_column = len(coef) == 1 and len(classes) == 2
    if len(intercept) != len(coef) or not (one_column or len(coef) == len(classes)):
        raise InvalidInput(
            f"{who} needs one row of coefficients and one intercept a class, but "
            f"{type(model).__name__} has {len(coef)} and {len(intercept)} for {len(classes)} "
            "classes."
        )
    if one_column:
        coef, intercept = np.vstack([0.0 * coef, coef]), np.append(0.0, intercept)
    order = _order(who, classes, intercept, reference)
    weight, bias = (values[order[1:]] - values[order[0]] for values in (coef, intercept))
    return LinearModel(
        all_classes=classes,
        order=order,
        weight=to_tensor(weight),
        bias=to_tensor(bias),
        penalty=_penalty(who, model),
        has_one_column=one_column,
        fit_intercept=bool(model.fit_intercept),
        loss=CrossEntropy(
            getattr(model, "smoothing", 0.0), getattr(model, "smoothing_kind", "others")
        ),
        class_weight=getattr(model, "class_weight", None),
        feature_names=_feature_names(model, coef.shape[1]),
    )


def _refuse_foreign(who: str, model: Any) -> None:
    missing = [name for name in _NEEDED if not hasattr(model, name)]
    if missing:
        raise InvalidInput(
            f"{who} needs a fitted linear softmax such as SoftmaxClassifier, but "
            f"{type(model).__name__} has no {missing[0]}. Fit it first; of a pipeline or a "
            "calibrated classifier give the linear part, with the features that reach it."
        )
    if getattr(model, "l1_ratio", None) or getattr(model, "penalty", None) is not None:
        raise InvalidInput(
            f"{who} reads fits with a ridge penalty or none, but this {type(model).__name__} has "
            "another: coefficients that a penalty holds at zero have no normal law. Fit the "
            "chosen features with C=inf on rows that did not choose them."
        )


def _penalty(who: str, model: Any) -> float:
    C = float(getattr(model, "C_", model.C))
    if not C > 0.0:
        raise InvalidInput(f"{who} needs a positive C, but the model has C={C!r}.")
    return 0.0 if math.isinf(C) else 1.0 / C


def _order(
    who: str, classes: NDArray[Any], intercept: NDArray[np.float64], reference: Any
) -> NDArray[np.intp]:
    """Places of the classes with a finite intercept, the reference first."""
    present = np.flatnonzero(np.isfinite(intercept))
    if len(present) < 2:
        raise InvalidInput(f"{who} needs at least two classes, but the model has {len(present)}.")
    if reference is None:
        return present
    found = [place for place in present if classes[place] == reference]
    if not found:
        raise InvalidInput(
            f"{who} got the reference class {reference!r}, which is not among the classes of the "
            f"model.{did_you_mean(reference, classes[present].tolist())}"
        )
    return np.concatenate([found, present[present != found[0]]]).astype(np.intp)


def _feature_names(model: Any, d: int) -> tuple[str, ...]:
    unnamed = [f"feature {place}" for place in range(d)]
    return tuple(str(name) for name in getattr(model, "feature_names_in_", unnamed))
