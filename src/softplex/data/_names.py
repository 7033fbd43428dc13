"""The words of messages: lists of names, the nearest name, the first row numbers."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence

_SHOWN = 8


def nearest(name: str, known: Iterable[str]) -> str | None:
    """Give the known name that looks most like `name`, or None when none is close."""
    by_folded = {candidate.casefold(): candidate for candidate in known}
    found = difflib.get_close_matches(name.casefold(), list(by_folded), n=1, cutoff=0.6)
    return by_folded[found[0]] if found else None


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Give ``" Did you mean 'x'?"``, or nothing when no known name is close.

    >>> did_you_mean("speices", ["species", "island"])
    " Did you mean 'species'?"
    """
    found = nearest(name, known)
    return f" Did you mean {found!r}?" if found is not None else ""


def listed(names: Sequence[object], shown: int = _SHOWN) -> str:
    """Write names one after the other, and how many more there are.

    >>> listed(["a", "b", "c"], shown=2)
    "'a', 'b' and 1 more"
    """
    head = ", ".join(repr(name) for name in names[:shown])
    rest = len(names) - shown
    return f"{head} and {rest} more" if rest > 0 else head


def row_list(rows: Sequence[int], shown: int = 5) -> str:
    """Write the first row numbers: ``row 3`` or ``rows 3, 8, 9 and 4 more``.

    >>> row_list([3, 8])
    'rows 3, 8'
    """
    head = ", ".join(str(int(row)) for row in rows[:shown])
    rest = len(rows) - shown
    word = "row" if len(rows) == 1 else "rows"
    return f"{word} {head} and {rest} more" if rest > 0 else f"{word} {head}"


def counted(n: int, word: str = "row") -> str:
    """Write a number and its word.

    >>> counted(1), counted(3)
    ('1 row', '3 rows')
    """
    return f"{n} {word}" if n == 1 else f"{n} {word}s"


def clipped(value: object, width: int = 40) -> str:
    """Write a cell for a message, cut when it is long."""
    text = str(value)
    return repr(text if len(text) <= width else text[: width - 3] + "...")
