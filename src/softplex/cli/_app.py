"""The program: its commands and the options that stand before them."""

from __future__ import annotations

from typing import Annotated

import typer

import softplex
from softplex.cli._command import Command
from softplex.cli._compare import compare
from softplex.cli._datasets import datasets
from softplex.cli._evaluate import evaluate
from softplex.cli._explain import explain
from softplex.cli._fit import fit
from softplex.cli._predict import predict
from softplex.cli._show import show

app = typer.Typer(
    name="softplex",
    help="From a table to calibrated class probabilities, with a certificate and a report.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for _command in (fit, compare, predict, evaluate, explain, show, datasets):
    app.command(cls=Command)(_command)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"softplex {softplex.__version__}")
        raise typer.Exit


@app.callback()
def _program(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version."
        ),
    ] = False,
) -> None:
    """From a table to calibrated class probabilities, with a certificate and a report."""


def main() -> None:
    """Run the program on the arguments of the process."""
    app(prog_name="softplex")
