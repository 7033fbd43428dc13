"""A fitted folder: the model in it, and its numbers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from softplex.data import TableClassifier

METRICS_FILE: Final = "metrics.json"
COMPARISON_FILE: Final = "comparison.json"
PREDICTIONS_FILE: Final = "predictions.parquet"
REPORT_FILE: Final = "report.html"
CARD_FILE: Final = "README.md"


def load_table_classifier(folder: Path) -> TableClassifier:
    """Load the model that `softplex fit` wrote.

    Raises
    ------
    ModelFileError
        If the folder cannot be loaded, or holds a model that does not take tables.
    """
    from softplex.data import TableClassifier
    from softplex.exceptions import ModelFileError
    from softplex.io import load

    model = load(folder)
    if not isinstance(model, TableClassifier):
        raise ModelFileError(
            f"{folder} holds a {type(model).__name__}, which takes arrays and no tables; "
            "use it from Python with softplex.load"
        )
    return model


def read_metrics(folder: Path) -> dict[str, Any]:
    """Read the numbers of a fitted folder.

    Raises
    ------
    ModelFileError
        If they are missing or damaged.
    """
    from softplex.exceptions import ModelFileError

    path = folder / METRICS_FILE
    try:
        metrics = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise ModelFileError(
            f"{path} is missing; `softplex evaluate` measures the model again"
        ) from error
    except ValueError as error:
        raise ModelFileError(
            f"{path} is damaged ({error}); `softplex evaluate` measures the model again"
        ) from error
    if not isinstance(metrics, dict) or not isinstance(metrics.get("test"), dict):
        raise ModelFileError(f"{path} was not written by softplex fit")
    return metrics


def trained_prior(folder: Path) -> list[float] | None:
    """Read the class shares of the training rows; None for a model saved without its numbers."""
    if not (folder / METRICS_FILE).is_file():
        return None
    return list(read_metrics(folder)["prior"])
