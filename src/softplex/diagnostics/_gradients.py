"""Losses and the lengths of their score gradients, row by row."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from softplex.diagnostics._values import FloatArray

Loss = Callable[..., Any]


def losses_and_gradient_norms(
    loss: Loss, scores: Tensor, targets: Tensor
) -> tuple[FloatArray, FloatArray]:
    """Give the loss of each row and the Euclidean norm of its gradient in the scores, ``(n,)``.

    A row's loss depends on its own scores alone, so the gradient of the sum holds every row's.
    """
    leaf = scores.detach().clone().requires_grad_()
    values = loss(leaf, targets, reduction="none")
    (gradient,) = torch.autograd.grad(values.sum(), leaf)
    norms = torch.linalg.vector_norm(gradient, dim=1)
    return values.detach().numpy(), norms.numpy()
