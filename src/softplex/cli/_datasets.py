"""``softplex datasets``: what there is to try without a file."""

from __future__ import annotations

from typing import Final

from softplex.cli._options import Debug, JsonLines
from softplex.cli._screen import Grid, Outcome
from softplex.cli._session import session

# Stated here so that the list needs no import of scikit-learn; a test compares it with the data.
SIZES: Final = (
    ("digits", 1797, 64, 10, "8 x 8 images of handwritten digits"),
    ("iris", 150, 4, 3, "three species of iris by their petals and sepals"),
    ("wine", 178, 13, 3, "three growers of wine by chemical analysis"),
    ("breast_cancer", 569, 30, 2, "benign and malignant tumours by cell nuclei"),
)


def datasets(json_lines: JsonLines = False, debug: Debug = False) -> None:
    """List the bundled data sets, which `fit` takes by name; their label column is `target`."""
    with session(json_lines=json_lines, debug=debug) as screen:
        rows = [
            [name, f"{n:,}", str(columns), str(classes), what]
            for name, n, columns, classes, what in SIZES
        ]
        heads = ("name", "rows", "columns", "classes", "what")
        screen.table(Grid("datasets", "Bundled data sets", heads, rows))
        sentence = "Try: softplex fit iris --target target --out iris-model"
        screen.result(Outcome(sentence, {"datasets": [row[0] for row in SIZES]}))
