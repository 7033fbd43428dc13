"""A diagnosis as a whole: what it takes, says, writes and draws."""

from __future__ import annotations

import json
from dataclasses import FrozenInstanceError
from xml.etree import ElementTree

import numpy as np
import pytest
import torch

from softplex.diagnostics import Diagnosis, diagnose
from softplex.exceptions import InvalidInput

TITLES = ("Saturation of gradients", "Over-confidence", "Outliers", "Precision")


def test_tensors_arrays_and_lists_say_the_same() -> None:
    scores = [[1.0, 0.0, 2.0], [0.5, 3.0, 0.0]]
    wanted = diagnose(scores, [2, 0]).to_dict()
    assert diagnose(np.array(scores), np.array([2, 0])).to_dict() == wanted
    leaf = torch.tensor(scores, requires_grad=True)
    assert diagnose(leaf, torch.tensor([2, 0])).to_dict() == wanted
    assert leaf.grad is None


def test_the_text_has_a_judgement_on_every_topic(diagnosis: Diagnosis) -> None:
    lines = diagnosis.to_text().splitlines()
    assert lines[0] == "500 rows, 4 classes"
    for title in TITLES:
        assert lines[lines.index(title) + 1].startswith("  ")
    assert max(map(len, lines)) < 100
    assert str(diagnosis) == diagnosis.to_text()
    assert "over-confident by" in diagnosis.to_text()
    assert "The naive formula loses rows altogether" in " ".join(diagnosis.to_text().split())


def test_a_clean_case_is_called_so() -> None:
    scores = np.array([[0.9, 0.0]] * 70 + [[0.0, 0.9]] * 30)
    text = " ".join(diagnose(scores, [0] * 100).to_text().split())
    assert "no clear over- or under-confidence" in text
    assert "changes no prediction" in text
    assert "The naive formula loses no row here" in text
    assert "silences no more of the wrong rows" in text


def test_under_confidence_is_called_so() -> None:
    scores = np.tile([[0.2, 0.0]], (200, 1))
    y = np.r_[np.zeros(190, dtype=int), np.ones(10, dtype=int)]
    assert "under-confident by" in diagnose(scores, y).to_text()


def test_the_dictionary_is_json(diagnosis: Diagnosis) -> None:
    content = json.loads(json.dumps(diagnosis.to_dict(), allow_nan=False))
    assert set(content["judgements"]) == {"saturation", "over_confidence", "outliers", "precision"}
    assert content["n"] == 500
    assert len(content["precision"]) == 8
    assert content["over_confidence"]["gap"] == diagnosis.over_confidence.gap


def test_it_is_frozen(diagnosis: Diagnosis) -> None:
    with pytest.raises(FrozenInstanceError):
        diagnosis.n = 3  # type: ignore[misc]
    assert repr(diagnosis).startswith("Diagnosis(n=500, k=4, gap=+")


@pytest.mark.parametrize("columns", [1, 2, 4])
def test_the_chart_is_a_picture_of_four_panels(diagnosis: Diagnosis, columns: int) -> None:
    root = ElementTree.fromstring(diagnosis.to_svg(columns))
    name = "{http://www.w3.org/2000/svg}"
    assert root.tag == f"{name}svg"
    panels = root.findall(f"{name}g")
    assert len(panels) == 4
    for panel in panels:
        assert panel.get("role") == "img"
        assert "nan" not in ElementTree.tostring(panel, encoding="unicode").lower()
    width, height = map(float, root.attrib["viewBox"].split()[2:])
    assert (width < 450) == (columns == 1)
    assert (height < 400) == (columns == 4)


def test_the_chart_has_the_colours_of_the_report_for_both_themes(diagnosis: Diagnosis) -> None:
    picture = diagnosis.to_svg()
    assert "prefers-color-scheme: dark" in picture
    assert "--ground: #121519" in picture
    assert "<script" not in picture
    # A picture inside a page leaves the page's own style alone.
    assert ":root" not in picture
    assert "\n*" not in picture


def test_the_chart_of_few_and_equal_rows_can_be_drawn() -> None:
    for scores, y in (
        ([[0.0, 0.0]], [0]),
        (50 * np.eye(3), [0, 1, 2]),
        ([[1.0, 2.0]] * 3, [0] * 3),
    ):
        ElementTree.fromstring(diagnose(scores, y).to_svg())


def test_bad_scores_and_labels_are_refused_by_name() -> None:
    for scores, y, words in (
        ([[np.nan, 0.0]], [0], "row 0, class 0 holds NaN"),
        ([[np.inf, 0.0]], [0], "row 0, class 0 holds +inf"),
        ([[-np.inf, 0.0]], [0], "finite score for the true class, but row 0"),
        ([[1.0, 0.0]], [0, 1], "one label a row"),
        (np.zeros((0, 2)), [], "at least one row"),
        (np.zeros((2, 2, 2)), [0, 1], "shape"),
        ([[1.0, 0.0]] * 3, ["a", "b", "c"], "classes="),
    ):
        with pytest.raises(InvalidInput, match=r"^diagnose") as caught:
            diagnose(scores, y)
        assert words in str(caught.value)
    with pytest.raises(InvalidInput, match="Did you mean 'bee'"):
        diagnose([[1.0, 0.0]], ["bees"], classes=["ant", "bee"])


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"thresholds": ()}, "at least one of thresholds"),
        ({"thresholds": (1e-3, 0.0)}, r"thresholds\[1\]"),
        ({"shares": (1.5,)}, r"shares\[0\]"),
        ({"bins": 0}, "bins"),
    ],
)
def test_arguments_out_of_range_are_refused(options: dict, words: str) -> None:
    with pytest.raises(InvalidInput, match=words):
        diagnose([[1.0, 0.0]], [0], **options)


def test_an_unknown_number_of_columns_is_refused(diagnosis: Diagnosis) -> None:
    with pytest.raises(InvalidInput, match="columns must be 1, 2 or 4, but got 3"):
        diagnosis.to_svg(3)
