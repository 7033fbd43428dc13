"""All that a diagnosis measures, before anything is said or drawn."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from softplex.diagnostics._confidence import OverConfidence
from softplex.diagnostics._outliers import Outliers
from softplex.diagnostics._precision import Precision
from softplex.diagnostics._saturation import Saturation


@dataclass(frozen=True, eq=False)
class Measurements:
    """Four answers about n rows of scores over the classes."""

    n: int
    classes: tuple[Any, ...]
    saturation: Saturation
    over_confidence: OverConfidence
    outliers: Outliers
    precision: tuple[Precision, ...]

    def precision_of(self, dtype: str, formula: str) -> Precision:
        """Give the figures of one dtype under one formula."""
        return next(one for one in self.precision if (one.dtype, one.formula) == (dtype, formula))
