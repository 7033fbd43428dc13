"""The Jacobian of softmax, and its product with a vector.

J = (diag(p) - p p^T) / T is symmetric and positive semi-definite, and its rows sum to 0. It is also
the Hessian of log-sum-exp, and so of cross-entropy in the scores.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from softplex._arrays import answer_in_kind, to_tensor
from softplex._tensors import broadcasts, divided
from softplex.exceptions import InvalidInput
from softplex.maps._softmax import _kept, _settled


def softmax_jacobian(scores: Any, *, temperature: float | Tensor = 1.0, dim: int = -1) -> Any:
    r"""Give the derivatives of all probabilities in all scores.

    .. math:: J_{ij} = \partial p_i / \partial z_j = p_i (\delta_{ij} - p_j) / T

    The diagonal sums p_i p_j over the other classes j, instead of taking p_i from 1, so it keeps
    its digits where p_i comes near 1. An absent class (score ``-inf``) has zeros, and so has a row
    without classes.

    Parameters
    ----------
    scores : array or tensor of any shape
        Raw class scores; integers are read as float64.
    temperature : float > 0, or a tensor of such with size 1 along ``dim``, default 1.0
        T of :func:`softmax`.
    dim : int, default -1
        The dimension of the classes, k long.

    Returns
    -------
    array or tensor like ``scores``, of shape (..., k, k)
        The other dimensions in their order, then i, then j, wherever ``dim`` was. For large k
        use :func:`softmax_jacobian_product`, which never builds it.

    Raises
    ------
    InvalidInput
        When the temperature is not positive, or a score is NaN or +inf. Under ``torch.compile``
        and ``torch.func`` values cannot be looked at, and only shapes are checked.

    References
    ----------
    Boyd and Vandenberghe (2004), "Convex optimization", section 3.1.5.

    Examples
    --------
    >>> import numpy as np
    >>> softmax_jacobian(np.log([1.0, 3.0])).tolist()
    [[0.1875, -0.1875], [-0.1875, 0.1875]]
    """
    p, slope, like = _parts("softmax_jacobian", scores, temperature, dim)
    if p.ndim == 0:
        p, slope = p.unsqueeze(0), slope.unsqueeze(0)
    p, slope = p.movedim(dim, -1), slope.movedim(dim, -1)
    pairs = slope.unsqueeze(-1) * p.unsqueeze(-2)
    itself = torch.eye(p.shape[-1], dtype=torch.bool, device=p.device)
    others = pairs.masked_fill(itself, 0.0)
    result = torch.diag_embed(others.sum(-1)) - others
    return answer_in_kind(result.to(like), scores)


def softmax_jacobian_product(
    scores: Any, vector: Any, *, temperature: float | Tensor = 1.0, dim: int = -1
) -> Any:
    r"""Multiply the Jacobian of softmax by a vector, in time and memory of one softmax.

    .. math:: (J v)_i = p_i \, (v_i - \sum_j p_j v_j) / T

    J is symmetric, so this is the derivative along v (JVP) and the gradient from v (VJP) alike.
    The entry of v at the likeliest class is taken from all of v first. That changes nothing,
    because the rows of J sum to 0, and it keeps the digits where one class has nearly all the
    probability.

    Parameters
    ----------
    scores : array or tensor of any shape
        Raw class scores; integers are read as float64. ``-inf`` is an absent class.
    vector : array or tensor that broadcasts to the scores
        Finite numbers v.
    temperature : float > 0, or a tensor of such with size 1 along ``dim``, default 1.0
        T of :func:`softmax`.
    dim : int, default -1
        The dimension of the classes.

    Returns
    -------
    array or tensor like ``scores``
        J v for each row; it sums to 0 along ``dim``.

    Raises
    ------
    InvalidInput
        When the vector does not fit the scores; and where :func:`softmax_jacobian` refuses.

    Examples
    --------
    >>> import numpy as np
    >>> softmax_jacobian_product(np.log([1.0, 3.0]), np.array([1.0, 0.0])).tolist()
    [0.1875, -0.1875]
    """
    who = "softmax_jacobian_product"
    p, slope, like = _parts(who, scores, temperature, dim)
    values = _fitted(who, vector, p).to(p.dtype)
    if p.ndim and p.shape[dim]:
        values = values - values.gather(dim, p.detach().argmax(dim, keepdim=True))
    mean = (p * values).sum(dim, keepdim=True)
    return answer_in_kind((slope * (values - mean)).to(like), scores)


def _parts(
    who: str, scores: Any, temperature: float | Tensor, dim: int
) -> tuple[Tensor, Tensor, torch.dtype]:
    """Give p and p / T in float32 at least, and the dtype of the scores."""
    kept = _kept(who, scores, temperature, None, "zero", dim)
    shifted, _ = divided(kept, temperature, dim)
    p = _settled(who, torch.softmax, shifted, kept, "zero", 0.0, dim)
    return p, p / temperature, kept.dtype


def _fitted(who: str, vector: Any, like: Tensor) -> Tensor:
    values = to_tensor(vector, device=like.device)
    if not broadcasts(values.shape, like.shape):
        raise InvalidInput(
            f"{who} needs a vector that broadcasts to the scores, of shape {tuple(like.shape)}, "
            f"but got shape {tuple(values.shape)}."
        )
    return values.expand(like.shape)
