"""What is said, to people and to programs."""

from __future__ import annotations

import json
import math
import warnings

import pytest
import typer

from softplex.cli._screen import Grid, Outcome, finite
from softplex.cli._session import session
from softplex.exceptions import DataWarning, InvalidInput


def test_json_has_no_nan() -> None:
    assert finite({"a": [math.nan, (1.0, -math.inf)], 2: "b"}) == {
        "a": [None, [1.0, None]],
        "2": "b",
    }


def test_every_line_is_json(capsys) -> None:
    with session(json_lines=True, debug=False) as screen:
        screen.step("reading")
        screen.progress("half way")
        screen.line("a fact")
        screen.table(Grid("things", "Things", ("a", "b"), [["1", "2"]]))
        warnings.warn("odd", DataWarning, stacklevel=1)
        screen.result(Outcome("done", {"x": math.nan}))
    events = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    kinds = [event["event"] for event in events]
    assert kinds == ["step", "progress", "note", "things", "warning", "result"]
    assert events[3]["rows"] == [{"a": "1", "b": "2"}]
    assert events[-1] == {"event": "result", "message": "done", "x": None}


def test_text_goes_to_the_right_place(capsys) -> None:
    with session(json_lines=False, debug=False) as screen:
        screen.step("reading [bold]table[/bold]")
        screen.progress("half way")
        screen.table(Grid("things", "Things", ("a", "b"), [["[red]", "2"]]))
        screen.result(Outcome("done", {}))
    captured = capsys.readouterr()
    assert captured.err == "reading [bold]table[/bold] ...\n"
    assert "[red]" in captured.out
    assert captured.out.endswith("done\n")


def test_the_middle_of_a_long_table_is_left_out_for_people(capsys) -> None:
    rows = [[str(number)] for number in range(100)]
    with session(json_lines=False, debug=False) as screen:
        screen.table(Grid("things", "Things", ("a",), rows))
    text = capsys.readouterr().out
    assert "... 60 more ..." in text
    assert " 99 " in text


def test_a_warning_is_said_once_and_others_are_not(capsys) -> None:
    with session(json_lines=False, debug=False):
        for _ in range(3):
            warnings.warn("odd cells", DataWarning, stacklevel=1)
        warnings.warn("from a library", FutureWarning, stacklevel=1)
    assert capsys.readouterr().err == "warning: odd cells\n"


@pytest.mark.parametrize(
    ("error", "sentence", "code"),
    [
        (InvalidInput("no such thing"), "no such thing", 2),
        (PermissionError(13, "Permission denied", "/x"), "/x: Permission denied", 2),
        (OSError(28, "No space left on device"), "No space left on device", 2),
        (MemoryError(), "there is not enough memory for this table on this machine", 2),
        (KeyboardInterrupt(), "interrupted; nothing was changed", 130),
        (ZeroDivisionError("odd"), "softplex failed unexpectedly", 1),
    ],
)
def test_errors_become_sentences(capsys, error: BaseException, sentence: str, code: int) -> None:
    def fail() -> None:
        with session(json_lines=False, debug=False):
            raise error

    with pytest.raises(typer.Exit) as stop:
        fail()
    assert stop.value.exit_code == code
    message = capsys.readouterr().err
    assert message.startswith(f"error: {sentence}")
    assert message.count("\n") == 1
