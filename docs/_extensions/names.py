"""Entries for the names that a module exports, taken from its ``__all__``: none can be forgotten.

The text of a module is followed by a table of its names with their first lines. Names of
``softplex`` itself lead to the package in which they live.
"""

from __future__ import annotations

import importlib
import re
from types import FunctionType
from typing import Any

from sphinx.application import Sphinx

import softplex


def exported(module: str) -> list[str]:
    """Give where the full entry of each public name of a module stands."""
    if module == "softplex":
        return [f"{home}.{name}" for name, home in sorted(softplex._HOMES.items())]
    value = importlib.import_module(module)
    names = getattr(value, "__all__", [name for name in vars(value) if name[0].isupper()])
    return [f"{module}.{name}" for name in names]


def add_table(
    _app: Sphinx, what: str, name: str, value: object, _options: object, lines: list[str]
) -> None:
    """Append the table of names to the text of a module, and entries for its constants."""
    if what == "module":
        rows = [place.removeprefix(f"{name}.") for place in exported(name)]
        constants = {row: vars(value)[row] for row in rows if is_constant(vars(value).get(row))}
        table = [f"   ~{row}" for row in rows if row not in constants]
        lines += ["", ".. autosummary::", "   :nosignatures:", "", *table, ""]
        for row, constant in constants.items():
            lines += [f".. py:data:: {row}", f"   :value: {constant!r}", ""]


def is_constant(value: object) -> bool:
    """Whether a value has no text of its own, so that autodoc passes over it."""
    return isinstance(value, tuple | str | int | float)


def is_left_out(
    _app: Sphinx, what: str, name: str, value: object, _skip: bool, _options: object
) -> bool | None:
    """Leave out of classes what scikit-learn makes, and functions described elsewhere."""
    if what != "class":
        return None
    is_borrowed = isinstance(value, FunctionType) and "." not in value.__qualname__
    return True if is_borrowed or re.fullmatch("set_.*_request", name) else None


def readable(
    _app: Sphinx, _what: str, _name: str, _value: object, _options: object, given: str, back: str
) -> tuple[str, str] | None:
    """Write a default that is made anew for each object as dots."""
    return (given.replace("<factory>", "..."), back) if given else None


def setup(app: Sphinx) -> dict[str, Any]:
    """Connect the three rules to autodoc."""
    app.setup_extension("sphinx.ext.autodoc")
    app.setup_extension("sphinx.ext.autosummary")
    app.connect("autodoc-process-docstring", add_table)
    app.connect("autodoc-skip-member", is_left_out)
    app.connect("autodoc-process-signature", readable)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
