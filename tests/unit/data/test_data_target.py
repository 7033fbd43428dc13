"""Labels: what they are, and the sentences for those that cannot be learnt."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from softplex.data import as_table, check_target, likely_target, table_labels
from softplex.exceptions import DataError

N = 60


def table(target: object, **more: object) -> object:
    return as_table(pd.DataFrame({"x": np.arange(N) / 7, **more, "t": target}))


GOOD = {
    "words": (["a", "b", "none"] * 20, "text", ("a", "b", "none")),
    "integers as text": (["10", "9"] * 30, "integer", (9, 10)),
    "floats that are whole": ([1.0, 2.0] * 30, "integer", (1, 2)),
    "whole with a point": (["1.0", "2.0"] * 30, "integer", (1, 2)),
    "leading zeros": (["01", "02"] * 30, "text", ("01", "02")),
    "booleans": ([True, False] * 30, "boolean", (False, True)),
    "true as text": (["True", "False"] * 30, "text", ("False", "True")),
    "a few fractions": (["0.5", "1.5"] * 30, "text", ("0.5", "1.5")),
    "categorical": (pd.Categorical(["a", "b"] * 30), "text", ("a", "b")),
    "spaces around": ([" a", "a ", "b"] * 20, "text", ("a", "b")),
}


@pytest.mark.parametrize("case", GOOD)
def test_labels(case: str) -> None:
    values, kind, classes = GOOD[case]
    assert check_target(table(values), "t") == ("t", kind, classes)


BAD = {
    "missing": (
        ["a", "", "b", "NaN", None, "b"] * 10,
        r"missing \(empty or NaN\) in 30 of 60 rows",
    ),
    "missing floats": (
        [1.0, np.nan, 2.0] * 20,
        r"missing .* in 20 of 60 rows: rows 2, 5, 8, 11, 14 a",
    ),
    "all missing": ([None] * N, "empty in all 60 rows"),
    "infinite": ([1.0, np.inf, 2.0] * 20, "infinite in 20 rows: rows 2, 5"),
    "infinite text": (["1", "-inf", "2"] * 20, "infinite in 20 rows"),
    "continuous": (np.arange(N) / 7, "is continuous: 60 different numbers in 60 rows"),
    "continuous text": ([str(i / 7) for i in range(N)], "is continuous"),
    "lists": (["[a, b]", "[c]"] * 30, r"holds lists of labels, such as '\[a, b\]'"),
    "typed lists": ([["a", "b"], ["c"]] * 30, "holds lists of labels"),
    "one class": (["a"] * N, "one class only, 'a', in all 60 rows"),
    "single": (["a"] * 59 + ["b"], "the class 'b' of the target 't' has a single row;"),
    "singles": (["a"] * 58 + ["b", "c"], "2 classes 'b', 'c' of .* a single row each"),
    "names of rows": ([f"r{i}" for i in range(N)], "names rows rather than classes"),
    "dates": (pd.date_range("2024-01-01", periods=N), "holds dates"),
}


@pytest.mark.parametrize("case", BAD)
def test_labels_that_cannot_be_learnt(case: str) -> None:
    values, sentence = BAD[case]
    with pytest.raises(DataError, match=sentence):
        check_target(table(values), "t")


def test_a_better_column_is_suggested() -> None:
    with pytest.raises(DataError, match="The column 'kind' looks like a label"):
        check_target(table(np.arange(N) / 7, kind=["u", "v"] * 30), "t")


def test_a_missing_column_gets_the_nearest_name() -> None:
    with pytest.raises(DataError, match=r"no column 'specie'\. Did you mean 'Species'\?"):
        check_target(table(["a", "b"] * 30, Species=["u", "v"] * 30), "specie")


def test_a_table_that_names_no_target() -> None:
    with pytest.raises(DataError, match=r"name the label column. The column 't' looks like"):
        check_target(table(["a", "b"] * 30))


def test_no_rows() -> None:
    with pytest.raises(DataError, match="has no rows"):
        check_target(as_table(pd.DataFrame({"t": pd.Series([], dtype=str)})), "t")


def test_single_rows_may_be_kept() -> None:
    single = table(["a"] * 59 + ["b"])
    assert check_target(single, "t", single_rows="keep")[2] == ("a", "b")


def test_a_hundred_integer_classes_pass() -> None:
    frame = pd.DataFrame({"x": np.arange(1500), "t": np.arange(1500) % 150})
    assert len(check_target(as_table(frame), "t")[2]) == 150


def test_many_integers_are_measurements() -> None:
    frame = pd.DataFrame({"x": np.arange(300), "t": np.arange(300) // 2 * 7})
    with pytest.raises(DataError, match="continuous: 150 different numbers"):
        check_target(as_table(frame), "t")


def test_likely_target_prefers_names_then_words() -> None:
    frame = {"c": ["p", "q"] * 30, "n": [1, 2] * 30, "x": np.arange(N) / 7}
    assert likely_target(as_table(frame)) == "c"
    assert likely_target(as_table({**frame, "Class": [0, 1] * 30})) == "Class"
    assert likely_target(as_table({"x": np.arange(N) / 7})) is None


def test_labels_of_a_later_table() -> None:
    later = as_table({"t": ["a", "c", None, "b"]})
    labels, rejects = table_labels(later, "t", "text", ("a", "b"))
    assert labels.tolist() == ["a", "c", "", "b"]
    assert [(reject.row, reject.value, reject.reason) for reject in rejects] == [
        (2, "c", "the model knows no such class"),
        (3, "", "the label is missing"),
    ]
    later = as_table({"t": ["1", "x", "2.5", "2"]})
    labels, rejects = table_labels(later, "t", "integer", (1, 2))
    assert [reject.row for reject in rejects] == [2, 3]
    later = as_table({"t": ["true", "False", "maybe"]})
    labels, rejects = table_labels(later, "t", "boolean", (False, True))
    assert labels.tolist()[:2] == [True, False]
    assert [reject.row for reject in rejects] == [3]
