"""One value and gradient, beside the two products that it cannot do without."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from multiprocessing import get_context

import numpy as np
import torch
from torch import Tensor

from harness.worker import thread_limit
from problems import embedded
from softplex.losses import CrossEntropy
from softplex.streaming import Features, Targets, as_features, linear_loss_and_gradient


@dataclass(frozen=True)
class Shape:
    """Rows, features and classes."""

    n: int
    d: int
    k: int

    def __str__(self) -> str:
        return f"{self.n:,} x {self.d}, float32, k = {self.k}"


SHAPES = (Shape(60_000, 784, 10), Shape(50_000, 256, 1000))
QUICK_SHAPES = (Shape(2_000, 784, 10), Shape(1_000, 256, 100))


@dataclass(frozen=True)
class Timed:
    """The smallest of the times of each way; the first is softplex."""

    shape: Shape
    seconds: dict[str, float]
    rounds: int

    @property
    def ratio(self) -> float:
        """softplex over the best of the pairs of products."""
        ours, *pairs = self.seconds.values()
        return ours / min(pairs)


def measure(shape: Shape, rounds: int, threads: int) -> Timed:
    """Time a shape in a process of its own, with its number of threads."""
    with thread_limit(threads), get_context("spawn").Pool(1) as pool:
        return pool.apply(_measure, (shape, rounds, threads))


def _measure(shape: Shape, rounds: int, threads: int) -> Timed:
    torch.set_num_threads(threads)
    features, y = embedded(shape.n, shape.d, shape.k)
    X = torch.from_numpy(features)
    weight = torch.randn(shape.k, shape.d, generator=torch.Generator().manual_seed(0)) * 1e-2
    ways = list(_ways(X, y, weight))
    best = {name: float("inf") for name, _ in ways}
    for _ in range(1 + rounds):  # the first round warms up, and can but lose
        for name, way in ways:
            begin = time.perf_counter()
            way()
            best[name] = min(best[name], time.perf_counter() - begin)
    return Timed(shape, best, rounds)


def _ways(X: Tensor, y: np.ndarray, weight: Tensor) -> Iterator[tuple[str, Callable[[], object]]]:
    k = len(weight)
    features = as_features(X.numpy(), torch.float32, torch.device("cpu"), k)
    targets = Targets(torch.from_numpy(y), torch.ones(len(y), dtype=torch.float64), k)
    wide, bias = weight.double(), torch.zeros(k, dtype=torch.float64)
    loss = CrossEntropy()
    yield (
        "softplex value + gradient",
        lambda: linear_loss_and_gradient(features, wide, bias, targets, loss),
    )
    scores, gradient = torch.empty(len(y), k), torch.empty_like(weight)
    turned = torch.empty(k, len(y))
    yield "products, a row of scores an example", lambda: _by_example(X, weight, scores, gradient)
    yield "products, a row of scores a class", lambda: _by_class(X, weight, turned, gradient)
    yield "products, a row a class, in blocks", lambda: _in_blocks(features, X, weight, gradient)


def _by_example(X: Tensor, weight: Tensor, scores: Tensor, gradient: Tensor) -> None:
    torch.mm(X, weight.T, out=scores)
    torch.mm(scores.T, X, out=gradient)


def _by_class(X: Tensor, weight: Tensor, scores: Tensor, gradient: Tensor) -> None:
    torch.mm(weight, X.T, out=scores)
    torch.mm(scores, X, out=gradient)


def _in_blocks(features: Features, X: Tensor, weight: Tensor, gradient: Tensor) -> None:
    """In the blocks that softplex takes, which stay in the cache between the two products."""
    gradient.zero_()
    for rows in features.blocks(len(weight)):
        block = X[rows]
        gradient.addmm_(weight @ block.T, block)
