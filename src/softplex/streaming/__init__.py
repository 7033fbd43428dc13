"""Features times weights, in blocks of rows that fit the cache."""

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
    "linear_hessian",
    "linear_loss_and_gradient",
    "linear_scores",
    "score_blocks",
]
