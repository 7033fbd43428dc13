"""Features equal what scikit-learn's transformers give by hand."""

from __future__ import annotations

from pathlib import Path
from zipfile import ZIP_DEFLATED

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
import skops.io
from sklearn.feature_extraction.text import TfidfVectorizer

from softplex.data import as_table, encode_table, feature_names, fit_encoding, infer_schema
from softplex.exceptions import DataError, DataWarning

N = 40
LABELS = ["u", "v"] * (N // 2)
TRUSTED = ["numpy.dtype"]


def encoded(frame: pd.DataFrame, **options: list[str]) -> tuple[np.ndarray, dict[str, int], object]:
    table = as_table(frame.assign(target=LABELS))
    schema = infer_schema(table, "target", **options)
    encoder, (features, *_) = fit_encoding(table, schema)
    names = feature_names(encoder, schema)
    assert len(set(names)) == len(names) == features.shape[1]
    return features, {name: index for index, name in enumerate(names)}, (schema, encoder)


def test_numbers_are_standardised() -> None:
    values = np.random.default_rng(0).normal(3, 2, N)
    features, names, _ = encoded(pd.DataFrame({"a": values}))
    assert features.dtype == np.float64
    np.testing.assert_allclose(features[:, names["a"]], (values - values.mean()) / values.std())


def test_gaps_get_the_median_and_a_sign() -> None:
    values = np.arange(N, dtype=float) ** 2
    values[::4] = np.nan
    features, names, _ = encoded(pd.DataFrame({"a": values, "b": np.arange(N)}))
    assert set(names) == {"b", "a", "a is missing"}
    filled = np.where(np.isnan(values), np.nanmedian(values), values)
    np.testing.assert_allclose(features[:, names["a"]], (filled - filled.mean()) / filled.std())
    assert len(np.unique(features[:, names["a is missing"]])) == 2


def test_gaps_that_come_later_get_the_mean() -> None:
    _, names, (schema, encoder) = encoded(pd.DataFrame({"a": np.arange(N) ** 2.0}))
    later = encode_table(as_table({"a": [None, "3"]}), schema, encoder).X
    assert later[0, names["a"]] == pytest.approx(0.0, abs=1e-12)


def test_levels_are_one_hot_and_missing_is_one() -> None:
    features, names, (schema, encoder) = encoded(pd.DataFrame({"c": ["r", "g", "", "g"] * 10}))
    assert list(names) == ["c = (missing)", "c = g", "c = r"]
    np.testing.assert_array_equal(features[:4], [[0, 0, 1], [0, 1, 0], [1, 0, 0], [0, 1, 0]])
    later = encode_table(as_table({"c": ["blue", None]}), schema, encoder)
    np.testing.assert_array_equal(later.X, [[0, 0, 0], [1, 0, 0]])
    assert [entry.n_rows for entry in later.unseen] == [1]


def test_many_levels_are_sparse_and_pooled() -> None:
    rows = 3000
    values = [f"c{min(i, i % 700)}" for i in range(rows)]
    frame = pd.DataFrame({"c": values, "target": ["u", "v"] * (rows // 2)})
    schema = infer_schema(as_table(frame), "target")
    encoder, (features, *_) = fit_encoding(as_table(frame), schema)
    names = feature_names(encoder, schema)
    assert sp.issparse(features)
    assert features.shape[1] == len(names) == 500
    assert names[-1] == "c = (rare)"
    np.testing.assert_array_equal(np.asarray(features.sum(axis=1)).ravel(), np.ones(rows))


def test_dates_become_parts() -> None:
    days = pd.date_range("2020-01-30", periods=N, freq="17D").strftime("%Y-%m-%d").tolist()
    days[3] = ""
    _, names, _ = encoded(pd.DataFrame({"day": days}))
    assert set(names) == {
        "day (year)",
        "day (month)",
        "day (weekday)",
        "day (days)",
        "day is missing",
    }


def test_text_is_tf_idf_of_words_and_letters() -> None:
    texts = [f"the quick fox number {i % 9} of {i}" for i in range(N)]
    features, names, _ = encoded(pd.DataFrame({"note": texts}))
    words = TfidfVectorizer(ngram_range=(1, 2), token_pattern=r"(?u)\b\w+\b", sublinear_tf=True)
    expected = words.fit_transform(texts)
    assert sp.issparse(features)
    columns = [names[f'note: "{word}"'] for word in words.get_feature_names_out()]
    np.testing.assert_allclose(features[:, columns].toarray(), expected.toarray())
    assert 'note: "fo" (letters)' in names


def test_script_without_spaces_is_read_by_its_signs() -> None:
    texts = [f"这个东西很好用{chr(0x4E00 + i)}我喜欢" for i in range(N)]
    _, names, _ = encoded(pd.DataFrame({"note": texts}))
    assert 'note: "喜欢" (letters)' in names
    assert all(name.endswith("(letters)") for name in names)


def test_text_without_words_is_refused() -> None:
    frame = pd.DataFrame({"a": [". . ."] * N, "b": range(N), "target": LABELS})
    schema = infer_schema(as_table(frame), "target", text=["a"])
    blank = as_table(frame.assign(a=""))
    with pytest.raises(DataError, match="no words to learn from"):
        fit_encoding(blank, schema)


def test_names_that_look_like_made_up_ones() -> None:
    days = [f"2024-01-{1 + i % 28:02d}" for i in range(N)]
    frame = pd.DataFrame({"day": days, "year:day": range(N), "number:day": ["a", "b"] * 20})
    features, names, _ = encoded(frame)
    assert features.shape[1] == len(names) == 7


def test_rows_that_cannot_be_read_are_left_out_of_the_fit() -> None:
    frame = pd.DataFrame({"a": [*range(N - 1), np.inf], "target": LABELS})
    schema = infer_schema(as_table(frame), "target")
    with pytest.warns(DataWarning, match=r"leaves out 1 row that cannot be read \(row 40\)"):
        _, (features, kept, rejects, _) = fit_encoding(as_table(frame), schema)
    assert features.shape == (N - 1, 1)
    assert len(kept) == N - 1
    assert rejects[0].value == "inf"


def test_nothing_to_fit_on() -> None:
    frame = pd.DataFrame({"a": [*range(N)], "target": LABELS})
    schema = infer_schema(as_table(frame), "target")
    bad = as_table({"a": [np.inf], "target": ["u"]})
    with pytest.raises(DataError, match="No row of the table could be read"):
        fit_encoding(bad, schema)


def test_the_encoder_is_saved_without_pickles(tmp_path: Path) -> None:
    frame = pd.DataFrame(
        {
            "a": [*range(N - 1), None],
            "b": range(N),
            "c": ["r", "g"] * 20,
            "day": [f"2024-01-{1 + i % 28:02d}" for i in range(N)],
            "note": [f"the quick fox number {i % 9} of {i}" for i in range(N)],
        }
    )
    features, _, (schema, encoder) = encoded(frame)
    path = tmp_path / "encoder.skops"
    skops.io.dump(encoder, path, compression=ZIP_DEFLATED)
    assert set(skops.io.get_untrusted_types(file=path)) <= set(TRUSTED)
    loaded = skops.io.load(path, trusted=TRUSTED)
    again = encode_table(as_table(frame), schema, loaded).X
    assert abs(again - features).max() == 0.0
    assert feature_names(loaded, schema) == feature_names(encoder, schema)
