"""From a table to a folder: what is in it, and that the same seed gives the same bytes."""

from __future__ import annotations

import json
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import softplex
from softplex.cli import _artifacts
from softplex.data import read_table
from softplex.estimators import CalibratedClassifier, SoftmaxClassifier

FILES = {
    "README.md",
    "arrays.safetensors",
    "metrics.json",
    "model.encoder.skops",
    "model.json",
    "predictions.parquet",
    "report.html",
}


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def metrics_of(folder: Path) -> dict:
    return json.loads((folder / "metrics.json").read_text())


def fit(run, table: object, out: Path, *options: object) -> dict:
    result = run("fit", table, "--out", out, "--C", "1", *options)
    assert result.exit_code == 0, result.output
    return metrics_of(out)


def test_the_folder_holds_all(fitted: Path) -> None:
    assert set(contents(fitted)) == FILES
    assert [path.name for path in fitted.parent.iterdir()] == [fitted.name]


def test_the_numbers(fitted: Path) -> None:
    metrics = metrics_of(fitted)
    assert metrics["format"] == 1
    assert metrics["rows"] == {"train": 192, "test": 48}
    assert metrics["test"]["n"] == 48
    assert {"accuracy", "log_loss", "bits", "brier", "ece"} <= set(metrics["test"])
    assert metrics["test"]["accuracy"] > 0.9
    assert metrics["certificate"]["relative_gap"] <= SoftmaxClassifier().tol
    assert metrics["calibration"]["temperature"] > 0
    assert metrics["uncalibrated"]["n"] == 48


def test_the_test_predictions_give_the_numbers_again(fitted: Path, birds: Path) -> None:
    frame = pd.read_parquet(fitted / "predictions.parquet")
    metrics = metrics_of(fitted)
    assert (frame["y"] == frame["predicted"]).mean() == pytest.approx(metrics["test"]["accuracy"])
    own = frame.to_numpy()[np.arange(len(frame)), frame.columns.get_indexer("p_" + frame["y"])]
    assert -np.log(own.astype(float)).mean() == pytest.approx(metrics["test"]["log_loss"])
    table = pd.read_csv(birds)
    assert frame["tag"].tolist() == table["tag"].iloc[frame["row"] - 1].tolist()


def test_the_model_in_the_folder_made_the_predictions(fitted: Path, birds: Path) -> None:
    frame = pd.read_parquet(fitted / "predictions.parquet")
    probabilities = softplex.load(fitted).predict_proba(read_table(birds)).probabilities
    columns = [name for name in frame if name.startswith("p_")]
    # Products of other row counts may round differently in the last bits.
    np.testing.assert_allclose(frame[columns], probabilities[frame["row"] - 1], rtol=1e-10)


def test_the_same_seed_gives_the_same_files(
    run, birds, fitted: Path, tmp_path, monkeypatch
) -> None:
    monkeypatch.chdir(tmp_path)
    fit(run, birds, Path("one"), "--target", "species")
    first = contents(Path("one"))
    shutil.rmtree("one")
    fit(run, birds, Path("one"), "--target", "species")
    assert contents(Path("one")) == first
    fit(run, birds, Path("two"), "--target", "species")
    second = contents(Path("two"))
    assert {name for name in FILES if second[name] != first[name]} <= {"report.html"}


def test_another_seed_gives_another_split(run, birds: Path, fitted: Path, tmp_path) -> None:
    fit(run, birds, tmp_path / "other", "--target", "species", "--seed", "1")
    rows = [
        pd.read_parquet(f / "predictions.parquet")["row"].tolist()
        for f in (fitted, tmp_path / "other")
    ]
    assert rows[0] != rows[1]


def test_column_kinds_are_printed(run, birds: Path, tmp_path: Path) -> None:
    options = ["--target", "species", "--out", tmp_path / "m", "--C", "1"]
    output = run("fit", birds, *options, "--categorical", "remark", "--drop", "seen,depth").stdout
    kinds = dict(re.findall(r"^ +(\w+) +(\w+)", output, re.MULTILINE))
    assert kinds["remark"] == "category"
    assert kinds["seen"] == kinds["depth"] == "dropped"
    assert (kinds["length"], kinds["island"], kinds["tag"]) == ("number", "category", "id")


def test_without_calibration(run, tmp_path: Path) -> None:
    metrics = fit(run, "iris", tmp_path / "m", "--no-calibrate")
    assert metrics["uncalibrated"] is None
    assert metrics["calibration"]["temperature"] is None
    assert type(softplex.load(tmp_path / "m").classifier).__name__ == "SoftmaxClassifier"


def test_the_penalty_is_chosen_by_cross_validation(run, tmp_path: Path) -> None:
    result = run("fit", "iris", "--out", tmp_path / "m")
    assert result.exit_code == 0
    assert "cross-validation" in result.stderr
    assert metrics_of(tmp_path / "m")["C"] > 0


def test_a_table_of_test_rows(run, birds: Path, tmp_path: Path) -> None:
    frame = pd.read_csv(birds)
    frame.head(200).to_csv(tmp_path / "train.csv", index=False)
    frame.tail(40).to_csv(tmp_path / "test.csv", index=False)
    options = ["--target", "species", "--test", tmp_path / "test.csv"]
    metrics = fit(run, tmp_path / "train.csv", tmp_path / "m", *options)
    assert metrics["rows"] == {"train": 200, "test": 40}


def test_groups_stay_together(run, birds: Path, tmp_path: Path) -> None:
    frame = pd.read_csv(birds).assign(nest=np.arange(240) // 6)
    frame.to_csv(tmp_path / "t.csv", index=False)
    fit(run, tmp_path / "t.csv", tmp_path / "m", "--target", "species", "--group", "nest")
    tested = pd.read_parquet(tmp_path / "m" / "predictions.parquet")["row"] - 1
    nests = frame["nest"].to_numpy()
    assert not set(nests[tested]) & set(np.delete(nests, tested))


def test_the_latest_rows_are_tested(run, birds: Path, tmp_path: Path) -> None:
    fit(run, birds, tmp_path / "m", "--target", "species", "--time", "seen")
    tested = pd.read_parquet(tmp_path / "m" / "predictions.parquet")["row"]
    assert tested.tolist() == list(range(193, 241))


def test_weights_count(run, birds: Path, tmp_path: Path) -> None:
    pd.read_csv(birds).assign(w=2.0).to_csv(tmp_path / "t.csv", index=False)
    metrics = fit(run, tmp_path / "t.csv", tmp_path / "m", "--target", "species", "--weight", "w")
    assert metrics["rows"]["test"] == 48


def test_unused_columns_are_reported(run, birds: Path, tmp_path: Path) -> None:
    pd.read_csv(birds).assign(flat=1, hole=np.nan).to_csv(tmp_path / "t.csv", index=False)
    result = run(
        "fit", tmp_path / "t.csv", "--target", "species", "--out", tmp_path / "m", "--C", "1"
    )
    assert re.search(r"flat +constant", result.stdout)
    assert re.search(r"hole +empty", result.stdout)
    assert "flat" in (tmp_path / "m" / "README.md").read_text()


def test_json_lines(run, birds: Path, tmp_path: Path) -> None:
    result = run("fit", birds, "--target", "species", "--out", tmp_path / "m", "--C", "1", "--json")
    events = [json.loads(line) for line in result.stdout.splitlines()]
    assert {"step", "columns", "result"} <= {event["event"] for event in events}
    assert events[-1]["metrics"] == metrics_of(tmp_path / "m")
    assert len(events[[event["event"] for event in events].index("columns")]["rows"]) == 8


def test_json_lines_of_an_error(run, tmp_path: Path) -> None:
    result = run("fit", "nothing.csv", "--out", tmp_path / "m", "--json")
    assert result.exit_code == 2
    assert json.loads(result.stdout.splitlines()[-1])["event"] == "error"


@pytest.mark.parametrize("moment", ["train", "write_artifacts"])
def test_an_interrupt_saves_nothing(run, tmp_path: Path, monkeypatch, moment: str) -> None:
    from softplex.cli import _workflow

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(_workflow, moment, interrupted)
    result = run("fit", "iris", "--out", tmp_path / "m")
    assert result.exit_code == 130
    assert "nothing was saved" in result.stderr
    assert list(tmp_path.iterdir()) == []


def test_ctrl_c_in_mid_fit_saves_nothing(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "softplex", "fit", "digits", "--out", "m"]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, cwd=tmp_path)
    assert process.stderr is not None
    for line in process.stderr:
        if line.startswith("choosing C"):
            process.send_signal(signal.SIGINT)
            break
    _, rest = process.communicate()
    assert process.returncode == 130, rest
    assert rest.splitlines()[-1] == "error: interrupted; nothing was saved"
    assert "Traceback" not in rest
    assert list(tmp_path.iterdir()) == []


def test_the_best_so_far_is_saved_without_calibration(run, tmp_path: Path, monkeypatch) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(CalibratedClassifier, "_out_of_fold", interrupted)
    result = run("fit", "iris", "--out", tmp_path / "m", "--C", "1")
    assert result.exit_code == 0
    assert "warning: interrupted: the classifier is saved as far as it got" in result.stderr
    assert metrics_of(tmp_path / "m")["calibration"]["temperature"] is None


def test_force_keeps_the_old_folder_until_the_new_one_is_whole(run, tmp_path, monkeypatch) -> None:
    fit(run, "iris", tmp_path / "m")
    before = contents(tmp_path / "m")

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(_artifacts, "render_report", interrupted)
    assert run("fit", "iris", "--out", tmp_path / "m", "--force").exit_code == 130
    assert contents(tmp_path / "m") == before
    assert [path.name for path in tmp_path.iterdir()] == ["m"]


def test_the_report_has_the_command(run, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    fit(run, "iris", Path("a model"))
    report = (tmp_path / "a model" / "report.html").read_text()
    assert "softplex fit iris --out &#39;a model&#39; --C 1" in report


def test_show_and_evaluate(run, fitted: Path, birds: Path) -> None:
    shown = run("show", fitted)
    assert shown.exit_code == 0
    assert "adelie, chinstrap, gentoo" in shown.stdout
    evaluated = run("evaluate", fitted, birds, "--json")
    assert evaluated.exit_code == 0
    result = json.loads(evaluated.stdout.splitlines()[-1])
    assert result["metrics"]["test"]["n"] == 240


def test_rows_with_unknown_labels_are_left_out_with_a_warning(run, fitted, birds, tmp_path) -> None:
    frame = pd.read_csv(birds)
    frame.loc[:4, "species"] = "dodo"
    frame.to_csv(tmp_path / "t.csv", index=False)
    result = run("evaluate", fitted, tmp_path / "t.csv")
    assert result.exit_code == 0
    assert "5 of 240 rows are left out" in result.stderr
    assert "235 rows" in result.stdout


def test_the_program_from_outside(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "softplex", "fit", "iris", "--target", "target", "--out", "m"]
    result = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    assert "Report: m/report.html" in result.stdout
    assert result.stderr.count("\n") < 12
    assert set(contents(tmp_path / "m")) == FILES
    failed = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)
    assert failed.returncode == 2
    assert failed.stderr.startswith("error: the folder m exists")
    assert "Traceback" not in failed.stderr
