r"""What the functions of this part share: rows of scores, the terms of divergences, exact values.

Near a corner of the simplex, log p of the top class is nearly 0, and log-sum-exp has lost it: with
R the sum of the other probabilities, it is log1p(-R), and p of the top class is 1 - R. That is the
same function, so derivatives of all orders stay right, and they lose no digits either.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from softplex.maps import log_softmax, softmax


@dataclass(frozen=True)
class Rows:
    """Rows of scores and their softmax, classes in the last dimension; at least one class.

    A class is present where log p is finite. Elsewhere ``probabilities`` and ``logarithms`` are 0,
    and so are their gradients. ``normaliser`` is log sum exp(scores - top).
    """

    scores: Tensor
    top: Tensor
    present: Tensor
    probabilities: Tensor
    logarithms: Tensor
    normaliser: Tensor


def rows_of(scores: Tensor) -> Rows:
    """Give the softmax of some scores, accurate at the corners of the simplex too."""
    empty = (scores == -math.inf).all(-1, keepdim=True)
    safe = torch.where(empty, 0.0, scores)
    top, index = safe.detach().max(-1, keepdim=True)
    shifted = safe - top
    present = (shifted > -math.inf) & ~empty
    p, log_p = softmax(safe), log_softmax(safe)
    is_top = torch.arange(safe.shape[-1], device=safe.device) == index
    others = torch.where(is_top, 0.0, p).sum(-1, keepdim=True)
    at_corner = others < 0.5
    others = torch.where(at_corner, others, 0.0)
    p = torch.where(is_top & at_corner, 1.0 - others, p)
    log_p = torch.where(is_top & at_corner, torch.log1p(-others), log_p)
    return Rows(
        scores=torch.where(present, safe, 0.0),
        top=top,
        present=present,
        probabilities=torch.where(present, p, 0.0),
        logarithms=torch.where(present, log_p, 0.0),
        normaliser=shifted.gather(-1, index) - log_p.gather(-1, index),
    )


def log_ratio(a: Rows, b: Rows) -> tuple[Tensor, Tensor]:
    r"""Give log(p / q) of two softmax rows where both have the class, 0 elsewhere; and where.

    The difference of the scores holds all digits of a small ratio; the difference of the logarithms
    does not. What rounding leaves in the normalisers is the same for all classes, and
    sum (q exp(ratio) - p) = 0 tells how much it is.
    """
    both = a.present & b.present
    together = (a.scores - b.scores) - (a.top - b.top)
    apart = (a.scores - a.top) - (b.scores - b.top)
    rounding_together = (a.scores - b.scores).abs() + (a.top - b.top).abs()
    rounding_apart = (a.scores - a.top).abs() + (b.scores - b.top).abs()
    difference = torch.where(rounding_together < rounding_apart, together, apart)
    ratio = torch.where(both, difference - (a.normaliser - b.normaliser), 0.0)
    p, q = a.probabilities.detach(), b.probabilities.detach()
    near = both & (ratio.abs() <= 1.0)
    small = torch.where(near, ratio, 0.0).detach()
    left = torch.where(near, q * torch.expm1(small), p - q).sum(-1, keepdim=True)
    left = torch.where(left > -0.5, left, 0.0)
    return torch.where(both, ratio - torch.log1p(left), 0.0), both


def surplus(ratio: Tensor) -> Tensor:
    """Give r - 1 + exp(-r), which is never negative, without cancellation; for abs(r) <= 1."""
    close = ratio.abs() <= 0.1
    small = torch.where(close, ratio, 0.0)
    n_terms = 10 if ratio.dtype == torch.float64 else 5
    series = torch.zeros_like(small)
    for power in range(n_terms + 1, 1, -1):
        series = series * small + (-1.0) ** power / math.factorial(power)
    return torch.where(close, small.square() * series, ratio + torch.expm1(-ratio))


def relative_terms(p: Tensor, q: Tensor, ratio: Tensor, both: Tensor) -> Tensor:
    """Give p log(p / q) - p + q, no term of which is negative; ratio = log(p / q) where both are.

    Their sum is KL(p || q) where p and q sum to 1 alike, and rounding in those sums enters only
    through its square.
    """
    near = both & (ratio.abs() <= 1.0)
    far = both & ~near & (p > 0)  # where p has underflowed, the ratio may be beyond all bounds
    close = p * surplus(torch.where(near, ratio, 0.0))
    return torch.where(near, close, p * torch.where(far, ratio, 0.0) - p + q)


def with_value(value: Tensor, carrier: Tensor) -> Tensor:
    """Give a value, with the derivatives of a carrier that equals it up to rounding."""
    return (carrier - carrier.detach()) + value.detach()


def infinite_where(impossible: Tensor) -> Tensor:
    """Give +inf for rows with an impossible class, 0 for the others; to be added."""
    return torch.where(impossible.any(-1), math.inf, 0.0)


def impossible_mass(a: Rows, b: Rows) -> Tensor:
    """Give +inf for rows in which a has a class that b lacks, 0 for the others; to be added.

    The gradient is that of the lost classes' share of log-sum-exp, so that the gradient in the
    scores of b stays softmax(b) - softmax(a) for the classes that b has.
    """
    impossible = (a.probabilities > 0) & ~b.present
    lost = torch.where(impossible, a.probabilities, 0.0).sum(-1)
    normaliser = b.normaliser.squeeze(-1)
    return infinite_where(impossible) + lost * (normaliser - normaliser.detach())
