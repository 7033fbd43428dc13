"""Rows that a mini-batch fit judges itself on, and never trains on."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from softplex.exceptions import InvalidInput

Rows = NDArray[np.intp]


def stratified_rows(
    who: str, labels: NDArray[np.intp], fraction: float, seed: int
) -> tuple[Rows, Rows]:
    """Split rows into those to train on and those to hold out, in the same shares of each class.

    Of the rows in random order, sorted by class, every (1/fraction)-th is held out, so a class
    gives its share up to one row. A class keeps at least one row to train on.
    """
    order = np.random.default_rng(seed).permutation(len(labels))
    order = order[np.argsort(labels[order], kind="stable")]
    sorted_labels = labels[order]
    held = np.diff(np.floor(np.arange(len(labels) + 1) * fraction)) > 0
    is_exhausted = np.bincount(labels, minlength=1) == np.bincount(
        sorted_labels[held], minlength=labels.max() + 1
    )
    begins_class = np.diff(sorted_labels, prepend=-1) != 0
    held &= ~(begins_class & is_exhausted[sorted_labels])
    if not held.any():
        raise InvalidInput(
            f"{who} cannot hold out a share of {fraction:g} of {len(labels)} rows: that is less "
            "than one row beside one of each class. Take a larger validation_fraction, or give "
            "validation=(X, y)."
        )
    return np.sort(order[~held]), np.sort(order[held])
