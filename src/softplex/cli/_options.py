"""Arguments and options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

BUNDLED = ("breast_cancer", "digits", "iris", "wine")
"""Names for shell completion, here so that pressing Tab does not import scikit-learn."""


def complete_table(incomplete: str) -> list[str]:
    """Offer the bundled data sets, then the files that match."""
    names = [name for name in BUNDLED if name.startswith(incomplete)]
    base = Path(incomplete)
    folder = base if incomplete.endswith("/") else base.parent
    if not folder.is_dir():
        return names
    prefix = "" if folder == Path() else f"{folder}/"
    entries = sorted(folder.iterdir())
    files = [f"{prefix}{entry.name}{'/' if entry.is_dir() else ''}" for entry in entries]
    return names + [file for file in files if file.startswith(incomplete)]


Table = Annotated[
    str,
    typer.Argument(
        metavar="TABLE",
        help="A bundled name (digits, iris, wine, breast_cancer) or a file: CSV, TSV, Parquet, "
        "Feather, JSON lines, NPZ or svmlight, plain, gzipped or zstd.",
        autocompletion=complete_table,
        show_default=False,
    ),
]
ModelFolder = Annotated[
    Path,
    typer.Argument(metavar="DIR", help="A folder that `softplex fit` made.", show_default=False),
]
JsonLines = Annotated[
    bool, typer.Option("--json", help="Report as JSON lines, one object a line, for programs.")
]
Debug = Annotated[
    bool, typer.Option("--debug", help="Show the traceback when something goes wrong.")
]
Force = Annotated[bool, typer.Option("--force", help="Replace what is there already.")]
Seed = Annotated[
    int,
    typer.Option(
        min=0, max=2**32 - 1, help="Seed of every random choice; the same seed, the same files."
    ),
]
