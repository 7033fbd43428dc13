"""The program itself: it starts fast, explains itself, and completes words."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

import softplex
from softplex.cli._datasets import SIZES
from softplex.cli._options import BUNDLED, complete_table
from softplex.data import bundled_names, read_table

HEAVY = {"torch", "sklearn", "pandas", "scipy", "numpy", "pyarrow", "matplotlib", "jinja2"}


def imported_by(code: str) -> set[str]:
    program = f"import sys; {code}; print(*sorted(sys.modules))"
    output = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    ).stdout
    return {name.partition(".")[0] for name in output.splitlines()[-1].split()}


def test_importing_softplex_imports_nothing_heavy() -> None:
    assert imported_by("import softplex") & HEAVY == set()


def test_help_imports_nothing_heavy() -> None:
    code = (
        "from typer.testing import CliRunner; from softplex.cli import app; "
        "[CliRunner().invoke(app, [*words, '--help']) for words in ([], ['fit'], ['predict'])]"
    )
    assert imported_by(code) & HEAVY == set()


def test_version(run) -> None:
    result = run("--version")
    assert result.exit_code == 0
    assert result.stdout.strip() == f"softplex {softplex.__version__}"


def test_the_module_is_the_command() -> None:
    command = [sys.executable, "-m", "softplex", "--version"]
    output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert output.startswith("softplex ")


@pytest.mark.parametrize("command", ["fit", "predict", "evaluate", "show", "datasets"])
def test_every_command_explains_itself(run, command: str) -> None:
    result = run(command, "--help")
    assert result.exit_code == 0
    assert "--debug" in result.output


@pytest.mark.parametrize(
    ("arguments", "meant"),
    [
        (["fti"], "'fit'"),
        (["fit", "iris", "--tagret", "x"], "--target"),
        (["predict", "m", "iris", "--oout", "x"], "--out"),
        (["show", "m", "--jsno"], "--json"),
    ],
)
def test_a_mistyped_word_is_answered_with_the_right_one(run, arguments, meant: str) -> None:
    result = run(*arguments)
    assert result.exit_code == 2
    assert "Did you mean" in result.stderr
    assert meant in result.stderr


def test_data_sets_are_as_listed(run) -> None:
    assert {row[0] for row in SIZES} == set(bundled_names()) == set(BUNDLED)
    for name, n, n_columns, n_classes, _ in SIZES:
        table = read_table(name)
        labels = table.column("target").to_pylist()
        assert (len(table), len(table.matrix_names), len(set(labels))) == (n, n_columns, n_classes)
        assert name in run("datasets").stdout


def test_tables_complete(tmp_path, monkeypatch) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "iris.csv").touch()
    (tmp_path / "digest.csv").touch()
    monkeypatch.chdir(tmp_path)
    assert complete_table("di") == ["digits", "digest.csv"]
    assert complete_table("da") == ["data/"]
    assert complete_table("data/") == ["data/iris.csv"]
    assert complete_table("nowhere/") == []


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_shell_completes(shell: str) -> None:
    words = "softplex fit ir"
    environment = {
        **os.environ,
        "_SOFTPLEX_COMPLETE": f"complete_{shell}",
        "COMP_WORDS": words,
        "COMP_CWORD": "2",
        "_TYPER_COMPLETE_ARGS": words,
        "_TYPER_COMPLETE_FISH_ACTION": "get-args",
    }
    program = "from softplex.cli import main; main()"
    output = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, env=environment
    ).stdout
    assert "iris" in output


def test_completion_can_be_shown() -> None:
    environment = {**os.environ, "_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION": "1"}
    command = [sys.executable, "-m", "softplex", "--show-completion", "bash"]
    result = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert "_SOFTPLEX_COMPLETE" in result.stdout
