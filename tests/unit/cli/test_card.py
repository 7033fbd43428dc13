"""The model card reads as the hub expects, and is inert whatever the data are called."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from softplex.cli._card import model_card
from softplex.evaluation import evaluate
from softplex.report import ColumnSummary, DataSummary, ReportContent

yaml = pytest.importorskip("yaml", reason="the front matter is read with PyYAML")

HOSTILE = '<script>alert("x")</script> | `a` \n# not a heading: {b} $c$'


def content(name: str, kinds: tuple[str, ...] = ("number",)) -> ReportContent:
    labels = np.array([name, "other", name, "other"])
    classes = sorted({name, "other"})
    own = (labels == classes[0]).astype(float)
    probabilities = np.column_stack([0.2 + 0.6 * own, 0.8 - 0.6 * own])
    data = DataSummary(
        source=name,
        target=name,
        train_rows=12,
        test_rows=4,
        columns=tuple(ColumnSummary(f"{name} {kind}", kind) for kind in kinds),
        dropped=(ColumnSummary("flat", "constant", "always 1"),),
        class_counts={name: 3, "other": 9},
    )
    evaluation = evaluate(probabilities, labels, classes=classes)
    return ReportContent(name, evaluation, probabilities, labels, data=data, version="1.2.3")


def front_matter(card: str) -> dict:
    _, matter, _ = card.split("---\n", 2)
    return yaml.safe_load(matter)


@pytest.mark.parametrize("name", ["penguins", HOSTILE, "yes", "1.5", "a: b", "---"])
def test_the_front_matter_is_yaml(name: str) -> None:
    matter = front_matter(model_card(content(name)))
    assert matter["library_name"] == "softplex"
    model = matter["model-index"][0]
    assert model["name"] == name
    result = model["results"][0]
    assert result["dataset"]["name"] == name
    metrics = {metric["type"]: metric["value"] for metric in result["metrics"]}
    assert metrics["accuracy"] == 1.0


def test_names_are_inert() -> None:
    body = model_card(content(HOSTILE)).split("---\n", 2)[2]
    assert not re.search(r"(?<!\\)<script", body)
    assert "\n# not a heading" not in body
    tables = [line for line in body.splitlines() if line.startswith("|")]
    assert len({len(re.findall(r"(?<!\\)\|", line)) for line in tables}) == 1


def test_what_it_says() -> None:
    card = model_card(content("penguins"))
    for part in ("## What it is for", "## Limits", "## Figures", "## How to load it"):
        assert part in card
    assert "Fewer than 10 training rows have the class penguins, other." in card
    assert "flat (constant)" in card
    assert "| accuracy | 1.0000 |" in card


def test_the_task_follows_the_columns() -> None:
    assert front_matter(model_card(content("a")))["pipeline_tag"] == "tabular-classification"
    texts = front_matter(model_card(content("a", ("text",))))
    assert texts["pipeline_tag"] == "text-classification"


def test_the_card_of_a_fitted_folder(fitted: Path) -> None:
    card = (fitted / "README.md").read_text("utf-8")
    assert front_matter(card)["model-index"][0]["results"][0]["dataset"]["name"] == "birds.csv"
    assert "remark (text)" in card
    assert "softplex predict path/to/this/folder" in card
