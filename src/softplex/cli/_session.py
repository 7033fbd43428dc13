"""What stands around every command: errors become sentences, warnings become lines."""

from __future__ import annotations

import traceback
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType

import typer

from softplex.cli._screen import Screen, opened_screen
from softplex.exceptions import SoftplexError, SoftplexWarning

BAD_INPUT = 2
UNEXPECTED = 1
INTERRUPTED = 130


@contextmanager
def session(
    *, json_lines: bool, debug: bool, interrupted: str = "nothing was changed", steps: int = 1
) -> Iterator[Screen]:
    """Run a command: one sentence and an exit code for whatever goes wrong.

    Parameters
    ----------
    json_lines : bool
        Report as JSON lines instead of text.
    debug : bool
        Show the traceback too.
    interrupted : str
        What Ctrl-C means for this command's files.
    steps : int
        How many steps the command has.
    """
    with (
        opened_screen(json_lines, steps) as screen,
        _warnings_on(screen, debug),
        _Boundary(screen, debug, interrupted),
    ):
        yield screen


class _Boundary:
    """The one place where exceptions of any kind end, because a user is on the other side."""

    def __init__(self, screen: Screen, debug: bool, interrupted: str) -> None:
        self._screen = screen
        self._debug = debug
        self._interrupted = interrupted

    def __enter__(self) -> None:
        return None

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if error is None or isinstance(error, typer.Exit | typer.Abort | BrokenPipeError):
            return
        if not isinstance(error, Exception | KeyboardInterrupt):
            return
        if self._debug:
            self._screen.close()
            traceback.print_exception(error)
        sentence, code = _explained(error, self._interrupted)
        self._screen.error(sentence)
        raise typer.Exit(code) from error


def _explained(error: BaseException, interrupted: str) -> tuple[str, int]:
    if isinstance(error, KeyboardInterrupt):
        return f"interrupted; {interrupted}", INTERRUPTED
    if isinstance(error, SoftplexError):
        return str(error), BAD_INPUT
    if isinstance(error, OSError) and error.errno is not None:
        where = f"{error.filename}: " if error.filename else ""
        return f"{where}{error.strerror or error}", BAD_INPUT
    if isinstance(error, MemoryError):
        return "there is not enough memory for this table on this machine", BAD_INPUT
    name = type(error).__name__
    return f"softplex failed unexpectedly ({name}: {error}); --debug shows where", UNEXPECTED


@contextmanager
def _warnings_on(screen: Screen, debug: bool) -> Iterator[None]:
    """Show softplex's own warnings as lines, once each; those of libraries only to debug."""
    said: set[str] = set()

    def show(message: Warning | str, *_where: object, **_more: object) -> None:
        text = str(message)
        if text not in said:
            said.add(text)
            screen.warning(text)

    with warnings.catch_warnings():
        warnings.simplefilter("default" if debug else "ignore")
        warnings.simplefilter("always", SoftplexWarning)
        warnings.showwarning = show
        yield
