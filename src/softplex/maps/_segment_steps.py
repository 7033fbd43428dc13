"""The arithmetic of segment softmax, with gradients in closed form.

Where values are known, a closed form of few passes runs; ``torch.func`` and ``torch.compile``
transform and fuse the same formulas written out in plain operations. ``top`` is the largest score
of each group, a constant; without it the scores are shifted already, so that their largest is 0.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from softplex._tensors import values_known
from softplex.maps._groups import Groups

_Gradients = tuple[Tensor, None, None, None]


def softmax_of(scores: Tensor, top: Tensor | None, groups: Groups) -> Tensor:
    """Probabilities; zeros in a group with nothing left."""
    if values_known(scores):
        return _Softmax.apply(scores, top, groups.index, groups)  # type: ignore[no-any-return, no-untyped-call]
    exponentials = _shifted(scores, top, groups).exp()
    return exponentials / groups.spread(_normaliser(exponentials, groups))


def log_softmax_of(scores: Tensor, top: Tensor | None, groups: Groups) -> Tensor:
    """Logarithms of the probabilities; -inf at absent entries."""
    if values_known(scores):
        return _LogSoftmax.apply(scores, top, groups.index, groups)  # type: ignore[no-any-return, no-untyped-call]
    shifted = _shifted(scores, top, groups)
    absent = shifted.detach() == -torch.inf
    normaliser = _normaliser(shifted.exp(), groups)
    return torch.where(absent, -torch.inf, shifted - groups.spread(normaliser.log()))


def log_total_of(scores: Tensor, top: Tensor | None, groups: Groups) -> Tensor:
    """Logarithm of the sum of the shifted exponentials; -inf in a group with nothing left."""
    if values_known(scores):
        return _LogTotal.apply(scores, top, groups.index, groups)  # type: ignore[no-any-return, no-untyped-call]
    return _log_total(groups.total(_shifted(scores, top, groups).exp()))


def _shifted(scores: Tensor, top: Tensor | None, groups: Groups) -> Tensor:
    return scores if top is None else scores - groups.spread(top)


def _exponentials(scores: Tensor, top: Tensor | None, groups: Groups) -> Tensor:
    return scores.exp() if top is None else (scores - groups.spread(top)).exp_()


def _normaliser(exponentials: Tensor, groups: Groups) -> Tensor:
    """Sum each group, in which the largest entry is 1; a group with nothing left gives 1."""
    return groups.total(exponentials).clamp(min=1.0)


def _log_total(totals: Tensor) -> Tensor:
    absent = totals == 0
    return torch.where(absent, -torch.inf, torch.where(absent, 1.0, totals).log())


class _Softmax(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, scores: Tensor, top: Tensor | None, index: Tensor, groups: Groups
    ) -> Tensor:
        p = _exponentials(scores, top, groups)
        p.div_(groups.spread(groups.total(p).clamp_(min=1.0)))
        ctx.save_for_backward(p, index)
        ctx.groups = groups
        return p

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> _Gradients:
        """Give p (g - sum of p g over the group)."""
        p, _ = ctx.saved_tensors
        weighted = p * gradient
        means = ctx.groups.spread(ctx.groups.total(weighted))
        return torch.addcmul(weighted, p, means, value=-1), None, None, None


class _LogSoftmax(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, scores: Tensor, top: Tensor | None, index: Tensor, groups: Groups
    ) -> Tensor:
        shifted = scores.clone() if top is None else scores - groups.spread(top)
        totals = groups.total(shifted.exp()).clamp_(min=1.0)
        logarithms = shifted.sub_(groups.spread(totals.log_()))
        ctx.save_for_backward(logarithms, index)
        ctx.groups = groups
        return logarithms

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> _Gradients:
        """Give g - p (sum of g over the group), where an absent entry has no part."""
        logarithms, _ = ctx.saved_tensors
        present = gradient.masked_fill(logarithms == -torch.inf, 0.0)
        totals = ctx.groups.spread(ctx.groups.total(present))
        return torch.addcmul(present, logarithms.exp(), totals, value=-1), None, None, None


class _LogTotal(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, scores: Tensor, top: Tensor | None, index: Tensor, groups: Groups
    ) -> Tensor:
        ctx.save_for_backward(scores, top, index)
        ctx.groups = groups
        return _log_total(groups.total(_exponentials(scores, top, groups)))

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> _Gradients:
        """Give p g: the probabilities anew, because they differentiate to every order."""
        scores, top, _ = ctx.saved_tensors
        p = softmax_of(scores, top, ctx.groups)
        return p * ctx.groups.spread(gradient), None, None, None
