"""Drawing classes by Gumbel noise: the softmax of noisy scores.

The largest of z_j + g_j, with independent standard Gumbel g_j, is class j with probability
softmax(z)_j (Gumbel 1954; Yellott 1977). A softmax of the noisy scores instead of their argmax
gives a draw that has a gradient.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from softplex._arrays import answer_in_kind
from softplex._tensors import divided
from softplex.exceptions import InvalidInput
from softplex.maps._softmax import _kept, _settled

# A uniform draw is a multiple of 2^-53. Half a step takes the place of 0, which would be g = inf.
_HALF_STEP = 2.0**-54


def gumbel_softmax(
    scores: Any,
    *,
    temperature: float | Tensor = 1.0,
    hard: bool = False,
    generator: torch.Generator | None = None,
    mask: Any = None,
    empty: str = "zero",
    dim: int = -1,
) -> Any:
    r"""Draw a class for every row, as probabilities that have a gradient.

    .. math:: y = \mathrm{softmax}((z + g) / T), \qquad g_j = -\log(-\log u_j)

    The largest entry of y is class j with probability softmax(z)_j, whatever T. As T falls, y
    tends to a one-hot row; as T rises, to equal shares.

    Parameters
    ----------
    scores : array or tensor of any shape
        Raw class scores z; integers are read as float64. ``-inf`` is an absent class, which is
        never drawn.
    temperature : float > 0, or a tensor of such that broadcasts, default 1.0
        The T of the formula. It divides after the noise, so it does not change what is drawn.
    hard : bool, default False
        Give exact one-hot rows in the forward pass, and the gradient of the soft y in the
        backward pass (straight-through).
    generator : torch.Generator, optional
        Where the noise comes from; by default torch's global generator. ``torch.compile`` cannot
        trace one: leave it out there.
    mask : boolean array or tensor that broadcasts to the scores, optional
        True = take part.
    empty : "zero", "nan" or "raise", default "zero"
        What a row with no class left gives: zeros with zero gradient, NaN, or an error.
    dim : int, default -1
        The dimension of the classes.

    Returns
    -------
    array or tensor like ``scores``
        Rows that sum to 1 along ``dim``.

    Raises
    ------
    InvalidInput
        As for :func:`softmax`, and when the generator is none, or on another device.

    Notes
    -----
    The noise is drawn in float64 whatever the dtype of the scores, and the drawn class is the
    argmax of z + g, taken before the division by T. Two classes are tied too rarely to matter.

    References
    ----------
    Jang, Gu, Poole (2017), "Categorical reparameterization with Gumbel-softmax", eq. 1 and 2;
    Maddison, Mnih, Teh (2017), "The Concrete distribution".

    Examples
    --------
    >>> import numpy as np
    >>> generator = torch.Generator().manual_seed(0)
    >>> scores = np.log(np.broadcast_to([0.2, 0.3, 0.5], (10_000, 3)))
    >>> drawn = gumbel_softmax(scores, hard=True, generator=generator)
    >>> bool(np.abs(drawn.mean(axis=0) - [0.2, 0.3, 0.5]).max() < 0.01)
    True
    """
    kept = _kept("gumbel_softmax", scores, temperature, mask, empty, dim)
    # The top is taken away before the noise is added, so that large scores cost it no digits.
    centred = divided(kept, 1.0, dim)[0]
    noisy = centred + gumbel_noise(centred.shape, centred, generator)
    shifted = divided(noisy, temperature, dim)[0]
    result = _settled("gumbel_softmax", torch.softmax, shifted, kept, empty, 0.0, dim)
    if hard and (kept.ndim == 0 or kept.shape[dim]):
        result = _straight_through(result, noisy, dim)
    return answer_in_kind(result.to(kept.dtype), scores)


def gumbel_noise(
    shape: Sequence[int], like: Tensor, generator: torch.Generator | None = None
) -> Tensor:
    """Draw finite standard Gumbel noise, -log(-log u), with the dtype and device of a tensor.

    It is drawn in float64: float32 knows 2^24 uniform values, so among a million classes one in
    16 rows would hold the smallest one, and its noise would decide alone.
    """
    _check_generator(generator, like)
    uniform = torch.rand(shape, generator=generator, dtype=torch.float64, device=like.device)
    exponential = -torch.log1p(-uniform.clamp(min=_HALF_STEP))
    return -exponential.log().to(like.dtype)


def _straight_through(soft: Tensor, noisy: Tensor, dim: int) -> Tensor:
    """Give the one-hot argmax, with the gradient of the soft draw.

    ``soft - soft.detach()`` is 0 to the last bit; one_hot - soft + soft would not be 1.
    """
    winner = noisy.detach().argmax(dim, keepdim=True)
    one_hot = torch.zeros_like(soft).scatter(dim, winner, 1.0)
    absent = (noisy.detach() == -math.inf).all(dim, keepdim=True)
    return torch.where(absent, soft, one_hot + (soft - soft.detach()))


def _check_generator(generator: torch.Generator | None, like: Tensor) -> None:
    if generator is None:
        return
    if not isinstance(generator, torch.Generator):
        raise InvalidInput(
            f"generator must be a torch.Generator or None, but got {generator!r}. Use "
            "torch.Generator().manual_seed(0)."
        )
    if generator.device.type != like.device.type:
        raise InvalidInput(
            f"generator is on {generator.device}, but the scores are on {like.device}. Use "
            f"torch.Generator({str(like.device)!r})."
        )
