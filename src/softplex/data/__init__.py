"""Tables: reading, inferring columns, encoding, splitting, and the classifier of a table."""

from softplex.data._encode import feature_names, fit_encoder
from softplex.data._infer import infer_schema
from softplex.data._matrices import bundled_names
from softplex.data._model import (
    Encoded,
    TableClassifier,
    TablePrediction,
    encode_table,
    fit_encoding,
    fit_table_classifier,
    row_weights,
    warn_unseen,
)
from softplex.data._parse import Parsed, Unseen, check_columns, parse_table
from softplex.data._read import iter_table, read_table
from softplex.data._schema import Column, Schema
from softplex.data._split import Split, split_rows
from softplex.data._table import Reject, Table, as_table
from softplex.data._target import check_target, likely_target, read_labels, table_labels

__all__ = [
    "Column",
    "Encoded",
    "Parsed",
    "Reject",
    "Schema",
    "Split",
    "Table",
    "TableClassifier",
    "TablePrediction",
    "Unseen",
    "as_table",
    "bundled_names",
    "check_columns",
    "check_target",
    "encode_table",
    "feature_names",
    "fit_encoder",
    "fit_encoding",
    "fit_table_classifier",
    "infer_schema",
    "iter_table",
    "likely_target",
    "parse_table",
    "read_labels",
    "read_table",
    "row_weights",
    "split_rows",
    "table_labels",
    "warn_unseen",
]
