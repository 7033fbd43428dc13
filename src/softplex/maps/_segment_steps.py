"""The arithmetic of segment softmax, with gradients in closed form.

Where values are known, a closed form of few passes runs; ``torch.func`` and ``torch.compile``
transform and fuse the same formulas written out in plain operations. ``top`` is the largest score
of each group, a constant; without it the scores are shifted already, so that their largest is 0.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from softplex.maps._groups import Groups

_Gradients = tuple[Tensor, None, None, None]

# What a sum of exponentials starts from: far below the last digit of a group whose largest entry
# gives 1, and no zero to divide by in a group with nothing left.
_START = 1e-37


def softmax_of(scores: Tensor, top: Tensor | None, groups: Groups) -> Tensor:
    """Probabilities; zeros in a group with nothing left."""
    if _closed_form(scores, groups):
        return _Softmax.apply(scores, top, groups.members, groups)  # type: ignore[no-any-return, no-untyped-call]
    if groups.known:
        return _softmax_in_place(scores, top, groups)
    exponentials = _shifted(scores, top, groups).exp()
    return exponentials / groups.spread(groups.total(exponentials, _START))


def log_softmax_of(scores: Tensor, top: Tensor | None, groups: Groups) -> Tensor:
    """Logarithms of the probabilities; -inf at absent entries."""
    if _closed_form(scores, groups):
        return _LogSoftmax.apply(scores, top, groups.members, groups)  # type: ignore[no-any-return, no-untyped-call]
    if groups.known:
        return _log_softmax_in_place(scores, top, groups)
    shifted = _shifted(scores, top, groups)
    logarithms = shifted - groups.spread(groups.total(shifted.exp(), _START).log())
    return torch.where(shifted.detach() == -torch.inf, -torch.inf, logarithms)


def log_total_of(scores: Tensor, top: Tensor | None, groups: Groups) -> Tensor:
    """Logarithm of the sum of the shifted exponentials; -inf in a group with nothing left."""
    if _closed_form(scores, groups):
        return _LogTotal.apply(scores, top, groups.members, groups)  # type: ignore[no-any-return, no-untyped-call]
    return _log_total(_shifted(scores, top, groups), groups)


def _closed_form(scores: Tensor, groups: Groups) -> bool:
    return groups.known and scores.requires_grad and torch.is_grad_enabled()


def _shifted(scores: Tensor, top: Tensor | None, groups: Groups) -> Tensor:
    return scores if top is None else scores - groups.spread(top)


def _softmax_in_place(scores: Tensor, top: Tensor | None, groups: Groups) -> Tensor:
    p = (scores.clone() if top is None else scores - groups.spread(top)).exp_()
    return p.div_(groups.spread(groups.total(p, _START)))


def _log_softmax_in_place(scores: Tensor, top: Tensor | None, groups: Groups) -> Tensor:
    shifted = scores.clone() if top is None else scores - groups.spread(top)
    return shifted.sub_(groups.spread(groups.total(shifted.exp(), _START).log_()))


def _log_total(shifted: Tensor, groups: Groups) -> Tensor:
    totals = groups.total(shifted.exp(), _START)
    return totals.log().masked_fill(totals < 0.5, -torch.inf)


class _Softmax(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, scores: Tensor, top: Tensor | None, members: Tensor, groups: Groups
    ) -> Tensor:
        p = _softmax_in_place(scores, top, groups)
        ctx.save_for_backward(p, members)
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
        ctx: Any, scores: Tensor, top: Tensor | None, members: Tensor, groups: Groups
    ) -> Tensor:
        logarithms = _log_softmax_in_place(scores, top, groups)
        ctx.save_for_backward(logarithms, members)
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
        ctx: Any, scores: Tensor, top: Tensor | None, members: Tensor, groups: Groups
    ) -> Tensor:
        ctx.save_for_backward(scores, top, members)
        ctx.groups = groups
        return _log_total(_shifted(scores, top, groups), groups)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> _Gradients:
        """Give p g: the probabilities anew, because they differentiate to every order."""
        scores, top, _ = ctx.saved_tensors
        p = softmax_of(scores, top, ctx.groups)
        return p * ctx.groups.spread(gradient), None, None, None
