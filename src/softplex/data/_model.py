"""`TableClassifier`: schema, encoder and classifier, as one thing that takes tables."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from softplex.data._encode import feature_names, fit_and_encode
from softplex.data._names import counted, listed, row_list
from softplex.data._parse import Unseen, parse_table
from softplex.data._schema import Schema
from softplex.data._table import Reject, Table, as_table
from softplex.data._target import read_labels
from softplex.data._values import to_numbers
from softplex.exceptions import DataError, DataWarning


class Encoded(NamedTuple):
    """Rows as features.

    `X` has one row for each readable row, whose positions in the table are `kept`; the others
    are `rejects`; `unseen` counts the categories that the fit has not seen.
    """

    X: Any
    kept: NDArray[np.int64]
    rejects: tuple[Reject, ...]
    unseen: tuple[Unseen, ...]


class TablePrediction(NamedTuple):
    """Probabilities ``(m, k)``, the positions ``(m,)`` of their rows in the table, the rejects."""

    probabilities: NDArray[np.float64]
    kept: NDArray[np.int64]
    rejects: tuple[Reject, ...]


@dataclass(frozen=True, eq=False)
class TableClassifier:
    """A classifier that takes tables.

    Parameters
    ----------
    schema
        What each column is.
    encoder
        The fitted transformers that `fit_encoder` gives.
    classifier
        Any fitted object with `predict_proba` and `classes_`.

    Examples
    --------
    >>> from sklearn.linear_model import LogisticRegression
    >>> from softplex.data import infer_schema, read_table
    >>> iris = read_table("iris")
    >>> model = fit_table_classifier(iris, infer_schema(iris), LogisticRegression(max_iter=500))
    >>> model.predict_proba(iris).probabilities.shape
    (150, 3)
    """

    schema: Schema
    encoder: Any
    classifier: Any

    @property
    def classes_(self) -> NDArray[Any]:
        """Labels of the probability columns."""
        return np.asarray(self.classifier.classes_)

    @cached_property
    def feature_names(self) -> tuple[str, ...]:
        """Names of the encoded columns, in words."""
        return feature_names(self.encoder, self.schema)

    def encode(self, data: Any) -> Encoded:
        """Turn a table into features, without a word about what it met.

        Raises
        ------
        SchemaMismatch
            See `predict_proba`.
        """
        return encode_table(as_table(data), self.schema, self.encoder)

    def predict_proba(self, data: Any) -> TablePrediction:
        """Give the probability of each class for each readable row.

        Columns are found by name: their order does not matter, others are ignored, and the label
        may be absent. Missing values are imputed; categories that the fit has not seen count as
        none and are reported in a `DataWarning`.

        Parameters
        ----------
        data
            A `Table`, or anything that `as_table` takes.

        Returns
        -------
        TablePrediction
            Probabilities of shape ``(m, k)``, the positions of their rows, and the rows that
            could not be read, each with its reason.

        Raises
        ------
        SchemaMismatch
            A needed column is lacking (with the nearest name), or is of another type throughout.
        """
        encoded = self.encode(data)
        warn_unseen(encoded.unseen)
        return self._predict(encoded)

    def predict(self, data: Any) -> tuple[NDArray[Any], NDArray[np.int64], tuple[Reject, ...]]:
        """Give the likeliest label for each readable row; see `predict_proba`."""
        probabilities, kept, rejects = self.predict_proba(data)
        return self.classes_[probabilities.argmax(axis=1)], kept, rejects

    def predict_batches(self, tables: Iterable[Table]) -> Iterator[tuple[Table, TablePrediction]]:
        """Predict tables one after the other, as `iter_table` gives them.

        Memory is bounded by the size of a piece. Unseen categories are counted over all pieces
        and reported in one `DataWarning` at the end.
        """
        met: dict[str, Unseen] = {}
        for table in tables:
            encoded = self.encode(table)
            for entry in encoded.unseen:
                before = met.get(entry.column, Unseen(entry.column, 0, ()))
                examples = tuple(dict.fromkeys((*before.examples, *entry.examples)))[:3]
                n_rows = before.n_rows + entry.n_rows
                met[entry.column] = Unseen(entry.column, n_rows, examples)
            yield table, self._predict(encoded)
        warn_unseen(tuple(met.values()))

    def _predict(self, encoded: Encoded) -> TablePrediction:
        if len(encoded.kept) == 0:
            nothing = np.zeros((0, len(self.classes_)))
            return TablePrediction(nothing, encoded.kept, encoded.rejects)
        probabilities = np.asarray(self.classifier.predict_proba(encoded.X), dtype=np.float64)
        return TablePrediction(probabilities, encoded.kept, encoded.rejects)


def encode_table(table: Table, schema: Schema, encoder: Any) -> Encoded:
    """Parse a table by its schema and turn the readable rows into features."""
    parsed = parse_table(table, schema)
    if len(parsed.kept) == 0:
        return Encoded(None, parsed.kept, parsed.rejects, parsed.unseen)
    features = encoder.transform(parsed.features)
    return Encoded(features, parsed.kept, parsed.rejects, parsed.unseen)


def fit_table_classifier(table: Table, schema: Schema, classifier: Any) -> TableClassifier:
    """Fit the encoder and the classifier on a table.

    Parameters
    ----------
    table
        Training rows.
    schema
        See `infer_schema`.
    classifier
        Any object with `fit(X, y)`, `predict_proba` and `classes_`; it is fitted in place, with
        `sample_weight` where the schema has a weight column.

    Returns
    -------
    TableClassifier

    Raises
    ------
    DataError
        No readable row; weights that cannot be used.
    """
    encoder, encoded = fit_encoding(table, schema)
    labels, _ = read_labels(table.column(schema.target), schema.label_kind)
    weights = row_weights(table, schema)
    if weights is None:
        classifier.fit(encoded.X, labels[encoded.kept])
    else:
        classifier.fit(encoded.X, labels[encoded.kept], sample_weight=weights[encoded.kept])
    return TableClassifier(schema, encoder, classifier)


def fit_encoding(table: Table, schema: Schema) -> tuple[Any, Encoded]:
    """Fit the encoder on a table and encode that table.

    Rows that cannot be read are left out, and named in a `DataWarning`.
    """
    parsed = parse_table(table, schema)
    encoder, features = fit_and_encode(parsed, schema)
    if parsed.rejects:
        rows = row_list([reject.row for reject in parsed.rejects])
        warnings.warn(
            f"{table.name}: the fit leaves out {counted(len(parsed.rejects))} that "
            f"cannot be read ({rows}); the first because {parsed.rejects[0].reason}.",
            DataWarning,
            stacklevel=3,
        )
    return encoder, Encoded(features, parsed.kept, parsed.rejects, parsed.unseen)


def row_weights(table: Table, schema: Schema) -> NDArray[np.float64] | None:
    """Give the weight of each row, or None when the schema has no weight column.

    Raises
    ------
    DataError
        A weight that is missing, negative or no number; weights that are all zero.
    """
    column = schema.role("weight")
    if column is None:
        return None
    weights, unreadable = to_numbers(table.column(column.name))
    wrong = unreadable | np.isnan(weights) | (weights < 0)
    if wrong.any():
        raise DataError(
            f"{table.name}: the weight column {column.name!r} must hold numbers of at least 0, "
            f"but does not in {counted(int(wrong.sum()))}: {row_list(list(table.rows[wrong]))}. "
            "Correct these cells or remove the rows."
        )
    if not weights.any():
        raise DataError(f"{table.name}: the weights in {column.name!r} are all 0.")
    return weights


def warn_unseen(unseen: Iterable[Unseen]) -> None:
    """Give one `DataWarning` for all categories that the fit has not seen."""
    sentences = [
        f"{entry.column!r} has {counted(entry.n_rows)} with unseen values such as "
        f"{listed(entry.examples)}"
        for entry in unseen
    ]
    if sentences:
        warnings.warn(
            "Categories that the fit has not seen count as no known category: "
            f"{'; '.join(sentences)}.",
            DataWarning,
            stacklevel=3,
        )
