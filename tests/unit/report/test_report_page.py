from __future__ import annotations

import base64
import dataclasses
import hashlib
import re
from collections.abc import Callable
from html.parser import HTMLParser
from typing import Any

import numpy as np
import pytest

from softplex.evaluation import Estimate, evaluate
from softplex.report import (
    CertificateSummary,
    FeatureWeights,
    ReportContent,
    render_report,
)

MakeContent = Callable[..., ReportContent]
VOID = {"meta", "link", "br"}


class Page(HTMLParser):
    """Elements, attributes and text of a page; refuses tags that do not nest."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str, str]] = []
        self.text: list[str] = []
        self._open: list[str] = []
        self.feed(html)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(tag, name, value or "") for name, value in attributes]
        if tag not in VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(tag, name, value or "") for name, value in attributes]

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text.append(data)

    def values(self, name: str) -> list[str]:
        return [value for _, found, value in self.attributes if found == name]

    def words(self) -> str:
        return " ".join(" ".join(self.text).split())


def page_of(content: ReportContent) -> Page:
    return Page(render_report(content))


def test_every_section_is_there(make_content: MakeContent) -> None:
    page = page_of(make_content())
    assert {
        "scores", "calibration", "triangle", "confusion", "classes",
        "features", "wrong", "certificate", "data", "again",
    } <= set(page.values("id"))  # fmt: skip
    words = page.words()
    for text in (
        "Majority baseline", "Balanced accuracy", "Matthews correlation", "ROC-AUC", "PR-AUC",
        "Log-loss, nats", "Log-loss, bits", "Bits saved", "Brier score", "Before calibration",
        "After calibration", "One temperature was fitted.", "12.4999", "animals.csv",
        "softplex fit animals.csv --target species --out model", "softplex.load('model')",
        "one value in every row", "seed 0",
    ):  # fmt: skip
        assert text in words


def test_the_same_content_gives_the_same_page(make_content: MakeContent) -> None:
    assert render_report(make_content()) == render_report(make_content())


def test_links_and_labels_point_at_ids_that_are_there_once(make_content: MakeContent) -> None:
    page = page_of(make_content())
    ids = page.values("id")
    assert len(ids) == len(set(ids))
    targets = [link[1:] for link in page.values("href") if link.startswith("#")]
    for labels in page.values("aria-labelledby"):
        targets += labels.split()
    assert set(targets) <= set(ids)


def test_every_chart_has_a_text_alternative(make_content: MakeContent) -> None:
    html = render_report(make_content())
    charts = re.findall(r"<svg[^>]*>", html)
    assert sum('role="img"' in chart for chart in charts) == 4
    for chart in charts:
        assert 'aria-hidden="true"' in chart or "aria-labelledby" in chart


def test_nothing_is_fetched(make_content: MakeContent) -> None:
    page = page_of(make_content())
    assert page.values("src") == []
    assert all(link.startswith(("#", "data:")) for link in page.values("href"))
    html = render_report(make_content())
    assert not re.search(r"https?://|@import|url\((?!#)", html)


def test_the_one_script_is_the_one_that_the_policy_names(make_content: MakeContent) -> None:
    html = render_report(make_content())
    (script,) = re.findall(r"<script>(.*?)</script>", html, flags=re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}'" in html


def test_a_script_in_any_text_is_inert(hostile_content: ReportContent) -> None:
    page = page_of(hostile_content)
    assert page.tags.count("script") == 1
    assert page.tags.count("img") == 0
    assert not any(name.startswith("on") for _, name, _ in page.attributes)
    assert "<script>attacked = 1</script>" in page.words()


def test_the_shell_line_quotes_the_folder(make_content: MakeContent) -> None:
    content = make_content(model_folder="my models/it's")
    assert "softplex predict 'my models/it'\"'\"'s' TABLE" in page_of(content).words()


def test_parts_may_be_absent() -> None:
    probabilities = np.array([[0.9, 0.1], [0.2, 0.8], [0.7, 0.3]])
    labels = np.array(["no", "yes", "no"])
    content = ReportContent("tiny", evaluate(probabilities, labels), probabilities, labels)
    page = page_of(content)
    assert not {"triangle", "features", "certificate", "data"} & set(page.values("id"))
    assert "No test row was classified wrongly" in page.words()
    assert "There is no mistake among the test rows." in page.words()
    assert "Before calibration" not in page.words()


def test_two_classes_share_one_row_of_coefficients(make_content: MakeContent) -> None:
    weights = FeatureWeights(np.array([[2.0, -1.0, 0.0]]), ("warm", "cold", "constant"))
    page = page_of(make_content(classes=("rain", "sun"), weights=weights))
    words = page.words()
    assert "Speaks for sun warm 2.000" in words
    assert "Speaks for rain cold \N{MINUS SIGN}1.000" in words


def test_a_constant_column_never_speaks(make_content: MakeContent) -> None:
    html = render_report(make_content(data=None))
    assert "constant" not in html.split('id="features"')[1].split("</section>")[0]


def test_coefficients_that_are_all_zero_or_not_finite_still_draw(make_content: MakeContent) -> None:
    for value in (0.0, np.nan, np.inf):
        weights = FeatureWeights(np.full((3, 2), value), ("a", "b"))
        assert "nan" not in page_of(make_content(weights=weights)).words().lower()


def test_undefined_scores_are_dashes(make_content: MakeContent) -> None:
    content = make_content()
    nothing = Estimate(np.nan, np.nan, np.nan)
    metrics = dict.fromkeys(content.evaluation.metrics, nothing)
    evaluation = dataclasses.replace(content.evaluation, metrics=metrics)
    words = page_of(make_content(evaluation=evaluation)).words()
    assert "not defined on these rows" in words
    assert "nan" not in words.lower().replace("banana", "")


def test_an_infinite_log_loss_is_explained() -> None:
    probabilities = np.array([[1.0, 0.0], [1.0, 0.0]])
    labels = np.array(["a", "b"])
    content = ReportContent("sure", evaluate(probabilities, labels), probabilities, labels)
    assert "a true class got no probability at all" in page_of(content).words()


def test_a_class_without_rows_and_one_with_a_single_row() -> None:
    probabilities = np.tile([0.6, 0.3, 0.1], (30, 1))
    labels = np.array(["a"] * 29 + ["b"])
    evaluation = evaluate(probabilities, labels, classes=["a", "b", "c"])
    content = ReportContent("sparse", evaluation, probabilities, labels)
    words = page_of(content).words()
    assert "nothing is known about them here" in words
    assert "nan" not in words.lower()


def test_a_single_test_row_draws() -> None:
    probabilities, labels = np.array([[0.6, 0.3, 0.1]]), np.array(["b"])
    evaluation = evaluate(probabilities, labels, classes=["a", "b", "c"])
    assert "1 row" in page_of(ReportContent("one", evaluation, probabilities, labels)).words()


def test_a_fit_without_a_bound_says_so(make_content: MakeContent) -> None:
    certificate = CertificateSummary(1.0, -np.inf, np.inf, np.inf, "no bound")
    words = page_of(make_content(certificate=certificate)).words()
    assert "No bound below it could be computed" in words
    assert "How training ended" in words


@pytest.mark.parametrize(
    "classes",
    [
        ("x" * 5000, "y" * 5000, "z"),
        ("שלום", "مرحبا", "日本語"),
        ("a\x00b", "\ud800", "turned \u202e around"),
        (False, True),
        (1, 2, 3, 4),
        (1.5, 2.5, "", "\u200f"),
    ],
)
def test_any_class_name_draws(make_content: MakeContent, classes: tuple[Any, ...]) -> None:
    render_report(make_content(classes=classes)).encode()


def test_many_classes_get_a_map_and_their_commonest_mistakes(make_content: MakeContent) -> None:
    content = make_content(n=3000, classes=tuple(f"class {i}" for i in range(150)), n_bootstrap=0)
    html = render_report(content)
    assert "Confusion matrix of 150 classes" in html
    assert 'class="map"' in html
    assert "class 149" in html


@pytest.mark.parametrize("k", [3, 150, pytest.param(1000, marks=pytest.mark.slow)])
def test_twenty_thousand_rows_stay_under_one_megabyte(make_content: MakeContent, k: int) -> None:
    classes = tuple(
        f"a rather long name of a class, as people write them, number {i}" for i in range(k)
    )
    features = tuple(f"a rather long name of a feature, number {i}" for i in range(100))
    content = make_content(n=20_000, classes=classes, features=features, n_bootstrap=0)
    assert len(render_report(content).encode()) < 1_000_000
