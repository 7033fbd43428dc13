"""Labels to indices, soft targets, class weights, row weights."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.utils.class_weight import compute_class_weight

from softplex._labels import class_weights, encode_labels, encode_soft_targets, row_weights
from softplex.exceptions import InvalidInput


@pytest.mark.parametrize(
    "y",
    [
        np.array([3, 1, 3, 2]),
        np.array(["b", "a", "b", "c"]),
        np.array([True, False, True, True]),
        np.array(["b", "a", "b"], dtype=object),
        np.array([0.0, 2.0]),
    ],
)
def test_labels_and_back(y: np.ndarray) -> None:
    encoded = encode_labels(y)
    assert (np.diff(np.arange(len(encoded.classes))) == 1).all()
    assert list(encoded.classes) == sorted(set(y.tolist()))
    np.testing.assert_array_equal(encoded.classes[encoded.values], y)


def test_totals_of_indices_and_of_rows_agree() -> None:
    y = np.array([0, 2, 1, 2])
    weight = np.array([1.0, 2.0, 0.0, 0.5])
    expected = [1.0, 0.0, 2.5]
    np.testing.assert_allclose(encode_labels(y).totals(weight), expected)
    np.testing.assert_allclose(encode_soft_targets("fit", np.eye(3)[y]).totals(weight), expected)
    nothing = encode_labels(y).totals(np.zeros(4))
    assert nothing.dtype == np.float64


def test_soft_targets_are_normalised_to_the_last_digit() -> None:
    rows = np.random.default_rng(0).dirichlet(np.ones(4), size=10).astype(np.float32)
    encoded = encode_soft_targets("fit", rows)
    np.testing.assert_allclose(encoded.values.sum(axis=1), 1.0, rtol=1e-15)
    np.testing.assert_array_equal(encoded.classes, np.arange(4))
    named = encode_soft_targets("fit", rows, np.array(list("abcd")))
    assert named.classes.tolist() == list("abcd")


@pytest.mark.parametrize("value", [-0.1, np.nan, np.inf])
def test_soft_targets_that_are_no_probabilities_are_named(value: float) -> None:
    rows = np.full((3, 2), 0.5)
    rows[1, 0] = value
    with pytest.raises(InvalidInput, match=r"fit needs soft targets .* row 1, column 0"):
        encode_soft_targets("fit", rows)


def test_rows_that_do_not_sum_to_one_are_named_with_the_distance() -> None:
    rows = np.full((3, 2), 0.5)
    rows[2] = [0.5, 0.75]
    with pytest.raises(InvalidInput, match=r"row 2 sums to 1\.25 \(off by 0\.25\)"):
        encode_soft_targets("fit", rows)


@pytest.mark.parametrize("weighted", [False, True])
def test_balanced_weights_are_those_of_scikit_learn(weighted: bool) -> None:
    rng = np.random.default_rng(1)
    y = rng.integers(0, 3, size=50)
    sample_weight = rng.exponential(size=50) if weighted else np.ones(50)
    ours = class_weights("fit", "balanced", encode_labels(y), sample_weight)
    theirs = compute_class_weight(
        "balanced", classes=np.arange(3), y=y, sample_weight=sample_weight
    )
    np.testing.assert_allclose(ours, theirs, rtol=1e-13)


def test_balanced_weight_of_an_absent_class_is_zero() -> None:
    targets = encode_soft_targets("fit", np.eye(3)[[0, 0, 1]])
    np.testing.assert_allclose(class_weights("fit", "balanced", targets, np.ones(3)), [0.5, 1, 0])


def test_a_mapping_leaves_other_classes_at_one() -> None:
    targets = encode_labels(np.array(["a", "b", "c"]))
    weights = class_weights("fit", {"b": 3, np.str_("c"): 0.5}, targets, np.ones(3))
    assert weights.tolist() == [1.0, 3.0, 0.5]
    assert class_weights("fit", None, targets, np.ones(3)).tolist() == [1.0, 1.0, 1.0]


@pytest.mark.parametrize(
    ("class_weight", "message"),
    [
        ({"specis": 1.0}, "'specis', which is not among the classes. Did you mean 'species'"),
        ({"species": -1.0}, "finite and not negative"),
        ({"species": float("nan")}, "finite and not negative"),
        ("balance", "but got 'balance'"),
        ([1.0, 2.0], "but got list"),
    ],
)
def test_bad_class_weights_are_refused(class_weight: object, message: str) -> None:
    targets = encode_labels(np.array(["species", "other"]))
    with pytest.raises(InvalidInput, match=message):
        class_weights("fit", class_weight, targets, np.ones(2))


def test_row_weights_of_indices_and_rows_agree() -> None:
    y, sample_weight = np.array([0, 2, 1]), np.array([1.0, 2.0, 3.0])
    per_class = np.array([0.5, 1.0, 4.0])
    expected = [0.5, 8.0, 3.0]
    np.testing.assert_allclose(row_weights(encode_labels(y), per_class, sample_weight), expected)
    rows = encode_soft_targets("fit", np.eye(3)[y])
    np.testing.assert_allclose(row_weights(rows, per_class, sample_weight), expected)
    mixed = encode_soft_targets("fit", np.array([[0.5, 0.5, 0.0]]))
    np.testing.assert_allclose(row_weights(mixed, per_class, np.array([2.0])), [1.5])
