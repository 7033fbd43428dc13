"""Blocks of code without the empty line that separates a doctest from its closing fence."""

from __future__ import annotations

from typing import Any

from docutils import nodes
from sphinx.application import Sphinx


def strip_blocks(_app: Sphinx, document: nodes.document) -> None:
    """Cut empty lines off the end of every block."""
    for block in document.findall(nodes.literal_block):
        block.rawsource = block.rawsource.rstrip()
        block.children = [nodes.Text(block.astext().rstrip())]


def setup(app: Sphinx) -> dict[str, Any]:
    """Cut before the blocks are coloured."""
    app.connect("doctree-read", strip_blocks)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
