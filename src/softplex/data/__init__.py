"""Tables: reading, inferring columns, encoding, splitting, and the classifier of a table."""

from softplex.data._infer import infer_schema
from softplex.data._matrices import bundled_names
from softplex.data._read import iter_table, read_table
from softplex.data._schema import Column, Schema
from softplex.data._table import Reject, Table, as_table
from softplex.data._target import check_target, likely_target, table_labels

__all__ = [
    "Column",
    "Reject",
    "Schema",
    "Table",
    "as_table",
    "bundled_names",
    "check_target",
    "infer_schema",
    "iter_table",
    "likely_target",
    "read_table",
    "table_labels",
]
