r"""The linear head: one weight vector and one bias a class."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from softplex._checks import check_number
from softplex.exceptions import InvalidInput
from softplex.losses import cross_entropy


class LinearHead(nn.Module):
    r"""Scores that are linear in the features.

    .. math:: z = W x + b, \qquad p = \mathrm{softmax}(z)

    It begins at zero, where every class has the probability 1/k: the loss is convex in W and b, so
    nothing is gained by a random start.

    Parameters
    ----------
    in_features : int >= 1
        d, the number of features.
    n_classes : int >= 1
        k, the number of classes.
    bias : bool, default True
        Whether there is a bias b.
    dtype, device : optional
        Of the parameters; torch's defaults.

    Raises
    ------
    InvalidInput
        For sizes below 1, and features that do not fit.

    References
    ----------
    Bishop (2006), Pattern Recognition and Machine Learning, section 4.3.4.

    Examples
    --------
    >>> import torch
    >>> head = LinearHead(3, 4)
    >>> print(head.log_prob(torch.ones(1, 3)).exp())
    tensor([[0.2500, 0.2500, 0.2500, 0.2500]], grad_fn=<ExpBackward0>)
    """

    bias: nn.Parameter | None

    def __init__(
        self,
        in_features: int,
        n_classes: int,
        *,
        bias: bool = True,
        dtype: torch.dtype | None = None,
        device: Any = None,
    ) -> None:
        super().__init__()
        check_number("in_features", in_features, low=1, integer=True)
        check_number("n_classes", n_classes, low=1, integer=True)
        self.in_features, self.n_classes = int(in_features), int(n_classes)
        form = {"dtype": dtype, "device": device}
        self.weight = nn.Parameter(torch.zeros(self.n_classes, self.in_features, **form))
        self.bias = nn.Parameter(torch.zeros(self.n_classes, **form)) if bias else None

    def scores(self, x: Tensor) -> Tensor:
        """Give the class scores ``(..., k)`` of features ``(..., d)``."""
        if x.ndim == 0 or x.shape[-1] != self.in_features:
            raise InvalidInput(
                f"LinearHead needs {self.in_features} features in the last dimension, but got "
                f"shape {tuple(x.shape)}."
            )
        return nn.functional.linear(x, self.weight, self.bias)

    def forward(self, x: Tensor) -> Tensor:
        """Give the class scores; see :meth:`scores`."""
        return self.scores(x)

    def log_prob(self, x: Tensor) -> Tensor:
        """Give the log-probabilities in nats, ``(..., k)``."""
        return torch.log_softmax(self.scores(x), -1)

    def loss(self, x: Tensor, targets: Tensor) -> Tensor:
        """Give the mean cross-entropy in nats; see :func:`softplex.losses.cross_entropy`."""
        value: Tensor = cross_entropy(self.scores(x), targets)
        return value

    def topk(self, x: Tensor, m: int) -> tuple[Tensor, Tensor]:
        """Give the m largest log-probabilities, in falling order, and their classes, ``(..., m)``.

        Raises
        ------
        InvalidInput
            For m outside of 1..k.
        """
        check_number("m", m, low=1, high=self.n_classes, integer=True)
        scores = self.scores(x)
        values, classes = scores.topk(int(m), dim=-1)
        return values - scores.logsumexp(-1, keepdim=True), classes

    def arguments(self) -> dict[str, Any]:
        """Give the arguments that make a head of this form."""
        has_bias = self.bias is not None
        return {"in_features": self.in_features, "n_classes": self.n_classes, "bias": has_bias}

    def extra_repr(self) -> str:
        """List the sizes."""
        return ", ".join(f"{name}={value}" for name, value in self.arguments().items())
