"""Every bad input to mini-batch training gets a sentence with the way out."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.datasets import load_iris
from torch import nn

from softplex import ModuleClassifier
from softplex.exceptions import InvalidInput
from softplex.losses import CrossEntropy, cross_entropy

X, Y = load_iris(return_X_y=True)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"learning_rate": 0}, r"learning_rate must be a finite number in \(0, inf\), but got 0"),
        ({"learning_rate": -1e-3}, "learning_rate must be .* but got -0.001"),
        ({"optimizer": "adamww"}, "optimizer must be one of 'adagrad', .* Did you mean 'adamw'"),
        ({"schedule": "linaer"}, "schedule must be one of .* Did you mean 'linear'"),
        ({"loss": "cross-entropy"}, "loss must be one of .* Did you mean 'cross_entropy'"),
        ({"loss": cross_entropy}, "needs loss as a name or as a description"),
        ({"loss": CrossEntropy}, "needs loss as a name or as a description"),
        ({"loss": None}, "needs loss as a name .* but got None"),
        ({"loss": "focal", "smoothing": 0.1}, "smooths the targets of loss='cross_entropy' alone"),
        ({"smoothing": 1.0}, r"smoothing must be a finite number in \[0, 1\)"),
        ({"smoothing": 0.1, "smoothing_kind": "other"}, "smoothing_kind must be one of"),
        ({"batch_size": 0}, "batch_size must be a whole number"),
        ({"max_epochs": 0}, "max_epochs must be a whole number"),
        ({"patience": 0}, "patience must be a whole number"),
        ({"validation_fraction": 1.0}, r"validation_fraction must be .* in \[0, 1\)"),
        ({"validation_fraction": 0.001}, "cannot hold out a share of 0.001 of 150 rows"),
        ({"clip_norm": -1.0}, "clip_norm must be"),
        ({"nesterov": True}, "nesterov=True needs optimizer='sgd'"),
        ({"dtype": "float16"}, "dtype must be None, 'float32' or 'float64'"),
        ({"device": "warp"}, "device must name a torch device"),
        ({"class_weight": {7: 1.0}}, "class_weight for 7, which is not among the classes"),
        ({"class_weight": dict.fromkeys(range(3), 0.0)}, "is zero in all 150 rows"),
        ({"module": "linear"}, "needs module as a torch.nn.Module or None, but got 'linear'"),
        ({"module": nn.Linear}, "needs module as a torch.nn.Module or None"),
        ({"module": nn.Flatten()}, "parameters that require a gradient, but Flatten has none"),
        (
            {"module": nn.Linear(4, 2)},
            r"one score a class, shape \(50, 3\) .* Linear gave shape \(50, 2\).* 3 outputs",
        ),
        ({"module": nn.GRU(4, 3)}, "GRU gave .*tuple"),
    ],
)
def test_arguments(options, message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        ModuleClassifier(**options).fit(X, Y)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"X": np.where(X > 7.5, np.nan, X)}, r"finite numbers in X, but row \d+, column 0 holds"),
        ({"y": np.zeros(150)}, "at least two classes"),
        ({"y": Y[:9]}, "one target a row: X has 150 rows, y has 9"),
        ({"sample_weight": np.zeros(150)}, "every sample weight is zero|at least one non-zero"),
        ({"sample_weight": -np.ones(150)}, "[Nn]egative"),
        ({"validation": X}, r"needs validation=\(X, y\) or \(X, y, sample_weight\)"),
        ({"validation": (X[:, :3], Y)}, "3 features"),
        ({"validation": (X, Y + 1)}, r"label .*3.* in row 100, which is not among the classes"),
        ({"validation": (X, Y[:9])}, "one target a row"),
        ({"validation": (X, Y, np.zeros(150))}, "needs 150 sample weights .* not all zero"),
        ({"validation": (np.full((2, 4), np.inf), [0, 1])}, "row 0, column 0"),
    ],
)
def test_data(given, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ModuleClassifier().fit(**{"X": X, "y": Y, **given})


def test_two_ways_to_hold_out() -> None:
    with pytest.raises(InvalidInput, match="validation= or validation_fraction, but got both"):
        ModuleClassifier(validation_fraction=0.1).fit(X, Y, validation=(X, Y))


def test_soft_targets_for_a_hinge() -> None:
    with pytest.raises(InvalidInput, match="weston_watkins needs class indices"):
        ModuleClassifier(loss="weston_watkins").fit(X, np.eye(3)[Y])


def test_the_first_part_names_all_classes() -> None:
    for classes in (None, [1]):
        with pytest.raises(InvalidInput, match="at least two classes in its first call"):
            ModuleClassifier().partial_fit(X, Y, classes=classes)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"y": Y + 2}, r"got the label .*3.* in row 50, which is not among the classes"),
        ({"classes": [0, 1, 3]}, r"the classes of the first call, \[0, 1, 2\], but got \[0, 1, 3"),
        ({"X": X[:, 1:]}, "3 features"),
        ({"sample_weight": np.zeros(150)}, "needs 150 sample weights .* not all zero"),
        ({"y": np.full((150, 3), 0.5)}, "rows sum to 1"),
    ],
)
def test_parts_that_do_not_fit_and_leave_the_model_as_it_was(given, message: str) -> None:
    model = ModuleClassifier().partial_fit(X, Y, classes=[0, 1, 2])
    before = model.coef_.copy()
    with pytest.raises(ValueError, match=message):
        model.partial_fit(**{"X": X, "y": Y, **given})
    np.testing.assert_array_equal(model.coef_, before)
    assert model.n_iter_ == 1


def test_parts_cannot_be_balanced() -> None:
    with pytest.raises(InvalidInput, match="cannot balance the classes"):
        ModuleClassifier(class_weight="balanced").partial_fit(X, Y, classes=[0, 1, 2])


@pytest.mark.parametrize("name", ["predict_proba", "predict_log_proba"])
def test_a_hinge_has_no_probabilities_and_says_who_has(name: str) -> None:
    model = ModuleClassifier(loss="crammer_singer", max_epochs=1).fit(X, Y)
    message = f"has no {name} with loss='crammer_singer': .* Use CalibratedClassifier"
    with pytest.raises(AttributeError, match=message):
        getattr(model, name)(X)


@pytest.mark.parametrize("name", ["coef_", "intercept_"])
def test_coefficients_of_a_network(name: str) -> None:
    model = ModuleClassifier(nn.Linear(4, 3), max_epochs=1).fit(X, Y)
    with pytest.raises(AttributeError, match=r"linear head alone.*module_\.state_dict\(\)"):
        getattr(model, name)


def test_nothing_is_kept_of_a_refused_fit() -> None:
    model = ModuleClassifier(nn.Linear(4, 2))
    with pytest.raises(InvalidInput):
        model.fit(X, Y)
    assert not hasattr(model, "module_")
