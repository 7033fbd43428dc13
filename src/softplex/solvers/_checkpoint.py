"""Checkpoints: the state of a fit, kept so that another process can go on to the same bits."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from softplex.exceptions import InvalidInput
from softplex.solvers._minibatch import Training
from softplex.solvers._training import CheckpointStore

_MARK = "training checkpoint"


def read_checkpoint(store: CheckpointStore | None) -> dict[str, Any] | None:
    """Give the state that a fit left, or None.

    Raises
    ------
    InvalidInput
        If what is there is something else.
    """
    state = None if store is None else store.read()
    if state is None:
        return None
    if not (isinstance(state, dict) and state.get("what") == _MARK):
        raise InvalidInput(
            "The folder of the checkpoint holds a saved model, not the state of a fit. Name "
            "another folder for the checkpoint."
        )
    return state


def refuse_other_fit(state: Mapping[str, Any], identity: Mapping[str, Any]) -> None:
    """Refuse a state that was left by a fit of other data or settings; the first is named."""
    for name, value in identity.items():
        left = state["identity"].get(name)
        if left != value:
            raise InvalidInput(
                f"The checkpoint was left by a fit with {name}={left}, but now it is {value}. A "
                "fit goes on with the same data and settings only. To begin anew, name another "
                "folder for the checkpoint."
            )


def keeper(
    store: CheckpointStore | None, identity: Mapping[str, Any], seed: int
) -> Callable[[Training], None]:
    """Give what writes the state of a training at the end of every few epochs, and at its end."""

    def keep(training: Training) -> None:
        if store is not None and (training.is_over or len(training.history) % store.every == 0):
            label = {"what": _MARK, "identity": dict(identity), "seed": seed}
            store.write({**label, **training.state()})

    return keep
