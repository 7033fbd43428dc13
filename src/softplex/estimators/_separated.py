"""What to say to a user whose classes are separated."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from softplex.objective import Separation

_SHOWN = 3


def separation_text(found: Separation, classes: NDArray[Any], names: Sequence[Any]) -> str:
    """Name the classes, the features and the ways out.

    Parameters
    ----------
    found : Separation
        A separation.
    classes : array (k,)
        The class names.
    names : sequence of d
        The feature names, or their numbers.

    Returns
    -------
    str
    """
    pairs = [f"{_plain(classes[a])} from {_plain(classes[b])}" for a, b in found.pairs]
    features = [_plain(names[j]) for j in found.features]
    through = f", mostly by the features {_list(features)}" if features else ""
    return (
        f"{found.overlap.value} Told apart: {_list(pairs)}{through}. Without a penalty the "
        "coefficients grow for ever, and these are only where the fit stopped. Take a finite C, "
        "merge the classes, or drop the feature."
    )


def _plain(name: Any) -> str:
    return repr(name.item() if isinstance(name, np.generic) else name)


def _list(items: Sequence[str]) -> str:
    more = len(items) - _SHOWN
    shown = ", ".join(items[:_SHOWN])
    return f"{shown} and {more} more" if more > 0 else shown
