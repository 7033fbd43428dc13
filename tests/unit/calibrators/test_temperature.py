"""Temperature scaling: the optimum, exactly."""

from __future__ import annotations

import math

import numpy as np
import pytest
import scipy.optimize
import scipy.special
import torch

from softplex.calibrators import TemperatureScaling, TemperatureStatus

Data = tuple[np.ndarray, np.ndarray]


def draw(n: int = 400, k: int = 4, *, seed: int = 0, temperature: float = 2.0) -> Data:
    """Scores whose labels were drawn from softmax(scores / temperature)."""
    rng = np.random.default_rng(seed)
    scores = 3 * rng.normal(size=(n, k))
    p = scipy.special.softmax(scores / temperature, axis=1)
    y = (p.cumsum(axis=1) > rng.random((n, 1))).argmax(axis=1)
    return scores, y


def mean_loss(log_beta: float, scores: np.ndarray, y: np.ndarray, weight: np.ndarray) -> float:
    scaled = math.exp(log_beta) * scores
    losses = scipy.special.logsumexp(scaled, axis=1) - scaled[np.arange(len(y)), y]
    return float(np.average(losses, weights=weight))


@pytest.mark.parametrize(
    ("right", "wrong"), [(3, 1), (9, 1), (99, 1), (51, 49)], ids=lambda count: str(count)
)
@pytest.mark.parametrize("margin", [2.0, 1e-3, 1e5])
def test_two_classes_with_one_margin_have_a_closed_form(
    right: int, wrong: int, margin: float
) -> None:
    scores = np.tile([margin, 0.0], (right + wrong, 1))
    y = np.repeat([0, 1], [right, wrong])
    model = TemperatureScaling().fit(scores, y)
    assert model.temperature_ == pytest.approx(margin / math.log(right / wrong), rel=1e-12)
    np.testing.assert_allclose(
        model.predict_proba(scores)[:, 0], right / (right + wrong), rtol=1e-12
    )


@pytest.mark.parametrize("seed", range(12))
def test_matches_scipy_on_random_problems(seed: int) -> None:
    rng = np.random.default_rng(seed)
    scores, y = draw(
        int(rng.integers(20, 300)),
        int(rng.integers(2, 8)),
        seed=seed,
        temperature=float(rng.choice([0.2, 1.0, 1.5])),
    )
    weight = rng.exponential(size=len(y))
    model = TemperatureScaling().fit(
        scores, y, sample_weight=weight, classes=range(scores.shape[1])
    )
    best = scipy.optimize.minimize_scalar(
        mean_loss,
        bounds=(-8, 8),
        args=(scores, y, weight),
        method="bounded",
        options={"xatol": 1e-9},
    )
    ours = mean_loss(-math.log(model.temperature_), scores, y, weight)
    assert ours <= best.fun + 1e-13
    assert model.temperature_ == pytest.approx(math.exp(-best.x), rel=1e-6)


@pytest.mark.parametrize("seed", range(5))
def test_the_derivative_vanishes_at_the_optimum(seed: int) -> None:
    scores, y = draw(seed=seed)
    p = TemperatureScaling().fit(scores, y).predict_proba(scores)
    slope = (p * scores).sum(axis=1) - scores[np.arange(len(y)), y]
    assert abs(slope.mean()) <= 1e-13 * np.abs(scores).mean()


@pytest.mark.parametrize("factor", [1e-300, 1e-9, 1e-3, 7.0, 1e8, 1e150, 1e300])
def test_rescaled_scores_rescale_the_temperature(factor: float) -> None:
    scores, y = draw()
    plain = TemperatureScaling().fit(scores, y)
    scaled = TemperatureScaling().fit(scores * factor, y)
    assert scaled.temperature_ / factor == pytest.approx(plain.temperature_, rel=1e-12)
    np.testing.assert_allclose(
        scaled.predict_proba(scores * factor), plain.predict_proba(scores), rtol=1e-10
    )


def test_a_shift_of_a_row_changes_nothing() -> None:
    scores, y = draw()
    shift = np.random.default_rng(1).integers(-1000, 1000, size=(len(y), 1))
    plain = TemperatureScaling().fit(scores, y).temperature_
    assert TemperatureScaling().fit(scores + shift, y).temperature_ == pytest.approx(
        plain, rel=1e-12
    )
    log_probabilities = scipy.special.log_softmax(scores, axis=1)
    assert TemperatureScaling().fit(log_probabilities, y).temperature_ == pytest.approx(
        plain, rel=1e-12
    )


def test_the_temperature_that_made_the_labels_comes_back() -> None:
    scores, y = draw(20_000, temperature=2.5)
    assert TemperatureScaling().fit(scores, y).temperature_ == pytest.approx(2.5, rel=0.03)


def test_weights_are_repetitions_and_zero_is_absence() -> None:
    scores, y = draw(60)
    weight = np.random.default_rng(2).integers(0, 4, size=len(y))
    weighted = TemperatureScaling().fit(scores, y, sample_weight=weight)
    repeated = TemperatureScaling().fit(np.repeat(scores, weight, 0), np.repeat(y, weight))
    assert weighted.temperature_ == pytest.approx(repeated.temperature_, rel=1e-12)
    rescaled = TemperatureScaling().fit(scores, y, sample_weight=weight * 1e-9)
    assert rescaled.temperature_ == pytest.approx(weighted.temperature_, rel=1e-12)


def test_the_order_of_rows_and_columns_does_not_matter() -> None:
    scores, y = draw()
    rng = np.random.default_rng(3)
    rows, columns = rng.permutation(len(y)), rng.permutation(scores.shape[1])
    shuffled = TemperatureScaling().fit(scores[np.ix_(rows, columns)], np.argsort(columns)[y[rows]])
    plain = TemperatureScaling().fit(scores, y)
    assert shuffled.temperature_ == pytest.approx(plain.temperature_, rel=1e-12)


def test_two_classes_may_come_as_one_column() -> None:
    scores, y = draw(k=2)
    difference = scores[:, 1] - scores[:, 0]
    one, two = TemperatureScaling().fit(difference, y), TemperatureScaling().fit(scores, y)
    assert one.temperature_ == pytest.approx(two.temperature_, rel=1e-12)
    assert one.predict_proba(difference).shape == (len(y), 2)
    np.testing.assert_allclose(one.predict_proba(difference), two.predict_proba(scores), rtol=1e-9)


def test_absent_classes_take_no_part() -> None:
    scores, y = draw(k=3)
    padded = np.full((len(y), 5), -np.inf)
    padded[:, [0, 2, 4]] = scores
    model = TemperatureScaling().fit(padded, np.array([0, 2, 4])[y])
    plain = TemperatureScaling().fit(scores, y)
    assert model.temperature_ == pytest.approx(plain.temperature_, rel=1e-12)
    p = model.predict_proba(padded)
    assert (p[:, [1, 3]] == 0).all()
    np.testing.assert_allclose(p[:, [0, 2, 4]], plain.predict_proba(scores), rtol=1e-12)


def test_classes_name_the_columns() -> None:
    scores, y = draw(k=3)
    plain = TemperatureScaling().fit(scores, y)
    names = np.array(["wren", "owl", "auk"])
    model = TemperatureScaling().fit(scores, names[y], classes=names)
    assert model.temperature_ == plain.temperature_
    assert model.classes_.tolist() == names.tolist()
    by_order = TemperatureScaling().fit(scores, np.sort(names)[y])
    assert by_order.temperature_ == plain.temperature_
    absent = TemperatureScaling().fit(scores[y < 2], y[y < 2], classes=[0, 1, 2])
    assert absent.status_ is TemperatureStatus.CONVERGED


def test_the_answer_comes_in_kind() -> None:
    scores, y = draw()
    model = TemperatureScaling().fit(torch.from_numpy(scores), torch.from_numpy(y))
    assert isinstance(model.predict_proba(torch.from_numpy(scores)), torch.Tensor)
    assert isinstance(model.predict_proba(scores), np.ndarray)
    single = TemperatureScaling().fit(scores.astype(np.float32), y)
    assert single.temperature_ == pytest.approx(model.temperature_, rel=1e-6)


def test_many_rows_take_few_steps() -> None:
    scores, y = draw(100_000, 10)
    model = TemperatureScaling().fit(scores, y)
    assert model.status_ is TemperatureStatus.CONVERGED
    assert model.n_iter_ <= 12


@pytest.mark.parametrize("temperature", [1e-3, 0.1, 30.0])
def test_far_off_optima_are_reached(temperature: float) -> None:
    scores, y = draw(3000, temperature=2.0)
    model = TemperatureScaling().fit(scores * temperature / 2.0, y)
    assert model.temperature_ == pytest.approx(temperature, rel=0.1)
    assert model.n_iter_ < 40


@pytest.mark.parametrize(
    ("name", "temperature", "digits"),
    [
        ("densenet40_c10_LT", 3.089958, 6),
        ("resnet_wide28_c10_LT", 1.664818, 6),
        ("densenet40_c10_NNcal", 2.882560712, 9),
    ],
)
def test_published_networks(shared_data, name: str, temperature: float, digits: int) -> None:
    data = np.load(shared_data / "calibration" / f"{name}.npz", allow_pickle=False)
    model = TemperatureScaling().fit(data["val_logits"], data["val_labels"])
    assert round(model.temperature_, digits) == temperature
