"""What a command says: to a person at a terminal, to a log, or to a program.

Results go to standard output, progress and warnings to standard error. With ``--json``,
everything is one JSON object a line on standard output.
"""

from __future__ import annotations

import json
import math
import sys
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress


_LOG_WIDTH: Final = 160
_MOST_ROWS: Final = 40


@dataclass(frozen=True)
class Grid:
    """Rows of text under headings; `name` is what a program knows them by.

    `brief`, where given, is what people see instead of `rows`.
    """

    name: str
    title: str
    columns: tuple[str, ...]
    rows: Sequence[Sequence[str]]
    brief: Sequence[Sequence[str]] | None = None


@dataclass(frozen=True)
class Outcome:
    """How it ended: a sentence for people, an object for programs."""

    sentence: str
    content: Mapping[str, Any]


class Screen(ABC):
    """Where a command reports to."""

    @abstractmethod
    def step(self, text: str) -> None:
        """Say what is being done now."""

    @abstractmethod
    def progress(self, text: str) -> None:
        """Say how far the step is, where that does not fill a log."""

    @abstractmethod
    def line(self, text: str) -> None:
        """Say one fact of the result."""

    @abstractmethod
    def table(self, grid: Grid) -> None:
        """Show rows of text."""

    @abstractmethod
    def warning(self, text: str) -> None:
        """Say what the user should know, though the work goes on."""

    @abstractmethod
    def error(self, text: str) -> None:
        """Say in one sentence why the command stops."""

    @abstractmethod
    def result(self, outcome: Outcome) -> None:
        """Say how it ended."""

    @abstractmethod
    def close(self) -> None:
        """Take down whatever moves."""


class JsonScreen(Screen):
    """One JSON object a line, for programs."""

    def _write(self, event: str, details: Mapping[str, Any]) -> None:
        text = json.dumps(finite({"event": event, **details}), allow_nan=False, default=str)
        sys.stdout.write(text + "\n")
        sys.stdout.flush()

    def step(self, text: str) -> None:
        self._write("step", {"message": text})

    def progress(self, text: str) -> None:
        self._write("progress", {"message": text})

    def line(self, text: str) -> None:
        self._write("note", {"message": text})

    def table(self, grid: Grid) -> None:
        records = [dict(zip(grid.columns, row, strict=True)) for row in grid.rows]
        self._write(grid.name, {"message": grid.title, "rows": records})

    def warning(self, text: str) -> None:
        self._write("warning", {"message": text})

    def error(self, text: str) -> None:
        self._write("error", {"message": text})
        sys.stderr.write(f"error: {text}\n")

    def result(self, outcome: Outcome) -> None:
        self._write("result", {"message": outcome.sentence, **outcome.content})

    def close(self) -> None:
        sys.stdout.flush()


class TextScreen(Screen):
    """Lines for people: colours and a progress bar on a terminal, plain lines elsewhere."""

    def __init__(self, steps: int) -> None:
        from rich.console import Console

        width = None if sys.stdout.isatty() else _LOG_WIDTH
        self._out = Console(highlight=False, soft_wrap=True, width=width)
        self._aside = Console(stderr=True, highlight=False, soft_wrap=True)
        self._bar = _progress_bar(self._aside) if self._aside.is_terminal else None
        self._task = None if self._bar is None else self._bar.add_task("starting", total=steps)
        self._begun = 0

    def step(self, text: str) -> None:
        if self._bar is None or self._task is None:
            self._print(self._aside, f"{text} ...")
            return
        self._bar.update(self._task, completed=self._begun, description=text)
        self._begun += 1
        self._bar.start()

    def progress(self, text: str) -> None:
        if self._bar is not None and self._task is not None:
            self._bar.update(self._task, description=text)

    def line(self, text: str) -> None:
        self._print(self._out, text)

    def table(self, grid: Grid) -> None:
        from rich import box
        from rich.table import Table
        from rich.text import Text

        drawn = Table(*grid.columns, title=grid.title, title_justify="left", box=box.SIMPLE_HEAD)
        for row in _shortened(grid.rows if grid.brief is None else grid.brief):
            drawn.add_row(*(Text(cell) for cell in row))
        self.close()
        self._out.print(drawn, soft_wrap=False)

    def warning(self, text: str) -> None:
        self._print(self._aside, f"warning: {text}", style="yellow")

    def result(self, outcome: Outcome) -> None:
        self._print(self._out, outcome.sentence)

    def error(self, text: str) -> None:
        self._print(self._aside, f"error: {text}", style="red")

    def close(self) -> None:
        """Take the bar down, so that what is printed next stands alone; a step brings it back."""
        if self._bar is not None:
            self._bar.stop()

    def _print(self, console: Console, text: str, style: str | None = None) -> None:
        self.close()
        console.print(text, style=style, markup=False)


def _progress_bar(console: Console) -> Progress:
    from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    text = TextColumn("{task.description}", markup=False)
    columns = (SpinnerColumn(), BarColumn(bar_width=20), TimeElapsedColumn(), text)
    return Progress(*columns, console=console, transient=True)


def _shortened(rows: Sequence[Sequence[str]]) -> Sequence[Sequence[str]]:
    """Leave out the middle of a long table."""
    if len(rows) <= _MOST_ROWS:
        return rows
    half = _MOST_ROWS // 2
    return [*rows[:half], [f"... {len(rows) - 2 * half:,} more ..."], *rows[-half:]]


def finite(value: Any) -> Any:
    """Replace what JSON does not have (NaN and infinities) by null, all the way down."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(key): finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [finite(item) for item in value]
    return value


@contextmanager
def opened_screen(json_lines: bool, steps: int) -> Iterator[Screen]:
    """Open the screen that the options ask for; `steps` are those of the command."""
    screen: Screen = JsonScreen() if json_lines else TextScreen(steps)
    try:
        yield screen
    finally:
        screen.close()
