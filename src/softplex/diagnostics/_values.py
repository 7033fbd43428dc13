"""Values that stay as they are, and as JSON holds them."""

from __future__ import annotations

import math
from dataclasses import fields, is_dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]


def frozen(values: Any) -> NDArray[Any]:
    """Give a copy that cannot be written to."""
    copy = np.array(values)
    copy.setflags(write=False)
    return copy


def plain(value: Any) -> Any:
    """Give what JSON can hold; numbers that are not finite become None.

    >>> plain((np.float64(0.5), math.inf, np.array([1, 2])))
    [0.5, None, [1, 2]]
    """
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, np.ndarray | np.generic):
        value = value.tolist()
    if isinstance(value, list | tuple):
        return [plain(entry) for entry in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value if value is None or isinstance(value, int | str) else str(value)
