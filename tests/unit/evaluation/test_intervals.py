"""Bootstrap intervals: coverage, block independence, order statistics."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
import pytest

from softplex.evaluation import _bootstrap, evaluate
from softplex.evaluation._bootstrap import norm_interval, percentile_interval, resampled_weights

K = 3


def draw(n: int, sharpness: float, rng: np.random.Generator) -> tuple[Any, Any]:
    """Labels from softmax(z), claims from softmax(sharpness z)."""
    z = rng.normal(size=(n, K)) * 1.5
    truth = np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)
    claim = np.exp(sharpness * z) / np.exp(sharpness * z).sum(axis=1, keepdims=True)
    return claim, np.minimum((truth.cumsum(axis=1) < rng.random((n, 1))).sum(axis=1), K - 1)


@pytest.mark.parametrize("sharpness", [1.0, 2.0])
def test_intervals_cover_the_truth(sharpness: float) -> None:
    rng = np.random.default_rng(0)
    options: Any = {"classes": range(K), "prior": np.full(K, 1 / K)}
    truth = evaluate(*draw(200_000, sharpness, rng), n_bootstrap=0, **options).metrics
    trials, covered = 100, dict.fromkeys(truth, 0)
    for _ in range(trials):
        found = evaluate(*draw(300, sharpness, rng), n_bootstrap=100, **options)
        for name, estimate in found.metrics.items():
            covered[name] += estimate.low <= truth[name].value <= estimate.high
    # Of 100 intervals at 95 %, fewer than 87 cover with probability 0.001; the bootstrap of
    # 300 rows is allowed that much.
    assert {name: hits for name, hits in covered.items() if hits < 87} == {}


def test_a_calibrated_model_is_not_called_miscalibrated() -> None:
    claim, y = draw(5000, 1.0, np.random.default_rng(2))
    found = evaluate(claim, y).metrics
    assert found["ece"].low == 0.0
    assert found["classwise_ece"].low == 0.0
    sharp, y = draw(5000, 2.0, np.random.default_rng(2))
    assert evaluate(sharp, y).metrics["ece"].low > 0.05


def test_half_the_rows_make_intervals_wider_by_the_root_of_two() -> None:
    claim, y = draw(8000, 1.0, np.random.default_rng(0))
    widths = [
        evaluate(claim[:n], y[:n], n_bootstrap=1000).metrics["brier"] for n in (2000, 4000, 8000)
    ]
    ratios = [
        (wide.high - wide.low) / (narrow.high - narrow.low)
        for wide, narrow in itertools.pairwise(widths)
    ]
    # The width of a percentile interval from 1000 replicates is known to about 5 %.
    assert ratios == pytest.approx([math.sqrt(2)] * 2, rel=0.15)


def test_interval_of_a_mean_is_the_normal_one() -> None:
    claim, y = draw(4000, 1.0, np.random.default_rng(1))
    hit = claim.argmax(axis=1) == y
    estimate = evaluate(claim, y, n_bootstrap=2000).metrics["accuracy"]
    reach = 1.96 * hit.std() / math.sqrt(4000)
    assert estimate.low == pytest.approx(hit.mean() - reach, abs=0.1 * reach)
    assert estimate.high == pytest.approx(hit.mean() + reach, abs=0.1 * reach)


def test_a_higher_level_is_wider() -> None:
    claim, y = draw(300, 1.0, np.random.default_rng(1))
    wide = evaluate(claim, y, confidence=0.99).metrics
    narrow = evaluate(claim, y, confidence=0.8).metrics
    for name in wide:
        assert wide[name].low <= narrow[name].low, name
        assert wide[name].high >= narrow[name].high, name


def test_blocks_do_not_change_the_draws(monkeypatch: pytest.MonkeyPatch) -> None:
    claim, y = draw(100, 1.0, np.random.default_rng(1))
    whole = evaluate(claim, y).to_dict()["intervals"]
    monkeypatch.setattr(_bootstrap, "BLOCK", 700)
    blocks = evaluate(claim, y).to_dict()["intervals"]
    for name in whole:
        assert blocks[name] == pytest.approx(whole[name], rel=1e-12), name


def test_every_replicate_draws_as_many_rows() -> None:
    weights = np.concatenate(
        list(resampled_weights(np.ones(50), 30, np.random.default_rng(0))), axis=1
    )
    assert weights.shape == (50, 30)
    assert (weights.sum(axis=0) == 50).all()
    assert weights.var() == pytest.approx(1 - 1 / 50, rel=0.15)


def test_percentiles_are_order_statistics_rounded_outwards() -> None:
    assert percentile_interval(np.arange(101.0), 0.9) == (5.0, 95.0)
    assert percentile_interval(np.arange(100.0), 0.9) == (4.0, 95.0)
    assert percentile_interval(np.array([np.nan, 1.0, np.inf, np.inf]), 0.9) == (1.0, np.inf)
    assert all(math.isnan(bound) for bound in percentile_interval(np.array([np.nan]), 0.9))


def test_noise_interval_is_symmetric_and_not_negative() -> None:
    assert norm_interval(0.5, np.linspace(0.0, 0.1, 101), 0.95) == pytest.approx((0.405, 0.595))
    assert norm_interval(0.05, np.linspace(0.0, 0.1, 101), 0.95)[0] == 0.0
