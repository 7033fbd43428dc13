from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from softplex.evaluation import evaluate
from softplex.report import ReportContent
from softplex.report._verdict import Verdict, verdict

MakeContent = Callable[..., ReportContent]


def judged(said: float, was: float, n: int = 1000) -> Verdict:
    """Two balanced classes, always predicted with confidence `said`, right a share `was`."""
    true = np.arange(n) % 2
    is_right = np.arange(n) % 100 < round(100 * was)
    predicted = np.where(is_right, true, 1 - true)
    probabilities = np.where(np.arange(2) == predicted[:, None], said, 1 - said)
    return verdict(evaluate(probabilities, true, n_bootstrap=20))


def test_honest_probabilities_are_called_so() -> None:
    found = judged(said=0.8, was=0.8)
    assert found.tone == "good"
    assert "When it says 80%, it was right 80% of the time (1,000 rows)." in found.sentences


def test_over_confidence_is_named() -> None:
    found = judged(said=0.95, was=0.8)
    assert found.tone == "caution"
    assert found.headline.startswith("Over-confident")
    assert "Its confidence is off by 15.0 percentage points on average, mostly too high." in (
        found.sentences
    )


def test_modesty_is_named() -> None:
    assert judged(said=0.6, was=0.9).headline.startswith("Too modest")


def test_guessing_is_not_trusted() -> None:
    found = judged(said=0.6, was=0.5)
    assert found.tone == "bad"
    assert "tell less about a row" in " ".join(found.sentences)


def test_few_rows_are_never_enough_to_be_sure() -> None:
    found = judged(said=0.9, was=0.9, n=60)
    assert found.tone == "caution"
    assert "60 rows are too few" in found.headline


def test_the_weakest_and_the_unseen_classes_are_named(make_content: MakeContent) -> None:
    probabilities = np.tile([0.5, 0.3, 0.2], (120, 1))
    labels = np.array(["ant"] * 60 + ["bee"] * 60)
    found = verdict(evaluate(probabilities, labels, classes=["ant", "bee", "cat"], n_bootstrap=5))
    text = " ".join(found.sentences)
    assert "weakest class is “\u2068bee\u2069”: 0% of its rows" in text
    assert "taken for “\u2068ant\u2069”" in text
    assert "No test row has the class “\u2068cat\u2069”" in text


@pytest.mark.parametrize("n_bootstrap", [0, 20])
def test_intervals_may_be_absent(make_content: MakeContent, n_bootstrap: int) -> None:
    sentences = verdict(make_content(n_bootstrap=n_bootstrap).evaluation).sentences
    assert ("95% interval" in sentences[0]) == (n_bootstrap > 0)
