"""Coding: Huffman trees, code lengths and codewords."""

from softplex.coding._huffman import huffman_code_lengths, huffman_codes, huffman_tree
from softplex.coding._tree import HuffmanTree

__all__ = ["HuffmanTree", "huffman_code_lengths", "huffman_codes", "huffman_tree"]
