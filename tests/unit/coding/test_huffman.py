"""Huffman codes: optimal, complete, deterministic."""

from __future__ import annotations

import itertools
import math
from fractions import Fraction

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from softplex.coding import huffman_code_lengths, huffman_codes, huffman_tree
from softplex.exceptions import InvalidInput

COUNTS = st.lists(st.integers(0, 1000), min_size=1, max_size=12).filter(any)


def complete_codes(n_symbols: int) -> list[tuple[int, ...]]:
    """All sorted length lists with Kraft's equality."""
    lengths = range(1, n_symbols)
    return [
        lists
        for lists in itertools.combinations_with_replacement(lengths, n_symbols)
        if sum(Fraction(1, 2**length) for length in lists) == 1
    ]


@pytest.mark.parametrize("n_symbols", [2, 3, 4, 5, 6])
def test_no_prefix_code_is_shorter(n_symbols: int) -> None:
    generator = np.random.default_rng(n_symbols)
    choices = complete_codes(n_symbols)
    for _ in range(30):
        counts = generator.integers(1, 40, n_symbols)
        ordered = sorted(counts.tolist(), reverse=True)
        best = min(sum(map(int.__mul__, ordered, lengths)) for lengths in choices)
        assert int((counts * huffman_code_lengths(counts)).sum()) == best


@given(counts=COUNTS)
@settings(max_examples=50, deadline=None, derandomize=True)
def test_kraft_and_the_entropy_bound(counts: list[int]) -> None:
    lengths = huffman_code_lengths(counts)
    weights = np.array(counts)
    present = weights > 0
    assert (lengths[~present] == 0).all()
    assert sum(Fraction(1, 2 ** int(length)) for length in lengths[present]) == 1
    p = weights[present] / weights.sum()
    entropy = -(p * np.log2(p)).sum()
    mean = (p * lengths[present]).sum()
    assert entropy - 1e-12 <= mean < entropy + 1


@given(counts=COUNTS)
@settings(max_examples=50, deadline=None, derandomize=True)
def test_heavier_symbols_are_never_longer(counts: list[int]) -> None:
    lengths = huffman_code_lengths(counts)
    for i, j in itertools.permutations(range(len(counts)), 2):
        if counts[i] > counts[j] > 0:
            assert lengths[i] <= lengths[j]


@given(counts=COUNTS)
@settings(max_examples=50, deadline=None, derandomize=True)
def test_codewords_are_free_of_prefixes_and_canonical(counts: list[int]) -> None:
    lengths = huffman_code_lengths(counts)
    codes = huffman_codes(lengths)
    assert [len(code) for code in codes] == lengths.tolist()
    used = [code for code in codes if code]
    for first, second in itertools.permutations(used, 2):
        assert not second.startswith(first)
    in_order = sorted(used, key=lambda code: (len(code), code))
    assert in_order == sorted(used)
    for length in set(map(len, used)):
        numbers = [int(code, 2) for code in codes if len(code) == length]
        assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))


@given(counts=COUNTS)
@settings(max_examples=50, deadline=None, derandomize=True)
def test_paths_lead_from_the_root_to_the_symbols(counts: list[int]) -> None:
    tree = huffman_tree(counts)
    lengths = tree.lengths()
    nodes, digits = tree.paths()
    assert tree.n_inner == sum(count > 0 for count in counts) - 1
    np.testing.assert_array_equal((nodes >= 0).sum(axis=1), lengths)
    np.testing.assert_array_equal(nodes < 0, digits < 0)
    for symbol, length in enumerate(lengths):
        steps = [*(nodes[symbol, :length] + len(counts)), symbol]
        for place, (above, below) in enumerate(itertools.pairwise(steps)):
            assert tree.parents[below] == above
            assert tree.digits[below] == digits[symbol, place]
        if length:
            assert steps[0] == len(tree.parents) - 1
    words = {tuple(row[row >= 0]) for row in digits[lengths > 0]}
    assert len(words) == (lengths > 0).sum()


def test_powers_of_two_reach_the_entropy() -> None:
    p = np.array([0.125, 0.5, 0.125, 0.25])
    np.testing.assert_array_equal(huffman_code_lengths(p), -np.log2(p))


def test_equal_weights_give_a_balanced_tree() -> None:
    assert (huffman_code_lengths(np.ones(64)) == 6).all()
    assert sorted(huffman_code_lengths(np.ones(5)).tolist()) == [2, 2, 2, 3, 3]


def test_ties_keep_the_longest_path_short() -> None:
    assert sorted(huffman_code_lengths([1, 1, 2, 2]).tolist()) == [2, 2, 2, 2]


def test_a_chain_is_as_deep_as_it_must_be() -> None:
    lengths = huffman_code_lengths([2.0**-i for i in range(1, 900)])
    assert lengths.max() == 898
    assert lengths[0] == 1
    codes = huffman_codes(lengths)
    assert len(set(codes)) == 899


def test_the_only_symbol_needs_no_digit() -> None:
    assert huffman_code_lengths([3.0]).tolist() == [0]
    assert huffman_code_lengths([0, 7, 0]).tolist() == [0, 0, 0]
    assert huffman_codes([0, 0]) == ["", ""]
    assert huffman_codes(np.zeros(0, dtype=int)) == []
    nodes, digits = huffman_tree([0, 7]).paths()
    assert nodes.shape == digits.shape == (2, 0)


def test_large_counts_are_added_exactly() -> None:
    counts = np.array([2**62, 2**62, 2**62, 2**62 + 1], dtype=np.uint64)
    assert huffman_code_lengths(counts).tolist() == [2, 2, 2, 2]


def test_the_answer_comes_in_kind() -> None:
    lengths = huffman_code_lengths(torch.tensor([1.0, 1.0], dtype=torch.bfloat16))
    assert isinstance(lengths, torch.Tensor)
    assert lengths.dtype == torch.int64
    assert isinstance(huffman_code_lengths([1, 1]), np.ndarray)
    assert huffman_codes(lengths) == ["0", "1"]
    assert huffman_code_lengths(np.array([True, False, True])).tolist() == [1, 0, 1]


def test_many_symbols() -> None:
    weights = 1.0 / np.arange(1, 50_001)
    lengths = huffman_code_lengths(weights)
    assert math.isclose(float((0.5**lengths).sum()), 1.0)
    assert len(set(huffman_codes(lengths))) == len(weights)


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        ([1.0, -0.5], "symbol 1 has -0.5"),
        ([1.0, math.nan], "symbol 1 has nan"),
        ([math.inf, 1.0], "symbol 0 has inf"),
        ([0, 0], "got 2 symbols, none with any"),
        ([], "got 0 symbols, none with any"),
        ([[1.0]], r"one row of numbers, but got an array of shape \(1, 1\)"),
        (["a"], "one row of numbers"),
    ],
)
@pytest.mark.parametrize("function", [huffman_code_lengths, huffman_tree])
def test_bad_weights_are_refused(function, weights: list, message: str) -> None:
    with pytest.raises(InvalidInput, match=f"{function.__name__} needs .*{message}"):
        function(weights)


@pytest.mark.parametrize(
    ("lengths", "message"),
    [
        ([1, 1, 1], "run out at symbol 2, of length 1"),
        ([2, 1, 1], "run out at symbol 0, of length 2"),
        ([-1, 1], "whole numbers and not negative"),
        ([0.5], "whole numbers and not negative"),
        (3, "one row of numbers"),
    ],
)
def test_bad_lengths_are_refused(lengths: object, message: str) -> None:
    with pytest.raises(InvalidInput, match=f"huffman_codes needs .*{message}"):
        huffman_codes(lengths)


@pytest.mark.parametrize("function", [huffman_code_lengths, huffman_tree, huffman_codes])
def test_what_is_no_row_is_refused(function) -> None:
    ragged = [[1, 2], [3]]
    of_a_graph = [torch.ones(1, requires_grad=True)]
    for values in (ragged, of_a_graph):
        with pytest.raises(InvalidInput, match=f"{function.__name__} needs .* one row of numbers"):
            function(values)
