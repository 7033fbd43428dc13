"""What a loss costs beside torch's own: forward and backward, in one run.

    python benchmarks/losses.py [--repeats 30] [--threads 1]

Both take turns on the same input; the smallest time of each counts. The last columns are the ratio
and the difference, for large inputs are judged by the one and small inputs by the other.
"""

from __future__ import annotations

import argparse
import platform
import time
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

import softplex
from softplex import losses

Loss = Callable[[Tensor, Tensor], Tensor]


def pairs(weight: Tensor) -> dict[str, tuple[Loss, Loss]]:
    return {
        "cross_entropy": (
            losses.cross_entropy,
            functional.cross_entropy,
        ),
        "smoothing 0.1": (
            lambda z, y: losses.cross_entropy(z, y, smoothing=0.1, smoothing_kind="uniform"),
            lambda z, y: functional.cross_entropy(z, y, label_smoothing=0.1),
        ),
        "class weights": (
            lambda z, y: losses.cross_entropy(z, y, class_weight=weight),
            lambda z, y: functional.cross_entropy(z, y, weight=weight),
        ),
        "ignore_index": (
            lambda z, y: losses.cross_entropy(z, y, ignore_index=0),
            lambda z, y: functional.cross_entropy(z, y, ignore_index=0),
        ),
        "weston_watkins": (
            losses.weston_watkins,
            lambda z, y: functional.multi_margin_loss(z, y) * z.shape[1],
        ),
    }


def seconds(loss: Loss, scores: Tensor, targets: Tensor, calls: int) -> float:
    start = time.perf_counter()
    for _ in range(calls):
        scores.grad = None
        loss(scores, targets).backward()
    return (time.perf_counter() - start) / calls


def compare(n: int, k: int, dtype: torch.dtype, repeats: int) -> None:
    generator = torch.Generator().manual_seed(0)
    scores = torch.randn(n, k, generator=generator).to(dtype).requires_grad_()
    targets = torch.randint(k, (n,), generator=generator)
    weight = torch.rand(k, generator=generator, dtype=torch.float32).to(dtype)
    calls = max(1, 200_000 // (n * k + 1000))
    for name, both in pairs(weight).items():
        if name == "weston_watkins" and dtype not in (torch.float32, torch.float64):
            continue  # torch has none in half precision
        best = [float("inf")] * 2
        for _ in range(repeats):
            for place, loss in enumerate(both):
                best[place] = min(best[place], seconds(loss, scores, targets, calls))
        ours, theirs = best
        print(
            f"{n:>7,} x {k:<6,} {str(dtype)[6:]:<9}{name:<16}"
            f"{ours * 1e6:>12,.1f}{theirs * 1e6:>12,.1f}"
            f"{ours / theirs:>8.2f}{(ours - theirs) * 1e6:>+12,.1f}"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--repeats", type=int, default=30)
    parser.add_argument("--threads", type=int, default=1)
    arguments: Any = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    print(
        f"softplex {softplex.__version__}, torch {torch.__version__}, "
        f"{arguments.threads} threads, {platform.machine()}"
    )
    print(
        f"{'input':<26}{'loss':<16}{'softplex us':>12}{'torch us':>12}{'ratio':>8}{'more us':>12}"
    )
    for n, k in ((8, 10), (64, 100), (4096, 1000)):
        compare(n, k, torch.float32, arguments.repeats)
    compare(4096, 1000, torch.bfloat16, arguments.repeats)


if __name__ == "__main__":
    main()
