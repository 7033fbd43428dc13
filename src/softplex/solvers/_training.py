"""What a mini-batch fit is told and what it gives back."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Protocol

from torch import nn

from softplex.losses import Loss
from softplex.solvers._examples import Examples
from softplex.solvers._schedule import Schedule
from softplex.solvers._step_rule import StepRule


class TrainingStatus(StrEnum):
    """How a mini-batch fit ended; the value is the sentence that a user reads."""

    ALL_EPOCHS = "All epochs were run; nothing is proved about the distance to an optimum."
    STOPPED_EARLY = (
        "The held-out loss did not fall for as many epochs as patience says; the parameters of "
        "the best epoch are kept."
    )
    INTERRUPTED = "The fit was interrupted; these are the best parameters so far."
    DIVERGED = (
        "The loss was no longer finite; the last good parameters are kept. Lower learning_rate."
    )

    @property
    def sentence(self) -> str:
        """The status in words."""
        return self.value


@dataclass(frozen=True)
class Epoch:
    """One line of the history of a mini-batch fit.

    Parameters
    ----------
    number : int
        From 1.
    training_loss : float
        Weighted mean over the epoch, each batch with the parameters of its time; without penalty.
    held_out_loss, held_out_accuracy : float or None
        At the end of the epoch; None without held-out rows.
    learning_rate : float
        Of the last step.
    """

    number: int
    training_loss: float
    held_out_loss: float | None
    held_out_accuracy: float | None
    learning_rate: float


class CheckpointStore(Protocol):
    """Where the state of a fit is kept: plain values and arrays, in and out."""

    @property
    def every(self) -> int:
        """Epochs from one writing to the next."""

    def read(self) -> object:
        """Give what was written last, or None."""

    def write(self, state: dict[str, Any]) -> None:
        """Keep a state in place of the one before."""


@dataclass(frozen=True)
class MiniBatchProblem:
    """Module, data and settings of one fit.

    Parameters
    ----------
    module : nn.Module
        Features ``(m, d)`` to scores ``(m, k)``; it is changed in place.
    loss : Loss
        The loss of one row.
    examples : Examples
        The rows to train on.
    held_out : Examples or None
        The rows to judge on, never trained on.
    step_rule : StepRule
        How gradients change parameters.
    schedule : Schedule
        The learning rate.
    batch_size : int or None
        Rows in a batch at most; None is all.
    max_epochs : int
        Limit of passes over the rows.
    patience : int
        Epochs without a smaller held-out loss.
    """

    module: nn.Module
    loss: Loss
    examples: Examples
    held_out: Examples | None
    step_rule: StepRule
    schedule: Schedule
    batch_size: int | None
    max_epochs: int
    patience: int


@dataclass(frozen=True)
class TrainingResult:
    """How a mini-batch fit went.

    Parameters
    ----------
    status : TrainingStatus
        How it ended.
    history : tuple of Epoch
        One entry an epoch.
    failure : str
        Where the loss ceased to be finite, and what is kept; empty if it did not.
    """

    status: TrainingStatus
    history: tuple[Epoch, ...]
    failure: str = ""
