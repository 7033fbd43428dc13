"""References with 50 digits."""

from __future__ import annotations

import math
from collections.abc import Iterable
from types import SimpleNamespace

import mpmath
import pytest


def _times_log(p: mpmath.mpf, x: mpmath.mpf) -> mpmath.mpf:
    return p * mpmath.log(x) if p else mpmath.mpf(0)


def _softmax(scores: Iterable[float]) -> list[mpmath.mpf]:
    numbers = [mpmath.mpf(float(score)) for score in scores]
    top = max(numbers)
    weights = [mpmath.exp(number - top) for number in numbers]
    return [weight / mpmath.fsum(weights) for weight in weights]


def _normalised(p: Iterable[float]) -> list[mpmath.mpf]:
    numbers = [mpmath.mpf(float(entry)) for entry in p]
    return [number / mpmath.fsum(numbers) for number in numbers]


def _entropy(p: list[mpmath.mpf]) -> mpmath.mpf:
    return -mpmath.fsum(_times_log(x, x) for x in p)


def _cross_entropy(p: list[mpmath.mpf], q: list[mpmath.mpf]) -> mpmath.mpf:
    if any(x and not y for x, y in zip(p, q, strict=True)):
        return mpmath.mpf(math.inf)
    return -mpmath.fsum(_times_log(x, y) for x, y in zip(p, q, strict=True))


def _kl(p: list[mpmath.mpf], q: list[mpmath.mpf]) -> mpmath.mpf:
    return _cross_entropy(p, q) - _entropy(p)


def _mixture(p: list[mpmath.mpf], q: list[mpmath.mpf], weight: float) -> list[mpmath.mpf]:
    share = mpmath.mpf(weight)
    return [share * x + (1 - share) * y for x, y in zip(p, q, strict=True)]


def _jensen_shannon(p: list[mpmath.mpf], q: list[mpmath.mpf], weight: float = 0.5) -> mpmath.mpf:
    m = _mixture(p, q, weight)
    return mpmath.mpf(weight) * _kl(p, m) + (1 - mpmath.mpf(weight)) * _kl(q, m)


@pytest.fixture
def exact() -> Iterable[SimpleNamespace]:
    """Functions of lists of mpmath numbers, with 50 digits."""
    with mpmath.workdps(50):
        yield SimpleNamespace(
            softmax=_softmax,
            normalised=_normalised,
            times_log=_times_log,
            entropy=_entropy,
            cross_entropy=_cross_entropy,
            kl=_kl,
            mixture=_mixture,
            jensen_shannon=_jensen_shannon,
        )
