"""Entropy, cross-entropy and perplexity."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from softplex.information._arguments import answer, check_unit, read_pair, read_rows
from softplex.information._rows import impossible_mass, infinite_where, rows_of, with_value


def entropy(p: Any, *, unit: str = "nats", dim: int = -1, from_scores: bool = False) -> Any:
    r"""Give the entropy of a distribution: the mean surprise, and the least mean code length.

    .. math:: H(p) = -\sum_j p_j \log p_j, \qquad 0 \log 0 = 0

    Parameters
    ----------
    p : array or tensor of any shape
        Probabilities, or scores with ``from_scores=True``; ``-inf`` is then an absent class.
    unit : "nats" or "bits", default "nats"
        bits = nats / ln 2.
    dim : int, default -1
        The dimension of the classes.
    from_scores : bool, default False
        Read p as scores, whose softmax is the distribution.

    Returns
    -------
    array or tensor like ``p`` without ``dim``
        Between 0 and log k. It is 0 for a row without classes. The gradient is -log p - 1 in
        probabilities, and 0 where p is 0, by convention; -p (log p + H) in scores.

    Raises
    ------
    InvalidInput
        When a row is no distribution (a negative entry, NaN, a sum that is not 1: nothing is
        normalised silently), a score is NaN or +inf, or an option is unknown.

    References
    ----------
    Shannon (1948), "A mathematical theory of communication", section 6.

    Examples
    --------
    >>> import numpy as np
    >>> float(entropy(np.array([0.5, 0.25, 0.25, 0.0]), unit="bits"))
    1.5
    >>> float(entropy(np.array([7.0, 7.0, -np.inf]), from_scores=True, unit="bits"))
    1.0
    """
    check_unit(unit)
    return answer(_entropy("entropy", p, dim, from_scores), unit, p)


def cross_entropy(
    p: Any, q: Any, *, unit: str = "nats", dim: int = -1, from_scores: bool = False
) -> Any:
    r"""Give the cross-entropy: the mean surprise of one who believes q while p is true.

    .. math:: H(p, q) = -\sum_j p_j \log q_j = H(p) + KL(p \| q), \qquad 0 \log 0 = 0

    Parameters
    ----------
    p : array or tensor of any shape
        The true distribution: probabilities, or scores with ``from_scores=True``.
    q : array or tensor that broadcasts against ``p``
        The model, in the same form.
    unit : "nats" or "bits", default "nats"
        bits = nats / ln 2.
    dim : int, default -1
        The dimension of the classes, which p and q both have.
    from_scores : bool, default False
        Read p and q as scores; ``-inf`` is an absent class.

    Returns
    -------
    array or tensor of the broadcast shape without ``dim``
        At least H(p); +inf where q = 0 < p. The gradient is finite all the same: such a class gives
        nothing to it. In probabilities it is -log q and -p / q, and 0 where q is 0. In the scores
        of q it is softmax(q) - p where the class is present, and 0 where it is absent.

    Raises
    ------
    InvalidInput
        When a row is no distribution, a score is NaN or +inf, p and q do not fit each other, or an
        option is unknown.

    References
    ----------
    Good (1952), "Rational decisions"; Cover and Thomas (2006), Elements of Information Theory,
    theorem 5.4.3.

    Examples
    --------
    >>> import numpy as np
    >>> p, q = np.array([0.5, 0.5, 0.0]), np.array([0.25, 0.5, 0.25])
    >>> float(cross_entropy(p, q, unit="bits"))
    1.5
    """
    check_unit(unit)
    return answer(cross_entropy_in_nats("cross_entropy", p, q, dim, from_scores), unit, p, q)


def perplexity(p: Any, q: Any = None, *, dim: int = -1, from_scores: bool = False) -> Any:
    r"""Give the number of equally likely classes that would surprise as much.

    .. math:: \exp H(p), \quad \text{or} \quad \exp H(p, q)

    Parameters
    ----------
    p : array or tensor of any shape
        The true distribution: probabilities, or scores with ``from_scores=True``.
    q : array or tensor that broadcasts against ``p``, optional
        The model, in the same form. Without it, p is its own model.
    dim : int, default -1
        The dimension of the classes.
    from_scores : bool, default False
        Read p and q as scores; ``-inf`` is an absent class.

    Returns
    -------
    array or tensor of the broadcast shape without ``dim``
        From 1 to k for p alone. It has no unit. Where it is infinite its gradient is 0.

    Raises
    ------
    InvalidInput
        As :func:`entropy` and :func:`cross_entropy` do.

    References
    ----------
    Jelinek, Mercer, Bahl and Baker (1977), "Perplexity, a measure of the difficulty of speech
    recognition tasks".

    Examples
    --------
    >>> import numpy as np
    >>> round(float(perplexity(np.array([0.25, 0.25, 0.25, 0.25]))), 12)
    4.0
    """
    arguments = (p,) if q is None else (p, q)
    if q is None:
        nats = _entropy("perplexity", p, dim, from_scores)
    else:
        nats = cross_entropy_in_nats("perplexity", p, q, dim, from_scores)
    too_large = nats > math.log(torch.finfo(nats.dtype).max)
    exponential = torch.exp(torch.where(too_large, 0.0, nats))
    return answer(torch.where(too_large, math.inf, exponential), "nats", *arguments)


def cross_entropy_in_nats(who: str, p: Any, q: Any, dim: int, from_scores: bool) -> Tensor:
    """Read two arguments and give their cross-entropy in nats."""
    first, second = read_pair(who, p, q, dim, from_scores)
    if not first.shape[-1]:
        return (first + second).sum(-1)
    if not from_scores:
        safe = torch.where(second > 0, second, 1.0)
        impossible = (second == 0) & (first > 0)
        return infinite_where(impossible) - torch.xlogy(first, safe).sum(-1)
    a, b = rows_of(first), rows_of(second)
    return _mean_surprise(a.probabilities, b.logarithms) + impossible_mass(a, b)


def _mean_surprise(p: Tensor, logarithms: Tensor) -> Tensor:
    """Give -sum p log q; where p underflowed, 0 times a logarithm that overflows is 0."""
    return -(p * logarithms.masked_fill(p == 0.0, 0.0)).sum(-1)


def _entropy(who: str, p: Any, dim: int, from_scores: bool) -> Tensor:
    rows = read_rows(who, "p", p, dim, from_scores)
    if not rows.shape[-1]:
        return rows.sum(-1)
    if from_scores:
        distribution = rows_of(rows)
        return _mean_surprise(distribution.probabilities, distribution.logarithms)
    total = -torch.xlogy(rows, torch.where(rows > 0, rows, 1.0)).sum(-1)
    return with_value(total.clamp(min=0.0), total)
