"""Bad input is refused with a sentence that names the place and the way out."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from softplex.evaluation import (
    brier,
    evaluate,
    expected_calibration_error,
    log_loss,
    reliability_curve,
)
from softplex.exceptions import InvalidInput

P = np.array([[0.5, 0.5], [0.2, 0.8], [0.9, 0.1]])
Y = ["a", "b", "a"]


def changed(row: int, column: int, value: float) -> Any:
    p = P.copy()
    p[row, column] = value
    return p


PROBABILITIES = [
    (changed(1, 0, np.nan), "finite; row 1, column 0 holds nan"),
    (changed(2, 1, np.inf), "finite; row 2, column 1 holds inf"),
    (changed(1, 0, -0.2), r"between 0 and 1; row 1, column 0 holds -0\.2\. Scores become"),
    (np.array([[3.0, -2.0]] * 3), r"row 0, column 0 holds 3 \(and 5 more\)"),
    (changed(1, 1, 0.7), r"sum to 1; row 1 sums to 0\.9, 0\.1 too little"),
    (changed(2, 1, 0.101), r"row 2 sums to 1\.001, 0\.001 too much"),
    (P[:, :1] * 0 + 1, "at least two; they have 1"),
    (np.empty((0, 2)), "no rows"),
    ([], "no rows"),
    (np.empty((3, 0)), "at least two; they have 0"),
    (0.5, r"shape \(n, k\), or \(n,\) for two classes"),
    (P[None], r"they have shape \(1, 3, 2\)"),
    ([*P.astype(str).tolist(), ["x", "y"]], "must be an array of numbers"),
    ([[0.5, 0.5], [1.0]], "must be an array of numbers"),
    (P.astype(complex), "complex"),
    (np.array([0.5, 0.5, np.nan]), "row 2 holds nan"),
    (torch.tensor([[0.5, 0.4]] * 3, requires_grad=True), "row 0 sums to 0.9"),
    (pd.DataFrame({"a": [0.5, None, 0.9], "b": [0.5, 0.8, 0.1]}), "row 1, column 0 holds nan"),
]


@pytest.mark.parametrize(("p", "message"), PROBABILITIES)
@pytest.mark.parametrize(
    "function", [evaluate, expected_calibration_error, reliability_curve, log_loss, brier]
)
def test_probabilities(function: Any, p: Any, message: str) -> None:
    with pytest.raises(InvalidInput, match=f"^{function.__name__}: .*{message}"):
        function(p, Y)


LABELS: list[tuple[Any, dict[str, Any], str]] = [
    (["a", "b"], {}, "one label per row of probabilities; it has 2 labels for 3 rows"),
    ([], {}, "0 labels for 3 rows"),
    (["a", "b", "c"], {}, "3 different labels for 2 columns .* pass classes="),
    (["a", "a", "a"], {}, "1 different labels for 2 columns"),
    (["a", "b", "z"], {"classes": ["a", "b"]}, r"classes \('a', 'b'\); row 2 holds 'z'"),
    ([0.5, 1.5, 2.5], {"classes": [0, 1]}, r"row 0 holds 0\.5 \(and 2 more\)"),
    (["a", None, "b"], {}, "missing labels; row 1 holds None"),
    (np.array([0, np.nan, 1]), {}, "missing labels; row 1 holds nan"),
    (pd.Series(["a", None, "b"], dtype="string"), {}, "missing labels; row 1"),
    (["a", 1, "b"], {}, "no common order"),
    (P, {}, r"one dimension, one label per entry; it has shape \(3, 2\)"),
    (P.tolist(), {}, r"one label per row; row 0 holds \[0\.5, 0\.5\]"),
    ([(0, 1), (1, 0), (0, 1)], {}, r"one label per row; row 0 holds \(0, 1\)"),
    ("aba", {}, "sequence of labels; it is str"),
    (7, {}, "sequence of labels; it is int"),
    (Y, {"classes": ["a"]}, "1 names came for 2 columns"),
    (Y, {"classes": ["a", "a"]}, "classes must differ; 'a' comes more than once"),
    (Y, {"classes": ["a", None]}, "classes must not have missing labels; row 1"),
    (Y, {"sample_weight": [1, 2]}, r"one weight per row, shape \(3,\); it has shape \(2,\)"),
    (Y, {"sample_weight": [1, -2, 1]}, r"not negative; row 1 holds -2\.0"),
    (Y, {"sample_weight": [1, 1, np.nan]}, "finite and not negative; row 2 holds nan"),
    (Y, {"sample_weight": [0, 0, 0]}, r"sum above zero; it is 0\.0"),
    (Y, {"sample_weight": ["u", "v", "w"]}, "sample_weight must be an array of numbers"),
]


@pytest.mark.parametrize(("y", "options", "message"), LABELS)
@pytest.mark.parametrize("function", [evaluate, expected_calibration_error, log_loss])
def test_labels_and_weights(function: Any, y: Any, options: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidInput, match=f"^{function.__name__}: .*{message}"):
        function(P, y, **options)


@pytest.mark.parametrize(
    ("function", "options", "message"),
    [
        (evaluate, {"bins": 0}, "bins must be a whole number of at least 1; it is 0"),
        (evaluate, {"bins": 2.5}, "bins must be a whole number"),
        (evaluate, {"n_bootstrap": -1}, "n_bootstrap must be a whole number of at least 0"),
        (evaluate, {"confidence": 95}, "confidence must be a number between 0 and 1"),
        (evaluate, {"confidence": 1.0}, "both excluded"),
        (evaluate, {"top_k": 3}, "top_k must be a sequence"),
        (evaluate, {"top_k": (0,)}, "top_k must be a whole number of at least 1"),
        (evaluate, {"random_state": "x"}, "random_state must be"),
        (evaluate, {"random_state": -1}, "random_state must be"),
        (evaluate, {"prior": [1.0]}, r"prior must hold one probability per class, shape \(2,\)"),
        (evaluate, {"prior": [0.5, 0.6]}, r"prior must sum to 1; it sums to 1\.1"),
        (evaluate, {"prior": [1.5, -0.5]}, r"between 0 and 1; entry 0 holds 1\.5"),
        (evaluate, {"prior": [np.nan, 1]}, "prior must be finite; entry 0"),
        (expected_calibration_error, {"binning": "masse"}, "one of 'width', 'mass'; it is 'masse'"),
        (expected_calibration_error, {"convention": "sum"}, "one of 'top_label', 'classwise_mean'"),
        (
            expected_calibration_error,
            {"convention": "classwise_sum_linspace", "binning": "mass"},
            "needs binning='width'",
        ),
        (
            expected_calibration_error,
            {"convention": "classwise_sum_linspace", "bins": 1},
            "at least 2 edges",
        ),
        (reliability_curve, {"confidence": 0.0}, "confidence must be"),
        (reliability_curve, {"binning": None}, "binning must be one of"),
        (log_loss, {"unit": "bit"}, "one of 'nats', 'bits'; it is 'bit'"),
        (log_loss, {"clip": 0.5}, "clip must be at least 0 and below"),
        (log_loss, {"clip": -1e-9}, "clip must be at least 0 and below"),
    ],
)
def test_options(function: Any, options: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidInput, match=f"^{function.__name__}: .*{message}"):
        function(P, Y, **options)


def test_rounding_is_not_refused() -> None:
    rng = np.random.default_rng(0)
    p = rng.dirichlet(np.ones(500), size=40)
    y = rng.integers(0, 500, 40)
    for dtype in (np.float64, np.float32, np.float16):
        log_loss(p.astype(dtype), y, classes=range(500))
    log_loss(np.array([[1.0000001, 0.0]], dtype=np.float32), [0], classes=[0, 1])
