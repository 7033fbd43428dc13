"""Softmax over ragged groups: softplex beside torch_geometric, in one run.

    OMP_NUM_THREADS=1 python benchmarks/segment_softmax.py [--seconds 3]

Edges are drawn at random; each edge belongs to one node. The two take turns on the same input for
the same number of rounds, and the smallest time of each counts. Shown are times per call and the
ratio softplex / torch_geometric: without gradients, forward with gradients, and both ways.
torch_geometric gives NaN for a group all at -inf and checks neither index nor scores; softplex
does both in the times shown.
"""

from __future__ import annotations

import argparse
import platform
import time
from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch_geometric
from torch import Tensor
from torch_geometric.utils import softmax as geometric_softmax

import softplex
from softplex.maps import segment_softmax

Map = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class Case:
    edges: int
    heads: int | None
    nodes: int
    grouping: str = "index"

    @property
    def name(self) -> str:
        heads = "" if self.heads is None else f" x {self.heads}"
        return f"{self.edges:,}{heads} to {self.nodes:,}, {self.grouping}"


CASES = [
    Case(1_000_000, None, 100_000),
    Case(1_000_000, 1, 100_000),
    Case(1_000_000, None, 100_000, "sorted index"),
    Case(1_000_000, None, 100_000, "offsets"),
    Case(100_000, 8, 10_000),
    Case(100_000, 8, 100_000),
    Case(100_000, 8, 10_000, "offsets"),
    Case(100, None, 10),
    Case(100, 8, 10),
]


def contestants(case: Case) -> tuple[Map, Map]:
    index = torch.randint(case.nodes, (case.edges,))
    if case.grouping != "index":
        index = index.sort().values
    if case.grouping == "offsets":
        offsets = torch.searchsorted(index, torch.arange(case.nodes + 1))
        return (
            lambda z: segment_softmax(z, offsets=offsets),
            lambda z: geometric_softmax(z, ptr=offsets),
        )
    return (
        lambda z: segment_softmax(z, index, n_segments=case.nodes),
        lambda z: geometric_softmax(z, index, num_nodes=case.nodes),
    )


def seconds(function: Callable[[], object], calls: int) -> float:
    begin = time.perf_counter()
    for _ in range(calls):
        function()
    return (time.perf_counter() - begin) / calls


def measure(case: Case, budget: float) -> None:
    shape = (case.edges,) if case.heads is None else (case.edges, case.heads)
    scores, gradient = torch.randn(shape, requires_grad=True), torch.randn(shape)
    pair = contestants(case)
    torch.testing.assert_close(pair[0](scores), pair[1](scores))
    questions: dict[str, Callable[[Map], object]] = {
        "no gradient": lambda function: function(scores.detach()),
        "forward": lambda function: function(scores),
        "both ways": lambda function: torch.autograd.grad(function(scores), scores, gradient),
    }
    calls = max(1, 20_000 // scores.numel())
    cells = []
    for question in questions.values():
        best = [float("inf")] * 2
        end = time.perf_counter() + budget
        while time.perf_counter() < end:
            for place, function in enumerate(pair):
                took = seconds(lambda ask=question, f=function: ask(f), calls)
                best[place] = min(best[place], took)
        cells.append(f"{1e3 * best[0]:9.3f} {1e3 * best[1]:9.3f} {best[0] / best[1]:6.2f}")
    print(f"{case.name:38s} " + "   ".join(cells), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=3.0, help="per figure")
    budget = parser.parse_args().seconds
    torch.manual_seed(0)
    print(
        f"softplex {softplex.__version__}, torch {torch.__version__}, torch_geometric "
        f"{torch_geometric.__version__}, Python {platform.python_version()}, "
        f"{torch.get_num_threads()} threads; milliseconds of softplex, of torch_geometric, ratio"
    )
    print(f"{'':38s} {'no gradient':^26s}   {'forward':^26s}   {'both ways':^26s}")
    for case in CASES:
        measure(case, budget)


if __name__ == "__main__":
    main()
