"""Two models on the same rows: where their answers differ, and whether that is more than luck."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import bdtr

from softplex._text import number
from softplex._text import rows as rows_text
from softplex.evaluation._inputs import IntArray, Rows, read_rows, whole_number
from softplex.evaluation._result import frozen
from softplex.exceptions import InvalidInput


@dataclass(frozen=True)
class AnswerCount:
    """How many rows of one class got one pair of differing answers."""

    first: Any
    second: Any
    truth: Any
    rows: int


@dataclass(frozen=True, eq=False)
class Disagreement:
    """Where two models differ on the same rows; each row counts once, whatever its weight.

    Attributes
    ----------
    n : int
        Rows.
    both_right, first_right, second_right, both_wrong : int
        Rows that both, the first alone, the second alone, and none of the two answered rightly.
    p_value : float
        McNemar's exact test of equal accuracy, see `disagreement`.
    counts : tuple of AnswerCount
        The rows whose answers differ, the commonest kind first.
    strongest : array of at most `limit` positions
        Those of them with the largest distance between the probabilities, largest first.
    distance : array of the same length
        Their distances, from 0 to 1.
    """

    n: int
    both_right: int
    first_right: int
    second_right: int
    both_wrong: int
    p_value: float
    counts: tuple[AnswerCount, ...]
    strongest: IntArray
    distance: Any

    def __post_init__(self) -> None:
        for name in ("strongest", "distance"):
            object.__setattr__(self, name, frozen(getattr(self, name)))

    @property
    def differing(self) -> int:
        """Rows whose answers differ."""
        return sum(count.rows for count in self.counts)

    def summary(self, first: str = "The first", second: str = "the second") -> str:
        """Return a few sentences: how often the two differ, who is right then, and the test."""
        if self.first_right + self.second_right == 0:
            return (
                f"The answers differ in {rows_text(self.differing)}. No row is answered rightly by "
                "one of the two alone, so both are right equally often."
            )
        return (
            f"The answers differ in {rows_text(self.differing)}. {first} alone is right in "
            f"{self.first_right:,}, {second} alone in {self.second_right:,}. Were both equally "
            f"accurate, {rows_text(self.first_right + self.second_right)} would split at least as "
            f"unevenly with probability {number(self.p_value)} (McNemar's exact test)."
        )


def disagreement(
    first: ArrayLike,
    second: ArrayLike,
    y: Any,
    *,
    answers: tuple[Any, Any] | None = None,
    classes: Sequence[Any] | None = None,
    sample_weight: ArrayLike | None = None,
    limit: int = 20,
) -> Disagreement:
    r"""Compare two models row by row, and test whether one is right more often.

    Of the rows that exactly one model answers rightly, b are the first's and c the second's. If
    both are equally accurate, b is binomial, and McNemar's test is exact with

    .. math:: p = \min\bigl(1, 2 P[\mathrm{Bin}(b + c, \tfrac12) \le \min(b, c)]\bigr).

    The distance of two rows of probabilities p and q is the total variation
    :math:`\tfrac12 \sum_j |p_j - q_j|`: the largest difference that an event can have.

    Parameters
    ----------
    first, second : array (n, k), or (n,) with the probability of the second of two classes
    y : sequence of labels (n,)
    answers : two sequences of labels (n,), optional
        What each model answers; by default its most probable class, the first of equals.
    classes : sequence of k labels, optional
        The label of each column; by default the sorted labels of `y`.
    sample_weight : array (n,), optional
        Rows of weight zero are left out; otherwise weights are not looked at.
    limit : int
        At most so many positions in `strongest`.

    Returns
    -------
    Disagreement

    Raises
    ------
    InvalidInput
        If the arguments do not fit together, or an answer is none of the classes.

    References
    ----------
    McNemar (1947), "Note on the sampling error of the difference between correlated proportions
    or percentages".

    Examples
    --------
    >>> found = disagreement([0.1, 0.9, 0.6], [0.2, 0.4, 0.7], ["no", "yes", "yes"])
    >>> found.first_right, found.second_right, found.p_value
    (1, 0, 1.0)
    >>> found.strongest.tolist(), found.distance.tolist()
    ([1], [0.5])
    """
    limit = whole_number("disagreement", "limit", limit, least=0)
    rows, others = (
        read_rows("disagreement", values, y, classes, sample_weight) for values in (first, second)
    )
    kept = np.arange(rows.n)
    if sample_weight is not None:
        kept = np.flatnonzero(np.asarray(sample_weight) > 0)
    one, two = rows.predicted, others.predicted
    if answers is not None:
        one, two = (_columns(given, rows, kept, len(np.asarray(y))) for given in answers)
    right, also = one == rows.truth, two == rows.truth
    alone, other = int((right & ~also).sum()), int((also & ~right).sum())
    distance = np.abs(rows.probabilities - others.probabilities).sum(axis=1) / 2
    differ = np.flatnonzero(one != two)
    strongest = differ[np.argsort(-distance[differ], kind="stable")[:limit]]
    return Disagreement(
        n=rows.n,
        both_right=int((right & also).sum()),
        first_right=alone,
        second_right=other,
        both_wrong=int((~right & ~also).sum()),
        p_value=min(1.0, 2 * float(bdtr(min(alone, other), alone + other, 0.5))),
        counts=_counts(rows, one[differ], two[differ], rows.truth[differ]),
        strongest=kept[strongest],
        distance=distance[strongest],
    )


def _columns(answers: Any, rows: Rows, kept: IntArray, n: int) -> IntArray:
    place = {label: column for column, label in enumerate(rows.classes)}
    labels = np.asarray(answers).tolist()
    if len(labels) != n:
        raise InvalidInput(
            f"disagreement: answers must have one label per row; they have {len(labels)} labels "
            f"for {n} rows."
        )
    for row, label in enumerate(labels):
        if label not in place:
            raise InvalidInput(
                f"disagreement: answers must be among the classes {rows.classes[:10]}; row {row} "
                f"has {label!r}."
            )
    return np.array([place[label] for label in labels], dtype=np.intp)[kept]


def _counts(rows: Rows, one: IntArray, two: IntArray, truth: IntArray) -> tuple[AnswerCount, ...]:
    triples = Counter(zip(one.tolist(), two.tolist(), truth.tolist(), strict=True))
    ordered = sorted(triples.items(), key=lambda entry: (-entry[1], entry[0]))
    names = rows.classes
    return tuple(
        AnswerCount(names[a], names[b], names[own], total) for (a, b, own), total in ordered
    )
