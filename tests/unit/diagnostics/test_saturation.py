"""Which rows have a vanishing score gradient: closed forms, and cross-entropy against Brier."""

from __future__ import annotations

import numpy as np
import pytest

from softplex.diagnostics import diagnose


def norms_by_hand(scores: np.ndarray, y: np.ndarray) -> dict[str, np.ndarray]:
    exponentials = np.exp(scores - scores.max(1, keepdims=True))
    p = exponentials / exponentials.sum(1, keepdims=True)
    error = p - np.eye(scores.shape[1])[y]
    brier = 2 * p * (error - (p * error).sum(1, keepdims=True))
    return {
        "cross_entropy": np.linalg.norm(error, axis=1),
        "brier": np.linalg.norm(brier, axis=1),
    }


def test_shares_are_those_of_the_closed_forms() -> None:
    random = np.random.default_rng(1)
    scores, y = 4 * random.normal(size=(300, 5)), random.integers(0, 5, 300)
    thresholds = (1e-3, 0.03, 0.4)
    saturation = diagnose(scores, y, thresholds=thresholds).saturation
    hit = scores.argmax(1) == y
    for one in saturation.losses:
        norms = norms_by_hand(scores, y)[one.loss]
        for place, limit in enumerate(thresholds):
            assert one.share[place] == (norms < limit).mean()
            assert one.share_right[place] == (norms[hit] < limit).mean()
            assert one.share_wrong[place] == (norms[~hit] < limit).mean()


def test_a_sure_mistake_is_silent_under_brier_and_loud_under_cross_entropy() -> None:
    scores = np.array([[20.0, 0.0], [20.0, 0.0], [0.0, 20.0]])
    entropy, brier = diagnose(scores, [0, 0, 0]).saturation.losses
    assert (entropy.loss, brier.loss) == ("cross_entropy", "brier")
    np.testing.assert_array_equal(entropy.share_wrong, [0, 0, 0])
    np.testing.assert_array_equal(brier.share_wrong, [1, 1, 1])
    np.testing.assert_array_equal(entropy.share_right, [1, 1, 1])
    np.testing.assert_allclose(entropy.share, 2 / 3)


def test_no_wrong_row_is_silent_under_cross_entropy_below_one_half() -> None:
    """A wrong row has p_y <= 1/2, so |p_y - 1| >= 1/2, and with it the norm of p - q."""
    random = np.random.default_rng(2)
    scores, y = 9 * random.normal(size=(400, 6)), random.integers(0, 6, 400)
    entropy = diagnose(scores, y, thresholds=(0.5,)).saturation.losses[0]
    assert entropy.share_wrong[0] == 0


def test_bins_add_up_to_the_whole(diagnosis) -> None:
    saturation = diagnosis.saturation
    assert saturation.right.sum() + saturation.wrong.sum() == diagnosis.n
    for one in saturation.losses:
        for counts, by_bin, share in (
            (saturation.right, one.by_bin_right, one.share_right),
            (saturation.wrong, one.by_bin_wrong, one.share_wrong),
        ):
            filled = counts > 0
            assert np.isnan(by_bin[:, ~filled]).all()
            total = (by_bin[:, filled] * counts[filled]).sum(1) / counts.sum()
            np.testing.assert_allclose(total, share, atol=1e-12)


def test_curves_grow_to_one(diagnosis) -> None:
    for one in diagnosis.saturation.losses:
        assert (np.diff(one.curve_right) >= 0).all()
        assert one.curve_wrong[-1] == 1


def test_without_a_wrong_row_its_share_is_unknown() -> None:
    saturation = diagnose(np.eye(3), [0, 1, 2]).saturation
    assert np.isnan(saturation.losses[0].share_wrong).all()
    assert np.isnan(saturation.losses[1].curve_wrong).all()


def test_absent_classes_change_nothing() -> None:
    random = np.random.default_rng(3)
    scores, y = random.normal(size=(50, 3)), random.integers(0, 3, 50)
    wider = np.column_stack([scores, np.full(50, -np.inf)])
    for ours, theirs in zip(
        diagnose(scores, y).saturation.losses,
        diagnose(wider, y, classes=range(4)).saturation.losses,
        strict=True,
    ):
        np.testing.assert_allclose(ours.curve_right, theirs.curve_right)
        np.testing.assert_allclose(ours.share, theirs.share)


def test_arrays_are_read_only(diagnosis) -> None:
    with pytest.raises(ValueError, match="read-only"):
        diagnosis.saturation.thresholds[0] = 1.0
