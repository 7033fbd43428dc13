"""Softmax beside a hinge, from a table to a folder, and what is refused on the way."""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

import softplex
from softplex.cli import _compare_training
from softplex.cli._compare import HingeLoss
from softplex.cli._compare_artifacts import hinge_name
from softplex.data import read_table
from softplex.estimators import SVMClassifier
from softplex.exceptions import GapNotReached, InvalidInput


def compare(run, table: object, out: Path, *options: object) -> dict:
    result = run("compare", table, "--out", out, *options)
    assert result.exit_code == 0, result.output
    return json.loads((out / "comparison.json").read_text())


@pytest.fixture(scope="module")
def compared(run, birds: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("comparisons") / "birds"
    compare(run, birds, out, "--target", "species", "--C", "0.1")
    return out


def test_the_folder_holds_all(compared: Path) -> None:
    names = {path.name for path in compared.iterdir()}
    assert names == {"comparison.json", "report.html", "softmax", "hinge"}


def test_both_models_answer_the_same_rows(compared: Path, birds: Path) -> None:
    found = json.loads((compared / "comparison.json").read_text())
    table = found["disagreement"]
    n = found["rows"]["test"]
    assert n == 48
    assert sum(table[name] for name in ("both_right", "both_wrong")) + (
        table["softmax_right"] + table["hinge_right"]
    ) == pytest.approx(n)
    for name, alone in (("softmax", "softmax_right"), ("hinge", "hinge_right")):
        right = (table["both_right"] + table[alone]) / n
        assert found[name]["uncalibrated_accuracy"] == pytest.approx(right)
        assert found[name]["test"]["n"] == n
        assert found[name]["C"] == 0.1
        assert found[name]["certificate"]["relative_gap"] <= 1e-4
    frame = pd.read_csv(birds)
    for row in table["strongest"]:
        assert row["label"] == frame["species"][row["row"] - 1]


def test_the_models_in_the_folder_give_the_numbers_again(compared: Path, birds: Path) -> None:
    found = json.loads((compared / "comparison.json").read_text())
    for name in ("softmax", "hinge"):
        model = softplex.load(compared / name)
        assert model.classifier.estimator_.C == 0.1
        probabilities = model.predict_proba(read_table(birds)).probabilities
        for row in found["disagreement"]["strongest"]:
            np.testing.assert_allclose(row[name], probabilities[row["row"] - 1], rtol=1e-10)
    hinge = softplex.load(compared / "hinge").classifier.estimator_
    assert isinstance(hinge, SVMClassifier)
    assert hinge.loss == "crammer_singer"
    with pytest.raises(AttributeError, match="CalibratedClassifier"):
        _ = hinge.predict_proba


def test_predict_takes_either_model(run, compared: Path, birds: Path, tmp_path: Path) -> None:
    out = tmp_path / "p.csv"
    assert run("predict", compared / "hinge", birds, "--out", out).exit_code == 0
    assert len(pd.read_csv(out)) == 240


def test_the_same_seed_gives_the_same_numbers(run, birds, compared: Path, tmp_path) -> None:
    compare(run, birds, tmp_path / "again", "--target", "species", "--C", "0.1")
    for name in ("comparison.json", "softmax/model.json", "hinge/arrays.safetensors"):
        assert (tmp_path / "again" / name).read_bytes() == (compared / name).read_bytes()


def test_c_is_chosen_for_both_by_the_same_rule(run, tmp_path: Path) -> None:
    found = compare(run, "iris", tmp_path / "m")
    for name in ("softmax", "hinge"):
        tried = found[name]["tried"]
        best = min(tried, key=lambda one: one["log_loss"])
        assert found[name]["C"] == best["C"]
        # Whole powers of ten, times the number of training rows.
        powers = np.log10([one["C"] * 120 for one in tried])
        np.testing.assert_allclose(powers, np.arange(len(tried)), atol=1e-12)


@pytest.mark.parametrize("loss", [loss.value for loss in HingeLoss])
def test_every_hinge(run, tmp_path: Path, loss: str) -> None:
    found = compare(run, "breast_cancer", tmp_path / "m", "--C", "0.1", "--loss", loss)
    assert found["loss"] == loss
    assert 0.5 < found["hinge"]["zero_loss_share"] < 1.0
    curve = "squared_hinge" if loss.startswith("squared") else "hinge"
    page = (tmp_path / "m" / "report.html").read_text(encoding="utf-8")
    assert page.count(f'class="curve {curve} trained"') == 1
    assert hinge_name(loss) in page


def test_the_losses_are_those_of_the_classifier() -> None:
    X, y = np.array([[0.0], [1.0]]), np.array([0, 1])
    with pytest.raises(InvalidInput) as refusal:
        SVMClassifier(loss="none of these").fit(X, y)
    assert all(repr(loss.value) in str(refusal.value) for loss in HingeLoss)


def test_weights_and_groups_are_taken(run, birds: Path, tmp_path: Path) -> None:
    frame = pd.read_csv(birds).assign(nest=np.arange(240) // 6, w=np.arange(240) % 3)
    frame.to_csv(tmp_path / "t.csv", index=False)
    options = ["--target", "species", "--weight", "w", "--group", "nest", "--C", "0.1"]
    found = compare(run, tmp_path / "t.csv", tmp_path / "m", *options)
    assert found["rows"]["test"] == found["softmax"]["test"]["n"] < 48


def test_a_table_on_screen_and_lines_for_programs(run, tmp_path: Path) -> None:
    text = run("compare", "iris", "--out", tmp_path / "a", "--C", "1").stdout
    assert "accuracy before calibration" in text
    assert "The answers differ in" in text
    lines = run("compare", "iris", "--out", tmp_path / "b", "--C", "1", "--json").stdout
    events = {event["event"]: event for event in map(json.loads, lines.splitlines())}
    assert events["result"]["comparison"]["disagreement"]["p_value"] <= 1.0
    measures = [row["measure"].strip() for row in events["comparison"]["rows"]]
    assert {"accuracy", "calibration error", "relative gap", "C"} <= set(measures)


def test_scores_without_a_temperature_are_named(run, tmp_path: Path) -> None:
    y = np.array([0, 1] * 40)
    rng = np.random.default_rng(0)
    pd.DataFrame({"a": 5 * y + rng.random(80), "y": y}).to_csv(tmp_path / "t.csv", index=False)
    out = tmp_path / "m"
    result = run("compare", tmp_path / "t.csv", "--target", "y", "--out", out, "--C", "1")
    caution = "The scores of hinge could not be calibrated"
    assert caution in result.stderr
    assert caution in (out / "report.html").read_text(encoding="utf-8")


def numbers(n: int = 40) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    return pd.DataFrame({"a": rng.normal(size=n), "b": rng.normal(size=n), "y": ["u", "v"] * 20})


@pytest.mark.parametrize(
    ("frame", "options", "words"),
    [
        (numbers().assign(y="u"), [], "one class only"),
        (numbers().rename(columns={"y": "z"}), [], "no column 'y'"),
        (numbers().head(0), [], "no rows"),
        (numbers().head(3), [], "single row"),
        (numbers(), ["--C", "0"], "--C"),
        (numbers(), ["--C", "inf"], "--C"),
        (numbers(), ["--loss", "logistic"], "weston_watkins"),
        (numbers(), ["--drop", "bb"], "did you mean 'b'"),
    ],
)
def test_bad_input_gets_a_sentence(run, tmp_path, monkeypatch, frame, options, words) -> None:
    monkeypatch.chdir(tmp_path)
    frame.to_csv("table.csv", index=False)
    result = run("compare", "table.csv", "--target", "y", "--out", "m", *options)
    assert result.exit_code == 2
    assert words.casefold() in " ".join(result.stderr.split()).casefold(), result.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["table.csv"]


def test_a_folder_is_replaced_only_by_force_and_only_if_it_is_a_comparison(
    run, fitted: Path, tmp_path: Path
) -> None:
    out = tmp_path / "m"
    compare(run, "iris", out, "--C", "1")
    assert "--force" in run("compare", "iris", "--out", out).stderr
    assert compare(run, "iris", out, "--C", "2", "--force")["softmax"]["C"] == 2.0
    result = run("compare", "iris", "--out", fitted, "--force")
    assert result.exit_code == 2
    assert "no softplex comparison.json" in result.stderr


class _Noisy:
    """Calibrated at C = 10 best of all; its fit says which C it is at."""

    def __init__(self, C: float, cv: object) -> None:
        self.C = C

    def fit(self, *_: object) -> _Noisy:
        warnings.warn(f"a fit at C = {self.C:g}", GapNotReached, stacklevel=2)
        self.log_loss_ = abs(np.log10(self.C) - 1.0) + 1.0
        return self


class _Silent:
    def progress(self, text: str) -> None:
        pass


def test_only_the_kept_fit_is_heard(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_compare_training, "CalibratedClassifier", _Noisy)
    monkeypatch.setattr(_compare_training, "n_folds", lambda _: 2)
    rows = SimpleNamespace(X=None, labels=np.zeros(1), weights=None, groups=None)
    with pytest.warns(GapNotReached) as heard:
        kept, tried, _ = _compare_training._chosen(float, rows, None, "softmax", _Silent())
    assert kept.C == 10.0
    assert [f"{C:g}" for C, _ in tried] == ["1", "10", "100", "1000"]
    assert [str(one.message) for one in heard] == ["a fit at C = 10"]
