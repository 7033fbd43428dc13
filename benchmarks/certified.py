"""Time to a proved optimum: softplex beside its peers, side by side in one run.

    python benchmarks/certified.py [row ...] [--threads 2] [--repeats 3] [--json out.json]

Rows: fashion, fashion-raw, embeddings, banking77, path, crammer-singer, small, gradient; all of
them where none is named. Real data are looked for in SOFTPLEX_DATA.

The optimum is bracketed first by a softplex fit to a gap of a hundredth of the target; its lower
bound stands for the optimum, so that nobody is flattered, and is kept in --cache. Each candidate
runs in a process of its own, from its loosest tolerance on, until its objective, evaluated apart
from it in NumPy and float64, is within the target. A fit that takes longer than --limit is
stopped, and what the candidate had reached by then is shown. Those that get there in less than 30
seconds take turns, and the smallest time of each counts; memory is the peak above the loaded data.
"""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from harness.candidates import Candidate
from harness.machine import describe
from harness.products import QUICK_SHAPES, SHAPES, measure
from harness.race import Limits, race
from harness.references import Bracket, bracket
from harness.rows import GRADIENT, GRADIENT_AIM, ROWS, Row
from harness.tables import footnotes, markdown, outcome_cells, plain, product_cells, verdict
from harness.worker import Failure, StoredProblem
from problems import PROBLEMS, Problem

CACHE = Path(__file__).resolve().parents[1] / "build" / "benchmarks"
_QUICK_LIMIT = 20.0
_GRADIENT_ROUNDS = 20
# A fit of the reference has this many times the limit of a candidate's.
_REFERENCE_LIMITS = 3.0


def run_row(name: str, row: Row, arguments: argparse.Namespace) -> list[dict[str, Any]]:
    if row.absence is not None:
        print(f"\n## {name}: left out, {row.absence}")
        return [{"row": name, "absence": row.absence}]
    results = []
    for problem_name in row.problems:
        try:
            problem = PROBLEMS[problem_name](arguments.quick)
        except FileNotFoundError as missing:
            print(f"\n## {name}: left out, its data are not here ({missing})")
            results.append({"row": name, "problem": problem_name, "absence": str(missing)})
            continue
        results.append({"row": name, **run_problem(problem, row, arguments)})
    return results


def run_problem(problem: Problem, row: Row, arguments: argparse.Namespace) -> dict[str, Any]:
    at = f", C = {problem.C:.4g}" if len(problem.Cs) == 1 else ""
    print(f"\n## {problem.name}{at}", flush=True)
    candidates = chosen(row.field(problem), arguments.only)
    limits = Limits(min(arguments.limit, row.limit), arguments.repeats, arguments.threads)
    with StoredProblem(problem) as stored:
        known = bracket(
            stored, arguments.cache, arguments.threads, _REFERENCE_LIMITS * limits.seconds
        )
        if isinstance(known, Failure):
            print(f"left out: {known.message}")
            return {"problem": problem.name, "absence": known.message}
        print(bracket_in_words(known, problem), flush=True)
        outcomes = race(stored, candidates, known, limits)
    said = verdict(outcomes, row.aim)
    layout = layout_of(arguments)
    print(f"\n{layout(outcome_cells(outcomes))}\n\n{said}")
    for line in footnotes(outcomes):
        print(f"- {line}")
    return {
        "problem": problem.name,
        "target": problem.target,
        "bracket": asdict(known),
        "outcomes": [asdict(outcome) for outcome in outcomes],
        "verdict": said,
    }


def bracket_in_words(known: Bracket, problem: Problem) -> str:
    doubt = (
        ""
        if known.is_sharp(problem)
        else " TOO WIDE FOR THE TARGET: suboptimalities are upper bounds."
    )
    count = len(known.lower_bounds)
    what = f"optimum above {known.lower_bounds[0]:.10g}" if count == 1 else f"{count} optima"
    return (
        f"{what}, known to a relative {known.relative_gap:.1e} (reference fit: "
        f"{known.seconds:.3g} s, {known.status}); target: suboptimality {problem.target:g}.{doubt}"
    )


def chosen(candidates: list[Candidate], only: Sequence[str]) -> list[Candidate]:
    """softplex, and the peers whose name holds one of the words."""
    ours, *peers = candidates
    return [ours, *(peer for peer in peers if not only or any(w in peer.name for w in only))]


def run_gradient(arguments: argparse.Namespace) -> list[dict[str, Any]]:
    results = []
    rounds = max(1, arguments.repeats * _GRADIENT_ROUNDS // 3)
    for shape in QUICK_SHAPES if arguments.quick else SHAPES:
        timed = measure(shape, rounds, arguments.threads)
        print(f"\n## one value and gradient, {shape}\n")
        print(layout_of(arguments)(product_cells(timed)))
        print(f"\n{timed.ratio:.3g} times the best pair of products (aim: {GRADIENT_AIM:g}).")
        results.append({"row": GRADIENT, **asdict(timed), "ratio": timed.ratio})
    return results


def layout_of(arguments: argparse.Namespace) -> Callable[[Sequence[Sequence[str]]], str]:
    return markdown if arguments.markdown else plain


def parsed(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    names = [*ROWS, GRADIENT]
    parser.add_argument("rows", nargs="*", metavar="row", help=", ".join(names))
    parser.add_argument("--repeats", type=int, default=3, help="rounds of those below 30 s")
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--limit", type=float, help="seconds of one fit (600; 20 with --quick)")
    parser.add_argument("--only", nargs="+", default=[], metavar="WORD", help="peers by name")
    parser.add_argument("--cache", type=Path, default=CACHE, help="where brackets are kept")
    parser.add_argument("--json", type=Path, help="write everything measured there")
    parser.add_argument("--markdown", action="store_true", help="tables in Markdown")
    parser.add_argument("--quick", action="store_true", help="few rows: to see that it works")
    arguments = parser.parse_args(argv)
    unknown = [row for row in arguments.rows if row not in names]
    if unknown:
        parser.error(f"no such row: {', '.join(unknown)}; there are {', '.join(names)}")
    if min(arguments.repeats, arguments.threads) < 1:
        parser.error("--repeats and --threads must be at least 1")
    arguments.rows = arguments.rows or names
    if arguments.limit is None:
        arguments.limit = _QUICK_LIMIT if arguments.quick else Limits.seconds
    return arguments


def main(argv: Sequence[str] | None = None) -> None:
    arguments = parsed(argv)
    machine = describe(arguments.threads)
    print("\n".join(f"{name}: {value}" for name, value in machine.items()), flush=True)
    results: list[dict[str, Any]] = []
    for name in arguments.rows:
        results += (
            run_gradient(arguments) if name == GRADIENT else run_row(name, ROWS[name], arguments)
        )
        if arguments.json is not None:  # row by row: a long run that is cut keeps what it has
            whole = {"machine": machine, "quick": arguments.quick, "rows": results}
            arguments.json.write_text(json.dumps(whole, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
