"""`contributions`: what each feature gave to the scores of each row of a linear classifier."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from softplex._arrays import to_numpy
from softplex._checks import check_number, did_you_mean
from softplex.diagnostics._linear import LinearRows, linear_rows
from softplex.diagnostics._terms import ScoreTerms, score_terms
from softplex.diagnostics._values import FloatArray, frozen
from softplex.exceptions import InvalidInput

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, eq=False, repr=False)
class Contributions:
    """What each feature gave to the scores of each row.

    Attributes
    ----------
    classes : tuple of k labels
    columns : tuple of r labels
        The class of each score column: all classes, the second of two that share one score, or the
        first of ``between``.
    between : (label, label) or None
        The two classes whose log-odds the one column is.
    feature_names : tuple of d names
    X : array or CSR matrix (n, d)
        The features that met the weights.
    baseline : array (d,)
    weights : array (r, d)
        After the temperature, if there was one.
    base_values : array (r,)
        The scores of the baseline.
    """

    classes: tuple[Any, ...]
    columns: tuple[Any, ...]
    between: tuple[Any, Any] | None
    feature_names: tuple[str, ...]
    X: Any
    baseline: FloatArray
    weights: FloatArray
    base_values: FloatArray

    def __repr__(self) -> str:
        n, d = self.X.shape
        what = "log-odds" if self.between else f"{len(self.columns)} scores"
        return f"Contributions({n:,} rows, {d:,} features, {what})"

    def of(self, label: Any = None) -> Any:
        """Give the contributions to one score, ``(n, d)``; a CSR matrix of the non-zeros for CSR X.

        The label may be left out where there is one column.
        """
        weights = self.weights[self._column(label)]
        if sparse.issparse(self.X):
            product = self.X.multiply(weights).tocsr()
            product.eliminate_zeros()
            return product
        return (self.X - self.baseline) * weights

    @property
    def values(self) -> FloatArray:
        """All contributions of dense features, ``(n, r, d)``."""
        if sparse.issparse(self.X):
            raise InvalidInput(
                "values needs dense features: zeros would fill the memory. Use of(label), which "
                "gives a CSR matrix, or top(m)."
            )
        return np.asarray((self.X - self.baseline)[:, None, :] * self.weights)

    @property
    def scores(self) -> FloatArray:
        """Sum of the contributions and the base value, ``(n, r)``."""
        if sparse.issparse(self.X):
            return np.asarray(self.X @ self.weights.T + self.base_values)
        return np.asarray((self.X - self.baseline) @ self.weights.T + self.base_values)

    def top(self, m: int = 5) -> tuple[tuple[ScoreTerms, ...], ...]:
        """Give the m largest contributions by size: for each row, one `ScoreTerms` a column.

        The base value stands in the place of the intercept. For CSR features the others that are
        summed are the non-zero ones.
        """
        check_number("m", m, low=0, integer=True)
        return tuple(
            tuple(self._terms(row, column, m) for column in range(len(self.columns)))
            for row in range(self.X.shape[0])
        )

    def to_frame(self) -> pd.DataFrame:
        """Give a tidy table: a line for each row, score and feature; non-zeros for CSR features."""
        import pandas as pd

        rows, features, values, centred = self._entries()
        r = len(self.columns)
        columns = np.tile(np.arange(r), len(rows))
        rows, features, values, centred = (
            np.repeat(part, r) for part in (rows, features, values, centred)
        )
        weights = self.weights[columns, features]
        return pd.DataFrame(
            {
                "row": rows,
                "score": _labels(self.columns)[columns],
                "feature": _labels(self.feature_names)[features],
                "value": values,
                "weight": weights,
                "contribution": centred * weights,
            }
        )

    def _entries(self) -> tuple[NDArray[Any], NDArray[Any], FloatArray, FloatArray]:
        if sparse.issparse(self.X):
            entries = self.X.tocoo()
            return entries.row, entries.col, entries.data, entries.data
        n, d = self.X.shape
        rows, features = np.repeat(np.arange(n), d), np.tile(np.arange(d), n)
        return rows, features, self.X.ravel(), (self.X - self.baseline).ravel()

    def _terms(self, row: int, column: int, m: int) -> ScoreTerms:
        names: tuple[str, ...] = self.feature_names
        weights, baseline = self.weights[column], self.baseline
        if sparse.issparse(self.X):
            part = slice(self.X.indptr[row], self.X.indptr[row + 1])
            places = self.X.indices[part]
            names = tuple(names[place] for place in places)
            values, weights, baseline = self.X.data[part], weights[places], baseline[places]
        else:
            values = self.X[row]
        index = self.classes.index(self.columns[column])
        base = float(self.base_values[column])
        return score_terms(index, values, weights, base, names, m, baseline)

    def _column(self, label: Any) -> int:
        if label is None and len(self.columns) == 1:
            return 0
        for place, known in enumerate(self.columns):
            if known == label:
                return place
        shown = ", ".join(repr(known) for known in self.columns[:5])
        raise InvalidInput(
            f"of needs the label of a score ({shown}), but got {label!r}."
            f"{did_you_mean(label, self.columns)}"
        )


def contributions(
    model: Any, X: Any, *, baseline: Any = None, between: tuple[Any, Any] | None = None
) -> Contributions:
    r"""Give what each feature gave to each class score of each row of a linear classifier.

    .. math:: z_{ic} = \sum_j w_{cj} (x_{ij} - \bar x_j) + (w_c \cdot \bar x + b_c),
              \qquad \log\frac{p_{ia}}{p_{ib}} = z_{ia} - z_{ib}

    exactly: the contributions and the base value add up to the score. Adding a number to all scores
    of a row changes no probability, so only differences between classes mean something by
    themselves; ``between`` gives those of two classes. For independent features and the mean as
    baseline these are the Shapley values of the score (Strumbelj and Kononenko 2014).

    Parameters
    ----------
    model : fitted classifier
        ``SoftmaxClassifier`` or any with ``coef_`` and ``intercept_``; a ``CalibratedClassifier``
        of one, whose temperature divides everything; a ``Pipeline`` that ends in one; a
        ``TableClassifier``.
    X : array, CSR matrix, data frame, tensor or table of n rows
        What the model takes. CSR features stay so.
    baseline : array (d,), "mean" or None, default None
        Where a feature gives nothing: zero by default, a point such as the mean of the training
        rows, or the mean of these rows. It stands in the features that reach the linear part.
    between : (label, label), optional
        Take apart the log-odds of the first against the second.

    Returns
    -------
    Contributions

    Raises
    ------
    InvalidInput
        A model without linear scores, rows that do not fit, a baseline for CSR features, an unknown
        class, or one that the fit gave probability 0.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from softplex import SoftmaxClassifier
    >>> X, y = load_iris(return_X_y=True)
    >>> model = SoftmaxClassifier().fit(X, y)
    >>> parts = contributions(model, X, baseline="mean", between=(1, 0))
    >>> parts
    Contributions(150 rows, 4 features, log-odds)
    >>> p = model.predict_proba(X)
    >>> sums = parts.of().sum(axis=1) + parts.base_values[0]
    >>> bool(np.allclose(sums, np.log(p[:, 1] / p[:, 0]), atol=1e-10))
    True
    >>> parts.top(1)[0][0].terms[0].feature  # petal length sets the first flower apart
    'feature 2'
    """
    linear = linear_rows(model, X)
    point = _baseline(baseline, linear.X)
    weights, intercepts, columns = _columns(linear, between)
    return Contributions(
        classes=linear.classes,
        columns=columns,
        between=None if between is None else (between[0], between[1]),
        feature_names=linear.part.names,
        X=linear.X,
        baseline=frozen(point),
        weights=frozen(weights),
        base_values=frozen(weights @ point + intercepts),
    )


def _baseline(baseline: Any, X: Any) -> FloatArray:
    d = X.shape[1]
    if baseline is None:
        return np.zeros(d)
    if sparse.issparse(X):
        raise InvalidInput(
            "contributions takes a baseline for dense features only: it would fill the zeros of a "
            "CSR matrix. Leave it out, or give X.toarray()."
        )
    if isinstance(baseline, str):
        if baseline != "mean":
            raise InvalidInput(
                f"baseline must be None, 'mean' or an array of {d} numbers, but got {baseline!r}."
            )
        if len(X) == 0:
            raise InvalidInput("baseline='mean' needs at least one row, but X has none.")
        return np.asarray(X.mean(axis=0))
    point = np.asarray(to_numpy(baseline), dtype=np.float64)
    if point.shape != (d,) or not np.isfinite(point).all():
        raise InvalidInput(
            f"baseline must be {d} finite numbers, one a feature, but has the shape {point.shape}"
            f"{'' if point.shape != (d,) else ' and holds NaN or an infinity'}."
        )
    return point


def _columns(
    linear: LinearRows, between: tuple[Any, Any] | None
) -> tuple[FloatArray, FloatArray, tuple[Any, ...]]:
    """Weights, intercepts and labels of the score columns that were asked for."""
    weights, intercepts, classes = linear.part.weights, linear.part.intercepts, linear.classes
    shared = len(weights) < len(classes)
    if between is None:
        return weights, intercepts, classes[1:] if shared else classes
    if shared:
        weights = np.vstack([np.zeros_like(weights), weights])
        intercepts = np.append(0.0, intercepts)
    if not _is_pair(between):
        raise InvalidInput(f"between must be two classes that differ, but got {between!r}.")
    first, second = (_place(label, classes, intercepts) for label in between)
    difference = weights[[first]] - weights[[second]]
    return difference, intercepts[[first]] - intercepts[[second]], (classes[first],)


def _is_pair(between: Any) -> bool:
    return isinstance(between, tuple | list) and len(between) == 2 and between[0] != between[1]


def _place(label: Any, classes: tuple[Any, ...], intercepts: FloatArray) -> int:
    if label not in classes:
        raise InvalidInput(
            f"between got {label!r}, which is not among the classes.{did_you_mean(label, classes)}"
        )
    place = classes.index(label)
    if not np.isfinite(intercepts[place]):
        raise InvalidInput(
            f"between needs classes that the model gives a probability, but {label!r} had no "
            "weight in the fit and has probability 0."
        )
    return place


def _labels(values: tuple[Any, ...]) -> NDArray[Any]:
    out = np.empty(len(values), dtype=object)
    out[:] = values
    return out
