"""Jinja templates of the parts that draw: one way to load them, everything escaped."""

from __future__ import annotations

from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from softplex._text import head_and_tail


def template_environment(*packages: str) -> Environment:
    """Give the templates of some packages; a name that several have is the first one's."""
    environment = Environment(
        loader=ChoiceLoader([PackageLoader(package, "templates") for package in packages]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["head_and_tail"] = head_and_tail
    return environment


def template_source(environment: Environment, name: str) -> Markup:
    """Give a style sheet or a script as it stands."""
    loader = environment.loader
    assert loader is not None
    return Markup(loader.get_source(environment, name)[0])
