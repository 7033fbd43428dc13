"""The problems that benchmarks are run on, each by name.

Real data sets are looked for in the folder named by SOFTPLEX_DATA, or in ../shared/data beside the
checkout; a problem whose data are absent raises FileNotFoundError, and its row is left out with a
line that says so. Every random choice has a fixed seed.

With ``quick`` a problem keeps a few of its rows: to see that a row works, not to measure.
"""

from __future__ import annotations

import gzip
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from scipy import sparse
from sklearn.datasets import load_digits, load_iris, load_wine
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.model_selection import StratifiedKFold

DATA = Path(
    os.environ.get("SOFTPLEX_DATA", Path(__file__).resolve().parents[1].parent / "shared" / "data")
)

Fold = tuple[np.ndarray, np.ndarray]


class Task(NamedTuple):
    """One optimum to be found: the rows that it is fitted on (None is all), and its C."""

    rows: np.ndarray | None
    C: float


@dataclass(frozen=True)
class Problem:
    """Data and what is to be minimised over them.

    The objective of a task is C x sum(loss) + 1/2 ||W||^2 over its rows, with the intercept
    unpenalised. ``target`` is the relative suboptimality that counts as there.
    """

    name: str
    X: Any
    y: np.ndarray
    Cs: tuple[float, ...]
    folds: tuple[Fold, ...] = ()
    loss: str = "softmax"
    fit_intercept: bool = True
    target: float = 1e-6

    @property
    def C(self) -> float:  # noqa: N802 - the field's name
        (value,) = self.Cs
        return value

    @property
    def tasks(self) -> list[Task]:
        """Fold by fold, the values of C in order."""
        parts: list[np.ndarray | None] = [train for train, _ in self.folds]
        return [Task(rows, C) for rows in parts or [None] for C in self.Cs]


def _idx(path: Path, offset: int) -> np.ndarray:
    return np.frombuffer(gzip.decompress(path.read_bytes()), np.uint8, offset=offset)


def _standardised(X: np.ndarray) -> np.ndarray:
    spread = X.std(axis=0)
    return np.asarray((X - X.mean(axis=0)) / np.where(spread > 0, spread, 1.0))


def _pixels(rows: int) -> tuple[np.ndarray, np.ndarray]:
    folder = DATA / "fashion-mnist"
    X = _idx(folder / "train-images-idx3-ubyte.gz", 16).reshape(-1, 784)[:rows]
    y = _idx(folder / "train-labels-idx1-ubyte.gz", 8)[:rows]
    return X.astype(np.float64), y.astype(np.int64)


def _fashion_name(X: np.ndarray, what: str) -> str:
    n, d = X.shape
    return f"Fashion-MNIST {n:,} x {d}, k = 10, {what}"


def fashion(quick: bool) -> Problem:
    pixels, y = _pixels(2_000 if quick else 60_000)
    X = _standardised(pixels)
    return Problem(_fashion_name(X, "standardised"), X, y, (1.0 / (1e-3 * len(y)),))


def fashion_raw(quick: bool) -> Problem:
    """When quick, an eighth of the columns: with all of them a few rows are separable."""
    pixels, y = _pixels(2_000 if quick else 60_000)
    X = (pixels * 10.0 ** np.random.default_rng(0).uniform(-3, 3, 784))[:, :: 8 if quick else 1]
    what = "pixels 0..255, columns times 10^U(-3, 3)"
    return Problem(_fashion_name(X, what), np.ascontiguousarray(X), y, (1.0 / (1e-3 * len(y)),))


def embedded(n: int, d: int, k: int) -> tuple[np.ndarray, np.ndarray]:
    """Made embeddings, ``(n, d)`` in float32, and their classes, n / k rows each.

    x = (0.3 m_y + e) S R: class means m and noise e are standard normal; S scales coordinate j by
    j^(-1/2), so that the spectrum falls as that of trained embeddings does; R is a random
    rotation, so that no column stands out. At d = 256 and k = 1000 the best rule is right on about
    7 rows of 10.
    """
    generator = np.random.default_rng(0)
    y = generator.permutation(np.arange(n) % k)
    means = generator.standard_normal((k, d))
    rotation, _ = np.linalg.qr(generator.standard_normal((d, d)))
    noise = generator.standard_normal((n, d))
    X = ((0.3 * means[y] + noise) * np.arange(1, d + 1) ** -0.5) @ rotation
    return X.astype(np.float32), y


def embeddings(quick: bool) -> Problem:
    n, d, k = (3_000, 64, 50) if quick else (50_000, 256, 1000)
    X, y = embedded(n, d, k)
    name = f"made embeddings {n:,} x {d}, float32, k = {k}"
    return Problem(name, X, y, (1.0 / (1e-4 * n),))


def banking77_features(quick: bool) -> tuple[sparse.csr_matrix, np.ndarray]:
    """TF-IDF of words and pairs of words, and of characters in words by 2 to 5, side by side."""
    table = pd.read_csv(DATA / "banking77" / "train.csv.gz")
    if quick:
        table = table.sample(1_000, random_state=0)
    words = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True)
    characters = TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 5), sublinear_tf=True)
    parts = [vectorizer.fit_transform(table["text"]) for vectorizer in (words, characters)]
    classes = table["category"].astype("category").cat.codes
    return sparse.hstack(parts, format="csr"), np.asarray(classes, dtype=np.int64)


def banking77(C: float) -> Callable[[bool], Problem]:
    def build(quick: bool) -> Problem:
        X, y = banking77_features(quick)
        n, d = X.shape
        k = len(np.unique(y))
        name = f"Banking77 TF-IDF {n:,} x {d:,}, {X.nnz / n:.0f} non-zeros a row, k = {k}"
        return Problem(name, X, y, (C,))

    return build


def _path(name: str, X: np.ndarray, y: np.ndarray, quick: bool) -> Problem:
    Cs = np.logspace(-4, 0, 3) if quick else np.logspace(-4, 2, 10)
    splitter = StratifiedKFold(3 if quick else 5, shuffle=True, random_state=0)
    folds = tuple(splitter.split(X, y))
    what = f"{len(Cs)} values of C from {Cs[0]:g} to {Cs[-1]:g} x {len(folds)} folds"
    return Problem(f"{name}, {what}", X, y, tuple(Cs.tolist()), folds)


def letter_path(quick: bool) -> Problem:
    table = pd.read_csv(DATA / "tables" / "letter-recognition.csv.gz")
    if quick:
        table = table[:1_000]
    X = _standardised(table.drop(columns="target").to_numpy(np.float64))
    y = np.asarray(table["target"].astype("category").cat.codes, dtype=np.int64)
    return _path(f"letter-recognition {len(y):,} x 16, k = 26, standardised", X, y, quick)


def fashion_path(quick: bool) -> Problem:
    pixels, y = _pixels(500 if quick else 10_000)
    X = _standardised(pixels)
    return _path(_fashion_name(X, "standardised"), X, y, quick)


def crammer_singer(quick: bool) -> Problem:
    """Without an intercept: LIBLINEAR penalises it, so with one the objectives would differ."""
    pixels, y = _pixels(500 if quick else 10_000)
    X = _standardised(pixels)
    return Problem(
        f"Crammer-Singer hinge, {_fashion_name(X, 'standardised')}, no intercept",
        X,
        y,
        (1.0 / (1e-3 * len(y)),),
        loss="crammer_singer",
        fit_intercept=False,
        target=1e-4,
    )


def _bundled(name: str, loader: Callable[..., Any]) -> Callable[[bool], Problem]:
    def build(_: bool) -> Problem:
        X, y = loader(return_X_y=True)
        return Problem(name, X, y, (1.0,))

    return build


PROBLEMS: dict[str, Callable[[bool], Problem]] = {
    "fashion": fashion,
    "fashion-raw": fashion_raw,
    "embeddings": embeddings,
    "banking77, C = 1": banking77(1.0),
    "banking77, C = 30": banking77(30.0),
    "letter path": letter_path,
    "fashion path": fashion_path,
    "crammer-singer": crammer_singer,
    "iris": _bundled("iris 150 x 4, k = 3", load_iris),
    "wine": _bundled("wine 178 x 13, k = 3", load_wine),
    "digits": _bundled("digits 1,797 x 64, k = 10", load_digits),
}
