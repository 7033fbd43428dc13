"""Features times weights, in blocks of rows that fit the cache."""

from softplex.streaming._curvature import (
    class_curvature,
    class_totals,
    contrast_curvature,
    mean_class_covariance,
)
from softplex.streaming._features import (
    DenseFeatures,
    Features,
    SparseFeatures,
    as_features,
    self_product,
)
from softplex.streaming._hessian import add_hessian, linear_hessian
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
    "add_hessian",
    "as_features",
    "class_curvature",
    "class_totals",
    "contrast_curvature",
    "linear_hessian",
    "linear_loss_and_gradient",
    "linear_scores",
    "mean_class_covariance",
    "score_blocks",
    "self_product",
]
