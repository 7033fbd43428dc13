"""Precision: the same scores in narrower numbers, with the safe formula and with the naive one.

The naive formula exp(z) / sum exp(z) overflows where a score passes the logarithm of the largest
number (11.09 in float16, 88.7 in float32 and bfloat16, 709.8 in float64), and divides zero by zero
where all exponentials underflow. The safe one subtracts the largest score first.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from softplex.maps import log_softmax, softmax

DTYPES = (torch.float64, torch.float32, torch.bfloat16, torch.float16)
FORMULAS = ("safe", "naive")


@dataclass(frozen=True)
class Precision:
    """One dtype and one formula against float64.

    Parameters
    ----------
    dtype : str
        The dtype of the scores and of every result.
    formula : "safe" or "naive"
        softplex's, or exp(z) / sum exp(z) and its logarithm.
    lost_rows : int
        Rows whose probabilities or loss are NaN or infinite: an overflow, or a true class that
        got probability 0. They are left out of the other figures.
    probability_error, loss_error : float
        The largest absolute error of a probability, and of a row's loss in nats.
    changed_rows, tied_rows : int
        Rows whose highest probability fell to another class, or to several classes at once.
    zero_gradient_rows : int
        Rows whose whole gradient p - q became exactly zero.
    zero_gradient_share : float
        The share of gradient entries that became exactly zero.
    """

    dtype: str
    formula: str
    lost_rows: int
    probability_error: float
    loss_error: float
    changed_rows: int
    tied_rows: int
    zero_gradient_rows: int
    zero_gradient_share: float


def measure_precision(scores: Tensor, targets: Tensor) -> tuple[Precision, ...]:
    """Measure both formulas in every dtype, the widest first."""
    return tuple(
        _measured(scores, targets, dtype, formula) for dtype in DTYPES for formula in FORMULAS
    )


def _measured(scores: Tensor, targets: Tensor, dtype: torch.dtype, formula: str) -> Precision:
    compute = _safe if formula == "safe" else _naive
    probabilities, losses = compute(scores.to(dtype), targets)
    kept = torch.isfinite(probabilities).all(1) & torch.isfinite(losses)
    scores, targets = scores[kept], targets[kept]
    found, found_losses = probabilities[kept], losses[kept]
    wanted, wanted_losses = _safe(scores, targets)
    target = torch.nn.functional.one_hot(targets, scores.shape[1])
    gradient, wanted_gradient = found - target.to(dtype), wanted - target
    vanished = (gradient == 0) & (wanted_gradient != 0)
    tops, wanted_tops = _tops(found), _tops(scores)
    return Precision(
        dtype=str(dtype).removeprefix("torch."),
        formula=formula,
        lost_rows=int((~kept).sum()),
        probability_error=_largest(found.double() - wanted),
        loss_error=_largest(found_losses.double() - wanted_losses),
        changed_rows=int((found.argmax(1) != scores.argmax(1)).sum()),
        tied_rows=int(((tops > 1) & (wanted_tops == 1)).sum()),
        zero_gradient_rows=int(((gradient == 0).all(1) & vanished.any(1)).sum()),
        zero_gradient_share=_share(vanished, torch.isfinite(scores)),
    )


def _safe(scores: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
    """Give probabilities and losses; a score that overflowed on the way in loses its row."""
    overflowed = (scores == torch.inf).any(1, keepdim=True)
    usable = scores.masked_fill(overflowed, 0.0)
    probabilities = softmax(usable).masked_fill(overflowed, torch.nan)
    return probabilities, -_at(log_softmax(usable), targets)


def _naive(scores: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
    exponentials = scores.exp()
    probabilities = exponentials / exponentials.sum(1, keepdim=True)
    return probabilities, -_at(probabilities, targets).log()


def _at(values: Tensor, targets: Tensor) -> Tensor:
    return values.gather(1, targets[:, None]).squeeze(1)


def _tops(values: Tensor) -> Tensor:
    """How many classes of a row share its highest value."""
    return (values == values.amax(1, keepdim=True)).sum(1)


def _largest(errors: Tensor) -> float:
    return float(errors.abs().max()) if errors.numel() else float("nan")


def _share(chosen: Tensor, among: Tensor) -> float:
    total = int(among.sum())
    return int((chosen & among).sum()) / total if total else float("nan")
