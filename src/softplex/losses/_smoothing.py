"""Label smoothing, in its two conventions."""

from __future__ import annotations

from softplex._checks import check_choice, check_number

SMOOTHING_KINDS = ("others", "uniform")


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
        k. With one class there is nothing to smooth.

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
    check_number("smoothing", smoothing, low=0.0, high=1.0, open_high=True)
    check_choice("smoothing_kind", kind, SMOOTHING_KINDS)
    if n_classes < 2 or smoothing == 0.0:
        return 1.0, 0.0
    if kind == "uniform":
        return 1.0 - smoothing, smoothing / n_classes
    floor = smoothing / (n_classes - 1)
    return 1.0 - smoothing - floor, floor
