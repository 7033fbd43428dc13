"""A binary tree over symbols, held as arrays."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

PADDING = -1


@dataclass(frozen=True)
class HuffmanTree:
    """A binary tree whose leaves are the symbols 0 to k - 1.

    The inner nodes are k, k + 1, ... in the order in which they were made, so a parent has a larger
    number than its children, and the last node is the root.

    Attributes
    ----------
    parents : int64 array (n_nodes,)
        The node above each node; -1 for the root, and for a symbol that is not in the tree.
    digits : int8 array (n_nodes,)
        The digit, 0 or 1, on the way from the parent; -1 where there is no parent.
    n_symbols : int
        The number k of symbols.
    """

    parents: NDArray[np.int64]
    digits: NDArray[np.int8]
    n_symbols: int

    @property
    def n_inner(self) -> int:
        """How many inner nodes, hence binary decisions, the tree has."""
        return len(self.parents) - self.n_symbols

    def lengths(self) -> NDArray[np.int64]:
        """Give the number of digits on the way from the root to each symbol, ``(k,)``.

        It is 0 for a symbol that is not in the tree, and for the only symbol of a tree.
        """
        depths: NDArray[np.int64] = (self.parents != PADDING).astype(np.int64)
        ancestors = np.where(depths == 1, self.parents, np.arange(len(self.parents)))
        while True:  # each turn doubles the number of steps that an ancestor stands for
            further = depths[ancestors]
            if not further.any():
                return depths[: self.n_symbols]
            depths = depths + further
            ancestors = ancestors[ancestors]

    def paths(self) -> tuple[NDArray[np.int64], NDArray[np.int8]]:
        """Give the decisions on the way from the root to each symbol.

        Returns
        -------
        nodes : int64 array (k, depth)
            The inner nodes that are passed, the root first, numbered from 0 to n_inner - 1 (node
            k + i is number i; the root is the last number); -1 after the end of a path.
        digits : int8 array (k, depth)
            The digit that leads on from each of them; -1 after the end of a path.

        Examples
        --------
        >>> from softplex.coding import huffman_tree
        >>> nodes, digits = huffman_tree([5, 1, 1]).paths()
        >>> nodes.tolist()
        [[1, -1], [1, 0], [1, 0]]
        >>> digits.tolist()
        [[1, -1], [0, 0], [0, 1]]
        """
        lengths = self.lengths()
        shape = (self.n_symbols, int(lengths.max(initial=0)))
        nodes = np.full(shape, PADDING, dtype=np.int64)
        digits = np.full(shape, PADDING, dtype=np.int8)
        symbols = np.flatnonzero(lengths)
        current, columns = symbols, lengths[symbols] - 1
        while len(symbols):
            above = self.parents[current]
            nodes[symbols, columns] = above - self.n_symbols
            digits[symbols, columns] = self.digits[current]
            left = columns > 0
            symbols, current, columns = symbols[left], above[left], columns[left] - 1
        return nodes, digits
