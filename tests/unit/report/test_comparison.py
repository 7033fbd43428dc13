"""The page of a comparison: what it says, what it draws, and how it opens in a browser."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from softplex.evaluation import MarginStudy, disagreement, evaluate, margin_study, margins
from softplex.exceptions import InvalidInput
from softplex.report import (
    CalibrationSummary,
    CertificateSummary,
    ComparedModel,
    ComparisonContent,
    render_comparison,
)
from softplex.report._comparison_chart import margin_chart

HOSTILE = "</title></script><script>attacked = 1</script><img src=x onerror='attacked = 1'>\"'"


def simulated(k: int, n: int, seed: int) -> tuple[list[np.ndarray], list[np.ndarray], np.ndarray]:
    """Scores and probabilities of two models, and labels drawn from the first."""
    random = np.random.default_rng(seed)
    scores = random.normal(size=(n, k)) * 2.0
    both = [scores, 0.3 * (scores + random.normal(size=(n, k)))]
    powers = [np.exp(one) for one in both]
    probabilities = [one / one.sum(axis=1, keepdims=True) for one in powers]
    true = (probabilities[0].cumsum(axis=1) < random.random((n, 1))).sum(axis=1).clip(max=k - 1)
    return both, probabilities, true


def make_content(
    classes: tuple[Any, ...] = ("ant", "bee", "cat"), n: int = 200, **changes: Any
) -> ComparisonContent:
    scores, probabilities, true = simulated(len(classes), n, seed=0)
    labels = np.array([classes[index] for index in true], dtype=object)
    models = tuple(
        ComparedModel(
            name=name,
            loss=loss,
            evaluation=evaluate(p, labels, classes=classes, n_bootstrap=5),
            probabilities=p,
            answers=np.array([classes[index] for index in p.argmax(axis=1)], dtype=object),
            uncalibrated_accuracy=evaluate(p, labels, classes=classes).metrics["accuracy"],
            calibration=CalibrationSummary("One temperature was fitted.", 1.8),
            certificate=CertificateSummary(12.5, 12.4999, 1e-4, 8e-6, "converged"),
            facts=(("C", "0.5"),),
        )
        for name, loss, p in zip(
            ("Softmax", "Hinge"), ("log_loss", "hinge"), probabilities, strict=True
        )
    )
    content = ComparisonContent(
        title="animals",
        models=(models[0], models[1]),
        labels=labels,
        row_numbers=np.arange(1000, 1000 + n),
        disagreement=disagreement(*probabilities, labels, classes=classes),
        margins=margin_study([margins(one, labels, classes) for one in scores]),
        notes=("The rows were split at random.",),
        command="softplex compare animals.csv",
        version="0.1.0",
        seed=0,
    )
    return dataclasses.replace(content, **changes)


def hostile() -> ComparisonContent:
    classes = tuple(f"{HOSTILE}{index}" for index in range(3))
    content = make_content(classes)
    numbers = np.array([f"{HOSTILE}{row}" for row in content.row_numbers], dtype=object)
    models = tuple(
        dataclasses.replace(
            model,
            name=HOSTILE,
            calibration=CalibrationSummary(HOSTILE),
            certificate=CertificateSummary(1.0, 0.5, 0.5, 0.5, HOSTILE),
            facts=((HOSTILE, HOSTILE),),
            caution=HOSTILE,
        )
        for model in content.models
    )
    return dataclasses.replace(
        content,
        title=HOSTILE,
        models=(models[0], models[1]),
        row_numbers=numbers,
        notes=(HOSTILE,),
        command=HOSTILE,
        version=HOSTILE,
    )


def text_of(page: str) -> str:
    body = re.sub(r"<(style|script|title|desc)\b.*?</\1>", "", page, flags=re.DOTALL)
    return " ".join(re.sub(r"<[^>]*>", " ", body).split())


def test_the_page_says_the_numbers() -> None:
    content = make_content()
    found, text = content.disagreement, text_of(render_comparison(content))
    assert found.first_right > found.second_right > 0
    assert f"Softmax alone is right in {found.first_right}" in text
    assert f"Softmax right {found.both_right} {found.first_right}" in text
    assert f"Softmax wrong {found.second_right} {found.both_wrong}" in text
    strongest = int(found.strongest[0])
    assert f"{content.row_numbers[strongest]} {content.labels[strongest]}" in text
    assert f"{found.distance[0]:.3f}" in text
    assert "Primal value 12.5 12.5" in text
    assert "The rows were split at random." in text


def test_models_that_agree_have_no_rows_to_list() -> None:
    content = make_content()
    first = content.models[0]
    p = first.probabilities
    same = disagreement(p, p, content.labels, classes=first.evaluation.classes)
    text = text_of(render_comparison(dataclasses.replace(content, disagreement=same)))
    assert "The two give the same answer on every test row." in text
    assert "strongest" not in text


def test_very_many_kinds_of_disagreement_are_cut_with_a_word() -> None:
    content = make_content(classes=tuple(range(40)), n=400)
    hidden = content.disagreement.counts[15:]
    total = sum(entry.rows for entry in hidden)
    text = text_of(render_comparison(content))
    assert f"{len(hidden)} rarer kinds of disagreement, in {total} rows, are not listed." in text


def places(line: str) -> np.ndarray:
    return np.array([[float(number) for number in pair.split()] for pair in line[1:].split("L")])


def test_curves_pass_through_known_points() -> None:
    """At margin 0 the losses are ln 2, 1 and 1; the hinge ends at margin 1, half a unit here."""
    edges = np.linspace(-1.0, 2.0, 16)
    study = MarginStudy((2.0,), edges, np.full((1, 15), 1 / 15))
    chart = margin_chart(study, 0, "Hinge", "hinge")
    per_unit, base, per_loss = 300.0 / 3.0, 262.0, 250.0 / 4.0
    zero, end = 46.0 + per_unit, 46.0 + 1.5 * per_unit
    for curve, loss in zip(chart.curves, (np.log(2), 1.0, 1.0), strict=True):
        line = places(curve.line)
        height = np.interp(zero, line[:, 0], line[:, 1])
        # Pixels are written with one decimal.
        assert base - height == pytest.approx(loss * per_loss, abs=0.3)
        assert curve.is_trained == (curve.loss == "hinge")
    hinge = places(chart.curves[1].line)
    assert hinge[hinge[:, 0] > end, 1] == pytest.approx(base)
    assert (hinge[hinge[:, 0] < end - 1, 1] < base).all()


def test_bars_have_the_heights_of_their_shares() -> None:
    study = margin_study([np.array([-0.5, -0.5, 0.5, 1.5, 1.5, 1.5])])
    chart = margin_chart(study, 0, "Softmax", "log_loss")
    heights = [float(bar.height) for bar in chart.bars]
    assert heights[0] / heights[2] == pytest.approx(2 / 3, abs=0.01)
    assert [bar.is_right for bar in chart.bars] == [False, True, True]
    assert chart.description.startswith("33.3% of the rows have a negative margin.")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"margins": margin_study([[1.0, 2.0]])}, "margins of 1"),
        ({"row_numbers": np.arange(3)}, "row numbers"),
        ({"labels": np.array(["ant"])}, "shape"),
    ],
)
def test_parts_that_do_not_fit_are_refused(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(InvalidInput, match=words):
        make_content(**changes)


CONTENTS: dict[str, Callable[[], ComparisonContent]] = {
    "three classes": make_content,
    "two classes": lambda: make_content(classes=(False, True)),
    "long names": lambda: make_content(classes=tuple(f"{'long ' * 30}{i}" for i in range(20))),
    "unbroken names": lambda: make_content(classes=tuple("x" * 500 + str(i) for i in range(3))),
    "right-to-left names": lambda: make_content(classes=("سيارة", "دراجة", "قطار")),
    "hostile": hostile,
}


@pytest.mark.browser
@pytest.mark.parametrize("name", list(CONTENTS))
def test_a_page_opens_without_a_complaint_and_fits_the_width(
    name: str, open_file: Callable[..., Any], tmp_path: Path
) -> None:
    file = tmp_path / "report.html"
    file.write_text(render_comparison(CONTENTS[name]()), encoding="utf-8")
    for width in (1280, 390):
        with open_file(file, width) as opened:
            page = opened.page
            assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
            assert page.evaluate("typeof attacked") == "undefined"
            assert page.locator("script").count() == 1
            assert page.locator("img").count() == 0
            assert page.locator(".margin-chart").count() == 2
            assert opened.complaints == []
            asked = {url for url in opened.requests if not url.startswith("data:")}
            assert asked == {page.url}
