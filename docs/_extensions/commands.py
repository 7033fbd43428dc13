"""``commands::`` lists the commands of the program with their arguments and options.

They are read from the program itself, so the page says what ``--help`` says.
"""

from __future__ import annotations

import re
from typing import Any

import typer
from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from softplex.cli import app as program


class Commands(SphinxDirective):
    """One section a command."""

    def run(self) -> list[nodes.Node]:
        """Give the sections."""
        group = typer.main.get_command(program)
        return [section(name, command) for name, command in group.commands.items()]


def section(name: str, command: Any) -> nodes.section:
    """Give a command with its text and what it takes."""
    context = command.make_context(f"softplex {name}", [], resilient_parsing=True)
    place = nodes.section("", nodes.title("", f"softplex {name}"), ids=[f"softplex-{name}"])
    usage = " ".join(command.collect_usage_pieces(context))
    place += nodes.literal_block("", f"softplex {name} {usage}", language="none")
    place += [nodes.paragraph("", "", *pieces(text)) for text in (command.help or "").split("\n\n")]
    listed = (parameter.get_help_record(context) for parameter in command.get_params(context))
    rows = [described(*record) for record in listed if record]
    place += nodes.definition_list("", *rows)
    return place


def described(left: str, right: str) -> nodes.definition_list_item:
    """Give one argument or option."""
    return nodes.definition_list_item(
        "",
        nodes.term("", "", nodes.literal("", left)),
        nodes.definition("", nodes.paragraph("", "", *pieces(right))),
    )


def pieces(text: str) -> list[nodes.Node]:
    """Give a text in which `backticks`, and two hyphens, mark what is typed."""
    parts = re.split(r"(`[^`]+`|--[a-z-]+)", text)
    return [
        nodes.literal("", part.strip("`")) if index % 2 else nodes.Text(part)
        for index, part in enumerate(parts)
    ]


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the directive."""
    app.add_directive("commands", Commands)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
