"""An explanation as text and as a page."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import numpy as np
import pytest

from softplex.diagnostics import explain

HOSTILE = "</style><script>attacked = 1</script><img src=x onerror='attacked = 1'>\"'&"


def said(explanation) -> str:
    return " ".join(explanation.to_text().split())


def test_the_text_of_a_small_row() -> None:
    text = explain(scores=[2.0, 1.0, -1.0], target="bee", classes=["ant", "bee", "cat"]).to_text()
    assert text.splitlines()[:6] == [
        "It says 'ant' with 70.5% confidence, but the label is 'bee', which got 25.9%.",
        "",
        "  class  score z  less max     exp       p    p - q",
        "  ant     2.0000         0  1.0000  0.7054   0.7054  <- predicted",
        "  bee     1.0000   -1.0000  0.3679  0.2595  -0.7405  <- label",
        "  cat    -1.0000   -3.0000  0.0498  0.0351   0.0351",
    ]
    flat = " ".join(text.split())
    assert "1. Scores" in flat
    assert "nats, or 1.946 bits" in flat
    assert "a code word of its own has 2 bits" in flat
    assert "The odds between the two are 2.718 to 1" in flat
    assert "raises the score of 'bee' (by 0.7405 a unit of step)" in flat
    assert "is 1 behind the best of the others" in flat
    assert max(map(len, text.splitlines())) < 100


def test_without_a_label_the_walk_ends_at_the_entropy() -> None:
    one = explain(scores=[2.0, 1.0])
    assert one.to_text().splitlines()[0] == "It says '0' with 73.1% confidence."
    assert "Entropy" in one.to_text()
    assert "Gradient" not in one.to_text()
    assert str(one) == one.to_text()


@pytest.mark.parametrize(
    ("scores", "words"),
    [
        ([1000.0, 0.0], "exp(1000) would overflow in float16, bfloat16, float32 and float64"),
        ([50.0, 0.0], "exp(50) would overflow in float16,"),
        (
            [-800.0, -900.0],
            "every exponential would be 0 in float16, bfloat16, float32 and float64",
        ),
        ([1.0, 0.0], "These scores would pass without it"),
        ([3.0, -np.inf, -np.inf], "'1' and '2' are at -inf: absent"),
        ([3.0, 3.0], "1 to 1, a tie"),
        ([1000.0, 0.0], "beyond what float64 can hold"),
        (2.0, "share one score column"),
    ],
)
def test_the_scores_decide_what_is_said(scores, words: str) -> None:
    assert words in said(explain(scores=scores))


@pytest.mark.parametrize(
    ("scores", "target", "words"),
    [
        ([1.0, -np.inf], 1, "the loss is infinite"),
        ([5.0, 0.0], 0, "both hinge losses are 0"),
        ([1.0, 0.5], 0, "short of the margin of 1"),
        ([20.0, 0.0], 0, "It has all but vanished"),
        ([1.0, 0.5], 0, "and that is right"),
    ],
)
def test_the_label_decides_what_is_said(scores, target: int, words: str) -> None:
    assert words in said(explain(scores=scores, target=target))


def test_many_classes_are_cut_to_the_likeliest_and_the_label() -> None:
    scores = np.random.default_rng(0).normal(size=1000)
    one = explain(scores=scores, target=int(scores.argmin()), top_classes=4)
    lines = one.to_text().splitlines()
    names = [line.split()[0] for line in lines[3:8]]
    assert names == [str(index) for index in [*np.argsort(-scores)[:4], scores.argmin()]]
    assert lines[8].startswith("  995 others")
    shown = sum(one.probabilities[[int(name) for name in names]])
    assert float(lines[8].split()[-2]) == pytest.approx(1 - shown, abs=1e-4)


def test_terms_and_temperature_are_told(calibrated_model, iris) -> None:
    X, y = iris
    text = explain(calibrated_model, X[70], y[70], top_features=1).to_text()
    assert "1. Features to scores:  z_k = b_k + sum_j w_kj x_j" in text
    assert "3 other features" in text
    assert "Every score is divided by T = " in text
    assert "z / T" in text


def test_a_table_says_that_its_features_are_encoded(table_model, animals) -> None:
    assert "as the model encodes them" in said(explain(table_model, animals.iloc[[0]]))


class Tags(HTMLParser):
    """All tags of a page, and whether each was closed."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.met: set[str] = set()

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.met.add(tag)
        if tag not in ("meta", "link"):
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: object) -> None:
        self.met.add(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_the_page_is_whole_and_needs_nothing_else(calibrated_model, iris) -> None:
    page = explain(calibrated_model, iris[0][70], 1).to_html()
    tags = Tags()
    tags.feed(page)
    assert tags.open == []
    assert page.startswith("<!doctype html>")
    assert "script" not in tags.met
    assert not re.search(r"(src|href)=\"(?!#|data:)", page)
    assert "url(" not in page
    for step in ("features", "temperature", "shift", "gradient", "hinge"):
        assert f'href="#{step}"' in page
        assert f'id="{step}"' in page


def test_names_are_escaped_on_the_page() -> None:
    page = explain(scores=[1.0, 0.0], target=HOSTILE, classes=[HOSTILE, "b"]).to_html()
    tags = Tags()
    tags.feed(page)
    assert tags.open == []
    assert not {"script", "img"} & tags.met


def test_the_page_says_what_the_text_says() -> None:
    one = explain(scores=[2.0, 1.0, -1.0], target=1)
    page = one.to_html()
    for words in ("70.5%", "1.946 bits", "What hinge would say", "\N{MINUS SIGN}0.7405"):
        assert words in page
