"""What goes in comes out: types, bits and memory order."""

from __future__ import annotations

import enum
import json
import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_array_equal
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.preprocessing import StandardScaler

from softplex.exceptions import InvalidInput, ModelFileError
from softplex.io import _registry
from softplex.io._decode import decode
from softplex.io._encode import encode
from softplex.io._skops import dump_sklearn


@dataclass(frozen=True)
class Point:
    x: float
    names: tuple[str, ...]


class Colour(enum.Enum):
    RED = "red"


class Model:
    def __init__(self) -> None:
        self.coef_ = np.arange(6.0).reshape(2, 3)
        self.inner = Point(1.5, ("a",))


@pytest.fixture(autouse=True)
def known_classes(monkeypatch: pytest.MonkeyPatch) -> None:
    known = {kind.__name__: kind for kind in (Point, Colour, Model)}
    monkeypatch.setattr(
        "softplex.io._encode.registered_name",
        lambda kind: kind.__name__ if known.get(kind.__name__) is kind else None,
    )
    monkeypatch.setattr("softplex.io._decode.registered_class", known.__getitem__)


def there_and_back(value: object) -> Any:
    encoded = encode(value)
    tree = json.loads(json.dumps(encoded.tree, allow_nan=False))
    return decode(tree, encoded.arrays, encoded.files)


plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: (
        st.lists(inner)
        | st.dictionaries(st.text(), inner)
        | st.dictionaries(st.integers(), inner)
        | st.tuples(inner, inner)
    ),
    max_leaves=10,
)


@given(plain)
def test_plain_values_survive(value: object) -> None:
    result = there_and_back(value)
    assert result == value
    assert type(result) is type(value)


def test_what_json_lacks_survives() -> None:
    result = there_and_back([math.inf, -math.inf, math.nan])
    assert result[:2] == [math.inf, -math.inf]
    assert math.isnan(result[2])


@pytest.mark.parametrize(
    "array",
    [
        np.linspace(0, 1, 6).reshape(2, 3),
        np.asfortranarray(np.linspace(0, 1, 6, dtype=np.float32).reshape(2, 3)),
        np.zeros((0, 4)),
        np.array(2.5),
        np.array([True, False]),
        np.array([1, 2], dtype=">i4"),
        np.array(["2020-01-01", "NaT"], dtype="datetime64[D]"),
        np.array(["red", "blåbär"]),
        np.array(["a", 1, None, 2.5], dtype=object),
        np.arange(10)[::2],
    ],
    ids=lambda array: f"{array.dtype}{array.shape}",
)
def test_arrays_survive(array: np.ndarray[Any, Any]) -> None:
    result = there_and_back(array)
    assert result.dtype == array.dtype
    assert result.shape == array.shape
    assert_array_equal(result, array)


def test_memory_order_survives() -> None:
    # BLAS may round differently for the other order, and predictions would change in the last bit.
    result = there_and_back([np.ones((3, 2)), np.asfortranarray(np.ones((3, 2)))])
    assert result[0].flags.c_contiguous
    assert result[1].flags.f_contiguous


@pytest.mark.parametrize("value", [np.float32(1.5), np.int64(3), np.bool_(True), np.str_("a")])
def test_scalars_survive(value: np.generic) -> None:
    result = there_and_back(value)
    assert result == value
    assert type(result) is type(value)


@pytest.mark.parametrize(
    "value", [np.dtype("f4"), np.float64, torch.float32, torch.device("cpu"), Colour.RED]
)
def test_library_values_survive(value: object) -> None:
    assert there_and_back(value) == value


def test_objects_survive() -> None:
    model = there_and_back(Model())
    assert_array_equal(model.coef_, Model().coef_)
    assert model.inner == Point(1.5, ("a",))


def test_scikit_learn_objects_survive() -> None:
    X = np.random.default_rng(0).normal(size=(5, 2))
    scaler = StandardScaler().fit(X)
    words = TfidfVectorizer().fit(["one two", "two three"])
    result = there_and_back({"scale": scaler, "words": words})
    assert_array_equal(result["scale"].transform(X), scaler.transform(X))
    assert result["words"].vocabulary_ == words.vocabulary_


def test_scikit_learn_bytes_depend_on_nothing_but_the_object() -> None:
    first = dump_sklearn(TfidfVectorizer().fit(["one two", "two three"]))
    kept_alive = [object() for _ in range(1000)]
    second = dump_sklearn(TfidfVectorizer().fit(["one two", "two three"]))
    assert kept_alive
    assert first == second


@pytest.mark.parametrize(
    "value", [lambda: None, {1, 2}, object(), np.array([1j]), b"bytes", np.random.default_rng(0)]
)
def test_what_needs_code_is_refused(value: object) -> None:
    with pytest.raises(InvalidInput, match=r"cannot write model\.deep"):
        encode({"deep": value})


@pytest.mark.parametrize("value", [np.random.default_rng(0), np.random.RandomState(0)])
def test_the_refusal_of_a_generator_names_the_way_out(value: object) -> None:
    with pytest.raises(InvalidInput, match="whole number as random_state"):
        encode({"random_state": value})


def test_untrusted_scikit_learn_parts_are_refused() -> None:
    with pytest.raises(InvalidInput, match="trust"):
        encode(TfidfVectorizer(tokenizer=str.split))


@pytest.mark.parametrize(
    "tree",
    [
        {"$object": "os.system", "state": {}},
        {"$object": "Point"},
        {"$data": "Point", "state": {"z": 1}},
        {"$enum": "Point", "member": "RED"},
        {"$enum": "Colour", "member": "BLUE"},
        {"$array": "gone", "dtype": "<f8", "order": "C"},
        {"$torch": "dtype", "name": "load"},
        {"$unheard": 1},
    ],
)
def test_a_tree_that_does_not_fit_is_refused(tree: dict[str, Any]) -> None:
    with pytest.raises(ModelFileError):
        decode(tree, {}, {})


def test_the_registry_knows_no_other_names() -> None:
    with pytest.raises(KeyError, match="not a class"):
        _registry.registered_class("Popen")
    assert _registry.registered_name(Model) is None
