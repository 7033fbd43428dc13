"""The README's Python runs, and its commands exist."""

from __future__ import annotations

import doctest
import re
import runpy
from pathlib import Path

import pytest
from typer.testing import CliRunner

from softplex.cli import app

REPOSITORY = Path(__file__).resolve().parents[1]
README = REPOSITORY / "README.md"


PAGES = [README, *sorted((REPOSITORY / "docs").glob("*.md"))]


def python_blocks(page: Path) -> str:
    return "\n".join(re.findall(r"```python\n(.*?)```", page.read_text("utf-8"), re.DOTALL))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_python_of_the_pages_runs(page: Path) -> None:
    test = doctest.DocTestParser().get_doctest(python_blocks(page), {}, page.name, str(page), 0)
    assert test.examples
    result = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS).run(test)
    assert result.failed == 0


def test_the_commands_of_the_readme_exist() -> None:
    shell = re.findall(r"```sh\n(.*?)```", README.read_text("utf-8"), re.DOTALL)
    commands = set(re.findall(r"^softplex (\w+)", "\n".join(shell), re.MULTILINE))
    assert commands == {item.callback.__name__ for item in app.registered_commands if item.callback}
    for command in commands:
        assert CliRunner().invoke(app, [command, "--help"]).exit_code == 0


def test_the_options_of_the_readme_exist() -> None:
    text = README.read_text("utf-8")
    options = {option for option in re.findall(r"`(--[a-zA-Z-]+)", text) if option != "--debug"}
    options -= {"--install-completion"}
    helped = CliRunner().invoke(app, ["fit", "--help"], env={"COLUMNS": "200"}).output
    assert {option for option in options if option not in helped} == set()


def test_the_targets_of_the_readme_exist() -> None:
    makefile = (REPOSITORY / "Makefile").read_text("utf-8")
    targets = set(re.findall(r"\bmake ([a-z]+)\b", README.read_text("utf-8"))) - {"demo"}
    assert "\ndemo:" in makefile
    assert {target for target in targets if f"\n{target}:" not in makefile} == set()


@pytest.mark.parametrize("script", sorted(path.name for path in REPOSITORY.glob("examples/*.py")))
def test_the_examples_run(script: str, capsys: pytest.CaptureFixture[str]) -> None:
    runpy.run_path(str(REPOSITORY / "examples" / script), run_name="__main__")
    assert capsys.readouterr().out
