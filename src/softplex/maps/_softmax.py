"""Softmax, its logarithm, and the log-sum-exp that both rest on.

With the maximum subtracted first, every exponential lies in (0, 1], so nothing overflows, and the
three are invariant to a constant added to all scores. A score of ``-inf`` is an absent class. A
slice in which no class is present has nothing on it: its probabilities are zero, its
log-probabilities and its log-sum-exp are ``-inf``, never NaN.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from softplex._arrays import answer_in_kind, to_float_tensor
from softplex._checks import check_number


def softmax(scores: Any, *, temperature: float = 1.0, dim: int = -1) -> Any:
    r"""Turn scores into probabilities.

    .. math:: p_j = \exp(z_j / T) / \sum_i \exp(z_i / T)

    Parameters
    ----------
    scores : array or tensor of any shape
        Raw class scores; integers are read as float64.
    temperature : float > 0, default 1.0
        T: below 1 sharpens, above 1 flattens.
    dim : int, default -1
        The dimension of the classes.

    Returns
    -------
    array or tensor like ``scores``
        Probabilities that sum to 1 along ``dim``.

    Raises
    ------
    InvalidInput
        When the temperature is not a positive number.

    References
    ----------
    Bridle (1990), "Probabilistic interpretation of feedforward classification network outputs".

    Examples
    --------
    >>> import numpy as np
    >>> softmax(np.log([1.0, 2.0, 5.0])).round(3).tolist()
    [0.125, 0.25, 0.625]
    """
    scaled = _scaled(scores, temperature)
    present = _present(scaled, dim)
    probabilities = torch.softmax(torch.where(present, scaled, 0.0), dim)
    return answer_in_kind(torch.where(present, probabilities, 0.0), scores)


def log_softmax(scores: Any, *, temperature: float = 1.0, dim: int = -1) -> Any:
    r"""Give the logarithms of the softmax probabilities, in nats.

    .. math:: \log p_j = z_j / T - \log \sum_i \exp(z_i / T)

    Takes and raises what :func:`softmax` does.

    Examples
    --------
    >>> import numpy as np
    >>> log_softmax(np.array([1000.0, 0.0])).tolist()
    [0.0, -1000.0]
    """
    scaled = _scaled(scores, temperature)
    present = _present(scaled, dim)
    logarithms = torch.log_softmax(torch.where(present, scaled, 0.0), dim)
    return answer_in_kind(torch.where(present, logarithms, -math.inf), scores)


def logsumexp(scores: Any, *, temperature: float = 1.0, dim: int = -1) -> Any:
    r"""Give the smooth maximum :math:`\log \sum_i \exp(z_i / T)` along a dimension.

    It lies between max z / T and max z / T + log k. Takes and raises what :func:`softmax` does.

    Examples
    --------
    >>> import numpy as np
    >>> float(logsumexp(np.array([1e4, 1e4])) - 1e4 - np.log(2)) < 1e-9
    True
    """
    scaled = _scaled(scores, temperature)
    present = _present(scaled, dim)
    total = torch.logsumexp(torch.where(present, scaled, 0.0), dim)
    return answer_in_kind(torch.where(present.squeeze(dim), total, -math.inf), scores)


def _scaled(scores: Any, temperature: float) -> Tensor:
    check_number("temperature", temperature, low=0.0, open_low=True)
    tensor = to_float_tensor(scores)
    return tensor if temperature == 1.0 else tensor / temperature


def _present(scores: Tensor, dim: int) -> Tensor:
    """True on every entry of a slice that has at least one class above -inf."""
    return (scores > -math.inf).any(dim, keepdim=True)
