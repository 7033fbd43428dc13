"""The path over C as one picture: held-out scores with their errors, both choices, the norm."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from softplex._text import percent
from softplex.estimators import RegularisationPath
from softplex.exceptions import InvalidInput
from softplex.report._environment import page_environment
from softplex.report._label_places import cut_to_width, line_of_xml, text_width
from softplex.report._path_axes import Axis, padded, padded_log
from softplex.report._simplex_frame import pixel, polyline

WIDTH, LEFT, RIGHT = 420.0, 50.0, 404.0
SCORE_HEIGHT, SMALL_HEIGHT, GAP = 190.0, 76.0, 34.0
CAP = 3.0
# The largest loss in units of the smallest, above which the axis is logarithmic.
_UNLIKE = 4.0
MARK_SIZE, HEADING_SIZE = 11.5, 14.0
_NAMES = {
    "log_loss": "Held-out log-loss in nats",
    "brier": "Held-out Brier score",
    "accuracy": "Held-out accuracy",
}
_BEST, _SIMPLEST = "best", "simplest"


@dataclass(frozen=True)
class Panel:
    """Values of one kind over C."""

    title: str
    title_y: str
    bottom: str
    ticks: tuple[tuple[str, str, str], ...]
    line: str
    dots: tuple[tuple[str, str, str], ...]
    bars: str = ""
    band: tuple[str, str] | None = None


@dataclass(frozen=True)
class Mark:
    """A value of C that a rule names."""

    kind: str
    text: str
    x: str
    line: str
    text_x: str
    text_y: str
    anchor: str
    dot_y: str


@dataclass(frozen=True)
class PathChart:
    """The picture in the units of its view box."""

    identifier: str
    title: str
    heading: str
    description: str
    width: str
    height: str
    left: str
    right: str
    bottom: str
    panels: tuple[Panel, ...]
    marks: tuple[Mark, ...]
    x_ticks: tuple[tuple[str, str], ...]
    x_ticks_y: str
    x_title_y: str
    note: str
    note_y: str


def path_chart(path: RegularisationPath, *, title: str | None = None) -> str:
    """Draw a path over C: held-out scores, what the two rules choose, and the coefficients' norm.

    Each dot is the mean over the folds, its bar one standard error to either side. The shaded band
    reaches one standard error from the best mean; the strongest penalty whose mean lies in it is
    the choice of the one-standard-error rule. Below stand the mean Euclidean norm of the
    coefficients, and how many are not zero where a penalty has made some of them zero.

    Parameters
    ----------
    path : RegularisationPath
        ``path_`` of a fitted :class:`softplex.SoftmaxClassifierCV`.
    title : str, optional
        The heading of the picture.

    Returns
    -------
    str
        An SVG document of its own, to be written as UTF-8 or put into a page. It follows the light
        or dark theme of the reader.

    Raises
    ------
    InvalidInput
        When it is given something else, such as the classifier itself.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from softplex import SoftmaxClassifierCV
    >>> X, y = load_iris(return_X_y=True)
    >>> model = SoftmaxClassifierCV(Cs=[0.01, 1.0, 100.0], cv=3).fit(X, y)
    >>> picture = path_chart(model.path_)
    >>> picture.startswith("<svg"), picture.rstrip().endswith("</svg>")
    (True, True)
    """
    if not isinstance(path, RegularisationPath):
        raise InvalidInput(
            "path_chart needs the path_ of a fitted SoftmaxClassifierCV, but got "
            f"{type(path).__name__}."
        )
    chart = path_layout(path, title)
    return page_environment().get_template("path_chart.svg").render(chart=chart).lstrip()


def path_layout(path: RegularisationPath, title: str | None = None) -> PathChart:
    """Put the panels under each other; values of C that were not reached are left out."""
    heading = line_of_xml(title, 200) if title else ""
    reached = path.is_reached
    Cs = path.Cs[reached]
    x = Axis(*padded_log(Cs, 0.04), LEFT, RIGHT, is_log=True)
    top = 92.0 if heading else 64.0
    score = _score_axis(path, top)
    panels = [_score_panel(path, x, score, top)]
    bottom = top + SCORE_HEIGHT
    spans = [(top, bottom)]
    for name, values in _below(path):
        panels.append(_small_panel(name, values[reached], Cs, x, bottom + GAP))
        spans.append((bottom + GAP, bottom + GAP + SMALL_HEIGHT))
        bottom = spans[-1][1]
    left_out = int((~reached).sum())
    description = _description(path)
    return PathChart(
        identifier=_identifier(path, heading),
        title=heading,
        heading=cut_to_width(heading, HEADING_SIZE, WIDTH - 28.0),
        description=description,
        width=pixel(WIDTH),
        height=pixel(bottom + (64.0 if left_out else 46.0)),
        left=pixel(LEFT),
        right=pixel(RIGHT),
        bottom=pixel(bottom),
        panels=tuple(panels),
        marks=tuple(_marks(path, x, score, spans)),
        x_ticks=tuple((pixel(place), text) for place, text in x.ticks(8)),
        x_ticks_y=pixel(bottom + 16.0),
        x_title_y=pixel(bottom + 35.0),
        note=f"The walk ended before {left_out} larger value{'s' * (left_out > 1)} of C."
        if left_out
        else "",
        note_y=pixel(bottom + 55.0),
    )


def _score_axis(path: RegularisationPath, top: float) -> Axis:
    """A straight axis, or a logarithmic one for losses so unlike that it would hide the best."""
    mean, errors = path.mean[path.is_reached], path.standard_error[path.is_reached]
    ends = np.concatenate([mean - np.nan_to_num(errors), mean + np.nan_to_num(errors)])
    is_log = not path.greater_is_better and 0.0 < _UNLIKE * ends.min() < ends.max()
    low, high = padded_log(ends, 0.06) if is_log else padded(ends, 0.06)
    return Axis(low, high, top + SCORE_HEIGHT, top, is_log=is_log)


def _score_panel(path: RegularisationPath, x: Axis, y: Axis, top: float) -> Panel:
    reached = path.is_reached
    Cs, mean, errors = path.Cs[reached], path.mean[reached], path.standard_error[reached]
    has_errors = bool(np.isfinite(errors).all())
    places = np.array([[x(C), y(value)] for C, value in zip(Cs, mean, strict=True)])
    texts = [
        f"C = {C:.3g}: {_written(path, value)}" + (f" ± {error:.2g}" if has_errors else "")
        for C, value, error in zip(Cs, mean, errors, strict=True)
    ]
    bars = [
        _bar(place, y(value - error), y(value + error))
        for place, value, error in zip(places[:, 0], mean, errors, strict=True)
        if has_errors
    ]
    best = path.best_index
    edges = sorted(
        [y(mean[best]), y(mean[best] + errors[best] * (-1 if path.greater_is_better else 1))]
    )
    return Panel(
        title=_score_name(path),
        title_y=pixel(top - 42.0),
        bottom=pixel(top + SCORE_HEIGHT),
        ticks=tuple((pixel(at), pixel(at + 3.5), text) for at, text in y.ticks(6)),
        line=polyline(places),
        dots=_dots(places, texts),
        bars="".join(bars),
        band=(pixel(edges[0]), pixel(max(edges[1] - edges[0], 1.0))) if has_errors else None,
    )


def _score_name(path: RegularisationPath) -> str:
    name = _NAMES.get(path.scoring, f"Held-out {line_of_xml(path.scoring, 40)} (more is better)")
    folds = int((path.fold_weights > 0).sum())
    return f"{name}, {folds} folds" if folds > 1 else f"{name}, one fold"


def _bar(x: float, low: float, high: float) -> str:
    left = pixel(x - CAP)
    cap = f"h{pixel(2 * CAP)}"
    return (
        f"M{pixel(x)} {pixel(low)}V{pixel(high)}M{left} {pixel(low)}{cap}M{left} {pixel(high)}{cap}"
    )


def _dots(places: NDArray[np.float64], texts: list[str]) -> tuple[tuple[str, str, str], ...]:
    return tuple((pixel(x), pixel(y), text) for (x, y), text in zip(places, texts, strict=True))


def _below(path: RegularisationPath) -> Iterator[tuple[str, NDArray[np.float64]]]:
    yield "Norm of the coefficients", path.coefficient_norms.mean(axis=1)
    counts = path.n_nonzeros.mean(axis=1)
    if len(np.unique(counts[path.is_reached])) > 1:
        yield "Coefficients that are not zero", counts


def _small_panel(
    name: str, values: NDArray[np.float64], Cs: NDArray[np.float64], x: Axis, top: float
) -> Panel:
    positive = bool((values > 0).all())
    ends = padded_log(values, 0.08) if positive else padded(values, 0.08)
    y = Axis(*ends, top + SMALL_HEIGHT, top, is_log=positive)
    places = np.array([[x(C), y(value)] for C, value in zip(Cs, values, strict=True)])
    texts = [f"C = {C:.3g}: {value:.3g}" for C, value in zip(Cs, values, strict=True)]
    return Panel(
        title=name,
        title_y=pixel(top - 9.0),
        bottom=pixel(top + SMALL_HEIGHT),
        ticks=tuple((pixel(at), pixel(at + 3.5), text) for at, text in y.ticks(4)),
        line=polyline(places),
        dots=_dots(places, texts),
    )


def _marks(
    path: RegularisationPath, x: Axis, y: Axis, spans: list[tuple[float, float]]
) -> Iterator[Mark]:
    """Lines at what the rules choose, named in two lines of text above the scores."""
    best, simplest = path.best_index, path.one_standard_error_index
    if best == simplest:
        rules = [(best, _BEST, "best, and within one standard error")]
    else:
        rules = [(best, _BEST, "best"), (simplest, _SIMPLEST, "within one standard error")]
    for line, (index, kind, name) in enumerate(rules):
        C = float(path.Cs[index])
        chosen = " (chosen)" if len(rules) > 1 and index == path.chosen_index else ""
        text = f"{name}: C = {C:.3g}{chosen}"
        width, at = text_width(text, MARK_SIZE), x(C)
        starts = at + width <= RIGHT
        yield Mark(
            kind=kind,
            text=text,
            x=pixel(at),
            line="".join(f"M{pixel(at)} {pixel(low)}V{pixel(high)}" for low, high in spans),
            text_x=pixel(at - 3.0 if starts else max(min(at + 3.0, RIGHT), LEFT + width)),
            text_y=pixel(spans[0][0] - (8.0 if line else 23.0)),
            anchor="start" if starts else "end",
            dot_y=pixel(y(float(path.mean[index]))),
        )


def _written(path: RegularisationPath, value: float) -> str:
    return percent(value) if path.scoring == "accuracy" else f"{value:.4g}"


def _description(path: RegularisationPath) -> str:
    best, simplest, errors = path.best_index, path.one_standard_error_index, path.standard_error
    reached = path.Cs[path.is_reached]
    spread = f" plus or minus {errors[best]:.2g}" if np.isfinite(errors[best]) else ""
    chosen = "the best" if path.rule == "best" else "the one-standard-error"
    return (
        f"{_score_name(path)}, against C from {reached[0]:.3g} to {reached[-1]:.3g}. The best is "
        f"{_written(path, path.mean[best])}{spread} at C = {path.Cs[best]:.3g}; the strongest "
        f"penalty within one standard error of it has C = {path.Cs[simplest]:.3g}, with "
        f"{_written(path, path.mean[simplest])}. The rule that chose was {chosen} rule."
    )


def _identifier(path: RegularisationPath, heading: str) -> str:
    """Give a name that two different pictures in one page do not share."""
    digest = hashlib.sha256((heading + path.scoring + path.rule).encode())
    for values in (path.Cs, path.fold_scores, path.coefficient_norms):
        digest.update(np.ascontiguousarray(values).tobytes())
    return f"path-{digest.hexdigest()[:12]}"
