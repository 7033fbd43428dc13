"""softplex: the softmax classifier done completely.

The public names are loaded on first use, so that ``import softplex`` and ``softplex --help``
do not pay for torch, scikit-learn or pandas.
"""

from __future__ import annotations

import importlib
from typing import Any

__version__ = "0.1.0"

_HOMES = {
    "CalibratedClassifier": "softplex.estimators",
    "ModuleClassifier": "softplex.estimators",
    "SVMClassifier": "softplex.estimators",
    "SoftmaxClassifier": "softplex.estimators",
    "SoftmaxClassifierCV": "softplex.estimators",
    "evaluate": "softplex.evaluation",
    "gumbel_softmax": "softplex.maps",
    "load": "softplex.io",
    "log_softmax": "softplex.maps",
    "logsumexp": "softplex.maps",
    "save": "softplex.io",
    "segment_softmax": "softplex.maps",
    "softmax": "softplex.maps",
}
_PARTS = (
    "calibrators",
    "diagnostics",
    "estimators",
    "evaluation",
    "heads",
    "inference",
    "information",
    "io",
    "losses",
    "maps",
    "report",
)

__all__ = ["__version__", *sorted(_HOMES)]


def __getattr__(name: str) -> Any:
    if name in _PARTS:
        return importlib.import_module(f"softplex.{name}")
    if name in _HOMES:
        return getattr(importlib.import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'softplex' has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
