"""Huffman codes: the prefix codes of least mean length.

The two lightest nodes are joined until one is left. With the symbols sorted, the joined nodes are
made in order of weight, so the lightest node is always the first of one of two queues (van Leeuwen
1976), and after the sort the work is linear.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from softplex._arrays import answer_in_kind, to_numpy, to_tensor
from softplex.coding._tree import PADDING, HuffmanTree
from softplex.exceptions import InvalidInput


def huffman_tree(weights: Any) -> HuffmanTree:
    """Build the Huffman tree of some symbols.

    Parameters
    ----------
    weights : array or tensor (k,)
        Probabilities or counts, at least one of them positive. A symbol of weight 0 never occurs
        and is left out of the tree.

    Returns
    -------
    HuffmanTree
        Parents and digits of all nodes, and the paths from the root to the symbols. Of two joined
        nodes the lighter gets the digit 0. Ties go to symbols before inner nodes, and then to the
        smaller number, so the same weights always give the same tree, and no tree of the same mean
        length has a shorter longest path.

    Raises
    ------
    InvalidInput
        When the weights are not one row of finite numbers that are not negative, or none of them is
        positive.

    References
    ----------
    Huffman (1952), "A method for the construction of minimum-redundancy codes". Schwartz (1964),
    "An optimum encoding with minimum longest code and total number of digits", for the ties. Van
    Leeuwen (1976), "On the construction of Huffman trees", for the two queues.

    Examples
    --------
    >>> tree = huffman_tree([5, 1, 1])
    >>> tree.parents.tolist()
    [4, 3, 3, 4, -1]
    >>> tree.digits.tolist()
    [1, 0, 1, 0, -1]
    """
    values = _weights("huffman_tree", weights)
    present = np.flatnonzero(values)
    order = present[np.argsort(values[present], kind="stable")]
    joined = _joined(order.tolist(), values[order].tolist(), len(values))
    parents = np.full(len(values) + len(order) - 1, PADDING, dtype=np.int64)
    digits = np.full(len(parents), PADDING, dtype=np.int8)
    children = np.array(joined, dtype=np.int64)
    parents[children] = np.repeat(np.arange(len(values), len(parents)), 2)
    digits[children] = np.tile(np.array([0, 1], dtype=np.int8), len(children) // 2)
    return HuffmanTree(parents, digits, len(values))


def huffman_code_lengths(weights: Any) -> Any:
    """Give the length of every symbol's codeword in a Huffman code.

    Parameters
    ----------
    weights : array or tensor (k,)
        Probabilities or counts, at least one of them positive.

    Returns
    -------
    int64 array or tensor (k,)
        Lengths in binary digits. A symbol of weight 0 has no codeword and gets 0. So does a symbol
        that is the only one: nothing is left to say (formats that must write something write one
        digit). The lengths of the codewords satisfy Kraft's equality, sum 2^-length = 1, and the
        mean length L lies in H <= L < H + 1, with H the entropy in bits.

    Raises
    ------
    InvalidInput
        When the weights are not one row of finite numbers that are not negative, or none of them is
        positive.

    References
    ----------
    Huffman (1952), "A method for the construction of minimum-redundancy codes".

    Examples
    --------
    >>> huffman_code_lengths([0.5, 0.25, 0.125, 0.125, 0.0]).tolist()
    [1, 2, 3, 3, 0]
    """
    _weights("huffman_code_lengths", weights)
    return answer_in_kind(to_tensor(huffman_tree(weights).lengths()), weights)


def huffman_codes(lengths: Any) -> list[str]:
    """Give the canonical codewords of some lengths.

    Codewords of one length are consecutive binary numbers, in the order of the symbols, and shorter
    ones come first in alphabetical order, so the lengths alone tell the whole code.

    Parameters
    ----------
    lengths : integer array or tensor (k,)
        Lengths in binary digits, as :func:`huffman_code_lengths` gives them; 0 for no codeword.

    Returns
    -------
    list of str
        k codewords of the digits 0 and 1, none the beginning of another; empty for length 0.

    Raises
    ------
    InvalidInput
        When the lengths are not one row of whole numbers that are not negative, or break Kraft's
        inequality, sum 2^-length <= 1, so that no prefix code has them.

    References
    ----------
    Schwartz and Kallick (1964), "Generating a canonical prefix encoding". Kraft (1949), "A device
    for quantizing, grouping, and coding amplitude modulated pulses".

    Examples
    --------
    >>> huffman_codes([1, 2, 3, 3, 0])
    ['0', '10', '110', '111', '']
    """
    values = _row("huffman_codes", "lengths", lengths)
    if values.dtype.kind not in "iu" or (values < 0).any():
        raise InvalidInput(
            "huffman_codes needs lengths that are whole numbers and not negative, but got "
            f"{values.tolist()[:8]} of type {values.dtype}."
        )
    codes = [""] * len(values)
    order = np.argsort(values, kind="stable")[np.count_nonzero(values == 0) :].tolist()
    if not order:
        return codes
    sizes = values.tolist()
    number = 0
    codes[order[0]] = "0" * sizes[order[0]]
    for previous, symbol in pairwise(order):
        number = (number + 1) << (sizes[symbol] - sizes[previous])
        codes[symbol] = f"{number:0{sizes[symbol]}b}"
        if len(codes[symbol]) > sizes[symbol]:
            raise InvalidInput(
                "huffman_codes needs lengths with sum 2^-length <= 1 (Kraft's inequality), but "
                f"codewords run out at symbol {symbol}, of length {sizes[symbol]}."
            )
    return codes


def _joined(order: list[int], sorted_weights: list[Any], first_inner: int) -> list[int]:
    """Give the children of the inner nodes, two by two, in the order in which those are made."""
    joined: list[int] = []
    sums: list[Any] = []
    leaf = inner = 0
    n_leaves = len(order)
    for _ in range(n_leaves - 1):
        total = 0
        for _ in range(2):
            if inner == len(sums) or (leaf < n_leaves and sorted_weights[leaf] <= sums[inner]):
                joined.append(order[leaf])
                total = total + sorted_weights[leaf]
                leaf += 1
            else:
                joined.append(first_inner + inner)
                total = total + sums[inner]
                inner += 1
        sums.append(total)
    return joined


def _row(who: str, name: str, values: Any) -> NDArray[Any]:
    try:
        row: NDArray[Any] = np.asarray(to_numpy(values))
    except (ValueError, TypeError, RuntimeError) as error:
        raise InvalidInput(f"{who} needs {name} as one row of numbers, but got: {error}") from error
    if row.ndim != 1 or row.dtype.kind not in "biuf":
        raise InvalidInput(
            f"{who} needs {name} as one row of numbers, but got an array of shape {row.shape} and "
            f"type {row.dtype}."
        )
    return row


def _weights(who: str, weights: Any) -> NDArray[Any]:
    """Give the weights as an array; refuse what cannot be weights, and say where."""
    values = _row(who, "weights", weights)
    bad = ~((values >= 0) & np.isfinite(values))
    if bad.any():
        place = int(np.flatnonzero(bad)[0])
        raise InvalidInput(
            f"{who} needs weights that are finite and not negative, but symbol {place} has "
            f"{values[place]}."
        )
    if not values.any():
        raise InvalidInput(
            f"{who} needs a symbol of positive weight, but got {len(values)} symbols, none with "
            "any. Pass counts or probabilities."
        )
    return values.astype(np.float64) if values.dtype.kind == "f" else values
