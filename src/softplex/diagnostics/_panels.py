"""The four panels of a diagnosis: numbers laid out, nothing computed."""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np

from softplex._text import number, percent, power_of_ten, rows, whole_percent
from softplex.diagnostics._judgement import LOSS_NAMES
from softplex.diagnostics._marks import (
    BOTTOM,
    HALVES,
    LEFT,
    RIGHT,
    TOP,
    WIDTH,
    X_SHARE,
    Y_SHARE,
    Bar,
    Dot,
    Line,
    Panel,
    Scale,
    Words,
    axis_x,
    share_axis_x,
    share_axis_y,
)
from softplex.diagnostics._measurements import Measurements
from softplex.diagnostics._precision import Precision
from softplex.diagnostics._values import FloatArray
from softplex.evaluation import ReliabilityCurve

_LENGTH = Scale(-8.0, math.log10(2.0), LEFT, RIGHT)
_FEWEST = -9  # errors of 1e-9 and less stand at the left edge
_ERROR = Scale(_FEWEST, 0.0, 116.0, 300.0)
_BORNE = Scale(0.0, 1.0, 58.0, 286.0)
_KEY_STEP = 96.0
_KINDS = {"cross_entropy": "first", "brier": "second"}


def panels(measured: Measurements) -> tuple[Panel, ...]:
    """Lay out all four panels."""
    return (
        saturation_panel(measured),
        confidence_panel(measured),
        outlier_panel(measured),
        precision_panel(measured),
    )


def saturation_panel(measured: Measurements) -> Panel:
    """Share of rows whose gradient is shorter than a length, over all lengths."""
    saturation = measured.saturation
    rules, words = share_axis_y("rows with a shorter gradient")
    lines, texts = [], []
    for one in saturation.losses:
        name, kind = LOSS_NAMES[one.loss], _KINDS[one.loss]
        for group, curve, share in (
            ("right", one.curve_right, one.share_right[0]),
            ("wrong", one.curve_wrong, one.share_wrong[0]),
        ):
            if not np.isfinite(curve).all():
                continue
            text = (
                f"{name}, {group} rows: {percent(float(share))} below {saturation.thresholds[0]:g}"
            )
            lines.append(Line(_curve(saturation.lengths, curve), f"curve {kind} {group}", text))
            texts.append(text)
    first = math.log10(float(saturation.thresholds[0]))
    mark = _LENGTH(min(max(first, _LENGTH.low), _LENGTH.high))
    threshold = Line(f"M{mark:.1f} {TOP}V{BOTTOM}", "ideal")
    ticks = [
        Words(_LENGTH(power), BOTTOM + 17, power_of_ten(power), anchor="middle")
        for power in range(-8, 1, 2)
    ]
    return Panel(
        "Which rows still teach?",
        "Solid: wrong rows. Dotted: right rows.",
        ". ".join(texts) + ".",
        lines=(*rules, threshold, *lines),
        words=(
            *words,
            *ticks,
            axis_x("length of the score gradient"),
            *_keys(LOSS_NAMES[one.loss] for one in saturation.losses),
        ),
        bars=_key_bars(len(saturation.losses)),
    )


def _keys(names: Iterable[str]) -> tuple[Words, ...]:
    """Name the colours, in the upper left corner of a panel."""
    return tuple(
        Words(LEFT + 24, TOP + 17 + 17 * index, name, "key") for index, name in enumerate(names)
    )


def _key_bars(count: int) -> tuple[Bar, ...]:
    kinds = ("first", "second", "third")
    return tuple(
        Bar(LEFT + 8, TOP + 11 + 17 * index, 11, 4, kinds[index]) for index in range(count)
    )


def _curve(lengths: FloatArray, shares: FloatArray) -> str:
    points = [
        f"{_LENGTH(math.log10(length)):.1f} {Y_SHARE(share):.1f}"
        for length, share in zip(lengths.tolist(), shares.tolist(), strict=True)
    ]
    return "M" + " ".join(points)


def confidence_panel(measured: Measurements) -> Panel:
    """Confidence against accuracy in bins, as it is and after the temperature."""
    figures = measured.over_confidence
    rules, words = share_axis_y("how often it was right")
    diagonal = Line(f"M{X_SHARE(0)} {Y_SHARE(0)} {X_SHARE(1)} {Y_SHARE(1)}", "ideal")
    temperature = (
        f"T = {figures.temperature:.3g}" if math.isfinite(figures.temperature) else "T = ∞"
    )
    bars = tuple(
        Bar(RIGHT - 118, BOTTOM - 40 + 18 * index, 9, 9, kind)
        for index, kind in enumerate(("key-full", "key-hollow"))
    )
    names = (
        f"as it is, ECE {percent(figures.ece)}",
        f"{temperature}, ECE {percent(figures.ece_after)}",
    )
    keys = tuple(
        Words(RIGHT - 103, BOTTOM - 32 + 18 * index, name, "key")
        for index, name in enumerate(names)
    )
    return Panel(
        "Is it as sure as it is right?",
        f"Confidence {percent(figures.confidence)}, accuracy {percent(figures.accuracy)}.",
        f"Confidence against accuracy; {names[0]}; {names[1]}.",
        lines=(*rules, diagonal),
        dots=(
            *_dots(figures.reliability_after, "hollow"),
            *_dots(figures.reliability, "full"),
        ),
        bars=bars,
        words=(*words, *share_axis_x("confidence: what it said"), *keys),
    )


def _dots(curve: ReliabilityCurve, kind: str) -> tuple[Dot, ...]:
    filled = np.flatnonzero(curve.count > 0)
    largest = float(curve.count.max())
    return tuple(
        Dot(
            X_SHARE(float(curve.confidence[index])),
            Y_SHARE(float(curve.accuracy[index])),
            2.5 + 4.5 * math.sqrt(float(curve.count[index]) / largest),
            kind,
            f"said {whole_percent(float(curve.confidence[index]))}, right "
            f"{whole_percent(float(curve.accuracy[index]))} of {rows(float(curve.count[index]))}",
        )
        for index in filled
    )


def outlier_panel(measured: Measurements) -> Panel:
    """What the worst rows bear of the loss and of the gradient, loss by loss."""
    outliers = measured.outliers
    order = np.argsort(-outliers.shares, kind="stable").tolist()
    names = [f"worst {100 * share:g}%" for share in outliers.shares]
    bars, words, texts = [], [], []
    for group, one in enumerate(outliers.losses):
        top = TOP + 71 * group
        words.append(Words(0, top + 9, LOSS_NAMES[one.loss], "key"))
        pairs = (("loss", one.loss_share), ("gradient", one.gradient_share))
        for line, (kind, shares) in enumerate(pairs):
            y = top + 16 + 22 * line
            words.append(Words(_BORNE.start - 8, y + 12, kind, anchor="end"))
            if not np.isfinite(shares).all():
                continue
            for depth, index in enumerate(order):
                borne = f"{names[index]} of rows: {percent(float(shares[index]))} of the {kind}"
                texts.append(f"{LOSS_NAMES[one.loss]}, {borne}")
                length = _BORNE(float(shares[index])) - _BORNE(0)
                bars.append(Bar(_BORNE(0), y, length, 16, _depth(depth, order), borne))
            ends = ", ".join(whole_percent(float(shares[index])) for index in order[::-1])
            words.append(Words(WIDTH, y + 12, ends, anchor="end"))
    return Panel(
        "How much do the worst rows weigh?",
        "Their share of the total loss and of all gradient norms.",
        ". ".join(texts) + ".",
        lines=tuple(Line(f"M{_BORNE(share):.1f} {TOP + 14}V{BOTTOM}", "grid") for share in HALVES),
        bars=(*bars, *(_key_bar(place, order) for place in range(len(order)))),
        words=(
            *words,
            *(
                Words(_BORNE(share), BOTTOM + 17, f"{share:.0%}", anchor="middle")
                for share in HALVES
            ),
            *(
                Words(_KEY_STEP * place + 16, TOP - 12, names[index], "key")
                for place, index in enumerate(order[::-1])
            ),
            Words((_BORNE.start + _BORNE.end) / 2, BOTTOM + 37, "borne by them", "axis", "middle"),
        ),
    )


def _depth(place: int, order: list[int]) -> str:
    """Colour the smallest share, drawn last, the strongest."""
    return f"depth-{min(len(order) - 1 - place, 2)}"


def _key_bar(place: int, order: list[int]) -> Bar:
    return Bar(_KEY_STEP * place, TOP - 22, 11, 11, _depth(len(order) - 1 - place, order))


def precision_panel(measured: Measurements) -> Panel:
    """The largest error of a probability in each dtype, and the rows that were lost."""
    narrow = [one for one in measured.precision if one.dtype != "float64"]
    heights = [TOP + 16 + 34 * index for index in range(len(narrow))]
    texts = [
        f"{one.dtype}, {one.formula}: {one.lost_rows:,} rows lost, probabilities off by at most "
        f"{number(one.probability_error)}"
        for one in narrow
    ]
    rules = (Line(f"M{_ERROR(_FEWEST)} {y}H{_ERROR(0)}", "grid") for y in heights)
    dots = (
        _error_dot(one, y, text)
        for one, y, text in zip(narrow, heights, texts, strict=True)
        if math.isfinite(one.probability_error)
    )
    words = [label for one, y in zip(narrow, heights, strict=True) for label in _labels(one, y)]
    ticks = (
        Words(_ERROR(power), BOTTOM + 17, power_of_ten(power), anchor="middle")
        for power in range(_FEWEST, 1, 3)
    )
    middle = (_ERROR(_FEWEST) + _ERROR(0)) / 2
    axis = Words(middle, BOTTOM + 37, "largest error of a probability", "axis", "middle")
    return Panel(
        "What do narrow numbers cost?",
        f"Against float64, {rows(measured.n)}.",
        ". ".join(texts) + ".",
        lines=tuple(rules),
        dots=tuple(dots),
        words=(Words(WIDTH, TOP - 12, "rows lost", anchor="end"), *words, *ticks, axis),
    )


def _error_dot(one: Precision, y: float, text: str) -> Dot:
    """Place an error on its scale; the smallest stand at the edge."""
    power = math.log10(max(one.probability_error, 10.0**_FEWEST))
    return Dot(_ERROR(power), y, 5.5, "full" if one.formula == "safe" else "naive", text)


def _labels(one: Precision, y: float) -> tuple[Words, ...]:
    lost = "lost" if one.lost_rows else "tick"
    return (
        Words(0, y + 4, one.dtype if one.formula == "safe" else "", "key"),
        Words(106, y + 4, one.formula, anchor="end"),
        Words(WIDTH, y + 4, f"{one.lost_rows:,}", lost, "end"),
    )
