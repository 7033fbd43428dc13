"""The command line: one file a command, thin over the library."""

from softplex.cli._app import app, main

__all__ = ["app", "main"]
