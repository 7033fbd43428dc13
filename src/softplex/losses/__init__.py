"""Losses: scores and targets to one number per example."""

from softplex.losses._cross_entropy import CrossEntropy
from softplex.losses._smoothing import SMOOTHING_KINDS, smoothing_line

__all__ = ["SMOOTHING_KINDS", "CrossEntropy", "smoothing_line"]
