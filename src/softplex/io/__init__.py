"""Saving and loading without executing code, and writing without halves."""

from softplex.io._atomic import check_free, staged_file, staged_folder
from softplex.io._model import load, save, write_model

__all__ = ["check_free", "load", "save", "staged_file", "staged_folder", "write_model"]
