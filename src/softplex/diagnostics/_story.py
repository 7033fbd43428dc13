"""The steps of a row in sentences: the same for the terminal and for the page."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from softplex._text import count, isolated, listed, percent
from softplex.diagnostics._ledger import brief, class_name
from softplex.diagnostics._steps import Steps, Surprise

# Above the first number exp(z) overflows, below the second it is 0.
_LIMITS = (
    ("float16", 11.09, -17.33),
    ("bfloat16", 88.72, -92.88),
    ("float32", 88.72, -103.97),
    ("float64", 709.78, -745.13),
)


@dataclass(frozen=True)
class Chapter:
    """One step: a title, a formula, and sentences."""

    key: str
    title: str
    formula: str
    sentences: tuple[str, ...]


def story(steps: Steps) -> tuple[Chapter, ...]:
    """Tell all steps that this row has, in their order."""
    chapters = [_features(steps)] if steps.terms else []
    chapters.append(_scores(steps))
    if steps.temperature is not None:
        chapters.append(_temperature(steps.temperature))
    chapters += [_shift(steps), _exponentials(steps), _probabilities(steps), _entropy(steps)]
    if steps.surprise is not None:
        chapters += _of_label(steps, steps.surprise)
    return tuple(chapters)


def headline(steps: Steps) -> tuple[str, str]:
    """Give the outcome in a sentence, and its tone: good, bad, or plain where no label is known."""
    said = f"It says {_name(steps, steps.predicted)} with {percent(steps.confidence)} confidence"
    if steps.surprise is None:
        return f"{said}.", "plain"
    if steps.surprise.target == steps.predicted:
        return f"{said}, and that is right.", "good"
    target = steps.surprise.target
    return (
        f"{said}, but the label is {_name(steps, target)}, which got "
        f"{percent(float(steps.probabilities[target]))}.",
        "bad",
    )


def scaled_symbol(steps: Steps) -> str:
    """Name what softmax takes: s after a temperature, else the scores z themselves."""
    return "z" if steps.temperature is None else "s"


def _name(steps: Steps, index: int) -> str:
    return f"'{isolated(class_name(steps, index))}'"


def _features(steps: Steps) -> Chapter:
    sentences = [
        f"A linear classifier multiplies each of the {count(steps.n_features or 0)} features by a "
        "weight of its own for each class, and adds the intercept of the class."
    ]
    if steps.is_encoded:
        sentences.append(
            "The features are the columns as the model encodes them: numbers standardised, each "
            "category a feature of its own."
        )
    if steps.shares_one_score:
        sentences.append(
            "Two classes need only one score: that of the second against the first. A positive "
            f"term speaks for {_name(steps, 1)}, a negative one for {_name(steps, 0)}."
        )
    elif len(steps.terms) == 2:
        sentences.append(
            f"Taken apart here: the score of {_name(steps, steps.terms[0].index)}, the prediction, "
            f"and that of {_name(steps, steps.terms[1].index)}, {_role(steps)}."
        )
    return Chapter("features", "Features to scores", "z_k = b_k + sum_j w_kj x_j", tuple(sentences))


def _role(steps: Steps) -> str:
    labelled = steps.surprise is not None and steps.terms[1].index == steps.surprise.target
    return "the label" if labelled else "the runner-up"


def _scores(steps: Steps) -> Chapter:
    best = steps.predicted
    sentences = [
        f"The highest score is {brief(float(steps.scores[best]))}, of {_name(steps, best)}."
    ]
    if steps.runner_up is not None:
        second = float(steps.scores[steps.runner_up])
        sentences[0] = (
            f"The highest score is {brief(float(steps.scores[best]))}, of {_name(steps, best)}; "
            f"then comes {_name(steps, steps.runner_up)} with {brief(second)}."
        )
    sentences.append(
        "A score has no unit and no zero of its own: only differences between scores count."
    )
    if steps.shares_one_score:
        sentences.append(
            f"The two classes share one score column, so the score of {_name(steps, 0)} is 0 by "
            f"definition and that of {_name(steps, 1)} is the column's."
        )
    absent = np.flatnonzero(np.isneginf(steps.scores))
    if absent.size:
        names = listed([_name(steps, int(index)) for index in absent])
        verb = "is" if absent.size == 1 else "are"
        sentences.append(
            f"{names} {verb} at -inf: absent, with probability 0, and not touched by learning."
        )
    return Chapter("scores", "Scores", "z", tuple(sentences))


def _temperature(temperature: float) -> Chapter:
    if math.isinf(temperature):
        effect = (
            "An infinite temperature makes all scores 0: on the calibration rows the scores said "
            "nothing about the labels."
        )
    elif temperature == 1.0:
        effect = "A temperature of 1 leaves them as they are."
    else:
        direction = (
            "Above 1 it flattens the probabilities: on the calibration rows the classifier had "
            "been too sure."
            if temperature > 1.0
            else "Below 1 it sharpens the probabilities: on the calibration rows the classifier "
            "had not been sure enough."
        )
        effect = f"{direction} The order of the classes stays."
    sentence = f"Every score is divided by T = {temperature:.4g}. {effect}"
    return Chapter("temperature", "Temperature", "s = z / T", (sentence,))


def _shift(steps: Steps) -> Chapter:
    symbol = scaled_symbol(steps)
    top = brief(steps.shift)
    sentences = [
        f"The maximum, {top}, is taken from every score. That changes no probability: it divides "
        f"numerator and denominator alike by exp({top})."
    ]
    overflowing = [name for name, high, _ in _LIMITS if steps.shift > high]
    vanishing = [name for name, _, low in _LIMITS if steps.shift < low]
    if overflowing:
        sentences.append(
            f"Without it exp({top}) would overflow in {listed(overflowing)}, and infinity over "
            "infinity is NaN."
        )
    elif vanishing:
        sentences.append(
            f"Without it every exponential would be 0 in {listed(vanishing)}, and 0 / 0 is NaN."
        )
    else:
        sentences.append(
            "Now the largest exponential is exp(0) = 1, so none can overflow. These scores would "
            "pass without it; larger ones would not."
        )
    return Chapter("shift", "Less their maximum", f"{symbol}_k - max {symbol}", tuple(sentences))


def _exponentials(steps: Steps) -> Chapter:
    symbol = scaled_symbol(steps)
    smooth = steps.shift + math.log(steps.total)
    sentences = (
        "The exponential makes every number positive and turns differences into ratios: one unit "
        f"of score is a factor of 2.718. The sum is {brief(steps.total)}.",
        f"Its logarithm plus the maximum is the log-sum-exp, {brief(smooth)}: a smooth maximum of "
        "the scores.",
    )
    formula = f"e_k = exp({symbol}_k - max {symbol}),  S = sum_k e_k"
    return Chapter("exponentials", "Exponentials and their sum", formula, sentences)


def _probabilities(steps: Steps) -> Chapter:
    sentences = [
        "Each exponential over the sum; the probabilities add up to 1.",
        f"The prediction is the largest, {_name(steps, steps.predicted)}, and its probability, "
        f"{percent(steps.confidence)}, is the confidence.",
    ]
    if steps.runner_up is not None:
        second = float(steps.probabilities[steps.runner_up])
        sentences.append(
            f"The runner-up, {_name(steps, steps.runner_up)}, has {percent(second)}. The odds "
            f"between the two are {_odds(steps.odds)}, which is exp of the difference of their "
            f"scores, {brief(float(-steps.shifted[steps.runner_up]))}."
        )
    return Chapter("probabilities", "Probabilities", "p_k = e_k / S", tuple(sentences))


def _odds(odds: float) -> str:
    if odds == 1.0:
        return "1 to 1, a tie"
    return f"{brief(odds)} to 1" if math.isfinite(odds) else "beyond what float64 can hold"


def _entropy(steps: Steps) -> Chapter:
    present = int(np.isfinite(steps.scores).sum())
    most = math.log2(present) if present > 1 else 0.0
    bits = steps.entropy / math.log(2.0)
    sentence = (
        f"Before the label is known the uncertainty is {brief(steps.entropy)} nats, or "
        f"{brief(bits)} bits of at most {brief(most)} (log2 of {count(present)} classes): as "
        f"much as among {math.exp(steps.entropy):.2f} equally likely classes."
    )
    return Chapter("entropy", "Entropy", "H = -sum_k p_k log p_k", (sentence,))


def _of_label(steps: Steps, surprise: Surprise) -> list[Chapter]:
    name = _name(steps, surprise.target)
    if surprise.gradient is None:
        sentence = (
            f"The label {name} is an absent class: it got probability 0, so the loss is infinite "
            "and has no gradient that could mend it. Give the class a finite score, or leave the "
            "row out."
        )
        return [Chapter("surprise", "Surprise: the loss", "l = -log p_y", (sentence,))]
    return [
        _surprise(steps, surprise, name),
        _gradient(steps, surprise, surprise.gradient),
        _hinge(steps, surprise, name),
    ]


def _surprise(steps: Steps, surprise: Surprise, name: str) -> Chapter:
    present = int(np.isfinite(steps.scores).sum())
    uniform = math.log2(present) if present > 1 else 0.0
    word = math.ceil(surprise.bits - 1e-12)
    sentences = (
        f"The label is {name}, which had probability "
        f"{percent(float(steps.probabilities[surprise.target]))}. The cross-entropy is "
        f"{brief(surprise.nats)} nats, or {brief(surprise.bits)} bits.",
        "That many bits tell this label to someone who knows the probabilities, in an ideal code; "
        f"a code word of its own has {word} {'bit' if word == 1 else 'bits'}. Without the "
        f"classifier it takes {brief(uniform)} bits.",
    )
    return Chapter("surprise", "Surprise: the loss", "l = -log p_y", sentences)


def _gradient(steps: Steps, surprise: Surprise, gradient: np.ndarray) -> Chapter:
    symbol = scaled_symbol(steps)
    pulled = np.where(np.arange(len(gradient)) == surprise.target, -math.inf, gradient)
    length = float(np.linalg.norm(gradient))
    sentences = [
        "The gradient of the loss in each score is its probability, less 1 for the label. The "
        f"entries sum to 0; the length is {brief(length)}."
    ]
    if len(gradient) > 1:
        most = int(pulled.argmax())
        sentences.append(
            f"A step against it raises the score of {_name(steps, surprise.target)} (by "
            f"{brief(-float(gradient[surprise.target]))} a unit of step) and lowers the others, "
            f"most of all {_name(steps, most)} (by {brief(float(gradient[most]))})."
        )
    if length < 1e-3:
        sentences.append("It has all but vanished: this row has little left to teach.")
    return Chapter("gradient", "Gradient", f"dl / d{symbol}_k = p_k - [k = y]", tuple(sentences))


def _hinge(steps: Steps, surprise: Surprise, name: str) -> Chapter:
    before = "" if steps.temperature is None else " (before the temperature)"
    if len(steps.classes) < 2:
        return Chapter("hinge", "What hinge would say", "", ("There is no other class.",))
    behind = "ahead of" if surprise.margin >= 0 else "behind"
    if surprise.crammer_singer == 0:
        verdict = (
            "That is at least the margin of 1, so both hinge losses are 0: they would learn "
            "nothing from this row, where cross-entropy still pulls a little."
        )
    else:
        verdict = (
            "That is short of the margin of 1. Weston-Watkins adds up what every class lacks: "
            f"{brief(surprise.weston_watkins)}. Crammer-Singer counts the worst alone: "
            f"{brief(surprise.crammer_singer)}."
        )
    sentence = (
        f"The score{before} of {name} is {brief(abs(surprise.margin))} {behind} the best of the "
        f"others. {verdict}"
    )
    formula = "sum, or maximum, over k other than y of max(0, 1 + z_k - z_y)"
    return Chapter("hinge", "What hinge would say", formula, (sentence,))
