"""The shared argument checks and their wording."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import sparse

from softplex._checks import (
    check_choice,
    check_finite,
    check_number,
    did_you_mean,
    first_non_finite,
)
from softplex.exceptions import InvalidInput


def test_the_nearest_name_is_offered() -> None:
    assert did_you_mean("spieces", ["species", "island"]) == " Did you mean 'species'?"
    assert did_you_mean("zzz", ["species"]) == ""
    assert did_you_mean(12, [1, 2, 121]) == " Did you mean '121'?"


def test_choices() -> None:
    check_choice("method", "temperature", ["temperature", "vector"])
    with pytest.raises(
        InvalidInput, match=r"method must be one of .* but got 'temprature'. Did you"
    ):
        check_choice("method", "temprature", ["temperature", "vector"])
    with pytest.raises(InvalidInput, match="but got None"):
        check_choice("method", None, ["temperature"])


@pytest.mark.parametrize("value", [0, 0.5, 1, np.float32(0.5), np.int64(1)])
def test_numbers_inside_the_interval_pass(value: object) -> None:
    check_number("x", value, low=0, high=1)


@pytest.mark.parametrize(
    "value", [-1e-9, 1.1, float("nan"), float("inf"), "1", None, True, np.True_, 1j, [0.5]]
)
def test_numbers_outside_it_are_refused(value: object) -> None:
    with pytest.raises(InvalidInput, match=r"x must be a finite number in \[0, 1\], but got"):
        check_number("x", value, low=0, high=1)


def test_open_ends_and_whole_numbers() -> None:
    with pytest.raises(InvalidInput, match=r"\(0, 1\)"):
        check_number("x", 0, low=0, high=1, open_low=True, open_high=True)
    with pytest.raises(InvalidInput, match=r"\(0, 1\)"):
        check_number("x", 1, low=0, high=1, open_low=True, open_high=True)
    with pytest.raises(InvalidInput, match="whole number"):
        check_number("x", 1.0, integer=True)
    check_number("x", np.int32(3), integer=True)


@pytest.mark.parametrize("make", [np.asarray, sparse.csr_matrix], ids=["dense", "csr"])
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_non_finite_entry_is_found_where_it_is(make, value: float) -> None:
    X = np.arange(12.0).reshape(4, 3)
    assert first_non_finite(make(X)) is None
    X[2, 1] = value
    assert first_non_finite(make(X)) == (2, 1)
    with pytest.raises(InvalidInput, match="fit needs finite numbers in X, but row 2, column 1 ho"):
        check_finite("fit", make(X))
    with pytest.raises(InvalidInput, match=r"column 1 \('b'\)"):
        check_finite("fit", make(X), ["a", "b", "c"])


def test_infinities_of_both_signs_are_found_without_a_warning() -> None:
    X = np.zeros((3, 3))
    X[1, 2], X[2, 0] = -np.inf, np.inf
    assert first_non_finite(X) == (1, 2)
    with pytest.raises(InvalidInput, match=r"\(-inf\)"):
        check_finite("fit", X)


def test_a_sum_that_overflows_is_no_infinity() -> None:
    assert first_non_finite(np.full((4, 4), 1e308)) is None
    assert first_non_finite(np.full((4, 4), 3e38, dtype=np.float32)) is None


def test_integers_and_empty_arrays_are_finite() -> None:
    assert first_non_finite(np.zeros((0, 3))) is None
    assert first_non_finite(np.ones((2, 2), dtype=np.int64)) is None
