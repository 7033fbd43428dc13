"""Penalties of the weights of a linear head: ridge, lasso, elastic net, group lasso, or none."""

from softplex.penalties._parts import PenaltyParts
from softplex.penalties._penalties import (
    ElasticNet,
    GroupLasso,
    Lasso,
    NoPenalty,
    Penalty,
    Ridge,
    SparseGroupLasso,
)

__all__ = [
    "ElasticNet",
    "GroupLasso",
    "Lasso",
    "NoPenalty",
    "Penalty",
    "PenaltyParts",
    "Ridge",
    "SparseGroupLasso",
]
