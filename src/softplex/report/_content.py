"""What a report page is made of: plain numbers, arrays and strings, in frozen dataclasses."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from softplex.estimators import RegularisationPath
from softplex.evaluation import Evaluation
from softplex.exceptions import InvalidInput
from softplex.report._selection import class_indices


@dataclass(frozen=True)
class CertificateSummary:
    """The certificate of a fit: the value reached, the bound below it, and what lies between.

    Parameters
    ----------
    primal : float
        The training objective at the fitted coefficients.
    dual : float
        A value that no coefficients can go below; ``-inf`` or NaN when there is no bound.
    gap : float
        ``primal - dual``.
    relative_gap : float
        ``gap / |primal|``.
    status : str
        How the solver ended, in words.
    """

    primal: float
    dual: float
    gap: float
    relative_gap: float
    status: str


@dataclass(frozen=True)
class CalibrationSummary:
    """What was done to the probabilities after training.

    Parameters
    ----------
    sentence : str
        For example "One temperature was fitted on out-of-fold scores."
    temperature : float, optional
        The number that scores are divided by, where there is one.
    """

    sentence: str
    temperature: float | None = None


@dataclass(frozen=True, eq=False)
class FeatureWeights:
    """Coefficients with the names of the features they belong to.

    Parameters
    ----------
    coefficients : array of shape (k, d)
        One row a class; for two classes also ``(1, d)``, positive for the second class.
    names : sequence of d strings
        The features after encoding.
    note : str
        One sentence on scale, for example "Inputs were standardised, so sizes compare."
    """

    coefficients: NDArray[np.floating[Any]]
    names: tuple[str, ...]
    note: str = ""

    def __post_init__(self) -> None:
        shape = np.shape(self.coefficients)
        if len(shape) != 2 or shape[1] != len(self.names):
            raise InvalidInput(
                "FeatureWeights needs coefficients of shape (k, d) with d names, "
                f"but got shape {shape} with {len(self.names)} names."
            )


@dataclass(frozen=True)
class ColumnSummary:
    """One column of the table: its name, its kind and a remark."""

    name: str
    kind: str
    note: str = ""


@dataclass(frozen=True)
class DataSummary:
    """The table behind the model.

    Parameters
    ----------
    source : str
        File name or bundled name.
    target : str
        The label column.
    train_rows, test_rows : int
        Rows used for fitting and for this report.
    columns : tuple of ColumnSummary
        Columns that were used.
    dropped : tuple of ColumnSummary
        Columns that were not used; the note gives the reason.
    class_counts : mapping of label to int
        Rows of each class in the training part.
    notes : tuple of str
        Further sentences, for example on how the rows were split.
    """

    source: str
    target: str
    train_rows: int
    test_rows: int
    columns: tuple[ColumnSummary, ...] = ()
    dropped: tuple[ColumnSummary, ...] = ()
    class_counts: Mapping[Any, int] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class ReportContent:
    """Everything that a report page needs; nothing is computed from models or files later.

    Parameters
    ----------
    title : str
        Heading of the page.
    evaluation : Evaluation
        The scores of the test rows; its classes name the columns of ``probabilities``.
    probabilities : array of shape (n, k)
        Calibrated probabilities of the test rows.
    labels : array of shape (n,)
        True labels of the test rows, as the user has them.
    row_ids : sequence of n values, optional
        What a row is called; default: its position in the test set, from 0.
    row_cells : mapping of position to mapping of column to text
        Cells to show beside a row; :func:`confidently_wrong` says which positions are shown.
    uncalibrated : Evaluation, optional
        The same rows scored before calibration.
    calibration : CalibrationSummary, optional
        What the calibrator did.
    weights : FeatureWeights, optional
        Coefficients; without them the section on features is left out.
    certificate : CertificateSummary, optional
        How far from the optimum training stopped.
    path : RegularisationPath, optional
        How C was chosen.
    data : DataSummary, optional
        The table behind the model.
    command : str
        The exact command that made the page.
    model_folder : str
        Where the model was saved; used in "how to load the model".
    version : str
        The softplex version that fitted the model.
    seed : int, optional
        The random seed.

    Raises
    ------
    InvalidInput
        When shapes do not fit together, a probability is not finite, or a label is none of
        the classes.
    """

    title: str
    evaluation: Evaluation
    probabilities: NDArray[np.floating[Any]]
    labels: NDArray[Any]
    row_ids: tuple[Any, ...] | None = None
    row_cells: Mapping[int, Mapping[str, str]] = field(default_factory=dict)
    uncalibrated: Evaluation | None = None
    calibration: CalibrationSummary | None = None
    weights: FeatureWeights | None = None
    certificate: CertificateSummary | None = None
    path: RegularisationPath | None = None
    data: DataSummary | None = None
    command: str = ""
    model_folder: str = ""
    version: str = ""
    seed: int | None = None

    def __post_init__(self) -> None:
        n, k = len(self.labels), len(self.evaluation.classes)
        if n == 0:
            raise InvalidInput("ReportContent needs at least one test row, but got none.")
        if np.shape(self.probabilities) != (n, k):
            raise InvalidInput(
                f"ReportContent needs probabilities of shape {(n, k)} for {n} labels and "
                f"{k} classes, but got shape {np.shape(self.probabilities)}."
            )
        if not np.isfinite(self.probabilities).all():
            row = int(np.flatnonzero(~np.isfinite(self.probabilities).all(axis=1))[0])
            raise InvalidInput(
                f"ReportContent needs finite probabilities, but row {row} holds "
                f"{self.probabilities[row].tolist()[:10]}."
            )
        class_indices(self.labels, self.evaluation.classes)
        if self.row_ids is not None and len(self.row_ids) != n:
            raise InvalidInput(
                f"ReportContent needs {n} row ids, one a label, but got {len(self.row_ids)}."
            )
        if self.weights is not None and not self._weights_fit(len(self.weights.coefficients), k):
            raise InvalidInput(
                f"ReportContent needs one row of coefficients for each of {k} classes, "
                f"but got {len(self.weights.coefficients)}."
            )

    @staticmethod
    def _weights_fit(rows: int, k: int) -> bool:
        return rows == k or (k == 2 and rows == 1)
