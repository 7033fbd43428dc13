"""Saving and loading without executing code, and writing without halves."""

from softplex.io._atomic import check_file, check_free, staged_file, staged_folder
from softplex.io._checkpoint import Checkpoint
from softplex.io._model import load, save, write_model
from softplex.io._rows import BatchSink, output_format, row_writer

__all__ = [
    "BatchSink",
    "Checkpoint",
    "check_file",
    "check_free",
    "load",
    "output_format",
    "row_writer",
    "save",
    "staged_file",
    "staged_folder",
    "write_model",
]
