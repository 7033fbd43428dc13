"""The classes that a saved model may hold, by name. A file never says what to import."""

from __future__ import annotations

import importlib
from functools import cache
from typing import Final

_HOMES: Final = {
    "Brier": "softplex.losses",
    "CalibratedClassifier": "softplex.estimators",
    "Certificate": "softplex.objective",
    "Column": "softplex.data",
    "CrammerSinger": "softplex.losses",
    "CrossEntropy": "softplex.losses",
    "ElasticNet": "softplex.penalties",
    "Epoch": "softplex.solvers",
    "Focal": "softplex.losses",
    "GeneralisedCrossEntropy": "softplex.losses",
    "GroupLasso": "softplex.penalties",
    "Lasso": "softplex.penalties",
    "LinearHead": "softplex.heads",
    "ModuleClassifier": "softplex.estimators",
    "NoPenalty": "softplex.penalties",
    "RegularisationPath": "softplex.estimators",
    "Ridge": "softplex.penalties",
    "SVMClassifier": "softplex.estimators",
    "Schema": "softplex.data",
    "SoftmaxClassifier": "softplex.estimators",
    "SoftmaxClassifierCV": "softplex.estimators",
    "SparseGroupLasso": "softplex.penalties",
    "Status": "softplex.objective",
    "TableClassifier": "softplex.data",
    "TemperatureScaling": "softplex.calibrators",
    "TemperatureStatus": "softplex.calibrators",
    "TrainingStatus": "softplex.solvers",
    "WestonWatkins": "softplex.losses",
}


@cache
def registered_class(name: str) -> type:
    """Look up a class by its registered name.

    Raises
    ------
    KeyError
        If no class is registered under that name.
    """
    if name not in _HOMES:
        raise KeyError(f"{name} is not a class that a softplex model may hold")
    found = getattr(importlib.import_module(_HOMES[name]), name)
    if not isinstance(found, type):
        raise TypeError(f"{name} is not a class")
    return found


def registered_name(kind: type) -> str | None:
    """Give the name under which a class is registered, or None."""
    name = kind.__name__
    return name if name in _HOMES and registered_class(name) is kind else None
