"""A frozen schema meets later tables."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp

from softplex.data import Schema, Table, as_table, infer_schema, parse_table
from softplex.data._table import from_matrix
from softplex.exceptions import SchemaMismatch

N = 40
FRAME = pd.DataFrame(
    {
        "age": [str(20 + i) for i in range(N)],
        "member": ["yes", "no"] * 20,
        "joined": [f"2024-01-{1 + i % 28:02d}" for i in range(N)],
        "city": ["Rome", "Oslo", "", "Bern"] * 10,
        "note": [f"this is remark number {i}" for i in range(N)],
        "kind": ["u", "v"] * 20,
    }
)


@pytest.fixture(scope="module")
def schema() -> Schema:
    return infer_schema(as_table(FRAME), "kind")


def later(**changes: list[object]) -> Table:
    frame = FRAME.iloc[:3].copy().astype(object)
    for name, values in changes.items():
        frame[name] = pd.Series(values, index=frame.index, dtype=object)
    return as_table(frame)


def test_cells_become_typed(schema: Schema) -> None:
    parsed = parse_table(later(joined=["2024-02-29", "", "1970-01-02"]), schema)
    frame = parsed.features
    assert frame["number:age"].tolist() == [20.0, 21.0, 22.0]
    assert frame["boolean:member"].tolist() == [1.0, 0.0, 1.0]
    assert frame["category:city"].tolist() == ["Rome", "Oslo", "(missing)"]
    np.testing.assert_array_equal(frame["days:joined"], [19782.0, np.nan, 1.0])
    np.testing.assert_array_equal(frame["year:joined"], [2024.0, np.nan, 1970.0])
    np.testing.assert_array_equal(frame["month:joined"], [2.0, np.nan, 1.0])
    np.testing.assert_array_equal(frame["weekday:joined"], [3.0, np.nan, 4.0])
    assert parsed.kept.tolist() == [0, 1, 2]


def test_missing_values_are_no_rejects(schema: Schema) -> None:
    empty = {name: ["", None, "NA"] for name in FRAME.columns}
    parsed = parse_table(later(**empty), schema)
    assert parsed.kept.tolist() == [0, 1, 2]
    assert parsed.features["number:age"].isna().all()
    assert parsed.features["text:note"].tolist() == ["", "", ""]
    assert parsed.unseen == ()


REJECTED = {
    "age": ("abc", "'abc' is not a finite number"),
    "member": ("maybe", "'maybe' is not true or false"),
    "joined": ("31.12.2024", "'31.12.2024' is not a date"),
}


@pytest.mark.parametrize("name", REJECTED)
def test_unreadable_cells_reject_their_row(schema: Schema, name: str) -> None:
    value, reason = REJECTED[name]
    good = FRAME[name].tolist()
    parsed = parse_table(later(**{name: [good[0], value, good[2]]}), schema)
    (reject,) = parsed.rejects
    assert (reject.row, reject.column, reject.value, reject.reason) == (2, name, value, reason)
    assert parsed.kept.tolist() == [0, 2]
    assert len(parsed.features) == 2


@pytest.mark.parametrize("value", ["inf", "-Infinity", float("inf"), "1,5", "0x1F", "1_000"])
def test_only_plain_finite_numbers_are_numbers(schema: Schema, value: object) -> None:
    assert [reject.row for reject in parse_table(later(age=["1", "2", value]), schema).rejects] == [
        3
    ]


def test_a_row_is_rejected_once(schema: Schema) -> None:
    parsed = parse_table(later(age=["x", "1", "2"], member=["maybe", "no", "perhaps"]), schema)
    assert [(reject.row, reject.column) for reject in parsed.rejects] == [(1, "age"), (3, "member")]


def test_learnt_words_for_missing_hold_later() -> None:
    frame = FRAME.assign(age=[*FRAME["age"][:-1], "unknown"])
    schema = infer_schema(as_table(frame), "kind")
    parsed = parse_table(later(age=["1", "unknown", "unheard"]), schema)
    assert parsed.kept.tolist() == [0, 1]
    assert np.isnan(parsed.features["number:age"].iloc[1])


def test_unseen_categories_are_counted(schema: Schema) -> None:
    parsed = parse_table(later(city=["Paris", "Rome", "Paris"]), schema)
    (unseen,) = parsed.unseen
    assert (unseen.column, unseen.n_rows, unseen.examples) == ("city", 2, ("Paris",))
    assert parsed.rejects == ()


def test_typed_tables_read_as_text_ones_do(schema: Schema) -> None:
    typed = FRAME.assign(
        age=FRAME["age"].astype(float),
        member=FRAME["member"] == "yes",
        joined=pd.to_datetime(FRAME["joined"]),
    )
    as_typed = parse_table(as_table(typed), schema).features
    pd.testing.assert_frame_equal(as_typed, parse_table(as_table(FRAME), schema).features)


def test_whole_numbers_as_categories_do_not_depend_on_the_format() -> None:
    frame = FRAME.assign(code=["1", "2"] * 20)
    schema = infer_schema(as_table(frame), "kind", categorical=["code"])
    typed = as_table(frame.assign(code=[1.0, np.nan] * 20))
    levels = parse_table(typed, schema).features["category:code"]
    assert levels.tolist()[:2] == ["1", "(missing)"]


def test_a_lacking_column_gets_the_nearest_name(schema: Schema) -> None:
    table = as_table(FRAME.rename(columns={"city": "town", "joined": "join"}))
    with pytest.raises(
        SchemaMismatch, match=r"lacks 2 of the 5 .*: 'joined', 'city'\. Did you mean 'join'\?"
    ):
        parse_table(table, schema)


def test_a_column_of_another_type_is_refused(schema: Schema) -> None:
    with pytest.raises(SchemaMismatch, match=r"'age' must hold a finite number .* first is 'old'"):
        parse_table(as_table(FRAME.assign(age="old")), schema)
    typed = FRAME.iloc[:2].assign(age=pd.to_datetime(["2024-01-01", "2024-01-02"]))
    with pytest.raises(SchemaMismatch, match="'age' must hold a finite number"):
        parse_table(as_table(typed), schema)
    with pytest.raises(SchemaMismatch, match="'city' must hold words, but holds list"):
        parse_table(later(city=[[1], [2], [3]]), schema)


def test_dense_blocks_reject_infinite_rows() -> None:
    matrix = np.arange(24.0).reshape(8, 3)
    labels = np.array([0, 1] * 4)
    schema = infer_schema(from_matrix(matrix, "m", labels=labels, target="y"))
    matrix[2, 1] = np.inf
    matrix[3, 0] = np.nan
    parsed = parse_table(from_matrix(matrix, "m"), schema)
    assert [(reject.row, reject.column) for reject in parsed.rejects] == [(3, "x1")]
    assert np.isnan(parsed.features["number:x0"].loc[3])


def test_sparse_tables_are_cut_and_padded() -> None:
    matrix = sp.csr_matrix(np.eye(4))
    schema = infer_schema(from_matrix(matrix, "m", labels=np.array([0, 1, 0, 1]), target="target"))
    assert schema.summary()[0] == ("0 to 3", "number", "sparse")
    wide = parse_table(from_matrix(sp.csr_matrix(np.ones((2, 6))), "m"), schema)
    slim = parse_table(from_matrix(sp.csr_matrix(np.ones((2, 3))), "m"), schema)
    assert wide.features.toarray().tolist() == [[1.0] * 4] * 2
    assert slim.features.toarray().tolist() == [[1.0, 1.0, 1.0, 0.0]] * 2
    bad = sp.csr_matrix(np.array([[1.0, np.nan], [0.0, 1.0]]))
    assert parse_table(from_matrix(bad, "m"), schema).kept.tolist() == [1]
    with pytest.raises(SchemaMismatch, match="fitted on svmlight data with 4 columns"):
        parse_table(as_table({"a": [1]}), schema)
