"""The picture of a path: well-formed, escaped, described, and true to its numbers."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest

from softplex._text import MINUS
from softplex.estimators import RegularisationPath
from softplex.exceptions import InvalidInput
from softplex.objective import Status
from softplex.report import ReportContent, path_chart, render_report
from softplex.report._path_axes import Axis
from softplex.report._path_chart import LEFT, RIGHT, WIDTH, path_layout

SVG = "{http://www.w3.org/2000/svg}"
HOSTILE = "</svg><script>alert(1)</script> & \"'\u0000\ufffe\u202e"


def path(mean: Any, error: Any = 0.02, **changes: Any) -> RegularisationPath:
    """A path of two folds with these means and standard errors."""
    mean, error = np.asarray(mean, dtype=float), np.asarray(error, dtype=float)
    scores = np.column_stack([mean - error, mean + error])
    made: dict[str, Any] = {
        "scoring": "log_loss",
        "greater_is_better": False,
        "rule": "best",
        "Cs": np.logspace(-3, 2, len(mean)),
        "fold_weights": np.ones(2),
        "fold_scores": scores,
        "relative_gaps": np.full(scores.shape, 1e-4),
        "statuses": ((Status.CONVERGED, Status.CONVERGED),) * len(mean),
        "n_iters": np.full(scores.shape, 3),
        "coefficient_norms": np.column_stack([np.logspace(-1, 1, len(mean))] * 2),
        "n_nonzeros": np.full(scores.shape, 4),
    }
    return RegularisationPath(**{**made, **changes})


MEANS = [1.0, 0.7, 0.52, 0.51, 0.6, 0.8]


def parsed(picture: str) -> ElementTree.Element:
    return ElementTree.fromstring(picture)


def nodes(picture: str, kind: str) -> list[ElementTree.Element]:
    return [node for node in parsed(picture).iter() if kind in node.get("class", "").split()]


def texts(picture: str, kind: str) -> list[str]:
    return [node.text or "" for node in nodes(picture, kind)]


def test_both_choices_are_marked_and_the_chosen_one_is_named() -> None:
    picture = path_chart(path(MEANS))
    assert texts(picture, "choice") == [
        "best: C = 1 (chosen)",
        "within one standard error: C = 0.1",
    ]
    simple = path_chart(path(MEANS, rule="one_standard_error"))
    assert texts(simple, "choice")[1] == "within one standard error: C = 0.1 (chosen)"
    assert texts(path_chart(path(MEANS, 0.001)), "choice") == [
        "best, and within one standard error: C = 1"
    ]


def test_dots_bars_and_band_stand_where_the_numbers_say() -> None:
    chart = path_layout(path(MEANS))
    heights = [float(y) for _, y, _ in chart.panels[0].dots]
    assert np.argmax(heights) == 3
    unit = (heights[3] - heights[0]) / (1.0 - 0.51)
    np.testing.assert_allclose(heights, heights[3] - unit * (np.array(MEANS) - 0.51), atol=0.11)
    band = chart.panels[0].band
    assert band is not None
    assert float(band[0]) + float(band[1]) == pytest.approx(heights[3], abs=0.2)
    assert float(band[1]) == pytest.approx(0.02 * unit, abs=0.2)
    low, high = map(float, re.findall(r"M\S+ (\S+)V(\S+?)M", chart.panels[0].bars)[0])
    assert low - high == pytest.approx(0.04 * unit, abs=0.2)
    across = [float(x) for x, _, _ in chart.panels[0].dots]
    np.testing.assert_allclose(np.diff(across), np.diff(across)[0], atol=0.11)


def test_the_band_lies_below_the_best_where_more_is_better() -> None:
    chart = path_layout(path(1 - np.array(MEANS), greater_is_better=True, scoring="accuracy"))
    best = min(float(y) for _, y, _ in chart.panels[0].dots)
    assert chart.panels[0].band is not None
    assert float(chart.panels[0].band[0]) == pytest.approx(best, abs=0.1)
    assert chart.panels[0].title == "Held-out accuracy, 2 folds"


def test_losses_far_apart_get_a_logarithmic_axis_and_scores_never_do() -> None:
    steep = [8.0, 2.0, 0.5, 0.2, 0.3]
    assert [text for *_, text in path_layout(path(steep)).panels[0].ticks] == [
        *("0.2", "0.5", "1", "2", "5", "10")
    ]
    straight = path_layout(path(steep, greater_is_better=True))
    assert [text for *_, text in straight.panels[0].ticks] == ["0", "2", "4", "6", "8"]


def test_what_was_not_reached_is_left_out_and_said() -> None:
    reached = path([*MEANS, np.nan, np.nan], Cs=np.logspace(-3, 4, 8))
    chart = path_layout(reached)
    assert len(chart.panels[0].dots) == len(MEANS)
    assert chart.note == "The walk ended before 2 larger values of C."
    assert path_layout(path(MEANS)).note == ""


def test_zero_coefficients_get_a_panel_of_their_own() -> None:
    counts = np.column_stack([[0, 1, 2, 4, 4, 4]] * 2)
    norms = np.column_stack([[0.0, 1.0, 2.0, 3.0, 4.0, 5.0]] * 2)
    chart = path_layout(path(MEANS, n_nonzeros=counts, coefficient_norms=norms))
    assert [panel.title for panel in chart.panels[1:]] == [
        "Norm of the coefficients",
        "Coefficients that are not zero",
    ]
    assert len(path_layout(path(MEANS)).panels) == 2


@pytest.mark.parametrize("n_values", [1, 2, 40])
@pytest.mark.parametrize("scoring", ["log_loss", "accuracy", "roc_auc_ovr_weighted", HOSTILE])
def test_everything_stays_inside_the_picture(n_values: int, scoring: str) -> None:
    mean = np.linspace(0.3, 0.9, n_values)
    for rule, values in (("best", mean), ("one_standard_error", mean[::-1])):
        found = path(values, 0.1, rule=rule, scoring=scoring, Cs=np.geomspace(1e-9, 1e9, n_values))
        root = parsed(path_chart(found, title="t" * 300))
        width, height = map(float, (root.get("viewBox") or "").split()[2:])
        assert width == WIDTH
        for node in root.iter(f"{SVG}circle"):
            assert LEFT <= float(node.get("cx", "nan")) <= RIGHT
            assert 0 < float(node.get("cy", "nan")) < height
        for node in root.iter(f"{SVG}text"):
            assert 0 <= float(node.get("x", "nan")) <= width
            assert 0 <= float(node.get("y", "nan")) <= height


def test_one_fold_has_no_bars() -> None:
    one = path(MEANS, fold_weights=np.array([1.0, 0.0]))
    assert path_layout(one).panels[0].bars == ""
    assert path_layout(one).panels[0].band is None
    assert path_layout(one).panels[0].title == "Held-out log-loss in nats, one fold"


def test_foreign_text_stays_text_and_the_picture_is_described() -> None:
    picture = path_chart(path(MEANS, scoring=HOSTILE), title=HOSTILE)
    tags = {node.tag.removeprefix(SVG) for node in parsed(picture).iter()}
    assert tags == {"svg", "title", "desc", "style", "g", "rect", "path", "text", "circle"}
    description = parsed(path_chart(path(MEANS))).find(f"{SVG}desc")
    assert description is not None
    assert "The best is 0.51 plus or minus 0.02 at C = 1;" in (description.text or "")
    assert "one standard error of it has C = 0.1, with 0.52." in (description.text or "")


def test_two_pictures_in_one_page_have_different_ids() -> None:
    first, second = path_chart(path(MEANS)), path_chart(path(MEANS, rule="one_standard_error"))
    assert parsed(first).get("aria-labelledby") != parsed(second).get("aria-labelledby")
    assert first == path_chart(path(MEANS))


def test_something_else_is_refused() -> None:
    with pytest.raises(InvalidInput, match=r"needs the path_ of a fitted .* but got dict"):
        path_chart({})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("axis", "expected"),
    [
        (Axis(0.0, 1.0, 0.0, 1.0), ["0.0", "0.2", "0.4", "0.6", "0.8", "1.0"]),
        (Axis(0.0, 1.25, 0.0, 1.0), ["0.00", "0.25", "0.50", "0.75", "1.00", "1.25"]),
        (Axis(-3e-4, 3e-4, 0.0, 1.0), [f"{MINUS}0.0002", "0.0000", "0.0002"]),
        (Axis(90.0, 1100.0, 0.0, 1.0), ["250", "500", "750", "1000"]),
        (Axis(0.9, 30.0, 0.0, 1.0, is_log=True), ["1", "2", "5", "10", "20"]),
        (Axis(1e-9, 1e9, 0.0, 1.0, is_log=True), ["10⁻⁹", "10⁻⁵", "10⁻¹", "10³", "10⁷"]),
    ],
)
def test_ticks_are_round_and_few(axis: Axis, expected: list[str]) -> None:
    ticks = axis.ticks(6)
    assert [text for _, text in ticks] == expected
    assert all(-1e-9 <= place <= 1 + 1e-9 for place, _ in ticks)


def test_the_report_shows_the_path(make_content: Callable[..., ReportContent]) -> None:
    page = render_report(make_content(path=path(MEANS)))
    assert 'id="path"' in page
    assert "within one standard error: C = 0.1" in page
    assert 'id="path"' not in render_report(make_content())
