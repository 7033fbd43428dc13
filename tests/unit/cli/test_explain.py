"""``softplex explain``: one row as text and as a page, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import softplex
from softplex.data import read_table
from softplex.diagnostics import explain


def test_it_says_what_the_function_says(run, fitted: Path, birds: Path) -> None:
    result = run("explain", fitted, birds, "--row", 7)
    assert result.exit_code == 0, result.output
    table = read_table(birds)
    row = table.take(np.array([6]))
    label = table.column("species").to_pylist()[6]
    wanted = explain(softplex.load(fitted), row, label).to_text()
    assert wanted in result.stdout


def test_the_page_is_written(run, fitted: Path, birds: Path, tmp_path: Path) -> None:
    out = tmp_path / "new" / "row.html"
    result = run("explain", fitted, birds, "--row", 7, "--out", out)
    assert result.exit_code == 0, result.output
    assert f"Page: {out}" in result.stdout
    assert out.read_text(encoding="utf-8").startswith("<!doctype html>")
    assert [path.name for path in out.parent.iterdir()] == ["row.html"]


def test_without_a_label_the_walk_is_shorter(run, fitted, birds, tmp_path: Path) -> None:
    frame = pd.read_csv(birds).drop(columns="species")
    frame.to_csv(tmp_path / "bare.csv", index=False)
    result = run("explain", fitted, tmp_path / "bare.csv", "--row", 1)
    assert result.exit_code == 0, result.output
    assert "Entropy" in result.stdout
    assert "Gradient" not in result.stdout


def test_a_label_may_stand_in_another_column(run, fitted, birds, tmp_path: Path) -> None:
    frame = pd.read_csv(birds).rename(columns={"species": "kind"})
    frame.to_csv(tmp_path / "named.csv", index=False)
    result = run("explain", fitted, tmp_path / "named.csv", "--row", 7, "--target", "kind")
    assert result.stdout == run("explain", fitted, birds, "--row", 7).stdout.replace(
        str(birds), str(tmp_path / "named.csv")
    )


def test_json_holds_the_numbers(run, fitted: Path, birds: Path) -> None:
    lines = run("explain", fitted, birds, "--row", 7, "--json").stdout.splitlines()
    last = json.loads(lines[-1])
    assert (last["event"], last["row"], last["page"]) == ("result", 7, None)
    assert abs(sum(last["explanation"]["probabilities"]) - 1) < 1e-12


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--row", 999), "has no row 999; its rows are numbered 1 to 240"),
        (("--row", 1, "--target", "speices"), "Did you mean 'species'"),
        (("--row", 1, "--target", "is_adult"), "the model knows no such class"),
        (("--row", 1, "--out", "row.txt"), "name it .html"),
    ],
)
def test_bad_requests_are_one_sentence(run, fitted, birds, options, words: str) -> None:
    result = run("explain", fitted, birds, *options)
    assert result.exit_code == 2
    assert words in result.stderr
    assert len([line for line in result.stderr.splitlines() if line.startswith("error")]) == 1


def test_an_unknown_label_of_the_models_own_column_is_a_warning(
    run, fitted, birds, tmp_path: Path
) -> None:
    frame = pd.read_csv(birds)
    frame.loc[0, "species"] = "dodo"
    frame.to_csv(tmp_path / "dodo.csv", index=False)
    result = run("explain", fitted, tmp_path / "dodo.csv", "--row", 1)
    assert result.exit_code == 0, result.output
    assert "'dodo'" in result.stderr
    assert "ends at the probabilities" in result.stderr
    named = run("explain", fitted, tmp_path / "dodo.csv", "--row", 1, "--target", "species")
    assert named.exit_code == 2


def test_a_row_that_cannot_be_read_says_why(run, fitted, birds, tmp_path: Path) -> None:
    lines = birds.read_text(encoding="utf-8").splitlines()
    lines[3] += ",too,many"
    path = tmp_path / "ragged.csv"
    path.write_text("\n".join(lines), encoding="utf-8")
    result = run("explain", fitted, path, "--row", 3)
    assert result.exit_code == 2
    assert "row 3 cannot be read" in result.stderr
    assert run("explain", fitted, path, "--row", 4).exit_code == 0
