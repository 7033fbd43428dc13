"""What the functions of information refuse, and in which words."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from softplex.exceptions import InvalidInput
from softplex.information import (
    cross_entropy,
    entropy,
    expected_code_length,
    huffman_code_length,
    jensen_shannon,
    kl_divergence,
    mutual_information,
    perplexity,
)

SINGLES = [entropy, perplexity, huffman_code_length]
PAIRS = [cross_entropy, expected_code_length, jensen_shannon, kl_divergence, perplexity]
WITH_UNIT = [entropy, cross_entropy, expected_code_length, jensen_shannon, kl_divergence]
HALF = np.array([[0.5, 0.5]])


@pytest.mark.parametrize("function", SINGLES)
@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([[0.5, 0.5], [1.25, -0.25]], "rows of p that are probabilities, but row 1, class 1 holds"),
        ([[0.5, math.nan]], "row 0, class 1 holds nan"),
        ([[0.5, math.inf]], "row 0, class 1 holds inf"),
        ([[0.5, 0.5], [0.6, 0.6]], r"row 1 sums to 1\.2 \(off by 0\.2\)\. Divide by the sum\."),
        ([0.5, 0.25], r"the only row sums to 0\.75 \(off by 0\.25\)"),
        ([2, 3], "For scores, pass from_scores=True"),
    ],
)
def test_what_is_no_distribution_is_refused(function, rows: list, message: str) -> None:
    with pytest.raises(InvalidInput, match=f"^{function.__name__} needs .*{message}"):
        function(rows)


@pytest.mark.parametrize("function", PAIRS)
def test_the_bad_one_of_two_is_named(function) -> None:
    bad = np.array([[0.5, 0.4]])
    with pytest.raises(InvalidInput, match=f"^{function.__name__} needs rows of p that sum to 1"):
        function(bad, HALF)
    with pytest.raises(InvalidInput, match=f"^{function.__name__} needs rows of q that sum to 1"):
        function(HALF, bad)


@pytest.mark.parametrize("function", [*SINGLES, *PAIRS])
@pytest.mark.parametrize(("value", "shown"), [(math.nan, "NaN"), (math.inf, r"\+inf")])
def test_unusable_scores_are_refused(function, value: float, shown: str) -> None:
    scores = torch.tensor([[0.0, 1.0], [value, 0.0]])
    arguments = (torch.zeros(2, 2), scores) if function in PAIRS else (scores,)
    message = f"^{function.__name__} needs scores .* row 1, class 0 holds {shown}"
    with pytest.raises(InvalidInput, match=message):
        function(*arguments, from_scores=True)


@pytest.mark.parametrize("function", WITH_UNIT)
def test_an_unknown_unit_is_refused(function) -> None:
    arguments = (HALF,) if function is entropy else (HALF, HALF)
    with pytest.raises(InvalidInput, match=r"unit must be one of .*'bit'.* Did you mean 'bits'\?"):
        function(*arguments, unit="bit")
    with pytest.raises(InvalidInput, match="unit must be one of"):
        mutual_information(HALF, unit=None)


@pytest.mark.parametrize("dim", [2, -3])
def test_a_dimension_that_is_not_there_is_refused(dim: int) -> None:
    with pytest.raises(InvalidInput, match=f"entropy needs dim .* dim={dim}"):
        entropy(HALF, dim=dim)
    with pytest.raises(InvalidInput, match=rf"kl_divergence needs dim .* dim={dim} for shapes"):
        kl_divergence(HALF, HALF[0], dim=dim)


def test_arguments_that_do_not_fit_are_refused() -> None:
    three = np.full(3, 1 / 3)
    with pytest.raises(InvalidInput, match="same classes, but p has 2 and q has 3"):
        kl_divergence(HALF, three)
    with pytest.raises(InvalidInput, match="same classes, but p has 1 and q has 2"):
        kl_divergence(np.ones((1, 1)), HALF)
    with pytest.raises(InvalidInput, match=r"rows broadcast, but .* \(2,\) and \(3,\)"):
        cross_entropy(HALF.repeat(2, 0), HALF.repeat(3, 0))
    with pytest.raises(InvalidInput, match=r"needs p to hold the classes, .* p\[:, None\]"):
        cross_entropy(three, np.full((3, 4), 1 / 3), dim=0)


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        ((0.5, 0.6), r"sum to 1, but .* sum to 1\.1"),
        ((1.0, 0.0), r"a weight must be a finite number in \(0, 1\), but got 1\.0"),
        ((0.5,), "two numbers that sum to 1"),
        (0.5, "two numbers that sum to 1"),
        (("0.5", 0.5), "a weight must be a finite number"),
    ],
)
def test_bad_weights_are_refused(weights: object, message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        jensen_shannon(HALF, HALF, weights=weights)


def test_a_huffman_code_needs_symbols() -> None:
    with pytest.raises(InvalidInput, match="needs a symbol in every row, but row 1 has none"):
        huffman_code_length([[0.0, 1.0], [-math.inf, -math.inf]], from_scores=True)
    with pytest.raises(InvalidInput, match="needs a symbol in every row"):
        huffman_code_length(np.zeros((2, 0)))


@pytest.mark.parametrize(
    ("dtype", "off"),
    [(torch.float16, 2e-3), (torch.bfloat16, 1e-2), (torch.float32, 1e-5), (torch.float64, 1e-8)],
)
def test_sums_may_be_off_by_rounding(dtype: torch.dtype, off: float) -> None:
    p = torch.tensor([0.5, 0.5 + off], dtype=dtype)
    assert float(entropy(p)) == pytest.approx(math.log(2), abs=1.1 * off + 0.004)
    with pytest.raises(InvalidInput, match="sum to 1"):
        entropy(torch.tensor([0.5, 0.6], dtype=dtype))


def test_integers_and_lists_are_read() -> None:
    assert entropy([0, 1]).dtype == np.float64
    assert entropy(torch.tensor([0, 1])) == 0
    assert kl_divergence([[0, 1]], torch.tensor([0.5, 0.5], dtype=torch.float64)).shape == (1,)
    frozen = np.array([0.5, 0.5])
    frozen.flags.writeable = False
    assert entropy(frozen[::-1]) == pytest.approx(math.log(2))


def test_no_symbols_are_refused() -> None:
    with pytest.raises(InvalidInput, match=r"^huffman_code_length needs "):
        huffman_code_length([])
