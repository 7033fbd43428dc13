"""Heads: features to scores, with the loss that trains them."""

from softplex.heads._base import SavedModule
from softplex.heads._linear import LinearHead

__all__ = ["LinearHead", "SavedModule"]
