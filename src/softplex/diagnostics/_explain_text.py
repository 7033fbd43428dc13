"""An explanation as text: a ledger of aligned numbers, and the steps in sentences."""

from __future__ import annotations

from softplex._text import aligned, count, figure, readable, wrapped
from softplex.diagnostics._ledger import class_name, ledger
from softplex.diagnostics._steps import Steps
from softplex.diagnostics._story import headline, story
from softplex.diagnostics._terms import ScoreTerms

_ISOLATES = str.maketrans("", "", "\u2068\u2069")


def text(steps: Steps) -> str:
    """Write the whole walk."""
    lines = [headline(steps)[0], ""]
    lines += _ledger_lines(steps)
    for number, chapter in enumerate(story(steps), start=1):
        formula = f":  {chapter.formula}" if len(chapter.formula) > 1 else ""
        lines += ["", f"{number}. {chapter.title}{formula}"]
        for sentence in chapter.sentences:
            lines += wrapped(sentence.translate(_ISOLATES), indent=3)
        if chapter.key == "features":
            for terms in steps.terms:
                lines += ["", *_term_lines(steps, terms)]
    return "\n".join(line.translate(_ISOLATES) for line in lines)


def _ledger_lines(steps: Steps) -> list[str]:
    table = ledger(steps)
    rows = [("class", *table.heads)]
    rows += [(line.name, *line.cells) for line in table.lines]
    written = aligned(rows)
    width = max(len(line) for line in written)
    marks = ["", *(", ".join(line.marks) for line in table.lines)]
    return [
        f"{line.ljust(width)}  <- {mark}" if mark else line
        for line, mark in zip(written, marks, strict=True)
    ]


def _term_lines(steps: Steps, terms: ScoreTerms) -> list[str]:
    rows: list[tuple[str, ...]] = [(f"score of {class_name(steps, terms.index)}", "x", "w", "w x")]
    rows += [
        (readable(term.feature, 40), *map(figure, (term.value, term.weight, term.product)))
        for term in terms.terms
    ]
    if terms.n_rest:
        rows.append((f"{count(terms.n_rest)} other features", "", "", figure(terms.rest)))
    rows += [
        ("intercept", "", "", figure(terms.intercept)),
        ("score z", "", "", figure(terms.score)),
    ]
    return aligned(rows, indent=3)
