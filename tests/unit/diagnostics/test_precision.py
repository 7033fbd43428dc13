"""Narrow numbers: what the safe formula keeps and the naive one loses."""

from __future__ import annotations

import math

import numpy as np
import pytest

from softplex.diagnostics import Diagnosis, Precision, diagnose


def of(diagnosis: Diagnosis, dtype: str, formula: str) -> Precision:
    return diagnosis.precision_of(dtype, formula)


def test_every_dtype_has_both_formulas(diagnosis) -> None:
    found = [(one.dtype, one.formula) for one in diagnosis.precision]
    dtypes = ("float64", "float32", "bfloat16", "float16")
    assert found == [(dtype, formula) for dtype in dtypes for formula in ("safe", "naive")]


@pytest.mark.parametrize(
    ("score", "lost"),
    [
        (10.0, ()),
        (12.0, ("float16",)),
        (89.0, ("float16", "bfloat16", "float32")),
        (710.0, ("float16", "bfloat16", "float32", "float64")),
        (-750.0, ("float16", "bfloat16", "float32", "float64")),
    ],
)
def test_the_naive_formula_loses_rows_past_its_limits(score: float, lost: tuple) -> None:
    diagnosis = diagnose([[score, score], [0.0, 1.0]], [0, 1])
    for one in diagnosis.precision:
        assert one.lost_rows == (one.formula == "naive" and one.dtype in lost), one


def test_float64_is_its_own_reference(diagnosis) -> None:
    safe = of(diagnosis, "float64", "safe")
    assert safe.probability_error == safe.loss_error == 0
    assert safe.zero_gradient_share == 0


def test_errors_stay_within_what_the_dtype_rounds(diagnosis) -> None:
    """A score of size 2^4 is stored to 2^4 eps / 2, and |dp| <= |dz| / 2 + eps."""
    for dtype, eps in (("float32", 2**-23), ("bfloat16", 2**-7), ("float16", 2**-10)):
        assert 0 < of(diagnosis, dtype, "safe").probability_error < 20 * eps


def test_a_score_that_the_dtype_cannot_hold_loses_its_row() -> None:
    diagnosis = diagnose([[1e5, 0.0], [1.0, 0.0]], [0, 0])
    assert of(diagnosis, "float16", "safe").lost_rows == 1
    assert of(diagnosis, "bfloat16", "safe").lost_rows == 0
    assert "cannot hold lose rows under either: 1 in float16" in " ".join(
        diagnosis.to_text().split()
    )


def test_close_scores_tie_and_change() -> None:
    scores = np.array([[1000.0, 1000.1], [1000.3, 999.8], [3.0, 1.0]])
    diagnosis = diagnose(scores, [0, 0, 0])
    half = of(diagnosis, "float16", "safe")
    # In float16 numbers near 1000 stand 0.5 apart: the first row becomes 1000, 1000.
    assert (half.tied_rows, half.changed_rows) == (1, 1)
    assert of(diagnosis, "float32", "safe").tied_rows == 0


def test_gradients_become_exactly_zero() -> None:
    diagnosis = diagnose([[20.0, 0.0]], [0])
    half, single = (of(diagnosis, dtype, "safe") for dtype in ("float16", "float32"))
    # exp(-20) = 2e-9 is below the smallest number of float16, and 1 - 2e-9 rounds to 1.
    assert (half.zero_gradient_rows, half.zero_gradient_share) == (1, 1)
    # float32 holds exp(-20), but not 1 less of it.
    assert (single.zero_gradient_rows, single.zero_gradient_share) == (0, 0.5)


def test_absent_classes_are_no_loss() -> None:
    diagnosis = diagnose([[1.0, -np.inf, 0.0], [0.0, 2.0, 1.0]], [0, 1], classes=[0, 1, 2])
    assert all(one.lost_rows == 0 for one in diagnosis.precision)
    assert of(diagnosis, "float16", "safe").zero_gradient_share == 0


def test_with_every_row_lost_there_is_no_error() -> None:
    diagnosis = diagnose([[800.0, 799.0]], [0])
    naive = of(diagnosis, "float64", "naive")
    assert naive.lost_rows == 1
    assert math.isnan(naive.probability_error)
    assert "NaN" not in diagnosis.to_text()
    assert diagnosis.to_svg()
