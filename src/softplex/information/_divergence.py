"""Divergences between two distributions."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from softplex._checks import check_number
from softplex.exceptions import InvalidInput
from softplex.information._arguments import answer, check_unit, read_pair
from softplex.information._rows import (
    impossible_mass,
    infinite_where,
    log_ratio,
    relative_terms,
    rows_of,
    surplus,
    with_value,
)

_SCALE = 2.0**100  # a power of two, so that nothing is rounded


def kl_divergence(
    p: Any, q: Any, *, unit: str = "nats", dim: int = -1, from_scores: bool = False
) -> Any:
    r"""Give the Kullback-Leibler divergence: what it costs to believe q while p is true.

    .. math:: KL(p \| q) = \sum_j p_j \log \frac{p_j}{q_j}, \qquad 0 \log 0 = 0

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
        Never negative, 0 only where p = q, +inf where q = 0 < p. It is summed as
        p log(p / q) - p + q, no term of which is negative, so it keeps its digits when p and q are
        nearly equal. The gradient is finite everywhere: in probabilities log(p / q) + 1 and -p / q,
        and 0 at a class where p or q is 0; in scores p (log(p / q) - KL) and q - p, and 0 where
        the class is absent.

    Raises
    ------
    InvalidInput
        When a row is no distribution, a score is NaN or +inf, p and q do not fit each other, or an
        option is unknown.

    References
    ----------
    Kullback and Leibler (1951), "On information and sufficiency", equation 2.4.

    Examples
    --------
    >>> import numpy as np
    >>> p, q = np.array([0.5, 0.5, 0.0]), np.array([0.25, 0.75, 0.0])
    >>> round(float(kl_divergence(p, q)), 4)
    0.1438
    >>> float(kl_divergence(p, np.array([1.0, 0.0, 0.0])))
    inf
    """
    check_unit(unit)
    first, second = read_pair("kl_divergence", p, q, dim, from_scores)
    if not first.shape[-1]:
        nats = (first + second).sum(-1)
    else:
        nats = (_kl_of_scores if from_scores else _kl_of_probabilities)(first, second)
    return answer(nats, unit, p, q)


def jensen_shannon(
    p: Any,
    q: Any,
    *,
    weights: Sequence[float] = (0.5, 0.5),
    unit: str = "nats",
    dim: int = -1,
    from_scores: bool = False,
) -> Any:
    r"""Give the Jensen-Shannon divergence: how far two distributions lie from their mixture.

    .. math:: JS = w_1 KL(p \| m) + w_2 KL(q \| m), \qquad m = w_1 p + w_2 q

    It is the divergence, not its square root (the distance).

    Parameters
    ----------
    p, q : arrays or tensors that broadcast against each other
        Probabilities, or scores with ``from_scores=True``.
    weights : two positive numbers that sum to 1, default (0.5, 0.5)
        w_1 and w_2.
    unit : "nats" or "bits", default "nats"
        bits = nats / ln 2.
    dim : int, default -1
        The dimension of the classes, which p and q both have.
    from_scores : bool, default False
        Read p and q as scores; ``-inf`` is an absent class.

    Returns
    -------
    array or tensor of the broadcast shape without ``dim``
        Between 0 and the entropy of the weights, ln 2 by default, whatever the zeros. It keeps its
        digits when p and q are nearly equal. The gradient in p is w_1 log(p / m) in probabilities,
        and 0 where p is 0, by convention; w_1 p (log(p / m) - KL(p || m)) in scores. That in q
        mirrors it.

    Raises
    ------
    InvalidInput
        When a row is no distribution, a score is NaN or +inf, p and q do not fit each other, the
        weights are not two positive numbers that sum to 1, or an option is unknown.

    References
    ----------
    Lin (1991), "Divergence measures based on the Shannon entropy", equation 4.1.

    Examples
    --------
    >>> import numpy as np
    >>> float(jensen_shannon(np.array([1.0, 0.0]), np.array([0.0, 1.0]), unit="bits"))
    1.0
    """
    check_unit(unit)
    shares = _shares(weights)
    first, second = read_pair("jensen_shannon", p, q, dim, from_scores)
    if not first.shape[-1]:
        return answer((first + second).sum(-1), unit, p, q)
    terms = _mixed_scores if from_scores else _mixed_probabilities
    total = terms(first, second, *shares).sum(-1)
    most = -sum(share * math.log(share) for share in shares)
    return answer(with_value(total.clamp(0.0, most), total), unit, p, q)


def _kl_of_scores(p: Tensor, q: Tensor) -> Tensor:
    a, b = rows_of(p), rows_of(q)
    ratio, both = log_ratio(a, b)
    terms = relative_terms(a.probabilities, b.probabilities, ratio, both).sum(-1)
    has_classes = a.present.any(-1)  # nothing is lost about a row without classes
    return torch.where(has_classes, terms + impossible_mass(a, b), 0.0)


def _kl_of_probabilities(p: Tensor, q: Tensor) -> Tensor:
    both = (p > 0) & (q > 0)
    above, below = torch.where(both, p, 1.0), torch.where(both, q, 1.0)
    kept = torch.where(both, p, 0.0)
    carrier = torch.xlogy(kept, above) - torch.xlogy(kept, below)
    ratio = _log_of_quotient(above.detach(), below.detach())
    terms = relative_terms(p.detach(), q.detach(), ratio, both)
    finite = with_value(terms.sum(-1), carrier.sum(-1))
    return finite + infinite_where((p > 0) & (q == 0))


def _log_of_quotient(p: Tensor, q: Tensor) -> Tensor:
    """Give log(p / q) of positive numbers, to the last digits where they are nearly equal."""
    near = (p - q).abs() <= 0.5 * q
    quotient = p / q
    far = torch.where(torch.isfinite(quotient), quotient.log(), p.log() - q.log())
    return torch.where(near, torch.log1p((p - q) / q), far)


def _mixed_scores(p: Tensor, q: Tensor, own: float, other: float) -> Tensor:
    a, b = rows_of(p), rows_of(q)
    ratio, both = log_ratio(a, b)
    from_p = torch.where(both, _log_to_mixture(ratio, own, other), -math.log(own))
    from_q = torch.where(both, _log_to_mixture(-ratio, other, own), -math.log(other))
    far = own * a.probabilities * from_p + other * b.probabilities * from_q
    near = both & (ratio.abs() <= 1.0)
    from_p, from_q = from_p.masked_fill(~near, 0.0), from_q.masked_fill(~near, 0.0)
    close = own * a.probabilities * surplus(from_p) + other * b.probabilities * surplus(from_q)
    return torch.where(near, close, far)


def _log_to_mixture(ratio: Tensor, own: float, other: float) -> Tensor:
    """Give log(p / m) of log(p / q), m = own p + other q, without overflow on either side."""
    above = -torch.log1p(other * torch.expm1(-ratio.clamp(min=-1.0)))
    below = ratio - torch.log1p(own * torch.expm1(ratio.clamp(max=0.0)))
    return torch.where(ratio >= -1.0, above, below)


def _mixed_probabilities(p: Tensor, q: Tensor, own: float, other: float) -> Tensor:
    r"""Give w_1 p log(p / m) + w_2 q log(q / m), the sum of the two surpluses of a class.

    Near each other, p - m = w_2 (p - q) has all its digits. Far from each other, xlogy does not
    divide by a probability that may be smaller than a float can invert.
    """
    p, q = torch.where(p > 0, p, 0.0), torch.where(q > 0, q, 0.0)  # no gradient at zeros
    near = (p <= 2.7 * q) & (q <= 2.7 * p) & (p > 0)
    u, v = torch.where(near, p, 1.0), torch.where(near, q, 1.0)
    gap = (u - v) / (own * u + other * v)
    from_p, from_q = torch.log1p(other * gap), torch.log1p(-own * gap)
    close = own * u * surplus(from_p) + other * v * surplus(from_q)
    mixture = own * p + other * q
    far = own * _times_log(p, mixture, near) + other * _times_log(q, mixture, near)
    return torch.where(near, close, far)


def _times_log(p: Tensor, mixture: Tensor, near: Tensor) -> Tensor:
    """Give p log(p / m) where p > 0, 0 elsewhere.

    Both are scaled before the division, whose derivative would overflow where m is subnormal.
    """
    used = (p > 0) & ~near
    quotient = torch.where(used, _SCALE * p, 1.0) / torch.where(used, _SCALE * mixture, 1.0)
    return torch.xlogy(torch.where(used, p, 0.0), quotient)


def _shares(weights: Sequence[float]) -> tuple[float, float]:
    if not isinstance(weights, tuple | list) or len(weights) != 2:
        raise InvalidInput(f"weights must be two numbers that sum to 1, but got {weights!r}.")
    for weight in weights:
        check_number("a weight", weight, low=0.0, high=1.0, open_low=True, open_high=True)
    if abs(sum(weights) - 1.0) > 1e-9:
        raise InvalidInput(
            f"weights must sum to 1, but {weights!r} sum to {sum(weights):g}. Divide by the sum."
        )
    return float(weights[0]), float(weights[1])
