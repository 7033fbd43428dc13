"""A linear score, taken apart into what each feature adds to it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from softplex.diagnostics._values import FloatArray


@dataclass(frozen=True)
class Term:
    """What one feature adds to a score: weight times value (less that of a baseline)."""

    feature: str
    value: float
    weight: float
    product: float


@dataclass(frozen=True)
class ScoreTerms:
    """The score of one class: the largest terms, the sum of the others, and the intercept.

    `index` is the column of the class; `score` is the sum of all of them.
    """

    index: int
    terms: tuple[Term, ...]
    n_rest: int
    rest: float
    intercept: float
    score: float


def score_terms(
    index: int,
    values: FloatArray,
    weights: FloatArray,
    intercept: float,
    names: tuple[str, ...],
    top: int,
    baseline: FloatArray | float = 0.0,
) -> ScoreTerms:
    """Split a score w . (x - baseline) + b into its ``top`` largest terms (by size) and the rest.

    With a baseline b is its score.
    """
    products = weights * (values - baseline)
    order = np.argsort(-np.abs(products), kind="stable")
    order = order[: min(top, int(np.count_nonzero(products)))]
    kept = tuple(
        Term(names[place], float(values[place]), float(weights[place]), float(products[place]))
        for place in order.tolist()
    )
    others = np.delete(products, order)
    total = float(products.sum()) + intercept
    return ScoreTerms(index, kept, len(others), float(others.sum()), intercept, total)
