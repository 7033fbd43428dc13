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

COLUMNS = "Columns"
SPLIT = "Test rows"
TRAINING = "Training"

Out = Annotated[Path, typer.Option("--out", "-o", metavar="DIR", help="The folder to make.")]
Target = Annotated[
    str | None,
    typer.Option(
        "--target",
        "-t",
        metavar="COL",
        help="The label column. Bundled data sets, NPZ and svmlight files know theirs.",
    ),
]
Drop = Annotated[
    list[str] | None,
    typer.Option(metavar="COL", help="Leave a column out.", rich_help_panel=COLUMNS),
]
Categorical = Annotated[
    list[str] | None,
    typer.Option(
        metavar="COL",
        help="Read a column as categories, whatever it looks like.",
        rich_help_panel=COLUMNS,
    ),
]
Text = Annotated[
    list[str] | None,
    typer.Option(
        metavar="COL", help="Read a column as free text (TF-IDF).", rich_help_panel=COLUMNS
    ),
]
Weight = Annotated[
    str | None,
    typer.Option(metavar="COL", help="Weights of the rows, 0 or more.", rich_help_panel=COLUMNS),
]
Test = Annotated[
    str | None,
    typer.Option(
        metavar="FILE",
        help="A table of test rows; nothing is then split off.",
        autocompletion=complete_table,
        rich_help_panel=SPLIT,
    ),
]
TestSize = Annotated[
    float | None,
    typer.Option(
        metavar="SHARE",
        help="Share of the rows to test on, above 0 and below 1. [default: 0.2]",
        rich_help_panel=SPLIT,
    ),
]
Group = Annotated[
    str | None,
    typer.Option(
        metavar="COL",
        help="Keep rows of one group on one side of every split.",
        rich_help_panel=SPLIT,
    ),
]
Time = Annotated[
    str | None,
    typer.Option(metavar="COL", help="Test on the latest rows.", rich_help_panel=SPLIT),
]
InverseStrength = Annotated[
    float | None,
    typer.Option(
        "--C",
        metavar="NUMBER",
        help="Inverse strength of the penalty, as in scikit-learn; larger fits closer. "
        "[default: chosen by cross-validation]",
        rich_help_panel=TRAINING,
    ),
]
Device = Annotated[
    str | None,
    typer.Option(
        metavar="NAME", help="Where to compute: cpu, cuda, mps.", rich_help_panel=TRAINING
    ),
]
