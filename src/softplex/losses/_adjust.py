"""What is done to the scores before a softmax loss: soft cap, temperature, class priors."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from softplex._arrays import to_tensor
from softplex._checks import check_number
from softplex._tensors import check_probabilities, check_temperature, divided
from softplex.exceptions import InvalidInput


@dataclass(frozen=True)
class Adjustment:
    r"""The scores :math:`c \tanh(z / c) / T + \log \pi`, with any of c, T and pi left out.

    A class at -inf stays there; a prior of 0 puts its class there.
    """

    temperature: float | Tensor = 1.0
    prior: Any = None
    soft_cap: float | None = None

    def __post_init__(self) -> None:
        if isinstance(self.temperature, Tensor) or self.temperature != 1.0:
            check_temperature(self.temperature)
        if self.soft_cap is not None:
            check_number("soft_cap", self.soft_cap, low=0.0, open_low=True)

    def apply(self, who: str, scores: Tensor) -> tuple[Tensor, Tensor | None]:
        """Give the adjusted scores ``(n, k)`` less an offset ``(n, 1)``, and the offset if any.

        Softmax does not feel the offset; a loss that reads the log-sum-exp itself adds it.
        """
        offset = None
        if self.soft_cap is not None:
            capped = self.soft_cap * torch.tanh(scores / self.soft_cap)
            scores = torch.where(scores == -math.inf, scores, capped)
        if isinstance(self.temperature, Tensor) or self.temperature != 1.0:
            scores, offset = divided(scores, self.temperature, 1)
        if self.prior is not None:
            scores = scores + _log_prior(who, self.prior, scores)
        return scores, offset


def _log_prior(who: str, prior: Any, scores: Tensor) -> Tensor:
    values = to_tensor(prior, device=scores.device, dtype=scores.dtype)
    if values.shape != scores.shape[1:]:
        raise InvalidInput(
            f"{who} needs one prior probability a class, of shape ({scores.shape[1]},), but got "
            f"shape {tuple(values.shape)}."
        )
    check_probabilities(who, "prior", values, 0)
    return values.log()
