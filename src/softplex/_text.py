"""Numbers, foreign names and lines of text, written for a reader."""

from __future__ import annotations

import math
import textwrap
import unicodedata
from collections.abc import Sequence
from typing import Any

MISSING = "\N{EN DASH}"
TIMES = "\N{MULTIPLICATION SIGN}"
MINUS = "\N{MINUS SIGN}"
NAME_LIMIT = 80
LONG_NAME = 14
TAIL = 6
_WIDTH = 88
# Names may carry their own direction marks; an unclosed one would turn the text behind it.
_DIRECTION_MARKS = frozenset(
    "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
)


def readable(value: Any, limit: int = NAME_LIMIT) -> str:
    """Write any label, name or cell as one clean line of at most ``limit`` characters."""
    cleaned = "".join(_clean_character(character) for character in str(value)[: 4 * limit])
    line = " ".join(cleaned.split())
    if not line:
        return "(empty)"
    return line if len(line) <= limit else line[: limit - 1].rstrip() + "…"


def _clean_character(character: str) -> str:
    if character in _DIRECTION_MARKS:
        return ""
    category = unicodedata.category(character)
    if category == "Cs" or (category == "Cc" and not character.isspace()):
        return "\N{REPLACEMENT CHARACTER}"
    return character


def head_and_tail(name: str) -> tuple[str, str]:
    """Split a long name before its last letters: names that begin alike differ at their ends."""
    return (name, "") if len(name) <= LONG_NAME else (name[:-TAIL], name[-TAIL:])


def isolated(value: Any, limit: int = 40) -> str:
    """Write a name so that a right-to-left script does not turn its neighbours around."""
    return f"\u2068{readable(value, limit)}\u2069"


def quoted(value: Any, limit: int = 40) -> str:
    """Write a name inside a sentence, in quotation marks."""
    return f"“{isolated(value, limit)}”"


def listed(values: list[str], limit: int = 5) -> str:
    """Join names as in a sentence: "a, b and c", or "a, b and 7 more"."""
    if len(values) > limit:
        return f"{', '.join(values[: limit - 1])} and {len(values) - limit + 1:,} more"
    if len(values) < 2:
        return "".join(values)
    return f"{', '.join(values[:-1])} and {values[-1]}"


def percent(share: float) -> str:
    """Write a share as a percentage that never rounds away the last error or the first hit."""
    if not math.isfinite(share):
        return MISSING
    if 0 < share < 0.0005:
        return "<0.1%"
    if 0.9995 <= share < 1:
        return f"{share:.2%}" if share < 0.99995 else ">99.99%"
    text = f"{share:.1%}".replace("-", MINUS)
    return "0%" if share == 0 else "100%" if share == 1 else text


def whole_percent(share: float) -> str:
    """Write a share as a percentage for a sentence or an axis, whole except beside 0 and 1."""
    if not math.isfinite(share):
        return MISSING
    if 0 < share < 0.005 or 0.995 <= share < 1:
        return percent(share)
    return f"{share:.0%}"


def number(value: float) -> str:
    """Write a quantity to four significant digits, or in powers of ten where it is tiny or vast."""
    if math.isnan(value):
        return MISSING
    if math.isinf(value):
        return "∞" if value > 0 else f"{MINUS}∞"
    if value == 0:
        return "0"
    size = abs(value)
    if size < 1e-4 or size >= 1e7:
        mantissa, exponent = f"{value:.2e}".split("e")
        return f"{mantissa} {TIMES} {power_of_ten(int(exponent))}".replace("-", MINUS)
    places = 4 if size < 1 else 3 if size < 10 else 2 if size < 1000 else 0
    return f"{value:,.{places}f}".replace("-", MINUS)


def power_of_ten(exponent: int) -> str:
    """Write 10 to a whole power.

    >>> power_of_ten(-3)
    '10⁻³'
    """
    return "10" + str(exponent).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))


def exact(value: float) -> str:
    """Write a value with twelve significant digits, for numbers that differ late."""
    return f"{value:.12g}".replace("-", MINUS) if math.isfinite(value) else number(value)


def count(value: float) -> str:
    """Write a number of rows; weighted rows keep one decimal."""
    return f"{value:,.0f}" if float(value).is_integer() else f"{value:,.1f}"


def short_count(value: float) -> str:
    """Write a number of rows in at most four characters, for a label in a chart."""
    if value < 1000:
        return f"{value:.0f}"
    for unit, size in (("k", 1e3), ("M", 1e6), ("G", 1e9)):
        if value < 999.5 * size:
            return (
                f"{value / size:.1f}{unit}" if value < 9.95 * size else f"{value / size:.0f}{unit}"
            )
    return f"{value:.0e}"


def rows(value: float) -> str:
    """Write a number of rows with its noun."""
    return "1 row" if value == 1 else f"{count(value)} rows"


def figure(value: float) -> str:
    """Write a number with four decimals, or in powers of ten where those would say little.

    >>> figure(0.25), figure(1e-9), figure(-123456.0), figure(0.0)
    ('0.2500', '1.00e-09', '-1.23e+05', '0')
    """
    if value == 0:
        return "0"
    if not math.isfinite(value):
        return str(value)
    return f"{value:.4f}" if 1e-3 <= abs(value) < 1e5 else f"{value:.2e}"


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
