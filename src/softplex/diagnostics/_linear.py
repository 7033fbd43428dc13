"""The linear part of a classifier: weights, intercepts and names of the features they meet."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from softplex.diagnostics._values import FloatArray


@dataclass(frozen=True, eq=False)
class LinearWeights:
    """Weights ``(r, d)`` and intercepts ``(r,)``.

    Two classes that share one score column have one row, for the second class.
    """

    names: tuple[str, ...]
    weights: FloatArray
    intercepts: FloatArray


def linear_weights(
    model: Any, n_features: int, names: tuple[str, ...] | None
) -> LinearWeights | None:
    """Read the weights of a linear classifier; None for one that is not linear."""
    weights = np.asarray(getattr(model, "coef_", np.zeros(0)))
    if weights.ndim != 2 or weights.shape[1] != n_features:
        return None
    if names is None:
        unnamed = [f"feature {index}" for index in range(n_features)]
        names = tuple(str(name) for name in getattr(model, "feature_names_in_", unnamed))
    intercepts = np.broadcast_to(np.asarray(model.intercept_, np.float64), len(weights))
    return LinearWeights(names, weights.astype(np.float64), intercepts)
