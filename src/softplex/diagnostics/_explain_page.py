"""An explanation as one self-contained page in the look of the report."""

from __future__ import annotations

from dataclasses import dataclass

import softplex
from softplex._text import count, figure, isolated, percent, readable
from softplex.diagnostics._ledger import brief, class_name, ledger
from softplex.diagnostics._steps import Steps
from softplex.diagnostics._story import headline, story
from softplex.diagnostics._templates import environment, source
from softplex.diagnostics._terms import ScoreTerms


@dataclass(frozen=True)
class Push:
    """A line of a score taken apart; `length` is the percentage of the longest bar."""

    name: str
    value: str
    weight: str
    product: str
    length: float
    kind: str


@dataclass(frozen=True)
class ScoreTable:
    """A score taken apart."""

    name: str
    pushes: tuple[Push, ...]
    score: str


def page(steps: Steps) -> str:
    """Draw the page."""
    sentence, tone = headline(steps)
    return (
        environment()
        .get_template("explanation.html")
        .render(
            style=source("report.css") + source("explanation.css"),
            version=softplex.__version__,
            title=f"One row: {readable(steps.classes[steps.predicted])}",
            prediction=class_name(steps, steps.predicted),
            facts=_facts(steps),
            headline=sentence,
            tone=tone,
            ledger=ledger(steps),
            chapters=story(steps),
            tables=tuple(_score_table(steps, terms) for terms in steps.terms),
        )
    )


def _facts(steps: Steps) -> tuple[str, ...]:
    facts = [f"{percent(steps.confidence)} confidence"]
    if steps.surprise is not None:
        facts += [
            f"label {isolated(class_name(steps, steps.surprise.target))}",
            f"loss {brief(steps.surprise.nats)} nats, {brief(steps.surprise.bits)} bits",
        ]
    facts.append(f"{count(len(steps.classes))} classes")
    if steps.n_features is not None:
        facts.append(f"{count(steps.n_features)} features")
    return tuple(facts)


def _score_table(steps: Steps, terms: ScoreTerms) -> ScoreTable:
    rest = [(f"{count(terms.n_rest)} other features", terms.rest)] if terms.n_rest else []
    sums = [*rest, ("intercept", terms.intercept)]
    sizes = [abs(term.product) for term in terms.terms] + [abs(value) for _, value in sums]
    longest = max(size for size in sizes if size < float("inf")) or 1.0
    pushes = [
        _push(
            readable(term.feature), term.product, longest, figure(term.value), figure(term.weight)
        )
        for term in terms.terms
    ]
    pushes += [_push(name, value, longest, "", "") for name, value in sums]
    return ScoreTable(class_name(steps, terms.index), tuple(pushes), figure(terms.score))


def _push(name: str, product: float, longest: float, value: str, weight: str) -> Push:
    length = min(100.0, 100.0 * abs(product) / longest)
    kind = "for" if product >= 0 else "against"
    return Push(name, value, weight, figure(product), round(length, 1), kind)
