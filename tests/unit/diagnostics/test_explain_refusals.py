"""What cannot be explained is refused in a sentence."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.exceptions import NotFittedError

from softplex import SoftmaxClassifier
from softplex.diagnostics import explain
from softplex.exceptions import InvalidInput


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({}, "but got neither"),
        ({"scores": [[1.0, 0.0], [0.0, 1.0]]}, r"scores of one row, .* \(2, 2\)"),
        ({"scores": np.zeros((1, 1, 2))}, "scores of one row"),
        ({"scores": []}, "at least one score"),
        ({"scores": ["a", "b"]}, "scores that are numbers"),
        ({"scores": [1.0, np.nan]}, "the class 1 has NaN"),
        ({"scores": [1.0, np.inf], "classes": ["a", "b"]}, "the class 'b' has \\+inf"),
        ({"scores": [-np.inf, -np.inf]}, "every score is -inf"),
        ({"scores": [1.0, 0.0], "classes": ["a"]}, "1 classes for 2 scores"),
        ({"scores": [1.0, 0.0], "classes": ["a", "a"]}, "'a' comes twice"),
        ({"scores": [1.0, 0.0], "target": 2}, r"target 2, which is not among the classes \(0, 1\)"),
        (
            {"scores": [1.0, 0.0], "classes": ["ant", "bee"], "target": "bees"},
            "Did you mean 'bee'",
        ),
        ({"scores": [1.0, 0.0], "target": [0]}, "one target"),
        ({"scores": [1.0, 0.0], "x": [1.0]}, "without a model"),
        ({"scores": [1.0, 0.0], "top_classes": 0}, "top_classes"),
        ({"scores": [1.0, 0.0], "top_features": -1}, "top_features"),
    ],
)
def test_scores_and_labels(arguments: dict, words: str) -> None:
    with pytest.raises(InvalidInput, match=words):
        explain(**arguments)


def test_models_and_rows(softmax_model, iris) -> None:
    X, _ = iris
    holed = X[0].copy()
    holed[2] = np.nan
    for arguments, words in (
        ((softmax_model,), "needs the row to explain"),
        ((softmax_model, X), r"one row of features, .* \(150, 4\)"),
        ((softmax_model, X[0, :3]), "the 4 features that SoftmaxClassifier .* x has 3"),
        ((softmax_model, holed), "row 0, column 2 holds NaN"),
        ((softmax_model, ["a", "b", "c", "d"]), "features that are numbers"),
        ((softmax_model, {"a": 1.0}), "only for a model of tables"),
        ((softmax_model, X[0], 7), "the target 7"),
        (("a model", X[0]), "needs a fitted classifier, but got str"),
    ):
        with pytest.raises(InvalidInput, match=words):
            explain(*arguments)
    with pytest.raises(InvalidInput, match="but got both"):
        explain(softmax_model, X[0], scores=[1.0])
    with pytest.raises(InvalidInput, match="a model knows its classes"):
        explain(softmax_model, X[0], classes=[0, 1, 2])
    with pytest.raises(NotFittedError):
        explain(SoftmaxClassifier(), X[0])


def test_tables(table_model, animals: pd.DataFrame) -> None:
    with pytest.raises(InvalidInput, match="one row, but the table has 90"):
        explain(table_model, animals)
    with pytest.raises(InvalidInput, match="size"):
        explain(table_model, animals[["home"]].iloc[[0]])
    with pytest.raises(InvalidInput, match="Did you mean 'bee'"):
        explain(table_model, animals.iloc[[0]], "beee")
