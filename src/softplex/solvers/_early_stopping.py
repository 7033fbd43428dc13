"""When to stop, and which parameters to keep: those with the smallest held-out loss."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from torch import Tensor, nn


def copied_parameters(module: nn.Module) -> dict[str, Tensor]:
    """Give parameters and buffers as they are now."""
    return {name: value.detach().clone() for name, value in module.state_dict().items()}


@dataclass
class EarlyStopping:
    """The best epoch so far, and for how many epochs nothing was better.

    Parameters
    ----------
    patience : int
        Epochs without a smaller held-out loss after which to stop.
    """

    patience: int
    best_loss: float = math.inf
    waited: int = 0
    best: dict[str, Tensor] = field(default_factory=dict)

    @property
    def is_spent(self) -> bool:
        """Whether the patience has come to its end."""
        return self.waited >= self.patience

    def look(self, held_out_loss: float, module: nn.Module) -> None:
        """Take note of an epoch, and keep its parameters if they are the best."""
        if held_out_loss < self.best_loss:
            self.best_loss, self.waited = held_out_loss, 0
            self.best = copied_parameters(module)
        else:
            self.waited += 1
