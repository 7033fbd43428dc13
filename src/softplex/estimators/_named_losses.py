"""The loss that a user names or describes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from softplex._checks import check_choice
from softplex.exceptions import InvalidInput
from softplex.losses import (
    Brier,
    CrammerSinger,
    CrossEntropy,
    Focal,
    GeneralisedCrossEntropy,
    Loss,
    WestonWatkins,
)

NAMED_LOSSES: Mapping[str, Callable[[], Loss]] = MappingProxyType(
    {
        "brier": Brier,
        "crammer_singer": CrammerSinger,
        "cross_entropy": CrossEntropy,
        "focal": Focal,
        "generalised_cross_entropy": GeneralisedCrossEntropy,
        "weston_watkins": WestonWatkins,
    }
)


def read_loss(who: str, loss: Any, smoothing: float, smoothing_kind: str) -> Loss:
    """Give the description of a loss; smoothing belongs to the cross-entropy that goes by name."""
    if isinstance(loss, str) and loss == "cross_entropy":
        return CrossEntropy(smoothing, smoothing_kind)
    if smoothing:
        raise InvalidInput(
            f"{who} smooths the targets of loss='cross_entropy' alone, but got "
            f"smoothing={smoothing!r} with loss={loss!r}. Give soft targets as y, or a loss with "
            "its own smoothing, such as CrossEntropy(smoothing=0.1)."
        )
    if isinstance(loss, str):
        check_choice("loss", loss, sorted(NAMED_LOSSES))
        return NAMED_LOSSES[loss]()
    described = callable(getattr(loss, "per_example", None)) and hasattr(loss, "map")
    if isinstance(loss, type) or not described:
        raise InvalidInput(
            f"{who} needs loss as a name or as a description of softplex.losses, such as "
            f"Focal(gamma=1.0), but got {loss!r}."
        )
    return loss  # type: ignore[no-any-return]
