"""The problems that benchmarks are run on, each by name, with its C.

Real data sets are looked for in the folder named by SOFTPLEX_DATA, or in ../shared/data beside the
checkout; a problem whose data are absent is left out with a line that says so.
"""

from __future__ import annotations

import gzip
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.datasets import load_digits, load_iris, load_wine

DATA = Path(
    os.environ.get("SOFTPLEX_DATA", Path(__file__).resolve().parents[1].parent / "shared" / "data")
)


@dataclass(frozen=True)
class Problem:
    name: str
    X: Any
    y: np.ndarray
    C: float


def _idx(path: Path, offset: int) -> np.ndarray:
    return np.frombuffer(gzip.decompress(path.read_bytes()), np.uint8, offset=offset)


def fashion_mnist() -> Problem:
    folder = DATA / "fashion-mnist"
    X = _idx(folder / "train-images-idx3-ubyte.gz", 16).reshape(-1, 784).astype(np.float64)
    y = _idx(folder / "train-labels-idx1-ubyte.gz", 8).astype(np.int64)
    spread = X.std(axis=0)
    X = (X - X.mean(axis=0)) / np.where(spread > 0, spread, 1.0)
    return Problem("Fashion-MNIST 60,000 x 784, k = 10, standardised", X, y, 1.0 / (1e-3 * len(y)))


def _bundled(name: str, loader: Callable[..., Any]) -> Callable[[], Problem]:
    def load() -> Problem:
        X, y = loader(return_X_y=True)
        return Problem(name, X, y, 1.0)

    return load


PROBLEMS: dict[str, Callable[[], Problem]] = {
    "iris": _bundled("iris 150 x 4, k = 3", load_iris),
    "wine": _bundled("wine 178 x 13, k = 3", load_wine),
    "digits": _bundled("digits 1,797 x 64, k = 10", load_digits),
    "fashion": fashion_mnist,
}
