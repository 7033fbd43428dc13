"""A fit that was broken off ends as it would have, to the bit; and so does one in parts."""

from __future__ import annotations

import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.datasets import load_iris
from sklearn.preprocessing import scale
from torch import Tensor, nn

from softplex import ModuleClassifier, load, save
from softplex.exceptions import InvalidInput, ModelFileError
from softplex.heads import LinearHead
from softplex.io import Checkpoint
from softplex.losses import Focal
from softplex.solvers import OPTIMIZERS, TrainingStatus

X, Y = load_iris(return_X_y=True)
X = scale(X)


class Network(nn.Module):
    """Random layers and buffers; it gives way in the n-th training batch."""

    def __init__(self, fuse: int = -1) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.layers = nn.Sequential(
            nn.Linear(4, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Dropout(0.2), nn.Linear(8, 3)
        )
        self.fuse = fuse

    def forward(self, x: Tensor) -> Tensor:
        if self.training:
            self.fuse -= 1
            if self.fuse == -1:
                raise KeyboardInterrupt
        return self.layers(x)


def same_bits(one: ModuleClassifier, other: ModuleClassifier) -> None:
    assert one.history_ == other.history_
    assert one.status_ == other.status_
    left, right = one.module_.state_dict(), other.module_.state_dict()
    assert left.keys() == right.keys()
    for name, value in left.items():
        assert torch.equal(value, right[name]), name


def settings(**changes) -> dict:
    return {
        "batch_size": 32,
        "max_epochs": 10,
        "validation_fraction": 0.2,
        "random_state": 7,
        "warmup_steps": 3,
        "schedule": "cosine",
        "clip_norm": 0.5,
        **changes,
    }


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_ten_epochs_are_four_and_six(tmp_path: Path, name: str) -> None:
    momentum = 0.9 if name in ("sgd", "rmsprop") else 0.0
    options = settings(optimizer=name, momentum=momentum, weight_decay=0.1)
    kept = Checkpoint(tmp_path / "state")
    # 120 rows to train on are 4 batches: the fifth epoch breaks off in its second.
    broken = ModuleClassifier(Network(4 * 4 + 2), **options).fit(X, Y, checkpoint=kept)
    assert broken.status_ is TrainingStatus.INTERRUPTED
    assert len(broken.history_) == 4
    resumed = ModuleClassifier(Network(), **options).fit(X, Y, checkpoint=kept)
    same_bits(resumed, ModuleClassifier(Network(), **options).fit(X, Y))


SCRIPT = """
import os, sys
import numpy as np, torch
from torch import nn
from sklearn.datasets import load_iris
from softplex import ModuleClassifier
from softplex.io import Checkpoint

class Network(nn.Module):
    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.layers = nn.Sequential(
            nn.Linear(4, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Dropout(0.2), nn.Linear(8, 3))
        self.count = 0
    def forward(self, x):
        self.count += self.training
        if self.count == int(sys.argv[2]):
            os._exit(9)
        return self.layers(x)

X, y = load_iris(return_X_y=True)
kept = Checkpoint(sys.argv[1]) if sys.argv[1] else None
model = ModuleClassifier(
    Network(), batch_size=32, max_epochs=10, validation_fraction=0.2, random_state=None,
    schedule="linear", patience=2)
np.random.seed(5)
model.fit(X, y, checkpoint=kept)
state = model.module_.state_dict()
print(len(model.history_), *(value.numpy().tobytes().hex() for value in state.values()))
"""


def run(folder: str, fuse: int) -> tuple[int, str]:
    command = [sys.executable, "-c", SCRIPT, folder, str(fuse)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.stderr == ""
    return done.returncode, done.stdout


@pytest.mark.slow
def test_a_killed_process_is_taken_up_by_another(tmp_path: Path) -> None:
    place = str(tmp_path / "state")
    assert run(place, 4 * 4 + 2) == (9, "")
    resumed, whole = run(place, -1), run("", -1)
    assert resumed == whole
    assert resumed[0] == 0
    assert resumed[1].split()[0] == "10"


def test_a_finished_fit_goes_on_with_more_epochs(tmp_path: Path) -> None:
    kept = Checkpoint(tmp_path / "state", every=3)
    options = settings(schedule="step", decay_every=2)
    for epochs in (1, 4, 4, 10):
        model = ModuleClassifier(**{**options, "max_epochs": epochs}).fit(X, Y, checkpoint=kept)
        assert len(model.history_) == epochs
    same_bits(model, ModuleClassifier(**options).fit(X, Y))


def test_a_fit_that_stopped_early_has_stopped(tmp_path: Path) -> None:
    kept = Checkpoint(tmp_path / "state")
    options = settings(schedule="constant", patience=1, learning_rate=0.5, max_epochs=100)
    model = ModuleClassifier(**options).fit(X, Y, checkpoint=kept)
    assert model.status_ is TrainingStatus.STOPPED_EARLY
    same_bits(ModuleClassifier(**options).fit(X, Y, checkpoint=kept), model)


def test_the_state_is_written_every_few_epochs(tmp_path: Path) -> None:
    kept = Checkpoint(tmp_path / "state", every=3)
    options = settings(schedule="constant", validation_fraction=0.0)
    ModuleClassifier(Network(5 * 5), **options).fit(X, Y, checkpoint=kept)
    assert len(kept.read()["history"]) == 3
    files = {path.name for path in (tmp_path / "state").iterdir()}
    assert files == {"model.json", "arrays.safetensors"}


@pytest.mark.parametrize(
    ("changes", "rows", "message"),
    [
        ({"learning_rate": 0.1}, X, "with learning_rate=0.01, but now it is 0.1"),
        ({"max_epochs": 12}, X, "with max_epochs=10, but now it is 12"),
        ({"random_state": 8}, X, "with random_state=7, but now it is 8"),
        ({"module": LinearHead(4, 3, bias=False)}, X, "with module=LinearHead.*bias=True"),
        ({"loss": Focal(gamma=1.0)}, X, "with loss='cross_entropy'"),
        ({}, X[:, ::-1], "with data="),
    ],
)
def test_another_fit_is_refused(tmp_path: Path, changes, rows, message: str) -> None:
    kept = Checkpoint(tmp_path / "state")
    ModuleClassifier(**settings()).fit(X, Y, checkpoint=kept)
    before = kept.read()["identity"]
    with pytest.raises(InvalidInput, match=f"{message}.*name another folder"):
        ModuleClassifier(**settings(**changes)).fit(rows, Y, checkpoint=kept)
    assert kept.read()["identity"] == before


def test_other_labels_weights_and_held_out_rows_are_other_data(tmp_path: Path) -> None:
    kept = Checkpoint(tmp_path / "state")
    options = settings(validation_fraction=0.0)
    model = ModuleClassifier(**options)
    model.fit(X, Y, validation=(X, Y), checkpoint=kept)
    for given in (
        {"y": (Y + 1) % 3, "validation": (X, Y)},
        {"y": Y, "sample_weight": np.full(150, 2.0), "validation": (X, Y)},
        {"y": Y, "validation": (X[:90], Y[:90])},
        {"y": Y},
    ):
        with pytest.raises(InvalidInput, match="with data="):
            ModuleClassifier(**options).fit(X, checkpoint=kept, **given)


def test_a_folder_that_holds_something_else(tmp_path: Path) -> None:
    model = ModuleClassifier(max_epochs=1).fit(X, Y)
    save(model, tmp_path / "model")
    with pytest.raises(InvalidInput, match="holds a saved model, not the state of a fit"):
        clone(model).fit(X, Y, checkpoint=Checkpoint(tmp_path / "model"))
    save({"what": "shopping list"}, tmp_path / "list")
    with pytest.raises(InvalidInput, match="holds a saved model, not the state of a fit"):
        clone(model).fit(X, Y, checkpoint=Checkpoint(tmp_path / "list"))
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes.txt").write_text("hello")
    with pytest.raises(InvalidInput, match="holds files but no softplex model"):
        clone(model).fit(X, Y, checkpoint=Checkpoint(tmp_path / "mine"))
    kept = Checkpoint(tmp_path / "state")
    clone(model).fit(X, Y, checkpoint=kept)
    whole = (tmp_path / "state" / "arrays.safetensors").read_bytes()
    (tmp_path / "state" / "arrays.safetensors").write_bytes(whole[:-3])
    with pytest.raises(ModelFileError, match="cut short"):
        clone(model).fit(X, Y, checkpoint=kept)
    with pytest.raises(InvalidInput, match=r"every must be a whole number in \[1, inf\)"):
        Checkpoint(tmp_path, every=0)


def parts_of(model: ModuleClassifier, first: int, last: int) -> ModuleClassifier:
    for number in range(first, last):
        rows = slice(30 * (number % 5), 30 * (number % 5) + 30)
        model.partial_fit(X[rows], Y[rows], classes=[2, 0, 1], sample_weight=np.full(30, 0.5))
    return model


@pytest.mark.parametrize(
    "way",
    [
        lambda model, place: (save(model, place), load(place))[1],
        lambda model, place: pickle.loads(pickle.dumps(model)),
    ],
)
def test_partial_fit_goes_on_after_saving_to_the_bit(tmp_path: Path, way) -> None:
    options = {"batch_size": 8, "random_state": 1, "warmup_steps": 20, "momentum": 0.5}
    options = {**options, "optimizer": "sgd", "loss": Focal(gamma=1.0)}
    whole = parts_of(ModuleClassifier(**options), 0, 10)
    half = way(parts_of(ModuleClassifier(**options), 0, 4), tmp_path / "model")
    same_bits(parts_of(half, 4, 10), whole)
    assert whole.n_iter_ == len(whole.history_) == 10
    assert whole.classes_.tolist() == [0, 1, 2]


def test_partial_fit_over_all_rows_is_an_epoch_of_fit() -> None:
    options = {"batch_size": 20, "random_state": 3}
    model = ModuleClassifier(**options)
    for _ in range(3):
        model.partial_fit(X, Y, classes=np.unique(Y))
    whole = ModuleClassifier(max_epochs=3, **options).fit(X, Y)
    np.testing.assert_array_equal(model.coef_, whole.coef_)


def test_partial_fit_has_room_for_classes_to_come() -> None:
    labels = np.array(["auk", "owl", "wren"])
    rows = Y < 2
    model = ModuleClassifier().partial_fit(X[rows], labels[Y[rows]], classes=labels)
    assert model.predict_proba(X).shape == (150, 3)
    for _ in range(40):
        model.partial_fit(X, labels[Y])
    assert model.score(X, labels[Y]) > 0.85


def test_partial_fit_after_fit_and_fit_after_partial_fit() -> None:
    options = {"max_epochs": 3, "random_state": 0}
    model = ModuleClassifier(**options).fit(X, Y)
    before = model.coef_.copy()
    model.partial_fit(X, Y)
    assert (model.coef_ != before).any()
    assert model.n_iter_ == 4
    np.testing.assert_array_equal(model.fit(X, Y).coef_, before)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_fitted_model_comes_back_from_a_folder(tmp_path: Path, dtype) -> None:
    labels = np.array(["auk", "owl", "wren"])[Y]
    model = ModuleClassifier(loss=Focal(), max_epochs=3, validation_fraction=0.2)
    model.fit(X.astype(dtype), labels)
    save(model, tmp_path / "model")
    same = load(tmp_path / "model")
    assert same.get_params().keys() == model.get_params().keys()
    same_bits(same, model)
    assert same.coef_.dtype == dtype
    rows = X.astype(dtype)
    np.testing.assert_array_equal(same.predict_proba(rows), model.predict_proba(rows))
    assert same.predict(rows).tolist() == model.predict(rows).tolist()


def test_a_model_around_a_custom_module_is_refused_with_a_way_out(tmp_path: Path) -> None:
    model = ModuleClassifier(Network(), max_epochs=1).fit(X, Y)
    with pytest.raises(InvalidInput, match=r"a Network is built by code.*module\.state_dict\(\)"):
        save(model, tmp_path / "model")
    assert not (tmp_path / "model").exists()
