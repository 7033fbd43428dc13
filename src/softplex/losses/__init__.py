"""Losses: scores and targets to one number per example.

Each loss stands three times beside itself and shares one code: a function for any shape with a
reduction (``cross_entropy``), its ``torch.nn`` module (``CrossEntropyLoss``), and the frozen
description that solvers take, per row and with its gradient (``CrossEntropy``).
"""

from softplex.losses._base import Loss
from softplex.losses._brier import Brier, BrierLoss, brier
from softplex.losses._cross_entropy import CrossEntropy
from softplex.losses._cross_entropy_loss import CrossEntropyLoss, cross_entropy
from softplex.losses._focal import Focal, FocalLoss, focal
from softplex.losses._hinge import (
    CrammerSinger,
    CrammerSingerLoss,
    WestonWatkins,
    WestonWatkinsLoss,
    crammer_singer,
    weston_watkins,
)
from softplex.losses._noisy import (
    GeneralisedCrossEntropy,
    GeneralisedCrossEntropyLoss,
    generalised_cross_entropy,
)
from softplex.losses._reduce import reduce_rows
from softplex.losses._smoothing import SMOOTHING_KINDS, smoothing_line

__all__ = [
    "SMOOTHING_KINDS",
    "Brier",
    "BrierLoss",
    "CrammerSinger",
    "CrammerSingerLoss",
    "CrossEntropy",
    "CrossEntropyLoss",
    "Focal",
    "FocalLoss",
    "GeneralisedCrossEntropy",
    "GeneralisedCrossEntropyLoss",
    "Loss",
    "WestonWatkins",
    "WestonWatkinsLoss",
    "brier",
    "crammer_singer",
    "cross_entropy",
    "focal",
    "generalised_cross_entropy",
    "reduce_rows",
    "smoothing_line",
    "weston_watkins",
]
