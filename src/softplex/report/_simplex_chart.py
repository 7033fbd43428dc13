"""The triangle of three classes as one picture: paths, marks on them, and points."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from softplex._arrays import to_float_tensor, to_numpy
from softplex._tensors import check_probabilities
from softplex.exceptions import InvalidInput
from softplex.report._environment import page_environment
from softplex.report._label_places import Box, Label, cut_to_width, line_of_xml, place_label
from softplex.report._simplex_frame import (
    RISE,
    WIDTH,
    FrameText,
    Places,
    corner_texts,
    grid_lines,
    pixel,
    polygon,
    polyline,
    region_lines,
    tick_texts,
    to_pixels,
)

LABEL_SIZE, LEGEND_SIZE, HEADING_SIZE = 11.0, 12.0, 14.0
COLOURS = 4
DASHES = ("", "7 4", "2 4", "9 3 2 3")
CROWD = 300
MOST_LABELS = 60
SAME_PLACE = 8.0  # one label serves equal marks as near as this


@dataclass(frozen=True)
class SimplexPath:
    """A path over the simplex of three classes, as rows of probabilities in their order.

    Parameters
    ----------
    probabilities : array or tensor of shape (m, 3)
        For example of :func:`softplex.maps.softmax_trajectory`.
    name : str, default ""
        What the legend calls it; without a name it is not in the legend.
    marks : sequence of (row, text)
        Rows to mark with a dot and a label, for example ``(50, "T = 1")``.
    """

    probabilities: Any
    name: str = ""
    marks: Sequence[tuple[int, str]] = ()


@dataclass(frozen=True)
class _Arrow:
    x: str
    y: str
    angle: str


@dataclass(frozen=True)
class _DrawnPath:
    name: str
    colour: int
    dashes: str
    line: str
    arrows: tuple[_Arrow, ...]
    dots: tuple[tuple[str, str], ...]
    legend_y: str


@dataclass(frozen=True)
class _Chart:
    identifier: str
    title: str
    heading: str
    description: str
    width: str
    height: str
    edge: str
    grid: str
    regions: str
    ticks: tuple[FrameText, ...]
    corners: tuple[FrameText, ...]
    points: str
    is_crowded: bool
    paths: tuple[_DrawnPath, ...]
    labels: tuple[Label, ...]


def simplex_chart(
    paths: Iterable[Any],
    *,
    classes: Sequence[Any] | None = None,
    points: Any = None,
    labels: Sequence[Any] | None = None,
    title: str | None = None,
) -> str:
    """Draw paths and points on the triangle of three classes.

    Each corner stands for certainty in one class; the thin lines are where one probability is
    0.2, 0.4, 0.6 and 0.8, the dashed ones divide the three predictions. Arrows show in which
    order a path is walked.

    Parameters
    ----------
    paths : iterable of SimplexPath, or of arrays or tensors of shape (m, 3)
        May be empty.
    classes : sequence of 3 names, optional
        By default "class 0", "class 1" and "class 2": lower left, lower right, top.
    points : array or tensor of shape (n, 3), optional
        Rows of probabilities, each drawn as a dot.
    labels : sequence of n texts, optional
        What stands beside each point; an empty text leaves it bare. At most 60 are written, with
        the marks of the paths.
    title : str, optional
        The heading of the picture.

    Returns
    -------
    str
        An SVG document of its own, to be written as UTF-8 or put into a page. It follows the light
        or dark theme of the reader; every name is escaped.

    Raises
    ------
    InvalidInput
        When a path or the points have the wrong shape or leave the simplex, a mark names a row
        that is not there, or classes or labels have the wrong number.

    Examples
    --------
    >>> import numpy as np
    >>> from softplex.maps import softmax_trajectory
    >>> walk = softmax_trajectory(np.array([2.0, 1.0, 0.0]), temperatures=[10.0, 1.0, 0.1])
    >>> picture = simplex_chart([SimplexPath(walk, "colder", [(1, "T = 1")])])
    >>> picture.startswith("<svg"), picture.rstrip().endswith("</svg>")
    (True, True)
    """
    names = _class_names(classes)
    walked = [path if isinstance(path, SimplexPath) else SimplexPath(path) for path in paths]
    shares = [_shares(path.probabilities, f"path {index}") for index, path in enumerate(walked)]
    dots = _shares(points, "points") if points is not None else np.zeros((0, 3))
    texts = _point_texts(labels, len(dots))
    chart = _layout(walked, shares, names, dots, texts, title)
    return page_environment().get_template("simplex_chart.svg").render(chart=chart).lstrip()


def _layout(
    paths: Sequence[SimplexPath],
    shares: Sequence[Places],
    names: tuple[str, ...],
    dots: Places,
    texts: Sequence[str],
    title: str | None,
) -> _Chart:
    heading = line_of_xml(title, 200) if title else ""
    top = 62.0 if heading else 38.0
    lines = [to_pixels(rows, top) for rows in shares]
    spots = to_pixels(dots, top)
    marked = list(_marked(paths, lines))
    wanted = [(text, _pair(spot)) for text, spot in zip(texts, spots, strict=True) if text]
    wanted = [*[(text, _pair(line[row])) for line, row, text in marked], *wanted][:MOST_LABELS]
    named = sum(1 for path in paths if path.name)
    base = top + RISE
    height = base + 48.0 + (20.0 * named + 4.0 if named else 0.0)
    corners, ticks = tuple(corner_texts(names, top)), tuple(tick_texts(top))
    drawn = tuple(_drawn(paths, lines, base + 54.0))
    taken = [item.box for item in (*corners, *ticks)]
    canvas = Box(4.0, top - 30.0, WIDTH - 4.0, base + 44.0)
    description = _description(names, paths, shares, dots)
    return _Chart(
        identifier=_identifier(description, shares, dots, heading),
        title=heading,
        heading=cut_to_width(heading, HEADING_SIZE, WIDTH - 28.0),
        description=description,
        width=pixel(WIDTH),
        height=pixel(height),
        edge=polygon(np.eye(3), top) + "z",
        grid=grid_lines(top),
        regions=region_lines(top),
        ticks=ticks,
        corners=corners,
        points="".join(f"M{pixel(x)} {pixel(y)}h0" for x, y in spots),
        is_crowded=len(spots) > CROWD,
        paths=drawn,
        labels=tuple(_labels(wanted, taken, lines, spots, canvas)),
    )


def _class_names(classes: Sequence[Any] | None) -> tuple[str, ...]:
    given = tuple(f"class {index}" for index in range(3)) if classes is None else tuple(classes)
    if len(given) != 3:
        raise InvalidInput(f"simplex_chart needs the names of 3 classes, but got {len(given)}.")
    return tuple(line_of_xml(name, 60) for name in given)


def _shares(values: Any, name: str) -> Places:
    rows = to_float_tensor(values)
    if rows.ndim != 2 or rows.shape[1] != 3 or (not len(rows) and name != "points"):
        raise InvalidInput(
            f"simplex_chart needs probabilities of shape (m, 3) for {name}, but got shape "
            f"{tuple(rows.shape)}."
        )
    check_probabilities("simplex_chart", f"probabilities ({name})", rows, -1)
    exact: Places = to_numpy(rows.double())
    return exact


def _point_texts(labels: Sequence[Any] | None, total: int) -> list[str]:
    if labels is None:
        return [""] * total
    if len(labels) != total:
        raise InvalidInput(
            f"simplex_chart needs one label for each of the {total} points, but got {len(labels)}."
        )
    return [line_of_xml(label, 24) if str(label) else "" for label in labels]


def _marked(
    paths: Sequence[SimplexPath], lines: Sequence[Places]
) -> Iterator[tuple[Places, int, str]]:
    for index, (path, line) in enumerate(zip(paths, lines, strict=True)):
        for row, text in path.marks:
            if not -len(line) <= row < len(line):
                raise InvalidInput(
                    f"simplex_chart cannot mark row {row} of path {index}, which has {len(line)} "
                    "rows."
                )
            yield line, row, line_of_xml(text, 24)


def _labels(
    wanted: Sequence[tuple[str, tuple[float, float]]],
    taken: list[Box],
    lines: Sequence[Places],
    spots: Places,
    canvas: Box,
) -> Iterator[Label]:
    """Place one label after the other; the dots that bear labels are kept free."""
    covered = [*taken, *(Box(x - 4, y - 4, x + 4, y + 4) for _, (x, y) in wanted)]
    drawn = [_pair(place) for line in lines for place in _evenly(line)]
    drawn += [_pair(place) for place in spots[:CROWD]]
    written: list[tuple[str, tuple[float, float]]] = []
    for text, mark in wanted:
        if any(text == said and math.dist(mark, at) < SAME_PLACE for said, at in written):
            continue
        label = place_label(text, mark, LABEL_SIZE, covered, drawn, canvas)
        covered.append(label.box)
        written.append((text, mark))
        yield label


def _drawn(
    paths: Sequence[SimplexPath], lines: Sequence[Places], legend_top: float
) -> Iterator[_DrawnPath]:
    named = 0
    for index, (path, line) in enumerate(zip(paths, lines, strict=True)):
        marked = [line[row] for row, _ in path.marks] or ([line[0]] if _length(line) < 1.0 else [])
        yield _DrawnPath(
            name=cut_to_width(line_of_xml(path.name, 80), LEGEND_SIZE, WIDTH - 64.0)
            if path.name
            else "",
            colour=index % COLOURS,
            dashes=DASHES[index // COLOURS % len(DASHES)],
            line=polyline(line),
            arrows=tuple(_arrows(line)),
            dots=tuple((pixel(x), pixel(y)) for x, y in marked),
            legend_y=pixel(legend_top + 20.0 * named),
        )
        named += bool(path.name)


def _arrows(line: Places) -> Iterator[_Arrow]:
    """Arrow heads along the way: two on a long path, one on a short, none on a point."""
    total = _length(line)
    shares = (0.3, 0.72) if total > 130.0 else (0.5,) if total > 30.0 else ()
    for share in shares:
        (x, y), (ahead_x, ahead_y) = _along(line, share * total), _along(line, share * total + 4.0)
        angle = math.degrees(math.atan2(ahead_y - y, ahead_x - x))
        yield _Arrow(pixel(x), pixel(y), pixel(angle))


def _steps_along(line: Places) -> Places:
    steps = np.hypot(*np.diff(line, axis=0).T) if len(line) > 1 else np.zeros(0)
    return np.concatenate([[0.0], np.cumsum(steps)])


def _length(line: Places) -> float:
    return float(_steps_along(line)[-1])


def _along(line: Places, distance: float) -> tuple[float, float]:
    walked = _steps_along(line)
    return (
        float(np.interp(distance, walked, line[:, 0])),
        float(np.interp(distance, walked, line[:, 1])),
    )


def _evenly(line: Places) -> Places:
    """Points of a line about 4 pixels apart, however its rows are spread."""
    total = _length(line)
    return np.array([_along(line, at) for at in np.arange(0.0, total + 1e-9, 4.0)])


def _description(
    names: tuple[str, ...], paths: Sequence[SimplexPath], shares: Sequence[Places], dots: Places
) -> str:
    sentences = [
        f"A triangle whose corners stand for {names[0]} (lower left), {names[1]} (lower right) and "
        f"{names[2]} (top)."
    ]
    for index, (path, rows) in enumerate(zip(paths, shares, strict=True)):
        name = line_of_xml(path.name, 80) if path.name else f"Path {index}"
        sentences.append(f"{name}: from {_row(rows[0])} to {_row(rows[-1])}.")
        sentences += [f"At {line_of_xml(text, 24)}: {_row(rows[row])}." for row, text in path.marks]
    if len(dots):
        sentences.append(f"{len(dots):,} points.")
    return " ".join(sentences)


def _row(row: Places) -> str:
    return "(" + ", ".join(f"{value:.2f}" for value in row) + ")"


def _identifier(description: str, shares: Sequence[Places], dots: Places, heading: str) -> str:
    """Give a name that two different pictures in one page do not share."""
    digest = hashlib.sha256((heading + description).encode())
    for rows in (*shares, dots):
        digest.update(rows.tobytes())
    return f"simplex-{digest.hexdigest()[:12]}"


def _pair(place: Places) -> tuple[float, float]:
    return float(place[0]), float(place[1])
