"""Which features speak for and against each class."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from softplex._text import number, readable
from softplex.report._content import FeatureWeights
from softplex.report._selection import Floats, Indices, strongest

MOST_CLASSES = 150
MOST_FEATURES = 8
FEATURES_OF_MANY_CLASSES = 5
MANY_CLASSES = 30
OPEN_CLASSES = 4
LONG_LIST = 12


@dataclass(frozen=True)
class FeatureBar:
    """One feature with its weight; ``length`` is a percentage of the class's largest weight."""

    name: str
    weight: str
    length: float


@dataclass(frozen=True)
class ClassFeatures:
    """The features with the largest weights of one class, on both sides."""

    name: str
    against_name: str
    speaking_for: tuple[FeatureBar, ...]
    speaking_against: tuple[FeatureBar, ...]
    preview: str


@dataclass(frozen=True)
class FeatureSection:
    """All classes that are shown, how many start open, and what to know about the weights."""

    classes: tuple[ClassFeatures, ...]
    open_count: int
    is_long: bool
    note: str


def feature_section(weights: FeatureWeights, classes: Sequence[Any]) -> FeatureSection:
    """Pick the strongest features of each class; two classes share one row of weights."""
    coefficients = np.asarray(weights.coefficients, dtype=float)
    names = [readable(label) for label in classes]
    note = weights.note
    if len(coefficients) == 1:
        shown: tuple[ClassFeatures, ...] = (
            _one(names[1], names[0], coefficients[0], weights.names, MOST_FEATURES),
        )
    else:
        shown = tuple(_all(names, coefficients, weights.names))
    if len(names) > MOST_CLASSES:
        note = f"{note} The first {MOST_CLASSES} of {len(names):,} classes are shown.".strip()
    open_count = len(shown) if len(shown) <= OPEN_CLASSES else 1
    return FeatureSection(shown, open_count, len(shown) > LONG_LIST, note)


def _all(
    names: Sequence[str], coefficients: Floats, features: Sequence[str]
) -> Iterable[ClassFeatures]:
    limit = MOST_FEATURES if len(names) <= MANY_CLASSES else FEATURES_OF_MANY_CLASSES
    for name, row in zip(names[:MOST_CLASSES], coefficients, strict=False):
        yield _one(name, "", row, features, limit)


def _one(
    name: str, against_name: str, row: Floats, features: Sequence[str], limit: int
) -> ClassFeatures:
    positive, negative = strongest(row, limit), strongest(-row, limit)
    chosen = np.concatenate([row[positive], row[negative]])
    largest = float(np.abs(chosen).max(initial=0.0))

    def bars(positions: Indices) -> tuple[FeatureBar, ...]:
        return tuple(
            FeatureBar(
                readable(features[position], 60),
                number(float(row[position])),
                round(100 * abs(float(row[position])) / largest, 1)
                if np.isfinite(largest)
                else 0.0,
            )
            for position in positions
        )

    preview = ", ".join(readable(features[position], 30) for position in positive[:3])
    return ClassFeatures(name, against_name, bars(positive), bars(negative), preview)
