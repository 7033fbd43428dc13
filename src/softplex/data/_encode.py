"""From typed columns to one matrix of features, by scikit-learn's own transformers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
from sklearn.compose import ColumnTransformer
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import FeatureUnion, Pipeline
from sklearn.preprocessing import MaxAbsScaler, OneHotEncoder, StandardScaler

from softplex.data._parse import DATE_PARTS, Parsed
from softplex.data._schema import Schema
from softplex.exceptions import DataError

MAX_CATEGORIES = 500
# With more one-hot columns than this the features are held as CSR.
_DENSE_LEVELS = 256
_WORD_FEATURES = _LETTER_FEATURES = 20_000
# Longer documents are told apart by their words alone.
_LONG_DOCUMENT_WORDS = 100
_MANY_DOCUMENTS = 1000


def fit_encoder(parsed: Parsed, schema: Schema) -> Any:
    """Fit the transformers that turn parsed rows into features.

    Numbers, booleans and dates: the missing ones imputed (by the median, with a column that says
    so where values were missing in the fit, else by the mean), then standardised. Categories:
    one-hot, "missing" being a level, the rare ones pooled beyond 500 levels. Free text: TF-IDF of
    words, word pairs and groups of two to four letters. The columns of an svmlight table are
    divided by their largest magnitude.

    Parameters
    ----------
    parsed
        Rows to fit on; at least one.
    schema
        The schema that they were parsed by.

    Returns
    -------
    sklearn.compose.ColumnTransformer or sklearn.preprocessing.MaxAbsScaler
        Fitted; `transform` takes `Parsed.features` and gives float64 or float32 numbers, or CSR
        where there is free text or more than 256 levels. Made of scikit-learn's types alone.

    Raises
    ------
    DataError
        No rows, and a text column without one word.
    """
    return fit_and_encode(parsed, schema)[0]


def fit_and_encode(parsed: Parsed, schema: Schema) -> tuple[Any, Any]:
    """Fit the encoder as `fit_encoder` does, and give it with the features of the same rows."""
    if len(parsed.kept) == 0:
        raise DataError(
            "No row of the table could be read, so there is nothing to fit on. "
            f"The first fault: {_first_fault(parsed)}."
        )
    if schema.n_sparse is not None:
        scaler = MaxAbsScaler()
        return scaler, scaler.fit_transform(parsed.features)
    encoder = _column_transformer(parsed.features)
    try:
        features = encoder.fit_transform(parsed.features)
    except ValueError as error:
        if "vocabulary" not in str(error) and "no terms remain" not in str(error):
            raise
        names = ", ".join(repr(name) for name in schema.of_kind("text"))
        raise DataError(
            f"A text column has no words to learn from (the text columns: {names}). "
            "Drop it, or take it as categorical."
        ) from error
    _make_plain(encoder)
    return encoder, features


def feature_names(encoder: Any, schema: Schema) -> tuple[str, ...]:
    """Name the columns of the encoded features in words.

    Returns
    -------
    tuple of str
        ``age``, ``age is missing``, ``city = Rome``, ``city = (rare)``, ``joined (year)``,
        ``note: "my card"`` (words), ``note: "ard" (letters)``; the column numbers of svmlight.
    """
    if schema.n_sparse is not None:
        return tuple(str(index) for index in range(schema.n_sparse))
    return tuple(
        name
        for part, transformer, columns in encoder.transformers_
        if part != "remainder"
        for name in _part_names(part, transformer, list(columns))
    )


def _first_fault(parsed: Parsed) -> str:
    if not parsed.rejects:
        return "the table has no rows"
    reject = parsed.rejects[0]
    return f"row {reject.row}, column {reject.column!r}: {reject.reason}"


def _column_transformer(frame: pd.DataFrame) -> ColumnTransformer:
    groups = _groups(frame)
    levels = sum(min(frame[name].nunique(), MAX_CATEGORIES) for name in groups["category"])
    texts = groups["text"]
    is_sparse = bool(texts) or levels > _DENSE_LEVELS
    parts: list[tuple[str, Any, list[str]]] = [
        ("complete", _standardised("mean", add_indicator=False), groups["complete"]),
        ("incomplete", _standardised("median", add_indicator=True), groups["incomplete"]),
        ("category", _one_hot(is_sparse), groups["category"]),
    ]
    parts = [part for part in parts if part[2]]
    # A vectorizer takes one column, and takes it as a vector: the name stands alone.
    parts += [(name, _text_features(frame[name]), name) for name in texts]  # type: ignore[misc]
    return ColumnTransformer(parts, sparse_threshold=1.0 if is_sparse else 0.0)


def _groups(frame: pd.DataFrame) -> dict[str, list[str]]:
    names = [str(name) for name in frame.columns]
    words = {
        kind: [name for name in names if name.startswith(f"{kind}:")]
        for kind in ("category", "text")
    }
    numeric = [name for name in names if not name.startswith(("category:", "text:"))]
    gaps = frame[numeric].isna().any(axis=0).to_numpy()
    # One sign of a missing date is enough: its parts are imputed without.
    flagged = [
        bool(gap) and name.split(":", 1)[0] not in DATE_PARTS
        for name, gap in zip(numeric, gaps, strict=True)
    ]
    return {
        **words,
        "complete": [name for name, flag in zip(numeric, flagged, strict=True) if not flag],
        "incomplete": [name for name, flag in zip(numeric, flagged, strict=True) if flag],
    }


def _standardised(strategy: str, *, add_indicator: bool) -> Pipeline:
    imputer = SimpleImputer(
        strategy=strategy, add_indicator=add_indicator, keep_empty_features=True
    )
    return Pipeline([("impute", imputer), ("scale", StandardScaler())])


def _one_hot(is_sparse: bool) -> OneHotEncoder:
    return OneHotEncoder(
        handle_unknown="ignore",
        max_categories=MAX_CATEGORIES,
        sparse_output=is_sparse,
        dtype=np.float64,
    )


def _text_features(texts: pd.Series[Any]) -> FeatureUnion:
    words = float(texts.head(1000).str.count(r"\s+").mean()) + 1.0
    fewest = 2 if len(texts) >= _MANY_DOCUMENTS else 1
    word_part = TfidfVectorizer(
        ngram_range=(1, 2),
        token_pattern=r"(?u)\b\w+\b",
        sublinear_tf=True,
        max_features=_WORD_FEATURES,
        min_df=fewest,
    )
    letter_part = TfidfVectorizer(
        analyzer="char_wb",
        # Scripts without spaces carry meaning in single signs.
        ngram_range=(2, 4) if words >= 1.5 else (1, 3),
        sublinear_tf=True,
        max_features=_LETTER_FEATURES,
        min_df=fewest,
    )
    parts = []
    if words >= 1.5:
        parts.append(("words", word_part))
    if words <= _LONG_DOCUMENT_WORDS:
        parts.append(("letters", letter_part))
    return FeatureUnion(parts)


def _make_plain(encoder: ColumnTransformer) -> None:
    """Turn NumPy integers in vocabularies into Python's, which are saved in a tenth of the room."""
    for part, transformer, _ in encoder.transformers_:
        if not part.startswith("text:"):
            continue
        for _, vectorizer in transformer.transformer_list:
            vectorizer.vocabulary_ = {
                word: int(index) for word, index in vectorizer.vocabulary_.items()
            }


def _part_names(part: str, transformer: Any, columns: list[str]) -> Iterator[str]:
    if part == "category":
        yield from _level_names(transformer, columns)
    elif part.startswith("text:"):
        yield from _text_names(transformer, part.split(":", 1)[1])
    else:
        yield from map(_plain_name, columns)
        indicator = transformer.named_steps["impute"].indicator_
        if indicator is not None:
            yield from (f"{columns[at].split(':', 1)[1]} is missing" for at in indicator.features_)


def _plain_name(column: str) -> str:
    kind, name = column.split(":", 1)
    return f"{name} ({kind})" if kind in (*DATE_PARTS, "days") else name


def _level_names(transformer: OneHotEncoder, columns: list[str]) -> Iterator[str]:
    infrequent = transformer.infrequent_categories_
    for column, levels, rare in zip(columns, transformer.categories_, infrequent, strict=True):
        name = column.split(":", 1)[1]
        pooled = set() if rare is None else set(rare)
        yield from (f"{name} = {level}" for level in levels if level not in pooled)
        if pooled:
            yield f"{name} = (rare)"


def _text_names(transformer: FeatureUnion, name: str) -> Iterator[str]:
    for part, vectorizer in transformer.transformer_list:
        suffix = "" if part == "words" else " (letters)"
        for word in vectorizer.get_feature_names_out():
            yield f'{name}: "{word}"{suffix}'
