"""Cross-entropy in bits is the length of the file that an arithmetic coder writes."""

from __future__ import annotations

import constriction
import numpy as np
import pytest

from softplex.coding import huffman_code_lengths, huffman_codes
from softplex.information import cross_entropy, entropy, huffman_code_length

N_SYMBOLS = 50_000
WORD = 32  # the coder writes whole words
P = np.array([0.9, 0.05, 0.03, 0.015, 0.005])
MODELS = {
    "right": P,
    "rough": np.array([0.8, 0.1, 0.05, 0.04, 0.01]),
    "wrong": P[::-1].copy(),
    "uniform": np.full(5, 0.2),
}


@pytest.fixture(scope="module")
def message() -> np.ndarray:
    return np.random.default_rng(0).choice(len(P), size=N_SYMBOLS, p=P).astype(np.int32)


def shares(message: np.ndarray) -> np.ndarray:
    return np.bincount(message, minlength=len(P)) / len(message)


def written(message: np.ndarray, q: np.ndarray) -> np.ndarray:
    encoder = constriction.stream.queue.RangeEncoder()
    encoder.encode(message, constriction.stream.model.Categorical(q, perfect=False))
    return encoder.get_compressed()


@pytest.mark.parametrize("name", MODELS)
def test_the_file_is_as_long_as_the_cross_entropy_says(name: str, message: np.ndarray) -> None:
    q = MODELS[name]
    words = written(message, q)
    promised = N_SYMBOLS * cross_entropy(shares(message), q, unit="bits")
    assert 8 * words.nbytes == pytest.approx(promised, rel=1e-3, abs=2 * WORD)
    assert 8 * words.nbytes > promised - WORD
    decoder = constriction.stream.queue.RangeDecoder(words)
    decoded = decoder.decode(constriction.stream.model.Categorical(q, perfect=False), len(message))
    np.testing.assert_array_equal(decoded, message)


def test_a_stack_of_numerals_is_as_short(message: np.ndarray) -> None:
    coder = constriction.stream.stack.AnsCoder()
    symbols = constriction.stream.model.Categorical(P, perfect=False)
    coder.encode_reverse(message, symbols)
    bits = 8 * coder.get_compressed().nbytes
    promised = N_SYMBOLS * cross_entropy(shares(message), P, unit="bits")
    assert bits == pytest.approx(promised, rel=1e-3, abs=3 * WORD)
    np.testing.assert_array_equal(coder.decode(symbols, len(message)), message)


def test_the_right_model_writes_the_shortest_file(message: np.ndarray) -> None:
    lengths = {name: written(message, q).nbytes for name, q in MODELS.items()}
    assert min(lengths, key=lambda name: lengths[name]) == "right"
    assert 8 * lengths["right"] >= N_SYMBOLS * entropy(shares(message), unit="bits") - WORD


def test_huffman_spends_whole_digits_and_more(message: np.ndarray) -> None:
    p = shares(message)
    codes = huffman_codes(huffman_code_lengths(p))
    spent = sum(len(codes[symbol]) for symbol in message)
    assert spent == pytest.approx(N_SYMBOLS * huffman_code_length(p), rel=1e-12)
    assert spent > 1.5 * 8 * written(message, p).nbytes
