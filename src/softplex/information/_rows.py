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
    empty = scores.detach().amax(-1, keepdim=True) == -math.inf
    safe = scores.masked_fill(empty, 0.0)
    top, index = safe.detach().max(-1, keepdim=True)
    absent = (safe.detach() - top == -math.inf) | empty
    p, log_p = softmax(safe), log_softmax(safe)
    others = p.scatter(-1, index, 0.0).sum(-1, keepdim=True)
    at_corner = others < 0.5
    others = others.masked_fill(~at_corner, 0.0)
    top_p = torch.where(at_corner, 1.0 - others, p.gather(-1, index))
    top_log_p = torch.where(at_corner, torch.log1p(-others), log_p.gather(-1, index))
    return Rows(
        scores=safe.masked_fill(absent, 0.0),
        top=top,
        present=~absent,
        probabilities=p.scatter(-1, index, top_p).masked_fill(absent, 0.0),
        logarithms=log_p.scatter(-1, index, top_log_p).masked_fill(absent, 0.0),
        normaliser=safe.gather(-1, index) - top - top_log_p,
    )


def log_ratio(a: Rows, b: Rows) -> tuple[Tensor, Tensor]:
    r"""Give log(p / q) of two softmax rows where both have the class, 0 elsewhere; and where.

    The difference of the scores holds all digits of a small ratio; the difference of the logarithms
    does not. What rounding leaves in the normalisers is the same for all classes, and
    sum (q exp(ratio) - p) = 0 tells how much it is.
    """
    both = a.present & b.present
    apart = (a.scores - a.top) - (b.scores - b.top)
    difference = apart + _rounding_of_difference(a, b)
    ratio = (difference - (a.normaliser - b.normaliser)).masked_fill(~both, 0.0)
    p, q, known = a.probabilities.detach(), b.probabilities.detach(), ratio.detach()
    near = both & (known.abs() <= 1.0)
    left = torch.where(near, q * torch.expm1(known.clamp(-1.0, 1.0)), p - q).sum(-1, keepdim=True)
    left = left.masked_fill(left <= -0.5, 0.0)  # a row without classes
    return (ratio - torch.log1p(left)).masked_fill(~both, 0.0), both


def _rounding_of_difference(a: Rows, b: Rows) -> Tensor:
    """Give what (z - top) - (z' - top') lost against (z - z') - (top - top'), where that is less.

    Scores of about the same size subtract exactly; scores shifted against each other do not.
    """
    x, y, tops = a.scores.detach(), b.scores.detach(), a.top - b.top
    apart = (x - a.top) - (y - b.top)
    closer = (x - y).abs() + tops.abs() < (x - a.top).abs() + (y - b.top).abs()
    return torch.where(closer, (x - y) - tops - apart, 0.0)


def surplus(ratio: Tensor) -> Tensor:
    """Give r - 1 + exp(-r), which is never negative, without cancellation; for abs(r) <= 1."""
    close = ratio.abs() <= 0.1
    small = ratio.masked_fill(~close, 0.0)
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
    close = p * surplus(ratio.masked_fill(~near, 0.0))
    return torch.where(near, close, p * ratio.masked_fill(~far, 0.0) - p + q)


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
