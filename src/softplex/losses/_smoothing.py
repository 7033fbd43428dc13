"""Label smoothing, in its two conventions."""

from __future__ import annotations

import torch
from torch import Tensor

from softplex._checks import check_choice, check_number

SMOOTHING_KINDS = ("others", "uniform")


def check_smoothing(smoothing: float, kind: str) -> None:
    """Refuse a smoothing outside [0, 1), and an unknown kind."""
    if smoothing == 0.0 and kind == "others":  # the defaults need no look, in every call
        return
    check_number("smoothing", smoothing, low=0.0, high=1.0, open_high=True)
    check_choice("smoothing_kind", kind, SMOOTHING_KINDS)


def smoothing_line(smoothing: float, kind: str, n_classes: int) -> tuple[float, float]:
    r"""Give (slope, floor) of the smoothed target, which is ``slope * q + floor`` for any target q.

    ``"others"`` moves the mass eps to the other classes, as :math:`(1-\epsilon) q +
    \epsilon (1-q)/(k-1)`; ``"uniform"`` to all of them, as :math:`(1-\epsilon) q + \epsilon/k`
    (torch, timm). They are equal when eps_uniform = eps_others k / (k - 1).

    Parameters
    ----------
    smoothing : float in [0, 1)
        eps.
    kind : "others" or "uniform"
        The convention.
    n_classes : int
        The number k. With one class there is nothing to smooth.

    Raises
    ------
    InvalidInput
        When the smoothing or its kind is not one of these.

    References
    ----------
    Szegedy et al. (2016), "Rethinking the Inception architecture for computer vision", section 7.

    Examples
    --------
    >>> smoothing_line(0.1, "uniform", 4)
    (0.9, 0.025)
    """
    check_smoothing(smoothing, kind)
    if n_classes < 2 or smoothing == 0.0:
        return 1.0, 0.0
    if kind == "uniform":
        return 1.0 - smoothing, smoothing / n_classes
    floor = smoothing / (n_classes - 1)
    return 1.0 - smoothing - floor, floor


def uniform_smoothing(smoothing: float, kind: str, n_classes: int) -> float:
    """Give the ``"uniform"`` smoothing that says the same; it may exceed 1."""
    if n_classes < 2:
        return 0.0
    return smoothing if kind == "uniform" else smoothing * n_classes / (n_classes - 1)


def smoothing_lines(smoothing: float, kind: str, n_classes: Tensor) -> tuple[Tensor, Tensor]:
    """Give slope and floor ``(n,)`` for rows that differ in the number of classes present.

    Classes that are absent take no part in the smoothing, and k counts those that remain.
    """
    sharing = n_classes if kind == "uniform" else n_classes - 1
    eps = torch.where(n_classes > 1, torch.full_like(n_classes, smoothing), 0.0)
    floor = eps / sharing.clamp(min=1)
    return (1.0 - eps if kind == "uniform" else 1.0 - eps - floor), floor
