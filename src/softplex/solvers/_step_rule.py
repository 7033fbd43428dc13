"""One step on the parameters: penalty, clipping, decay, and an optimiser of torch.optim."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn

from softplex._checks import check_choice, check_number
from softplex.exceptions import InvalidInput

OPTIMIZERS = ("adagrad", "adam", "adamw", "rmsprop", "sgd")
_WITH_MOMENTUM = ("rmsprop", "sgd")


@dataclass(frozen=True)
class StepRule:
    r"""How gradients g change parameters theta, with the learning rate eta of the step.

    In this order: :math:`g \leftarrow g + \lambda\,\theta` (``l2``); g is scaled down to the norm
    ``clip_norm`` if it is longer; :math:`\theta \leftarrow \theta - \eta\,\delta\,\theta`
    (``weight_decay``, decoupled for every optimiser); the optimiser's own step. Penalty and decay
    touch weights alone: parameters of two dimensions or more, not biases and scales.

    Parameters
    ----------
    optimizer : "sgd", "adam", "adamw", "rmsprop" or "adagrad"
        Torch's, with torch's constants. As the decay is decoupled for all, "adam" is "adamw".
    momentum : float in [0, 1), default 0.0
        For "sgd" and "rmsprop".
    nesterov : bool, default False
        For "sgd" with momentum.
    weight_decay : float >= 0, default 0.0
        delta.
    l2 : float >= 0, default 0.0
        lambda: adds lambda/2 times the squared weights to the loss of each batch.
    clip_norm : float > 0 or None, default None
        The longest gradient, over all parameters together.

    References
    ----------
    Loshchilov & Hutter (2019), "Decoupled weight decay regularization"; Pascanu, Mikolov, Bengio
    (2013), "On the difficulty of training recurrent neural networks", algorithm 1, for clipping.

    Examples
    --------
    >>> StepRule("sgd", momentum=0.9).momentum
    0.9
    """

    optimizer: str
    momentum: float = 0.0
    nesterov: bool = False
    weight_decay: float = 0.0
    l2: float = 0.0
    clip_norm: float | None = None

    def __post_init__(self) -> None:
        check_choice("optimizer", self.optimizer, OPTIMIZERS)
        check_number("momentum", self.momentum, low=0.0, high=1.0, open_high=True)
        check_number("weight_decay", self.weight_decay, low=0.0)
        check_number("l2", self.l2, low=0.0)
        if self.clip_norm is not None:
            check_number("clip_norm", self.clip_norm, low=0.0, open_low=True)
        if self.momentum and self.optimizer not in _WITH_MOMENTUM:
            raise InvalidInput(
                f"momentum={self.momentum!r} is for the optimizers 'sgd' and 'rmsprop', but "
                f"optimizer={self.optimizer!r}. Leave momentum at 0, or take 'sgd'."
            )
        if self.nesterov and not (self.optimizer == "sgd" and self.momentum):
            raise InvalidInput(
                "nesterov=True needs optimizer='sgd' and a momentum above 0, but got "
                f"optimizer={self.optimizer!r} and momentum={self.momentum!r}."
            )

    def make_optimizer(self, module: nn.Module, learning_rate: float) -> torch.optim.Optimizer:
        """Give the optimiser over the parameters that are to be trained."""
        parameters = trained_parameters(module)
        if self.optimizer == "sgd":
            return torch.optim.SGD(
                parameters, learning_rate, momentum=self.momentum, nesterov=self.nesterov
            )
        if self.optimizer == "rmsprop":
            return torch.optim.RMSprop(parameters, learning_rate, momentum=self.momentum)
        if self.optimizer == "adagrad":
            return torch.optim.Adagrad(parameters, learning_rate)
        return torch.optim.Adam(parameters, learning_rate)

    @torch.no_grad()
    def apply(self, optimizer: torch.optim.Optimizer, learning_rate: float) -> None:
        """Change the parameters by their gradients."""
        (group,) = optimizer.param_groups
        group["lr"] = learning_rate
        weights = [parameter for parameter in group["params"] if parameter.ndim > 1]
        if self.l2:
            for weight in weights:
                if weight.grad is not None:
                    weight.grad.add_(weight, alpha=self.l2)
        if self.clip_norm is not None:
            nn.utils.clip_grad_norm_(group["params"], self.clip_norm)
        if self.weight_decay:
            for weight in weights:
                weight.mul_(1.0 - learning_rate * self.weight_decay)
        optimizer.step()


def trained_parameters(module: nn.Module) -> list[nn.Parameter]:
    """Give the parameters that require a gradient; there must be one."""
    found = [parameter for parameter in module.parameters() if parameter.requires_grad]
    if not found:
        raise InvalidInput(
            "Training needs a module with parameters that require a gradient, but "
            f"{type(module).__name__} has none."
        )
    return found
