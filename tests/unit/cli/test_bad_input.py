"""Bad input gets a sentence and exit code 2, and leaves nothing half-written."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from softplex.cli import _workflow


@pytest.fixture
def refused(run, tmp_path: Path, monkeypatch):
    """Run a command that must be refused with the given words, and look at what it left."""
    monkeypatch.chdir(tmp_path)

    def check(*arguments: object, words: str) -> None:
        before = sorted(tmp_path.rglob("*"))
        result = run(*arguments)
        assert result.exit_code == 2, result.output
        message = result.stderr.splitlines()[-1]
        assert message.startswith("error: ")
        assert words.casefold() in message.casefold(), message
        assert sorted(tmp_path.rglob("*")) == before

    return check


def write(frame: pd.DataFrame, name: str = "table.csv") -> str:
    frame.to_csv(name, index=False)
    return name


def numbers(n: int = 40) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    return pd.DataFrame(
        {"a": rng.normal(size=n), "b": rng.normal(size=n), "y": ["u", "v"] * (n // 2)}
    )


def fit(name: str, *more: object, target: str = "y") -> list[object]:
    return ["fit", name, "--target", target, "--out", "model", *more]


def test_a_missing_file(refused) -> None:
    refused(*fit("nothing.csv"), words="no file 'nothing.csv'")


def test_a_missing_file_near_another(refused, tmp_path) -> None:
    write(numbers(), "penguins.csv")
    refused(*fit("pengiuns.csv"), words="did you mean 'penguins.csv'?")


def test_a_missing_target_column(refused) -> None:
    refused(
        *fit(write(numbers().rename(columns={"y": "species"})), target="speices"),
        words="did you mean 'species'?",
    )


def test_no_target_at_all(refused) -> None:
    refused("fit", write(numbers()), "--out", "model", words="column 'y' looks like a label")


@pytest.mark.parametrize(
    "option", ["--drop", "--categorical", "--text", "--weight", "--group", "--time"]
)
def test_a_mistyped_column(refused, option: str) -> None:
    frame = numbers().rename(columns={"a": "length"})
    refused(*fit(write(frame), option, "lenght"), words="did you mean 'length'?")


def test_an_empty_table(refused) -> None:
    refused(*fit(write(numbers().head(0))), words="no rows")


def test_a_file_without_bytes(refused) -> None:
    Path("table.csv").touch()
    refused(*fit("table.csv"), words="empty")


def test_one_class(refused) -> None:
    refused(*fit(write(numbers().assign(y="u"))), words="one class only")


def test_a_class_with_one_row(refused) -> None:
    frame = numbers()
    frame.loc[3, "y"] = "w"
    refused(*fit(write(frame)), words="single row")


def test_a_continuous_target(refused) -> None:
    refused(*fit(write(numbers()), target="a"), words="column 'y' looks like a label")


def test_a_target_of_lists(refused) -> None:
    frame = numbers().assign(tags="['red', 'blue']")
    refused(*fit(write(frame), target="tags"), words="column 'y' looks like a label")


@pytest.mark.parametrize(("value", "words"), [(np.nan, "missing"), (np.inf, "infinite")])
def test_a_target_that_is_no_number(refused, value: float, words: str) -> None:
    frame = numbers().assign(y=[0.0, 1.0] * 20)
    frame.loc[4, "y"] = value
    refused(*fit(write(frame)), words=words)


def test_duplicate_column_names(refused) -> None:
    Path("table.csv").write_text("a,a,y\n1,2,u\n3,4,v\n")
    refused(*fit("table.csv"), words="more than once")


def test_ragged_rows(refused) -> None:
    Path("table.csv").write_text("a,b,y\n1,2,u\n3,4,v\n5,6,7,u\n8,9,v\n")
    refused(*fit("table.csv"), words="line 4")


def test_no_feature_is_left(refused) -> None:
    refused(*fit(write(numbers().assign(a=1.0, b=np.nan))), words="no column is left")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--C", "0"], "--C"),
        (["--C", "-1"], "--C"),
        (["--C", "nan"], "--C"),
        (["--C", "inf"], "--C"),
        (["--test-size", "0"], "--test-size"),
        (["--test-size", "1.5"], "--test-size"),
        (["--device", "abacus"], "device"),
        (["--test", "table.csv", "--test-size", "0.5"], "--test-size"),
        (["--test", "table.csv", "--group", "a"], "--group"),
        (["--group", "a", "--time", "b"], "group"),
        (["--drop", "a", "--text", "a"], "role"),
        (["--test", "nothing.csv"], "no file"),
    ],
)
def test_options_that_cannot_be(refused, options: list[str], words: str) -> None:
    refused(*fit(write(numbers()), *options), words=words)


def test_a_test_table_without_labels(refused) -> None:
    write(numbers().drop(columns="y"), "test.csv")
    refused(*fit(write(numbers()), "--test", "test.csv"), words="no column 'y'")


def test_a_folder_that_exists_is_refused_before_the_work(refused, monkeypatch) -> None:
    Path("model").mkdir()
    monkeypatch.setattr(_workflow, "prepare", lambda *_: pytest.fail("the work has begun"))
    refused(*fit(write(numbers())), words="--force")


def test_force_does_not_replace_what_is_no_model(refused) -> None:
    Path("model").mkdir()
    Path("model/thesis.txt").write_text("years of work")
    refused(*fit(write(numbers()), "--force"), words="no softplex model")
    assert Path("model/thesis.txt").exists()


def test_an_error_without_a_sentence_shows_no_traceback(run, tmp_path, monkeypatch) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("a surprise")

    monkeypatch.setattr(_workflow, "prepare", fail)
    result = run("fit", "iris", "--out", tmp_path / "model")
    assert result.exit_code == 1
    assert "failed unexpectedly" in result.stderr
    assert "--debug" in result.stderr


def test_debug_shows_the_traceback(tmp_path) -> None:
    from typer.testing import CliRunner

    from softplex.cli import app

    result = CliRunner().invoke(app, ["fit", "no.csv", "--out", str(tmp_path / "m"), "--debug"])
    assert result.exit_code == 2
    assert "Traceback" in result.stderr
    assert "error: There is no file" in result.stderr


@pytest.mark.parametrize(
    "command", [["show"], ["evaluate", "iris"], ["predict", "iris", "--out", "o.csv"]]
)
def test_folders_without_a_model(refused, command: list[str], tmp_path) -> None:
    first, *rest = command
    refused(first, "nowhere", *rest, words="no folder")
    (tmp_path / "other").mkdir()
    refused(first, "other", *rest, words="not a softplex model")


@pytest.mark.parametrize("name", ["model.json", "arrays.safetensors", "model.encoder.skops"])
def test_a_damaged_model(refused, fitted: Path, name: str) -> None:
    shutil.copytree(fitted, "damaged")
    path = Path("damaged") / name
    path.write_bytes(path.read_bytes()[:-20])
    refused("show", "damaged", words=name)


def test_a_model_without_its_numbers(refused, fitted: Path) -> None:
    shutil.copytree(fitted, "partly")
    Path("partly/metrics.json").unlink()
    refused("show", "partly", words="metrics.json is missing")
    Path("partly/metrics.json").write_text("{")
    refused("show", "partly", words="damaged")
    Path("partly/metrics.json").write_text("[]")
    refused("show", "partly", words="not written by softplex")


class TestPredict:
    def test_a_lacking_column(self, refused, fitted: Path, birds: Path) -> None:
        frame = pd.read_csv(birds).rename(columns={"length": "lenght"})
        refused("predict", fitted, write(frame), "--out", "o.csv", words="'length'")

    def test_a_column_of_another_type(self, refused, fitted: Path, birds: Path) -> None:
        frame = pd.read_csv(birds).assign(length="long")
        refused("predict", fitted, write(frame), "--out", "o.csv", words="'length'")

    def test_an_unknown_format(self, refused, fitted: Path, birds: Path) -> None:
        refused("predict", fitted, birds, "--out", "o.xlsx", words="suffix")

    def test_the_table_itself(self, refused, fitted: Path, birds: Path) -> None:
        shutil.copy(birds, "mine.csv")
        refused("predict", fitted, "mine.csv", "--out", "mine.csv", words="the table that is read")

    def test_a_folder_as_the_output(self, refused, fitted: Path, birds: Path) -> None:
        Path("o.csv").mkdir()
        refused("predict", fitted, birds, "--out", "o.csv", words="is a folder")

    def test_a_mistyped_id(self, refused, fitted: Path, birds: Path) -> None:
        refused(
            "predict", fitted, birds, "--out", "o.csv", "--id", "taq", words="did you mean 'tag'"
        )

    def test_a_table_without_rows(self, refused, fitted: Path, birds: Path) -> None:
        frame = pd.read_csv(birds).head(0)
        refused("predict", fitted, write(frame), "--out", "o.csv", words="no rows")

    def test_an_old_output_stays_when_the_new_one_fails(self, run, fitted, birds, tmp_path) -> None:
        out = tmp_path / "o.csv"
        out.write_text("old")
        bad = tmp_path / "bad.csv"
        pd.read_csv(birds).drop(columns="length").to_csv(bad, index=False)
        assert run("predict", fitted, bad, "--out", out).exit_code == 2
        assert out.read_text() == "old"


class TestEvaluate:
    def test_no_labels(self, refused, fitted: Path, birds: Path) -> None:
        frame = pd.read_csv(birds).drop(columns="species")
        refused("evaluate", fitted, write(frame), words="no column 'species'")

    def test_only_unknown_labels(self, refused, fitted: Path, birds: Path) -> None:
        frame = pd.read_csv(birds).assign(species="dodo")
        refused("evaluate", fitted, write(frame), words="no row that can be judged")
