"""The templates of this part, read once."""

from __future__ import annotations

from functools import cache

from jinja2 import Environment

from softplex._templates import template_environment


@cache
def page_environment() -> Environment:
    """Give the templates of the report."""
    return template_environment("softplex.report")
