"""Text for a terminal: columns that stand under each other, lines of a width that reads."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

_WIDTH = 88


def aligned(rows: Sequence[Sequence[str]], indent: int = 2, left: int = 1) -> list[str]:
    """Set cells in columns: the first ``left`` to the left, the others to the right.

    >>> aligned([("", "p"), ("ant", "0.5")])
    ['         p', '  ant  0.5']
    """
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return [
        (
            " " * indent
            + "  ".join(
                cell.ljust(width) if column < left else cell.rjust(width)
                for column, (cell, width) in enumerate(zip(row, widths, strict=True))
            )
        ).rstrip()
        for row in rows
    ]


def wrapped(text: str, indent: int = 2) -> list[str]:
    """Break a sentence into lines; a word is never cut."""
    space = " " * indent
    return textwrap.wrap(
        text,
        width=_WIDTH,
        initial_indent=space,
        subsequent_indent=space,
        break_long_words=False,
        break_on_hyphens=False,
    )
