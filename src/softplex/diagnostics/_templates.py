"""Where templates lie: this package's own, and the style of the report beside them."""

from __future__ import annotations

import re
from functools import cache

from jinja2 import Environment
from markupsafe import Markup

from softplex._templates import template_environment, template_source
from softplex._text import MINUS

# A hyphen before a digit that belongs to no word.
_NEGATIVE = re.compile(r"(?<![\w-])-(?=\d)")


@cache
def environment() -> Environment:
    """Give the templates, in which everything is escaped."""
    made = template_environment("softplex.diagnostics", "softplex.report")
    made.filters["minus"] = _with_minus_signs
    made.filters["negatives"] = _with_negative_numbers
    return made


def source(name: str) -> Markup:
    """Give a style sheet as it stands."""
    return template_source(environment(), name)


def palette(scope: str) -> Markup:
    """Give the colours of the report, light and dark, for what lies inside ``scope`` alone.

    They are the head of its style sheet, up to the first rule for all elements.
    """
    head, _, _ = source("report.css").partition("\n*")
    return Markup(str(head).replace(":root", scope))


def _with_minus_signs(text: str) -> str:
    return text.replace("-", MINUS)


def _with_negative_numbers(text: str) -> str:
    return _NEGATIVE.sub(MINUS, text)
