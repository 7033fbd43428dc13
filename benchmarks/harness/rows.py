"""The rows: which problems, which candidates, and what is aimed at."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import softplex
from harness.candidates import (
    Candidate,
    hinge_field,
    logistic_field,
    logistic_field_both_dtypes,
    path_field,
    text_field,
)
from problems import Problem


@dataclass(frozen=True)
class Row:
    """A question: problems by name, who takes part, and how many times as fast softplex aims to be.

    ``needs`` names what softplex must have; without it the row is left out. ``limit`` is the most
    seconds that a fit may take here, whatever the command allows.
    """

    problems: tuple[str, ...]
    field: Callable[[Problem], list[Candidate]]
    aim: float
    needs: str = "SoftmaxClassifier"
    limit: float = math.inf

    @property
    def absence(self) -> str | None:
        """Why the row cannot be run, or None."""
        try:
            getattr(softplex, self.needs)
        except AttributeError:
            return f"softplex has no {self.needs}"
        return None


ROWS: dict[str, Row] = {
    "fashion": Row(("fashion",), logistic_field_both_dtypes, 20.0),
    "fashion-raw": Row(("fashion-raw",), logistic_field, 20.0),
    "embeddings": Row(("embeddings",), logistic_field_both_dtypes, 10.0),
    "banking77": Row(("banking77, C = 1", "banking77, C = 30"), text_field, 5.0),
    "path": Row(("letter path", "fashion path"), path_field, 20.0, "SoftmaxClassifierCV"),
    "crammer-singer": Row(("crammer-singer",), hinge_field, 5.0, "SVMClassifier"),
    "small": Row(("iris", "wine", "digits"), logistic_field, 1.0, limit=30.0),
}
GRADIENT = "gradient"
GRADIENT_AIM = 1.3
