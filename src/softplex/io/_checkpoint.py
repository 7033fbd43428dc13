"""A folder that holds the state of a fit, so that it can go on in another process."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from softplex._checks import check_number
from softplex.io._atomic import check_free
from softplex.io._model import load, save


@dataclass(frozen=True)
class Checkpoint:
    """Where a mini-batch fit keeps its state, for ``ModuleClassifier.fit(checkpoint=...)``.

    The folder is one that :func:`save` writes: numbers and arrays with checksums, no code. It is
    replaced at once, so a process that is killed leaves the state of the epoch before. A fit that
    finds a state in the folder goes on from it.

    Parameters
    ----------
    folder : path
        Made by the first writing.
    every : int >= 1, default 1
        Epochs from one writing to the next. The end of a fit is always written.

    Raises
    ------
    InvalidInput
        When the folder holds something else, or ``every`` is below 1.
    ModelFileError
        When the folder is damaged or cannot be written.

    Examples
    --------
    >>> import tempfile
    >>> from sklearn.datasets import load_iris
    >>> from softplex import ModuleClassifier
    >>> X, y = load_iris(return_X_y=True)
    >>> with tempfile.TemporaryDirectory() as place:
    ...     kept = Checkpoint(f"{place}/state")
    ...     _ = ModuleClassifier(max_epochs=4, random_state=0).fit(X, y, checkpoint=kept)
    ...     model = ModuleClassifier(max_epochs=10, random_state=0).fit(X, y, checkpoint=kept)
    >>> whole = ModuleClassifier(max_epochs=10, random_state=0).fit(X, y)
    >>> bool((model.coef_ == whole.coef_).all())
    True
    """

    folder: str | os.PathLike[str]
    every: int = 1

    def __post_init__(self) -> None:
        check_number("every", self.every, low=1, integer=True)

    def read(self) -> Any:
        """Give what was written last; None when there is no folder, or an empty one."""
        place = check_free(self.folder, force=True)
        return load(place) if place.exists() and any(Path(place).iterdir()) else None

    def write(self, state: Mapping[str, Any]) -> None:
        """Put a state in place of the one before."""
        save(dict(state), self.folder, force=True)
