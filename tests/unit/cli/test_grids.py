"""Facts in words: wide tables, small numbers, the temperature and the gap."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest

from softplex.cli._grids import columns_grid, facts_grid, metrics_grid


def test_runs_of_like_columns_collapse_for_people_in_wide_tables() -> None:
    summary = [("first", "constant", "always 0; left out")]
    summary += [(f"pixel_{index}", "number", "") for index in range(61)]
    summary += [("target", "target", "10 classes")]
    grid = columns_grid(summary)
    assert grid.rows == summary
    assert grid.brief == [summary[0], ("pixel_0 ... pixel_60", "number", "61 columns"), summary[-1]]


def test_narrow_tables_and_columns_that_differ_stay_whole() -> None:
    summary = [(f"x{index}", "number", "") for index in range(30)]
    assert columns_grid(summary).brief is None
    differing = [(f"x{index}", "number", f"{index} missing") for index in range(40)]
    assert columns_grid(differing).brief == differing


def facts(gap: float | None, temperature: float | None) -> dict[str, str]:
    metrics = {
        "source": "a",
        "target": "y",
        "test": {"classes": ["p", "q"]},
        "rows": {"train": 8, "test": 2},
        "C": 1.0,
        "calibration": {"sentence": "Done.", "temperature": temperature},
        "certificate": {"relative_gap": gap, "sentence": "Reached."},
    }
    return {row[0]: row[1] for row in facts_grid(metrics).rows}


@pytest.mark.parametrize(
    ("gap", "words"),
    [
        (8.5e-15, "at most 1e-12 of the objective, the limit of float64. Reached."),
        (7.4e-6, "the objective is within 7.4e-06 of its minimum, as a share. Reached."),
        (None, "no bound is known. Reached."),
    ],
)
def test_the_gap_is_said_in_words(gap: float | None, words: str) -> None:
    assert facts(gap, 1.5)["certified gap"] == words


@pytest.mark.parametrize(
    ("temperature", "words"),
    [
        (0.25, "Temperature 0.25, which makes the probabilities more confident. Done."),
        (1.5, "Temperature 1.5, which makes the probabilities less confident. Done."),
        (1.0004, "Temperature 1, which leaves the probabilities nearly as they were. Done."),
        (None, "Done."),
    ],
)
def test_the_temperature_is_said_in_words(temperature: float | None, words: str) -> None:
    assert facts(0.0, temperature)["calibration"] == words


def test_a_tiny_loss_is_not_printed_as_zero() -> None:
    test = {"n": 9, "interval_level": 0.95, "log_loss": 4.6e-7, "brier": 0.0}
    test["intervals"] = {"log_loss": [1e-8, 0.2], "brier": [None, None]}
    rows = metrics_grid(test).rows
    assert [list(row[1:]) for row in rows] == [["4.6e-07", "1.0e-08 to 0.2000"], ["0.0000", ""]]


def test_the_time_is_on_the_screen_and_in_no_file(run, tmp_path: Path) -> None:
    out = tmp_path / "model"
    result = run("fit", "iris", "--C", "1", "--out", out, "--json")
    events = [json.loads(line) for line in result.stdout.splitlines()]
    assert any(event["message"].startswith("All of it took ") for event in events)
    assert events[-1]["event"] == "result"
    assert not [path for path in out.iterdir() if b"All of it took" in path.read_bytes()]


def test_weights_and_test_columns_are_refused_before_training(
    run, birds: Path, tmp_path: Path
) -> None:
    table = pd.read_csv(birds)
    weighted, short = tmp_path / "weighted.csv", tmp_path / "short.csv"
    table.assign(w=-1).to_csv(weighted, index=False)
    table.drop(columns="length").to_csv(short, index=False)
    common = ("--target", "species", "--out", tmp_path / "model")
    result = run("fit", weighted, *common, "--weight", "w")
    assert result.exit_code == 2
    assert f"in {len(table)} rows" in result.output
    result = run("fit", birds, *common, "--test", short)
    assert result.exit_code == 2
    assert "lacks 1 of" in result.output
    assert "encoding" not in result.output


def test_evaluate_says_that_it_needs_labels(run, birds: Path, fitted: Path, tmp_path: Path) -> None:
    table = tmp_path / "unlabelled.csv"
    pd.read_csv(birds).drop(columns="species").to_csv(table, index=False)
    result = run("evaluate", fitted, table)
    assert result.exit_code == 2
    assert "`softplex predict`, which needs no labels" in result.output


def test_utf_16_text_is_told_to_become_utf_8(run, birds: Path, tmp_path: Path) -> None:
    table = tmp_path / "wide.csv"
    pd.read_csv(birds).to_csv(table, index=False, encoding="utf-16")
    result = run("fit", table, "--target", "species", "--out", tmp_path / "model")
    assert result.exit_code == 2
    assert "not UTF-8 text. Save it again with the UTF-8 encoding" in result.output
