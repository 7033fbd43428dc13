"""`Schema`: what each column of a table is, frozen, and written as JSON."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Any, Literal, get_args

from softplex.exceptions import ModelFileError

FORMAT = 1

Kind = Literal[
    "number",
    "boolean",
    "category",
    "date",
    "text",
    "constant",
    "empty",
    "id",
    "nested",
    "dropped",
    "target",
    "weight",
    "group",
    "time",
]
FEATURE_KINDS: tuple[Kind, ...] = ("number", "boolean", "date", "category", "text")
LabelKind = Literal["text", "integer", "boolean"]
Label = str | int | bool


@dataclass(frozen=True)
class Column:
    """One column: its kind and what its kind needs.

    Parameters
    ----------
    name
        As it stands in the table.
    kind
        ``number``, ``boolean``, ``date``, ``category`` and ``text`` are features; ``constant``,
        ``empty``, ``id``, ``nested`` and ``dropped`` are left out; ``target``, ``weight``,
        ``group`` and ``time`` have those roles.
    note
        What a reader should know, for printing.
    missing
        Words that mean "no value" in this column, besides the usual ones (numbers).
    levels
        The known values (categories); empty when there are too many to keep.
    date_format
        ``"ISO8601"`` or a format of `datetime.strptime` (dates, and a `time` of dates).
    """

    name: str
    kind: Kind
    note: str = ""
    missing: tuple[str, ...] = ()
    levels: tuple[str, ...] = ()
    date_format: str = ""


@dataclass(frozen=True)
class Schema:
    """The columns of the table that a model is fitted on.

    Parameters
    ----------
    target
        Name of the label column.
    classes
        Its labels, sorted.
    label_kind
        What a label is: ``text``, ``integer`` or ``boolean``.
    columns
        All columns in file order, the label column included.
    n_rows
        Rows of the table.
    dtype
        ``float64``, or ``float32`` for large blocks of numbers.
    n_sparse
        Width of the CSR matrix of a table that is one; None elsewhere.
    """

    target: str
    classes: tuple[Label, ...]
    label_kind: LabelKind
    columns: tuple[Column, ...]
    n_rows: int
    dtype: Literal["float64", "float32"] = "float64"
    n_sparse: int | None = None

    @property
    def features(self) -> tuple[Column, ...]:
        """The columns that the model looks at."""
        return tuple(column for column in self.columns if column.kind in FEATURE_KINDS)

    @property
    def id_columns(self) -> tuple[str, ...]:
        """Columns that name a row; they are no features, and are kept for output."""
        return self.of_kind("id")

    def of_kind(self, kind: Kind) -> tuple[str, ...]:
        """Names of the columns of one kind."""
        return tuple(column.name for column in self.columns if column.kind == kind)

    def role(self, kind: Literal["weight", "group", "time"]) -> Column | None:
        """Give the column with this role, if there is one."""
        return next((column for column in self.columns if column.kind == kind), None)

    def summary(self) -> list[tuple[str, str, str]]:
        """Name, kind and note of each column, for printing."""
        rows = [(column.name, str(column.kind), column.note) for column in self.columns]
        if self.n_sparse is not None:
            rows.insert(0, (f"0 to {self.n_sparse - 1}", "number", "sparse"))
        return rows

    def to_json(self) -> str:
        """Write the schema as JSON."""
        return json.dumps({"format": FORMAT, **asdict(self)}, indent=1, ensure_ascii=False)

    @staticmethod
    def from_json(text: str) -> Schema:
        """Read a schema that `to_json` wrote.

        Raises
        ------
        ModelFileError
            For text that is not such JSON, and for a newer format.
        """
        try:
            content = json.loads(text)
            version = content.pop("format")
            if version != FORMAT:
                raise ModelFileError(
                    f"The schema has format {version}, this softplex reads format {FORMAT}. "
                    "Use the version of softplex that wrote the model, or fit it again."
                )
            return _schema(content)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise ModelFileError(
                f"The schema is damaged or foreign: {error}. Fit the model again."
            ) from error


def _schema(content: dict[str, Any]) -> Schema:
    columns = tuple(_column(entry) for entry in content.pop("columns"))
    return Schema(columns=columns, classes=tuple(content.pop("classes")), **content)


def _column(entry: dict[str, Any]) -> Column:
    if entry["kind"] not in get_args(Kind):
        raise ValueError(f"{entry['kind']!r} is no kind of column")
    missing, levels = tuple(entry.pop("missing")), tuple(entry.pop("levels"))
    return Column(missing=missing, levels=levels, **entry)
