"""Results as tables: aligned for a terminal, or in Markdown."""

from __future__ import annotations

import math
from collections.abc import Sequence

from harness.products import Timed
from harness.race import Outcome

HEADER = ("", "seconds", "ratio", "suboptimality", "certificate", "iterations", "tol", "extra MB")


def outcome_cells(outcomes: Sequence[Outcome]) -> list[tuple[str, ...]]:
    """One row a candidate; ratios are to the first, which is softplex."""
    ours = outcomes[0].seconds
    return [HEADER, *(_cells(outcome, ours) for outcome in outcomes)]


def _cells(outcome: Outcome, ours: float) -> tuple[str, ...]:
    best = outcome.best
    if best is None:
        return (outcome.name, *["-"] * (len(HEADER) - 1))
    reached = outcome.reached or not outcome.comparable
    gap = "none" if best.relative_gap is None else f"gap {best.relative_gap:.1e}, {best.status}"
    return (
        outcome.name,
        f"{best.seconds:.3g}" if reached else f"({best.seconds:.3g})",
        f"{best.seconds / ours:.3g}" if reached and math.isfinite(ours) else "-",
        "another objective" if best.suboptimality is None else f"{best.suboptimality:.1e}",
        gap,
        "-" if best.iterations is None else f"{best.iterations:,}",
        f"{best.tolerance:.1g}",
        "-" if best.memory is None else f"{best.memory / 1e6:.0f}",
    )


def footnotes(outcomes: Sequence[Outcome]) -> list[str]:
    """Who did not get there, and what the fits said of themselves."""
    lines = []
    for outcome in outcomes:
        if outcome.best is None:
            lines.append(f"{outcome.name}: {outcome.why_not}")
        elif not outcome.reached:
            lines.append(
                f"{outcome.name}: not reached, best {outcome.best.suboptimality:.1e} after "
                f"{outcome.seconds:.3g} s; {outcome.why_not}"
            )
        notes = dict.fromkeys(note for rung in outcome.rungs for note in rung.notes)
        lines += [f"{outcome.name}: {note}" for note in notes]
    return lines


def verdict(outcomes: Sequence[Outcome], aim: float) -> str:
    """softplex beside the fastest peer that got there, and what is aimed at."""
    ours, *peers = outcomes
    if not ours.reached:
        return f"softplex did not get there: {ours.why_not or 'no fit'} (aim: {aim:g} times)."
    peers = [peer for peer in peers if peer.comparable]
    if not any(peer.longest for peer in peers):
        return f"No peer with the same objective took part (aim: {aim:g} times)."
    there = [peer for peer in peers if peer.reached]
    if not there:
        longest = max(peer.longest for peer in peers)
        return (
            f"No peer got there; the longest fit took {longest:.3g} s, "
            f"{longest / ours.seconds:.3g} times softplex's (aim: {aim:g} times)."
        )
    fastest = min(there, key=lambda peer: peer.seconds)
    return (
        f"softplex is {fastest.seconds / ours.seconds:.3g} times as fast as the fastest peer that "
        f"got there, {fastest.name} (aim: {aim:g} times)."
    )


def product_cells(timed: Timed) -> list[tuple[str, ...]]:
    fastest = min(list(timed.seconds.values())[1:])
    rows = [(name, f"{s * 1e3:.4g}", f"{s / fastest:.3g}") for name, s in timed.seconds.items()]
    return [("", "milliseconds", "ratio to the best pair"), *rows]


def plain(cells: Sequence[Sequence[str]]) -> str:
    """Columns in line, names to the left and numbers to the right."""
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    return "\n".join(
        "  ".join(
            [row[0].ljust(widths[0])]
            + [cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True)]
        ).rstrip()
        for row in cells
    )


def markdown(cells: Sequence[Sequence[str]]) -> str:
    head, *rows = cells
    ruler = ["---"] + ["---:"] * (len(head) - 1)
    return "\n".join(f"| {' | '.join(row)} |" for row in (head, ruler, *rows))
