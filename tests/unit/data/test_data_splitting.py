"""Splits keep classes, groups and time apart as promised."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from softplex.data import Schema, Table, as_table, infer_schema, split_rows
from softplex.exceptions import DataError, InvalidInput


def setting(labels: object, **more: object) -> tuple[Table, pd.DataFrame]:
    frame = pd.DataFrame({"x": np.arange(len(labels)) / 7, "t": labels, **more})
    return as_table(frame), frame


def schema_of(table: Table, **roles: str) -> Schema:
    return infer_schema(table, "t", single_rows="keep", **roles)


@settings(max_examples=30, deadline=None)
@given(
    counts=st.lists(st.integers(2, 30), min_size=2, max_size=6),
    share=st.floats(0.1, 0.6),
    seed=st.integers(0, 100),
)
def test_every_row_is_on_one_side(counts: list[int], share: float, seed: int) -> None:
    table, _ = setting(np.repeat(np.arange(len(counts)), counts))
    split = split_rows(table, schema_of(table), test_size=share, seed=seed)
    both = np.sort(np.concatenate([split.train, split.test]))
    np.testing.assert_array_equal(both, np.arange(len(table)))
    assert len(split.test) == max(1, round(share * len(table)))


def test_classes_keep_their_shares() -> None:
    table, frame = setting(np.repeat(["a", "b", "c"], [100, 50, 10]))
    split = split_rows(table, schema_of(table), test_size=0.2)
    counts = frame["t"].iloc[split.test].value_counts()
    assert counts.to_dict() == {"a": 20, "b": 10, "c": 2}
    assert split.notes == ()


def test_the_seed_decides() -> None:
    table, _ = setting(["a", "b"] * 50)
    schema = schema_of(table)
    first, again = (split_rows(table, schema, seed=3) for _ in range(2))
    np.testing.assert_array_equal(first.test, again.test)
    assert not np.array_equal(first.test, split_rows(table, schema, seed=4).test)


def test_classes_with_one_row_are_for_training() -> None:
    table, frame = setting(["a", "b"] * 20 + ["c", "d"])
    split = split_rows(table, schema_of(table), test_size=0.5)
    assert set(frame["t"].iloc[split.test]) == {"a", "b"}
    assert split.notes == ("Classes with one row, which is used for training: 'c', 'd'.",)


def test_fewer_test_rows_than_classes() -> None:
    table, frame = setting([f"c{i % 20}" for i in range(60)])
    split = split_rows(table, schema_of(table), test_size=5)
    assert len(split.test) == 5
    assert frame["t"].iloc[split.train].nunique() == 20
    assert "too few" in split.notes[0]


def test_no_group_is_on_both_sides() -> None:
    rng = np.random.default_rng(0)
    groups = rng.integers(0, 30, 400)
    table, frame = setting((groups + rng.integers(0, 2, 400)) % 3, g=groups)
    split = split_rows(table, schema_of(table, group="g"), test_size=0.25, seed=1)
    train, test = frame["g"].iloc[split.train], frame["g"].iloc[split.test]
    assert not set(train) & set(test)
    assert 60 <= len(split.test) <= 140
    assert "of 30 groups" in split.notes[0]


def test_two_groups_can_be_split() -> None:
    table, frame = setting(["a", "b"] * 20, g=["p"] * 30 + ["q"] * 10)
    split = split_rows(table, schema_of(table, group="g"), test_size=0.1)
    assert frame["g"].iloc[split.test].nunique() == 1


@pytest.mark.parametrize("as_dates", [True, False])
def test_the_latest_rows_are_for_testing(as_dates: bool) -> None:
    order = np.random.default_rng(0).permutation(100)
    dates = pd.Timestamp("2024-01-01") + pd.to_timedelta(order, unit="D")
    times = dates.strftime("%Y-%m-%d") if as_dates else order
    table, _ = setting(["a", "b"] * 50, when=times)
    split = split_rows(table, schema_of(table, time="when"), test_size=0.3)
    assert len(split.test) == 30
    assert order[split.train].max() < order[split.test].min()


def test_rows_of_one_moment_stay_together() -> None:
    table, frame = setting(["a", "b"] * 10, when=[1] * 5 + [2] * 15)
    split = split_rows(table, schema_of(table, time="when"), test_size=0.2)
    assert set(frame["when"].iloc[split.test]) == {2}
    assert len(split.test) == 15


def test_rows_without_a_time_are_for_training() -> None:
    table, _ = setting(["a", "b"] * 10, when=[None, *range(19)])
    split = split_rows(table, schema_of(table, time="when"))
    assert 0 in split.train
    assert "used for training: row 1" in split.notes[0]


def test_classes_that_only_come_late_are_named() -> None:
    table, _ = setting(["a", "b"] * 10 + ["c", "c"], when=range(22))
    split = split_rows(table, schema_of(table, time="when"), test_size=2)
    assert "cannot predict them: 'c'" in split.notes[-1]


@pytest.mark.parametrize("size", [0, 1.0e9, -0.5, 40])
def test_sizes_out_of_range(size: float) -> None:
    table, _ = setting(["a", "b"] * 20)
    with pytest.raises(InvalidInput, match="test_size must be a share"):
        split_rows(table, schema_of(table), test_size=size)


def test_refusals() -> None:
    table, _ = setting(["a", "b"] * 20, g=["p", "p"] * 20, when=[1] * 40)
    with pytest.raises(InvalidInput, match="not both"):
        split_rows(table, schema_of(table, group="g", time="when"))
    with pytest.raises(DataError, match="'g' has one value only, 'p'"):
        split_rows(table, schema_of(table, group="g"))
    with pytest.raises(DataError, match="'when' has one value only"):
        split_rows(table, schema_of(table, time="when"))
