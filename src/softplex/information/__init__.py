"""Information: entropy, divergences and code lengths of distributions, in nats or bits."""

from softplex.information._code_length import expected_code_length, huffman_code_length
from softplex.information._divergence import jensen_shannon, kl_divergence
from softplex.information._entropy import cross_entropy, entropy, perplexity
from softplex.information._mutual import mutual_information

__all__ = [
    "cross_entropy",
    "entropy",
    "expected_code_length",
    "huffman_code_length",
    "jensen_shannon",
    "kl_divergence",
    "mutual_information",
    "perplexity",
]
