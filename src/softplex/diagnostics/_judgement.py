"""What the numbers of a diagnosis mean: a judgement on each topic."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from softplex._text import MINUS, percent, rows
from softplex.diagnostics._measurements import Measurements
from softplex.diagnostics._outliers import LossOutliers

LOSS_NAMES = {
    "cross_entropy": "cross-entropy",
    "brier": "Brier",
    "weston_watkins": "hinge (Weston-Watkins)",
    "generalised_cross_entropy": "generalised cross-entropy",
}
NAMED_ROWS = 5
# A gap smaller than this many standard errors of the accuracy may be luck.
_CLEAR = 2.0


def judgements(measured: Measurements) -> dict[str, str]:
    """Give the judgement on each topic."""
    return {
        "saturation": _on_saturation(measured),
        "over_confidence": _on_confidence(measured),
        "outliers": _on_outliers(measured),
        "precision": _on_precision(measured),
    }


def share_text(share: float) -> str:
    """Write a share of rows as plain ASCII."""
    return percent(share).replace(MINUS, "-").replace("\N{EN DASH}", "-")


def small(value: float) -> str:
    """Write an error in two digits."""
    return "-" if math.isnan(value) else "0" if value == 0 else f"{value:.1e}"


def _points(gap: float) -> str:
    return f"{100 * abs(gap):.1f} points"


def _on_saturation(measured: Measurements) -> str:
    saturation = measured.saturation
    entropy, brier = saturation.losses
    level = f"{saturation.thresholds[0]:g}"
    own = float(entropy.share_wrong[0])
    verdict = (
        f"Under cross-entropy {share_text(float(entropy.share[0]))} of the rows have a score "
        f"gradient shorter than {level}: they have little left to teach."
    )
    if not saturation.wrong.any():
        return f"{verdict} No row is wrong, so none that should teach is silent."
    silent = np.flatnonzero(brier.share_wrong > entropy.share_wrong)
    about_wrong = (
        "None of them is wrong."
        if own == 0
        else f"Of the wrong rows it is {share_text(own)}, since this threshold is high."
    )
    return f"{verdict} {about_wrong} {_against_brier(measured, silent)}"


def _against_brier(measured: Measurements, silent: NDArray[np.intp]) -> str:
    """Compare the wrong rows at the lowest threshold at which squared error silences more."""
    saturation = measured.saturation
    if not silent.size:
        return "Squared error on the probabilities (Brier) silences no more of the wrong rows."
    place = min(silent.tolist(), key=lambda index: float(saturation.thresholds[index]))
    n_wrong = int(saturation.wrong.sum())
    entropy, brier = (round(float(one.share_wrong[place]) * n_wrong) for one in saturation.losses)
    return (
        f"Of the {rows(n_wrong).replace(' row', ' wrong row')}, squared error on the probabilities "
        f"(Brier) leaves {brier:,} with a gradient shorter than "
        f"{saturation.thresholds[place]:g}, cross-entropy {entropy or 'none'}."
    )


def _on_confidence(measured: Measurements) -> str:
    figures = measured.over_confidence
    error = math.sqrt(
        max(figures.accuracy * (1 - figures.accuracy), 0.25 / measured.n) / measured.n
    )
    said = (
        f"Mean confidence is {share_text(figures.confidence)} at an accuracy of "
        f"{share_text(figures.accuracy)}"
    )
    if abs(figures.gap) <= _CLEAR * error:
        verdict = f"{said}: no clear over- or under-confidence in {rows(measured.n)}."
    else:
        kind = "over" if figures.gap > 0 else "under"
        verdict = f"{said}: {kind}-confident by {_points(figures.gap)}."
    if not math.isfinite(figures.temperature) or figures.temperature == 1.0:
        return f"{verdict} {figures.temperature_sentence}"
    return (
        f"{verdict} Scores divided by T = {figures.temperature:.4g} would bring the log-loss from "
        f"{figures.log_loss:.4f} to {figures.log_loss_after:.4f} nats and the calibration error "
        f"from {share_text(figures.ece)} to {share_text(figures.ece_after)}."
    )


def _on_outliers(measured: Measurements) -> str:
    outliers = measured.outliers
    count = int(outliers.n_worst[-1])
    who = "The worst row bears" if count == 1 else f"The worst {rows(count)} bear"
    entropy = outliers.losses[0]
    if math.isnan(entropy.loss_share[-1]):
        return "Every row has a loss of zero, so there are no outliers."
    others = [f"{_share_or_none(one)} under {LOSS_NAMES[one.loss]}" for one in outliers.losses[1:]]
    named = ", ".join(str(row.row) for row in outliers.worst[:NAMED_ROWS])
    return (
        f"{who} {share_text(float(entropy.loss_share[-1]))} of the cross-entropy and "
        f"{share_text(float(entropy.gradient_share[-1]))} of its gradient; of the gradient it is "
        f"{' and '.join(others)}. Look first at {'row' if count == 1 else 'rows'} {named} (from 0)."
    )


def _share_or_none(one: LossOutliers) -> str:
    share = float(one.gradient_share[-1])
    return "nothing (no row has a loss)" if math.isnan(share) else share_text(share)


def _on_precision(measured: Measurements) -> str:
    half, brain = (measured.precision_of(dtype, "safe") for dtype in ("float16", "bfloat16"))
    lost = [
        f"{one.lost_rows:,} of {measured.n:,} in {one.dtype}"
        for one in measured.precision
        if one.formula == "naive" and one.lost_rows
    ]
    naive = (
        f"The naive formula loses rows altogether: {', '.join(lost)}."
        if lost
        else "The naive formula loses no row here; it does once scores pass 11 in float16 and 88 "
        "in float32."
    )
    moved = half.changed_rows + half.tied_rows, brain.changed_rows + brain.tied_rows
    kept = (
        "changes no prediction in float16 or bfloat16"
        if not any(moved)
        else f"moves or ties {moved[0]:,} predictions in float16 and {moved[1]:,} in bfloat16"
    )
    lost_safe = [f"{one.lost_rows:,} in {one.dtype}" for one in (half, brain) if one.lost_rows]
    overflow = (
        f" Scores that the dtype cannot hold lose rows under either: {', '.join(lost_safe)}."
        if lost_safe
        else ""
    )
    return (
        f"Softmax with the maximum subtracted {kept}; probabilities are off by at most "
        f"{small(half.probability_error)} and {small(brain.probability_error)}. {naive}{overflow}"
    )
