"""Intervals by resampling rows, all replicates at once."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from softplex.evaluation._inputs import FloatArray

# Entries of one (n, replicates) block: 8 MB of float64 stay near the cache.
BLOCK = 1 << 20


def resampled_weights(
    weight: FloatArray, replicates: int, generator: np.random.Generator
) -> Iterator[FloatArray]:
    """Yield blocks (n, replicates) of row weights, each column a draw of n rows of n."""
    n = len(weight)
    width = max(1, BLOCK // n)
    for start in range(0, replicates, width):
        # (replicates, n) first: each draw then fills a contiguous row.
        counts = np.empty((min(width, replicates - start), n))
        for row in counts:
            row[:] = np.bincount(generator.integers(0, n, n), minlength=n)
        yield np.ascontiguousarray((counts * weight).T)


def percentile_interval(replicates: FloatArray, level: float) -> tuple[float, float]:
    """Return the middle share of the replicates, rounded outwards; undefined ones are left out.

    Order statistics, not interpolation: replicates may be infinite.
    """
    ordered = np.sort(replicates[~np.isnan(replicates)])
    if not len(ordered):
        return np.nan, np.nan
    tail = (1 - level) / 2 * (len(ordered) - 1)
    low, high = np.floor(tail + 1e-9), np.ceil(len(ordered) - 1 - tail - 1e-9)
    return float(ordered[int(low)]), float(ordered[int(high)])


def norm_interval(value: float, noise: FloatArray, level: float) -> tuple[float, float]:
    r"""Return an interval for a norm of noisy gaps, such as a calibration error.

    A calibration error is a sum of absolute gaps. Resampling adds noise to every gap, and
    absolute values turn noise into bias, so percentiles of the replicates lie above the truth:
    for a perfectly calibrated model they never reach zero. The triangle inequality gives

    .. math:: \bigl| \|g\| - \|\hat g\| \bigr| \le \|\hat g - g\|

    so the `level` quantile of the replicated noise norm :math:`\|g^* - \hat g\|` is how far
    the true value can be from the estimate. The interval is on the safe side.
    """
    ordered = np.sort(noise)
    reach = float(ordered[int(np.ceil(level * (len(ordered) - 1) - 1e-9))])
    return max(0.0, value - reach), value + reach
