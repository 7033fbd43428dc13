"""Cross-entropy in bits is the length of the file.

Symbols are drawn from p and written by an arithmetic coder that believes q. The file is as long as
n times the cross-entropy says, to a few digits. Run it with ``python examples/code_length.py``.
"""

from __future__ import annotations

import numpy as np

from softplex.coding import huffman_code_lengths
from softplex.information import entropy, expected_code_length

N_SYMBOLS = 100_000
P = np.array([0.9, 0.05, 0.03, 0.015, 0.005])
MODELS = {
    "the true p": P,
    "a rough guess": np.array([0.8, 0.1, 0.05, 0.04, 0.01]),
    "all alike": np.full(5, 0.2),
}


def written_bits(message: np.ndarray, model: np.ndarray) -> int | None:
    """Give the length of the file that a range coder writes, or None where there is no coder."""
    try:
        import constriction
    except ImportError:
        return None
    symbols = constriction.stream.model.Categorical(model, perfect=False)
    encoder = constriction.stream.queue.RangeEncoder()
    encoder.encode(message, symbols)
    words = encoder.get_compressed()
    decoder = constriction.stream.queue.RangeDecoder(words)
    if not np.array_equal(decoder.decode(symbols, len(message)), message):
        raise RuntimeError("The decoded message differs from the one that was written.")
    return 8 * words.nbytes


def main() -> None:
    """Write one message under three models, and compare."""
    message = np.random.default_rng(0).choice(len(P), size=N_SYMBOLS, p=P).astype(np.int32)
    shares = np.bincount(message, minlength=len(P)) / N_SYMBOLS
    for name, model in MODELS.items():
        promised = N_SYMBOLS * expected_code_length(shares, model, unit="bits")
        written = written_bits(message, model)
        shown = "" if written is None else f", the file has {written:,}"
        print(f"{name}: cross-entropy says {promised:,.0f} bits{shown}")
    huffman = int(huffman_code_lengths(P)[message].sum())
    print(f"Huffman's code for p: {huffman:,} bits, for it spends at least one on every symbol")
    print(f"the entropy of the message: {N_SYMBOLS * entropy(shares, unit='bits'):,.0f} bits")
    if written_bits(message[:1], P) is None:
        print("To write the files too, install the coder: pip install constriction")


if __name__ == "__main__":
    main()
