"""The command class: it knows what was typed, and what a mistyped option meant."""

from __future__ import annotations

import shlex
from typing import Any

import typer
from typer.core import TyperCommand

_ARGUMENTS = "softplex.arguments"


class Command(TyperCommand):
    """A typer command that says "did you mean" for options as typer does for commands."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Read the arguments; an unknown option names its nearest relatives."""
        ctx.meta[_ARGUMENTS] = list(args)
        try:
            return super().parse_args(ctx, args)
        except typer.TyperException as error:
            near = getattr(error, "possibilities", None)
            if near:
                error.message = f"{error.message.rstrip('.')}. Did you mean {' or '.join(near)}?"
                vars(error)["possibilities"] = None
            raise


def command_line(ctx: typer.Context) -> str:
    """Give the command as it was typed, quoted for a shell."""
    return shlex.join(["softplex", str(ctx.info_name), *ctx.meta[_ARGUMENTS]])
