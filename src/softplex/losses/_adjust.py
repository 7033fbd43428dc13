"""What is done to the scores before a softmax loss: soft cap, temperature, class priors."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from softplex._arrays import to_float_tensor
from softplex._checks import check_number
from softplex._tensors import broadcasts, check_probabilities, check_temperature, divided
from softplex.exceptions import InvalidInput


@dataclass(frozen=True)
class Adjustment:
    r"""The scores :math:`c \tanh(z / c) / T + \log \pi`, with any of c, T and pi left out.

    A class at -inf stays there; a prior of 0 puts its class there. The price of a large normaliser,
    :math:`\zeta\, (\mathrm{lse}\, z')^2`, is taken of the adjusted scores.
    """

    temperature: float | Tensor = 1.0
    prior: Any = None
    soft_cap: float | None = None
    z_loss: float = 0.0

    def __post_init__(self) -> None:
        if not _is_one(self.temperature):
            check_temperature(self.temperature)
        if self.soft_cap is not None:
            check_number("soft_cap", self.soft_cap, low=0.0, open_low=True)
        if not _is_zero(self.z_loss):
            check_number("z_loss", self.z_loss, low=0.0)

    def of_rows(self, who: str, scores: Tensor, dim: int) -> Adjustment:
        """Give the adjustment of rows ``(n, k)`` of scores whose classes lie along ``dim``."""
        temperature = self.temperature
        if not isinstance(temperature, Tensor) or not temperature.ndim:
            return self
        shape = list(scores.shape)
        shape[dim] = 1
        if not broadcasts(temperature.shape, shape):
            raise InvalidInput(
                f"{who} needs one temperature, or one a row, of a shape that broadcasts to "
                f"{tuple(shape)}, but got shape {tuple(temperature.shape)}."
            )
        of_rows = temperature.expand(shape).movedim(dim, -1).reshape(math.prod(shape), 1)
        return replace(self, temperature=of_rows)

    def apply(self, who: str, scores: Tensor) -> tuple[Tensor, Tensor | None]:
        """Give the adjusted scores ``(n, k)`` less an offset ``(n, 1)``, and the offset if any.

        Softmax does not feel the offset; a loss that reads the log-sum-exp itself adds it.
        """
        offset = None
        if self.soft_cap is not None:
            scores = _capped(scores, self.soft_cap)
        if not _is_one(self.temperature) or self.prior is not None:
            # The prior is added to what is left, so that large scores cannot swallow it.
            scores, offset = divided(scores, self.temperature, 1)
        if self.prior is not None:
            scores = scores + _prior(who, self.prior, scores).log()
        return scores, offset

    def price(self, adjusted: Tensor, offset: Tensor | None) -> Tensor:
        """Give the z-loss of each row, ``(n,)``, of what ``apply`` gave."""
        shifted, top = divided(adjusted, 1.0, 1)  # or a large lse costs its gradient the digits
        normaliser = torch.logsumexp(shifted, 1) + top.squeeze(1)
        if offset is not None:
            normaliser = normaliser + offset.squeeze(1)
        return self.z_loss * normaliser.square()

    def absent(self, who: str, scores: Tensor) -> Tensor:
        """Say which classes take no part, ``(n, k)``."""
        absent = scores == -math.inf
        return absent if self.prior is None else absent | (_prior(who, self.prior, scores) == 0.0)


def _is_one(temperature: object) -> bool:
    return isinstance(temperature, float) and temperature == 1.0


def _is_zero(price: object) -> bool:
    return isinstance(price, float) and price == 0.0


def _capped(scores: Tensor, cap: float) -> Tensor:
    """Bound the scores to (-cap, cap); what is infinite stays so, and is judged later."""
    if cap > torch.finfo(scores.dtype).max:
        return scores
    return torch.where(torch.isinf(scores), scores, cap * torch.tanh(scores / cap))


def _prior(who: str, prior: Any, scores: Tensor) -> Tensor:
    values = to_float_tensor(prior)
    if values.shape != scores.shape[1:]:
        raise InvalidInput(
            f"{who} needs one prior probability a class, of shape ({scores.shape[1]},), but got "
            f"shape {tuple(values.shape)}."
        )
    check_probabilities(who, "prior probabilities", values, 0)
    return values.to(device=scores.device, dtype=scores.dtype)
