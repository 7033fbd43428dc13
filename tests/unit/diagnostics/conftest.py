"""Scores to diagnose, and fitted classifiers to explain."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_iris

from softplex import CalibratedClassifier, SoftmaxClassifier
from softplex.data import TableClassifier, as_table, fit_table_classifier, infer_schema
from softplex.diagnostics import Diagnosis, diagnose


def drawn(n: int, k: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Scores, and labels drawn from their softmax."""
    random = np.random.default_rng(seed)
    scores = 2.0 * random.normal(size=(n, k))
    labels = (scores + random.gumbel(size=(n, k))).argmax(axis=1)
    return scores, labels


@pytest.fixture(scope="session")
def diagnosis() -> Diagnosis:
    """Scores three times too large: over-confident, and too large for the naive float16."""
    scores, labels = drawn(500, 4)
    return diagnose(3.0 * scores, labels)


@pytest.fixture(scope="session")
def iris() -> tuple[np.ndarray, np.ndarray]:
    return load_iris(return_X_y=True)


@pytest.fixture(scope="session")
def softmax_model(iris: Any) -> SoftmaxClassifier:
    return SoftmaxClassifier().fit(*iris)


@pytest.fixture(scope="session")
def calibrated_model(iris: Any, softmax_model: SoftmaxClassifier) -> CalibratedClassifier:
    return CalibratedClassifier(softmax_model, cv="prefit").fit(*iris)


@pytest.fixture(scope="session")
def two_class_model(iris: Any) -> SoftmaxClassifier:
    X, y = iris
    return SoftmaxClassifier().fit(X[50:], np.array(["yes", "no"])[y[50:] - 1])


@pytest.fixture(scope="session")
def animals() -> pd.DataFrame:
    random = np.random.default_rng(0)
    kind = random.choice(["ant", "bee", "cat"], 90)
    size = np.select([kind == "ant", kind == "bee"], [1.0, 2.0], 30.0) + random.normal(size=90)
    home = np.where(kind == "bee", "hive", random.choice(["hill", "house"], 90))
    kind[::9] = "cat"  # some mistakes, so that a temperature exists
    return pd.DataFrame({"size": size.round(2), "home": home, "kind": kind})


@pytest.fixture(scope="session")
def table_model(animals: pd.DataFrame) -> TableClassifier:
    table = as_table(animals)
    schema = infer_schema(table, "kind")
    return fit_table_classifier(table, schema, CalibratedClassifier(SoftmaxClassifier(), cv=3))
