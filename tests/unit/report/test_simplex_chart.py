"""The picture of the simplex: well-formed, escaped, described, and nothing on top of another."""

from __future__ import annotations

import itertools
import math
import re
from xml.etree import ElementTree

import numpy as np
import pytest
import torch

from softplex.exceptions import InvalidInput
from softplex.maps import softmax_trajectory
from softplex.report import SimplexPath, simplex_chart
from softplex.report._label_places import Box, cut_to_width, place_label, text_width
from softplex.report._simplex_frame import corner_texts, polyline, tick_texts

SVG = "{http://www.w3.org/2000/svg}"
SCORES = np.array([2.0, 1.0, 0.0])
TEMPERATURES = np.geomspace(10.0, 0.1, 101)
HOSTILE = "</svg><script>alert(1)</script> & \"'\u0000\ufffe\u202e"


def cooling(**changes: object) -> SimplexPath:
    path = softmax_trajectory(SCORES, temperatures=TEMPERATURES)
    marks = [(0, "T = 10"), (50, "T = 1"), (100, "T = 0.1")]
    return SimplexPath(path, **{"name": "colder", "marks": marks, **changes})


def parsed(picture: str) -> ElementTree.Element:
    return ElementTree.fromstring(picture)


def texts(picture: str, kind: str) -> list[str]:
    found = parsed(picture).iter(f"{SVG}text")
    return [node.text or "" for node in found if kind in node.get("class", "").split()]


def test_a_path_starts_and_ends_where_its_rows_are() -> None:
    picture = simplex_chart([SimplexPath(np.eye(3)[[0, 1, 2]])])
    paths = [node for node in parsed(picture).iter(f"{SVG}path") if "path-0" in node.get("class")]
    line = next(node.get("d") for node in paths if node.get("class") == "path path-0")
    places = [tuple(map(float, pair.split())) for pair in re.split("[ML]", line)[1:]]
    assert places[0] == (40.0, places[1][1])
    assert places[1][0] == 360.0
    assert places[2][0] == 200.0
    assert places[0][1] - places[2][1] == pytest.approx(320 * math.sqrt(3) / 2, abs=0.1)


def test_names_marks_and_the_title_are_written_and_described() -> None:
    picture = simplex_chart([cooling()], classes=("ant", "bee", "cat"), title="Cooling")
    assert texts(picture, "corner") == ["ant", "bee", "cat"]
    assert sorted(texts(picture, "label")) == ["T = 0.1", "T = 1", "T = 10"]
    assert texts(picture, "legend") == ["colder"]
    assert texts(picture, "heading") == ["Cooling"]
    root = parsed(picture)
    title, description = root.find(f"{SVG}title"), root.find(f"{SVG}desc")
    assert title is not None
    assert description is not None
    assert title.text == "Cooling"
    assert "colder: from (0.37, 0.33, 0.30) to (1.00, 0.00, 0.00)." in (description.text or "")
    assert "At T = 1: (0.67, 0.24, 0.09)." in (description.text or "")
    assert root.get("aria-labelledby") == f"{title.get('id')} {description.get('id')}"


def test_foreign_text_stays_text() -> None:
    picture = simplex_chart(
        [cooling(name=HOSTILE, marks=[(0, HOSTILE)])],
        classes=(HOSTILE, HOSTILE, HOSTILE),
        points=np.eye(3),
        labels=(HOSTILE, HOSTILE, ""),
        title=HOSTILE,
    )
    tags = {node.tag.removeprefix(SVG) for node in parsed(picture).iter()}
    assert tags <= {"svg", "title", "desc", "style", "g", "rect", "path", "text", "circle", "line"}


def test_two_pictures_in_one_page_have_different_ids() -> None:
    first, second = simplex_chart([cooling()]), simplex_chart([cooling()], title="other")
    assert parsed(first).get("aria-labelledby") != parsed(second).get("aria-labelledby")
    assert first == simplex_chart([cooling()])


def test_tensors_arrays_and_no_paths_are_drawn() -> None:
    rows = torch.tensor([[0.2, 0.3, 0.5]], dtype=torch.float32, requires_grad=True)
    parsed(simplex_chart([rows, rows.detach().numpy(), rows.half().tolist()]))
    assert "many" in simplex_chart([], points=np.random.default_rng(0).dirichlet([1, 1, 1], 500))


def test_equal_marks_at_one_place_are_written_once() -> None:
    picture = simplex_chart([cooling(), cooling()])
    assert sorted(texts(picture, "label")) == ["T = 0.1", "T = 1", "T = 10"]


def test_no_label_lies_on_another_or_on_the_frame() -> None:
    taken = [item.box for item in (*corner_texts(("a", "b", "c"), 60.0), *tick_texts(60.0))]
    line = [(40.0 + step, 300.0) for step in range(0, 320, 4)]
    canvas = Box(4.0, 30.0, 396.0, 380.0)
    for mark in [(40.0, 337.0), (42.0, 330.0), (200.0, 60.0), (204.0, 64.0), (196.0, 64.0)]:
        taken.append(place_label("T = 0.1", mark, 11.0, taken, line, canvas).box)
    labels = taken[-5:]
    assert all(one.overlap(other) == 0 for one, other in itertools.combinations(taken, 2))
    assert all(canvas.holds(box.left, box.top) for box in labels)
    assert all(canvas.holds(box.right, box.bottom) for box in labels)


def test_wide_names_are_cut_to_their_room() -> None:
    for name in ("W" * 60, "名" * 60, "plain name of sixty letters " * 2):
        assert text_width(cut_to_width(name, 13.0, 180.0), 13.0) <= 180.0
    assert cut_to_width("short", 13.0, 180.0) == "short"


def test_a_line_keeps_its_loops() -> None:
    line = np.array([[0.0, 0.0], [1.0, 0.0], [1.0, 0.0], [0.0, 0.0]])
    assert polyline(line) == "M0 0L1 0L0 0"
    assert polyline(line[:1]) == "M0 0h0"


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: simplex_chart([np.ones((2, 4)) / 4]), r"shape \(m, 3\) for path 0.*\(2, 4\)"),
        (lambda: simplex_chart([np.zeros((0, 3))]), "path 0"),
        (lambda: simplex_chart([np.ones((2, 3))]), "row 0 sums to 3"),
        (lambda: simplex_chart([], points=np.ones(3) / 3), "points"),
        (lambda: simplex_chart([cooling(marks=[(101, "end")])]), "row 101 of path 0.*101 rows"),
        (lambda: simplex_chart([], classes=("a", "b")), "3 classes, but got 2"),
        (lambda: simplex_chart([], points=np.eye(3), labels=["a"]), "3 points, but got 1"),
    ],
)
def test_what_cannot_be_drawn_is_refused(call: object, said: str) -> None:
    with pytest.raises(InvalidInput, match=said):
        call()
