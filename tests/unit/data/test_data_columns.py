"""What columns are taken for, and that the schema survives JSON."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from softplex.data import Column, Schema, as_table, infer_schema, read_table
from softplex.exceptions import DataError, InvalidInput, ModelFileError

N = 60
LABELS = ["u", "v"] * (N // 2)
REVIEWS = [f"the thing number {i} works rather well" for i in range(N)]


def column_of(values: list[object], name: str = "c") -> Column:
    frame = pd.DataFrame({name: pd.Series(values), "f": range(len(values))})
    frame["target"] = LABELS[: len(values)]
    schema = infer_schema(as_table(frame), "target")
    return schema.columns[0]


CASES = {
    "plain numbers": ([f"{i / 7}" for i in range(N)], "number"),
    "integer codes": (["1", "2", "3"] * 20, "number"),
    "zeros and ones": (["0", "1"] * 30, "number"),
    "exponents": ([f"{i}e-3" for i in range(N)], "number"),
    "missing numbers": (["1.5", "NA", "?", "nan", "", " 2 "] * 10, "number"),
    "typed floats": ([1.5, None, 2.5] * 20, "number"),
    "a few odd cells": ([*map(str, range(N - 1)), "unknown"], "number"),
    "many odd cells": ([*map(str, range(N // 2)), *["a", "b"] * (N // 4)], "category"),
    "letter among codes": (["1", "2", "3"] * 19 + ["1", "2", "A"], "category"),
    "leading zeros": (["00501", "10001", "00420"] * 20, "category"),
    "true and false": (["true", "False", ""] * 20, "boolean"),
    "yes and no": (["Yes", "no"] * 30, "boolean"),
    "typed booleans": ([True, False, None] * 20, "boolean"),
    "iso dates": ([f"2024-01-{1 + i % 28:02d}" for i in range(N)], "date"),
    "iso moments": ([f"2024-01-01T{i % 24:02d}:30:00Z" for i in range(N)], "date"),
    "german dates": ([f"{1 + i % 28:02d}.03.2024" for i in range(N)], "date"),
    "days first": ([f"{1 + i % 28:02d}/03/2024" for i in range(N)], "date"),
    "months first": ([f"03/{1 + i % 28:02d}/2024" for i in range(N)], "date"),
    "month names": ([f"{1 + i % 28} Mar 2024" for i in range(N)], "date"),
    "typed dates": (list(pd.date_range("2024-01-01", periods=N)), "date"),
    "categories": (["red", "green", "blue"] * 20, "category"),
    "ranges": (["90-100", "80-89", "lt-80"] * 20, "category"),
    "two words": (["light red", "dark green"] * 30, "category"),
    "one value and gaps": (["x", ""] * 30, "category"),
    "free text": (list(REVIEWS), "text"),
    "chinese text": ([f"这个东西很好用{chr(0x4E00 + i)}我喜欢" for i in range(N)], "text"),
    "codes": ([f"AB{i:05d}" for i in range(N)], "id"),
    "one value": (["x"] * N, "constant"),
    "one number": (["3"] * N, "constant"),
    "no value": (["", "NA"] * 30, "empty"),
    "no typed value": ([None] * N, "empty"),
    "only infinite": ([float("inf"), -1e300] * 30, "empty"),
    "integers beyond float64": ([2**62 + i * 10**12 for i in range(N)], "number"),
    "lists": ([[1, 2], [3]] * 30, "nested"),
}


@pytest.mark.parametrize("case", CASES)
def test_kinds(case: str) -> None:
    values, kind = CASES[case]
    assert column_of(values).kind == kind


@pytest.mark.parametrize("name", ["id", "ID", "userId", "order_id", "uuid", "Unnamed: 0", "index"])
def test_counted_rows_are_ids_by_name(name: str) -> None:
    assert column_of(list(range(N)), name).kind == "id"


@pytest.mark.parametrize("name", ["width", "acid", "paid", "valid"])
def test_other_names_are_no_ids(name: str) -> None:
    assert column_of(list(range(N)), name).kind == "number"


def test_notes_tell_what_was_seen() -> None:
    assert column_of(["1.5", ""] * 30).note == "30 missing"
    assert column_of([*map(str, range(N - 1)), "unknown"]).note == (
        "1 missing, 'unknown' read as missing"
    )
    assert column_of(["red", "", "blue"] * 20).note == "2 levels, 20 missing"
    assert column_of([f"{1 + i % 28:02d}.03.2024" for i in range(N)]).note == "written as %d.%m.%Y"
    assert column_of([1.0, 2.0, float("inf")] * 20).note == (
        "20 infinite values, whose rows are left out"
    )


def test_levels_stand_by_frequency() -> None:
    assert column_of(["b", "a", "b"] * 20).levels == ("b", "a")


def table_of_roles() -> object:
    return as_table(
        pd.DataFrame(
            {
                "x": np.arange(N) / 3,
                "code": [1, 2, 3] * 20,
                "note": ["good", "bad"] * 30,
                "person": [f"p{i % 7}" for i in range(N)],
                "day": [f"2024-01-{1 + i % 28:02d}" for i in range(N)],
                "w": np.ones(N),
                "key": range(N),
                "target": LABELS,
            }
        )
    )


def test_roles_and_overrides() -> None:
    schema = infer_schema(
        table_of_roles(),
        "target",
        drop=["x"],
        categorical=["code"],
        text=["note"],
        weight="w",
        group="person",
        time="day",
        id_column="key",
    )
    kinds = {column.name: column.kind for column in schema.columns}
    assert kinds == {
        "x": "dropped",
        "code": "category",
        "note": "text",
        "person": "group",
        "day": "time",
        "w": "weight",
        "key": "id",
        "target": "target",
    }
    assert [column.name for column in schema.features] == ["code", "note"]
    assert schema.id_columns == ("key",)
    assert schema.columns[1].levels == ("1", "2", "3")


@pytest.mark.parametrize("option", ["drop", "categorical", "text"])
def test_mistyped_columns_are_named(option: str) -> None:
    with pytest.raises(DataError, match=r"no column 'nots'.* Did you mean 'note'\?"):
        infer_schema(table_of_roles(), "target", **{option: ["nots"]})


def test_one_column_has_one_role() -> None:
    with pytest.raises(InvalidInput, match="as dropped and as text; give it one role"):
        infer_schema(table_of_roles(), "target", drop=["note"], text=["note"])
    with pytest.raises(InvalidInput, match="as target and as dropped"):
        infer_schema(table_of_roles(), "target", drop=["target"])


def test_a_time_needs_an_order() -> None:
    with pytest.raises(DataError, match="neither numbers nor dates"):
        infer_schema(table_of_roles(), "target", time="note")


def test_a_table_without_features_is_refused() -> None:
    table = as_table({"code": [f"A{i}" for i in range(N)], "same": [1] * N, "target": LABELS})
    with pytest.raises(DataError, match=r"no column is left .* 'code \(id\)', 'same \(constant\)'"):
        infer_schema(table, "target")
    with pytest.raises(DataError, match="there is only the label"):
        infer_schema(as_table({"target": LABELS}), "target")


def test_the_target_of_a_bundled_table_is_known() -> None:
    schema = infer_schema(read_table("digits"))
    assert schema.target == "target"
    assert schema.classes == tuple(range(10))
    assert schema.of_kind("constant") == ("pixel_0_0", "pixel_4_0", "pixel_4_7")


def test_matrix_columns_take_roles() -> None:
    schema = infer_schema(read_table("iris"), drop=["petal width (cm)"])
    assert schema.of_kind("dropped") == ("petal width (cm)",)


def test_wide_blocks_are_held_in_single_precision() -> None:
    matrix = np.random.default_rng(0).normal(size=(5000, 900))
    frame = as_table(pd.DataFrame(matrix).assign(target=["a", "b"] * 2500))
    assert infer_schema(frame, "target").dtype == "float32"


def test_schema_survives_json() -> None:
    schema = infer_schema(table_of_roles(), "target", group="person", categorical=["code"])
    assert Schema.from_json(schema.to_json()) == schema


def test_damaged_schemas_are_refused() -> None:
    text = infer_schema(table_of_roles(), "target").to_json()
    newer = json.dumps({**json.loads(text), "format": 99})
    with pytest.raises(ModelFileError, match="format 99"):
        Schema.from_json(newer)
    for broken in (text[:50], "[]", "{}", text.replace('"number"', '"numbr"')):
        with pytest.raises(ModelFileError, match="damaged or foreign"):
            Schema.from_json(broken)


def test_decimal_commas_are_pointed_out() -> None:
    table = as_table(
        {
            "euro": ["1,5", "-1.188,81", "7", "0,25"],
            "name": ["a,5", "b", "a,5", "b"],
            "y": ["p", "q", "p", "q"],
        }
    )
    remarks = {name: remark for name, _, remark in infer_schema(table, "y").summary()}
    assert "decimal commas" in remarks["euro"]
    assert "decimal commas" not in remarks["name"]
