"""Features times weights, in blocks of rows that fit the cache."""

from softplex.streaming._curvature import contrast_curvature, mean_class_covariance
from softplex.streaming._features import DenseFeatures, Features, SparseFeatures, as_features
from softplex.streaming._hessian import linear_hessian
from softplex.streaming._linear import (
    Targets,
    linear_loss_and_gradient,
    linear_scores,
    score_blocks,
)

__all__ = [
    "DenseFeatures",
    "Features",
    "SparseFeatures",
    "Targets",
    "as_features",
    "contrast_curvature",
    "linear_hessian",
    "linear_loss_and_gradient",
    "linear_scores",
    "mean_class_covariance",
    "score_blocks",
]
