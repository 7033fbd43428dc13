"""Mini-batch training reaches the optimum it should, stops where it should, and repeats itself."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy import sparse
from scipy.optimize import minimize
from sklearn.datasets import load_digits, load_iris
from sklearn.preprocessing import scale
from torch import Tensor, nn

from softplex import CalibratedClassifier, ModuleClassifier, SoftmaxClassifier
from softplex.exceptions import TrainingDiverged
from softplex.losses import CrossEntropy, Focal, WestonWatkins, cross_entropy, focal
from softplex.solvers import TrainingStatus

X, Y = load_iris(return_X_y=True)
X = scale(X)
N = len(Y)


def same_bits(one: nn.Module, other: nn.Module) -> bool:
    pairs = zip(one.state_dict().values(), other.state_dict().values(), strict=True)
    return all(torch.equal(a, b) for a, b in pairs)


def network(dropout: float = 0.3) -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(
        *(nn.Linear(4, 12), nn.BatchNorm1d(12), nn.ReLU(), nn.Dropout(dropout), nn.Linear(12, 3))
    )


class Watcher(nn.Module):
    """A linear model that notes the first feature of every row it is trained on."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(4, 3, dtype=torch.float64)
        self.seen: set[float] = set()

    def forward(self, x: Tensor) -> Tensor:
        if self.training:
            self.seen |= set(x[:, 0].tolist())
        return self.linear(x)


@pytest.mark.parametrize(
    "options",
    [
        {"optimizer": "sgd", "learning_rate": 1.0, "momentum": 0.9},
        {"optimizer": "adamw", "learning_rate": 0.2, "schedule": "cosine"},
    ],
    ids=lambda options: options["optimizer"],
)
def test_a_full_batch_reaches_the_certified_optimum(options) -> None:
    weight = np.random.default_rng(0).uniform(0.5, 2.0, N)
    given = {"smoothing": 0.1, "class_weight": {0: 2.0}}
    certified = SoftmaxClassifier(C=0.7, tol=1e-12, **given).fit(X, Y, weight)
    total = (weight * np.where(Y == 0, 2.0, 1.0)).sum()
    options = {**options, **given, "l2": 1 / (0.7 * total), "batch_size": None}
    model = ModuleClassifier(max_epochs=600, **options).fit(X, Y, weight)
    # Both come to within 1e-8 of the reference, whose own gap of 1e-12 allows about as much.
    centred = model.coef_ - model.coef_.mean(0)
    np.testing.assert_allclose(centred, certified.coef_, atol=1e-6)
    intercept = model.intercept_ - model.intercept_.mean()
    np.testing.assert_allclose(intercept, certified.intercept_, atol=1e-6)
    np.testing.assert_allclose(model.predict_proba(X), certified.predict_proba(X), atol=1e-6)


def test_two_classes_at_half_the_penalty() -> None:
    rows = Y > 0
    certified = SoftmaxClassifier(tol=1e-12).fit(X[rows], Y[rows])
    model = ModuleClassifier(
        *(None,), optimizer="sgd", learning_rate=0.5, momentum=0.9, l2=2 / rows.sum(),
        batch_size=None, max_epochs=500,
    ).fit(X[rows], Y[rows])  # fmt: skip
    assert model.coef_.shape == (1, 4)
    np.testing.assert_allclose(model.coef_, certified.coef_, atol=1e-6)
    np.testing.assert_allclose(model.intercept_, certified.intercept_, atol=1e-6)
    scores = certified.decision_function(X)
    np.testing.assert_allclose(model.decision_function(X), scores, atol=1e-5)


def test_small_batches_come_near_the_optimum() -> None:
    certified = SoftmaxClassifier(tol=1e-10).fit(X, Y)
    model = ModuleClassifier(
        learning_rate=0.05, l2=1 / N, batch_size=16, max_epochs=150, schedule="linear",
        random_state=0,
    ).fit(X, Y)  # fmt: skip
    # The objective is flat to second order at its optimum, and the last rates are small.
    assert (np.abs(model.predict_proba(X) - certified.predict_proba(X)) < 0.02).all()


def test_a_squared_hinge_reaches_the_optimum_of_another_solver() -> None:
    def objective(flat: np.ndarray) -> tuple[float, np.ndarray]:
        theta = flat.reshape(3, 5)
        scores = X @ theta[:, :4].T + theta[:, 4]
        values, gradient = WestonWatkins(squared=True).value_and_score_gradient(
            torch.tensor(scores), torch.tensor(Y)
        )
        slope = np.column_stack([gradient.numpy().T @ X, gradient.numpy().sum(0)]) / N
        slope[:, :4] += 0.02 * theta[:, :4]
        return float(values.mean()) + 0.01 * (theta[:, :4] ** 2).sum(), slope.ravel()

    best = minimize(objective, np.zeros(15), jac=True, method="BFGS", options={"gtol": 1e-10})
    model = ModuleClassifier(
        loss=WestonWatkins(squared=True), optimizer="sgd", learning_rate=0.1, momentum=0.9,
        l2=0.02, batch_size=None, max_epochs=900,
    ).fit(X, Y)  # fmt: skip
    theta = best.x.reshape(3, 5)
    np.testing.assert_allclose(model.coef_, theta[:, :4], atol=1e-4)
    assert model.score(X, Y) > 0.9


def test_the_loss_of_the_first_epoch_is_that_of_its_parameters() -> None:
    for name, value in (
        ("focal", focal(np.zeros((N, 3)), Y)),
        (Focal(gamma=0.5), focal(np.zeros((N, 3)), Y, gamma=0.5)),
        ("cross_entropy", np.log(3.0)),
        ("crammer_singer", 1.0),
        ("weston_watkins", 2.0),
        ("brier", 2 / 3),
        ("generalised_cross_entropy", (1 - 3**-0.7) / 0.7),
    ):
        model = ModuleClassifier(loss=name, batch_size=None, max_epochs=1, l2=1.0).fit(X, Y)
        np.testing.assert_allclose(model.history_[0].training_loss, value, rtol=1e-12)


def test_a_network_learns_what_a_line_cannot() -> None:
    random = np.random.default_rng(0)
    points = random.uniform(-1, 1, (400, 2))
    labels = (points[:, 0] * points[:, 1] > 0).astype(int)
    torch.manual_seed(0)
    inner = nn.Sequential(nn.Linear(2, 32), nn.ReLU(), nn.Linear(32, 2))
    line = ModuleClassifier(random_state=0, max_epochs=40).fit(points, labels)
    bent = ModuleClassifier(inner, random_state=0, max_epochs=60).fit(points, labels)
    assert line.score(points, labels) < 0.7
    assert bent.score(points, labels) > 0.95


def test_the_module_that_was_given_is_not_changed() -> None:
    given = network()
    before = {name: value.clone() for name, value in given.state_dict().items()}
    model = ModuleClassifier(given, max_epochs=2, dtype="float64").fit(X, Y)
    assert all(torch.equal(before[name], value) for name, value in given.state_dict().items())
    assert model.module_ is not given
    assert next(model.module_.parameters()).dtype == torch.float64
    assert next(given.parameters()).dtype == torch.float32
    assert not model.module_.training


def test_frozen_parameters_stay() -> None:
    given = network()
    given[0].requires_grad_(False)
    model = ModuleClassifier(given, max_epochs=2, weight_decay=0.1, l2=0.1).fit(X, Y)
    assert torch.equal(model.module_[0].weight, given[0].weight)
    assert not torch.equal(model.module_[4].weight, given[4].weight)


def test_two_fits_are_equal_bit_for_bit_and_touch_no_other_randomness() -> None:
    given = network()
    state = torch.get_rng_state()
    options = {"max_epochs": 5, "batch_size": 16, "validation_fraction": 0.2}
    one, two, other = (
        ModuleClassifier(given, random_state=seed, **options).fit(X, Y) for seed in (1, 1, 2)
    )
    assert torch.equal(torch.get_rng_state(), state)
    assert same_bits(one.module_, two.module_)
    assert one.history_ == two.history_
    assert not same_bits(one.module_, other.module_)


def test_csr_and_dense_give_the_same_bits() -> None:
    digits, labels = load_digits(return_X_y=True)
    options = {"max_epochs": 2, "random_state": 0, "validation_fraction": 0.1}
    dense = ModuleClassifier(**options).fit(digits, labels)
    csr = ModuleClassifier(**options).fit(sparse.csr_matrix(digits), labels)
    assert same_bits(dense.module_, csr.module_)
    np.testing.assert_array_equal(
        csr.predict_proba(sparse.csr_matrix(digits)), dense.predict_proba(digits)
    )


def test_a_weight_of_zero_is_an_absent_row() -> None:
    weight = np.where(np.arange(N) % 3 == 0, 0.0, 1.5)
    options = {"max_epochs": 3, "batch_size": 16, "random_state": 0}
    weighted = ModuleClassifier(**options).fit(X, Y, weight)
    rows = weight > 0
    fewer = ModuleClassifier(**options).fit(X[rows], Y[rows], weight[rows])
    assert same_bits(weighted.module_, fewer.module_)


def test_a_class_weight_of_zero_is_an_absent_row_of_a_known_class() -> None:
    model = ModuleClassifier(Watcher(), class_weight={2: 0.0}, max_epochs=2).fit(X, Y)
    assert model.module_.seen == set(X[Y != 2][:, 0])
    assert model.classes_.tolist() == [0, 1, 2]


def test_soft_targets_that_say_the_same() -> None:
    options = {"max_epochs": 3, "random_state": 0, "class_weight": {0: 3.0}}
    hard = ModuleClassifier(**options).fit(X, Y)
    soft = ModuleClassifier(**options).fit(X, np.eye(3)[Y])
    np.testing.assert_allclose(soft.coef_, hard.coef_, rtol=1e-10, atol=1e-12)


def noisy_problem() -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(1)
    features = random.normal(size=(200, 60))
    return features, (3 * features[:, 0] + random.normal(size=200) > 0).astype(int)


def test_early_stopping_keeps_the_best_epoch() -> None:
    features, labels = noisy_problem()
    train, held_out = slice(0, 100), slice(100, 200)
    weight = np.random.default_rng(2).uniform(0.5, 2.0, 100)
    model = ModuleClassifier(optimizer="sgd", learning_rate=0.3, patience=4, random_state=0)
    model.fit(
        features[train], labels[train], validation=(features[held_out], labels[held_out], weight)
    )
    losses = [epoch.held_out_loss for epoch in model.history_]
    best = int(np.argmin(losses))
    assert model.status_ is TrainingStatus.STOPPED_EARLY
    assert len(losses) - 1 - best == 4 < len(losses) - 1
    assert model.n_iter_ == len(losses) < 100
    p = model.predict_proba(features[held_out])
    value = np.average(-np.log(p[range(100), labels[held_out]]), weights=weight)
    np.testing.assert_allclose(value, losses[best], rtol=1e-12)
    hits = np.average(model.predict(features[held_out]) == labels[held_out], weights=weight)
    np.testing.assert_allclose(hits, model.history_[best].held_out_accuracy, rtol=1e-12)


def test_the_best_epoch_is_kept_when_patience_outlasts_the_epochs() -> None:
    features, labels = noisy_problem()
    options = {"learning_rate": 0.05, "validation_fraction": 0.5, "random_state": 0}
    long = ModuleClassifier(max_epochs=40, patience=100, **options).fit(features, labels)
    best = int(np.argmin([epoch.held_out_loss for epoch in long.history_]))
    assert best < 30
    assert long.status_ is TrainingStatus.ALL_EPOCHS
    short = ModuleClassifier(max_epochs=best + 1, **options).fit(features, labels)
    assert same_bits(long.module_, short.module_)


def test_held_out_rows_are_never_trained_on_and_stratified() -> None:
    rows = np.concatenate([np.flatnonzero(c == Y)[:size] for c, size in enumerate((50, 30, 1))])
    features = X[rows].copy()
    features[:, 0] = np.arange(len(rows))
    model = ModuleClassifier(Watcher(), validation_fraction=0.25, max_epochs=3, random_state=0)
    seen = model.fit(features, Y[rows]).module_.seen
    held = np.array(sorted(set(range(len(rows))) - seen), dtype=int)
    shares = np.bincount(Y[rows][held], minlength=3)
    assert abs(shares[0] - 12.5) <= 1
    assert abs(shares[1] - 7.5) <= 1
    assert shares[2] == 0  # its only row is trained on


def test_a_given_validation_set_leaves_all_rows_to_train_on() -> None:
    model = ModuleClassifier(Watcher(), max_epochs=2).fit(X, Y, validation=(-X - 9.0, Y))
    assert model.module_.seen == set(X[:, 0])


def test_a_loss_without_probabilities_is_judged_by_itself() -> None:
    model = ModuleClassifier(loss="crammer_singer", max_epochs=3)
    model.fit(X, Y, validation=(X, Y))
    scores = model.decision_function(X)
    own = scores[range(N), Y]
    scores[range(N), Y] -= 1.0
    np.testing.assert_allclose(
        model.history_[-1].held_out_loss, (scores.max(1) + 1.0 - own).mean(), rtol=1e-12
    )


def test_probabilities_of_a_hinge_come_from_a_calibrator() -> None:
    hinge = ModuleClassifier(loss="weston_watkins", random_state=0, max_epochs=30)
    assert not hasattr(hinge.fit(X, Y), "predict_proba")
    calibrated = CalibratedClassifier(hinge, cv=3).fit(X, Y)
    assert cross_entropy(np.log(calibrated.predict_proba(X)), Y) < 0.4


def test_the_history_and_its_lines(capsys: pytest.CaptureFixture[str]) -> None:
    ModuleClassifier(max_epochs=2).fit(X, Y)
    assert capsys.readouterr() == ("", "")
    model = ModuleClassifier(
        schedule="linear", max_epochs=3, batch_size=50, validation_fraction=0.2, verbose=1
    ).fit(X, Y)
    out, lines = capsys.readouterr()
    assert out == ""
    assert [line.split()[:2] for line in lines.splitlines()] == [
        ["epoch", "1"],
        ["epoch", "2"],
        ["epoch", "3"],
    ]
    assert "held-out loss" in lines
    assert [epoch.number for epoch in model.history_] == [1, 2, 3]
    # Nine steps in all; the last of the epochs are the third, the sixth and the ninth.
    rates = [epoch.learning_rate for epoch in model.history_]
    np.testing.assert_allclose(rates, 0.01 * np.array([7, 4, 1]) / 9)
    losses = [epoch.training_loss for epoch in model.history_]
    assert losses == sorted(losses, reverse=True)


def test_there_is_no_certificate() -> None:
    model = ModuleClassifier(max_epochs=1).fit(X, Y)
    assert not hasattr(model, "certificate_")
    assert "nothing is proved" in model.status_.sentence


class Bomb(nn.Module):
    """A linear model that fails in its n-th training batch."""

    def __init__(self, fuse: int, failure: BaseException | float) -> None:
        super().__init__()
        self.linear = nn.Linear(4, 3, dtype=torch.float64)
        nn.init.zeros_(self.linear.weight)
        nn.init.zeros_(self.linear.bias)
        self.fuse, self.failure = fuse, failure

    def forward(self, x: Tensor) -> Tensor:
        self.fuse -= self.training
        if self.training and self.fuse < 0:
            if isinstance(self.failure, BaseException):
                raise self.failure
            return self.linear(x) * self.failure
        return self.linear(x)


def plain(epochs: int, **options) -> ModuleClassifier:
    return ModuleClassifier(batch_size=50, random_state=0, max_epochs=epochs, **options).fit(X, Y)


def test_ctrl_c_keeps_the_parameters_so_far() -> None:
    bomb = Bomb(6, KeyboardInterrupt())
    model = ModuleClassifier(bomb, batch_size=50, random_state=0).fit(X, Y)
    assert model.status_ is TrainingStatus.INTERRUPTED
    assert len(model.history_) == 2
    assert same_bits(model.module_, plain(2).module_)


def test_ctrl_c_keeps_the_best_epoch_where_rows_are_held_out() -> None:
    bomb = Bomb(6, KeyboardInterrupt())
    model = ModuleClassifier(bomb, learning_rate=0.5, batch_size=None)
    model.fit(X, Y, validation=(X, (Y + 1) % 3))  # so that the first epoch is the best
    first = ModuleClassifier(learning_rate=0.5, batch_size=None, max_epochs=1).fit(X, Y)
    assert model.status_ is TrainingStatus.INTERRUPTED
    assert len(model.history_) == 6
    assert same_bits(model.module_, first.module_)


def test_ctrl_c_ends_the_work_around_it_too() -> None:
    with pytest.raises(KeyboardInterrupt):
        CalibratedClassifier(ModuleClassifier(Bomb(6, KeyboardInterrupt()))).fit(X, Y)


@pytest.mark.parametrize(
    ("fuse", "place", "kept", "epochs"),
    [
        (7, "epoch 3, batch 2 of 3", "as they were after epoch 2 are kept", 2),
        # What has no finite loss in the first batch is not good: it is the epoch before that is.
        (6, "epoch 3, batch 1 of 3", "as they were after epoch 1 are kept", 1),
        (1, "epoch 1, batch 2 of 3", "as they were before the first step are kept", 0),
        (0, "epoch 1, batch 1 of 3", "as they were before the first step are kept", 0),
    ],
)
def test_a_loss_that_is_not_finite(fuse: int, place: str, kept: str, epochs: int) -> None:
    model = ModuleClassifier(Bomb(fuse, torch.nan), batch_size=50, random_state=0)
    message = f"stopped: the loss became nan in {place}.*{kept}. Lower learning_rate=0.01"
    with pytest.warns(TrainingDiverged, match=message):
        model.fit(X, Y)
    assert model.status_ is TrainingStatus.DIVERGED
    expected = plain(epochs).module_.weight if epochs else torch.zeros(3, 4, dtype=torch.float64)
    assert torch.equal(model.module_.linear.weight, expected)


def test_a_learning_rate_that_is_too_large() -> None:
    model = ModuleClassifier(optimizer="sgd", learning_rate=1e160, random_state=0, batch_size=50)
    with pytest.warns(TrainingDiverged, match=r"epoch 1, batch [23] of 3.* Lower learning_rate"):
        model.fit(1e160 * X, Y)
    assert np.isfinite(model.coef_).all()
    assert np.isfinite(model.predict_proba(X)).all()


def test_a_loss_of_the_held_out_rows_that_is_not_finite() -> None:
    model = ModuleClassifier(optimizer="sgd", learning_rate=1.0, batch_size=None)
    with pytest.warns(TrainingDiverged, match="held-out loss became .* at the end of epoch 1"):
        model.fit(X, Y, validation=(1e308 * np.sign(X), Y))


def test_a_frozen_description_stands_for_its_name() -> None:
    options = {"max_epochs": 2, "random_state": 0}
    named = ModuleClassifier(smoothing=0.2, smoothing_kind="uniform", **options).fit(X, Y)
    described = ModuleClassifier(loss=CrossEntropy(0.2, "uniform"), **options).fit(X, Y)
    assert same_bits(named.module_, described.module_)


def test_log_probabilities_keep_their_digits() -> None:
    model = ModuleClassifier(max_epochs=3).fit(X, Y)
    far = model.predict_log_proba(1e6 * X)
    assert np.isfinite(far).all()
    assert far.min() < -1e4
