"""What the worst rows bear of the loss and of the gradient."""

from __future__ import annotations

import math

import numpy as np
import pytest

from softplex.diagnostics import diagnose


def one_bad_row(n: int = 100) -> tuple[np.ndarray, np.ndarray]:
    scores = np.tile([3.0, 0.0], (n, 1))
    scores[17] = [12.0, 0.0]
    y = np.zeros(n, dtype=int)
    y[17] = 1
    return scores, y


def test_one_bad_row_by_hand() -> None:
    outliers = diagnose(*one_bad_row()).outliers
    entropy, hinge, _ = outliers.losses
    good, bad = math.log1p(math.exp(-3)), 12 + math.log1p(math.exp(-12))
    assert outliers.n_worst.tolist() == [1, 5]
    assert entropy.rows[0] == hinge.rows[0] == 17
    assert entropy.loss_share[0] == pytest.approx(bad / (bad + 99 * good), rel=1e-12)
    pull = 1 / (1 + math.exp(-12)) / (1 / (1 + math.exp(-12)) + 99 / (1 + math.exp(3)))
    assert entropy.gradient_share[0] == pytest.approx(pull, rel=1e-12)
    # Every other row has a margin of 3, so hinge sees this row alone.
    assert hinge.loss_share[0] == hinge.gradient_share[0] == 1
    first = outliers.worst[0]
    assert (first.row, first.label, first.predicted) == (17, 1, 0)
    assert first.loss == pytest.approx(bad, rel=1e-12)
    assert first.probability_of_label == pytest.approx(math.exp(-bad), rel=1e-12)


def test_generalised_cross_entropy_hardly_follows_the_worst_row() -> None:
    entropy, _, generalised = diagnose(*one_bad_row()).outliers.losses
    assert generalised.gradient_share[0] < entropy.gradient_share[0] / 10


def test_all_rows_bear_everything(diagnosis) -> None:
    random = np.random.default_rng(0)
    scores, y = random.normal(size=(40, 3)), random.integers(0, 3, 40)
    outliers = diagnose(scores, y, shares=(0.5, 1.0)).outliers
    for one in outliers.losses:
        assert one.loss_share[-1] == one.gradient_share[-1] == 1
        assert 0.5 < one.loss_share[0] < 1
        assert sorted(one.rows.tolist()) == list(range(40))
    losses = [row.loss for row in outliers.worst]
    assert losses == sorted(losses, reverse=True)


def test_a_loss_of_zero_everywhere_has_no_shares() -> None:
    diagnosis = diagnose(5 * np.eye(3), [0, 1, 2])
    hinge = diagnosis.outliers.losses[1]
    assert hinge.loss == "weston_watkins"
    assert np.isnan(hinge.loss_share).all()
    assert "nothing (no row has a loss)" in " ".join(diagnosis.to_text().split())
    assert diagnosis.to_dict()["outliers"]["losses"][1]["loss_share"] == [None, None]
    assert "there are no outliers" in diagnose(50 * np.eye(3), [0, 1, 2]).to_text()


def test_one_row_is_all_rows() -> None:
    outliers = diagnose([[0.0, 1.0]], [0]).outliers
    assert outliers.n_worst.tolist() == [1, 1]
    assert outliers.losses[0].loss_share.tolist() == [1, 1]


def test_labels_are_the_users_own() -> None:
    diagnosis = diagnose(np.array([[2.0, 0.0], [1.0, 0.0]]), ["ox", "ape"], classes=["ox", "ape"])
    first = diagnosis.outliers.worst[0]
    assert (first.row, first.label, first.predicted) == (1, "ape", "ox")
