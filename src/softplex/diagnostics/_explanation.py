"""`explain`: one row, step by step, from its features to its loss."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from softplex._checks import check_number, did_you_mean
from softplex.diagnostics._explain_page import page
from softplex.diagnostics._explain_text import text
from softplex.diagnostics._row import RowScores, given_scores, model_scores
from softplex.diagnostics._steps import Steps, walk
from softplex.diagnostics._values import plain
from softplex.exceptions import InvalidInput


@dataclass(frozen=True, eq=False, repr=False)
class Explanation(Steps):
    """One row with every number on its way; to read, to show, or to compute on.

    Attributes
    ----------
    classes : tuple of k labels
    scores : array (k,)
        Before any temperature.
    shares_one_score : bool
        Whether two classes share one score column, so that the first has score 0.
    temperature : float or None
    scaled : array (k,)
        Scores over the temperature: what softmax takes.
    shift, shifted, exponentials, total
        The highest of them, what is left when it is subtracted, exp of that, and their sum.
    probabilities : array (k,)
    entropy : float
        In nats.
    predicted, runner_up : int, int or None
        Columns of the two most probable classes.
    confidence, odds : float
        The highest probability, and that over the runner-up's.
    surprise : Surprise or None
        Loss, gradient and hinge, where the label is known.
    terms : tuple of ScoreTerms
        What the features add to the scores of a linear classifier.
    n_features : int or None
    is_encoded : bool
        Whether the features are a model's encoding of a table row.
    """

    def __repr__(self) -> str:
        label = self.classes[self.predicted]
        return f"Explanation(predicted={label!r}, confidence={self.confidence:.4g})"

    def __str__(self) -> str:
        return self.to_text()

    def to_text(self) -> str:
        """Give the steps as text, with a sentence for each."""
        return text(self)

    def to_html(self) -> str:
        """Give the steps as a self-contained page, to be written as UTF-8."""
        return page(self)

    def to_dict(self) -> dict[str, Any]:
        """Give the numbers for JSON; what is not finite becomes None."""
        return {**plain(self), "confidence": self.confidence, "odds": plain(self.odds)}


def explain(
    model: Any = None,
    x: Any = None,
    target: Any = None,
    *,
    scores: Any = None,
    classes: Sequence[Any] | None = None,
    top_classes: int = 10,
    top_features: int = 5,
) -> Explanation:
    r"""Walk one row through a classifier: features, scores, probabilities, loss, gradient.

    Either a fitted classifier and one row, ``explain(model, x, target)``, or scores from anywhere,
    ``explain(scores=..., target=..., classes=...)``. The steps: scores z = W x + b, over the
    temperature if there is one, less their maximum; exponentials over their sum,

    .. math:: p_j = \exp(z_j - \max z) / \sum_i \exp(z_i - \max z);

    the entropy; and for a known label y the loss :math:`-\log p_y` in nats and bits, its gradient
    p - q, and what the hinge losses would have said.

    Parameters
    ----------
    model : fitted classifier, optional
        ``SoftmaxClassifier``, ``SoftmaxClassifierCV``, ``CalibratedClassifier``, a
        ``TableClassifier``, or any classifier with ``decision_function`` or ``predict_proba``.
    x : one row
        Features ``(d,)`` or ``(1, d)``; for a model of tables a table of one row, or a mapping
        from column to cell.
    target : label, optional
        One of the classes. Without it the walk ends at the probabilities.
    scores : array (k,), optional
        Raw scores instead of a model; ``-inf`` is an absent class. One number is the score of the
        second of two classes, the first being 0.
    classes : sequence of k labels, optional
        Names of the scores, 0 to k - 1 by default.
    top_classes : int, default 10
        Classes shown one by one; the label always is, and the rest are summed.
    top_features : int, default 5
        Terms shown one by one for each score that is taken apart.

    Returns
    -------
    Explanation

    Raises
    ------
    InvalidInput
        For neither or both ways in, more than one row, a wrong number of features, NaN, no class
        above -inf, and a label that is not among the classes (with the nearest one).

    Examples
    --------
    >>> explanation = explain(scores=[2.0, 1.0, -1.0], target="bee", classes=["ant", "bee", "cat"])
    >>> explanation
    Explanation(predicted='ant', confidence=0.7054)
    >>> round(explanation.surprise.bits, 3)
    1.946
    """
    check_number("top_classes", top_classes, low=1, integer=True)
    check_number("top_features", top_features, low=0, integer=True)
    row = _scored(model, x, scores, classes)
    _check_scores(row)
    place = None if target is None else _place_of(target, row.classes)
    steps = walk(row, place, top_classes, top_features)
    return Explanation(**{field.name: getattr(steps, field.name) for field in fields(steps)})


def _scored(model: Any, x: Any, scores: Any, classes: Sequence[Any] | None) -> RowScores:
    if (model is None) == (scores is None):
        came = "both" if model is not None else "neither"
        raise InvalidInput(
            f"explain needs a model with one row, or scores, but got {came}. Write "
            "explain(model, x, target), or explain(scores=..., target=..., classes=...)."
        )
    if model is None:
        if x is not None:
            raise InvalidInput("explain got a row x without a model to put it through.")
        return given_scores(scores, classes)
    if x is None:
        raise InvalidInput("explain needs the row to explain: explain(model, x).")
    if classes is not None:
        raise InvalidInput(
            "explain takes classes= with scores only: a model knows its classes (classes_)."
        )
    return model_scores(model, x)


def _check_scores(row: RowScores) -> None:
    bad = np.flatnonzero(np.isnan(row.scores) | (row.scores == np.inf))
    if bad.size:
        place = int(bad[0])
        shown = "NaN" if np.isnan(row.scores[place]) else "+inf"
        raise InvalidInput(
            "explain needs scores that are finite, or -inf for an absent class, but the class "
            f"{row.classes[place]!r} has {shown}."
        )
    if not np.isfinite(row.scores).any():
        raise InvalidInput("explain needs a class that is present, but every score is -inf.")


def _place_of(target: Any, classes: tuple[Any, ...]) -> int:
    label = target.item() if isinstance(target, np.generic) else target
    if np.ndim(label) != 0:
        raise InvalidInput(f"explain needs one target for one row, but got {label!r}.")
    for place, known in enumerate(classes):
        if known == label:
            return place
    shown = ", ".join(repr(known) for known in classes[:5]) + (", ..." if len(classes) > 5 else "")
    raise InvalidInput(
        f"explain got the target {label!r}, which is not among the classes ({shown})."
        f"{did_you_mean(label, classes)}"
    )
