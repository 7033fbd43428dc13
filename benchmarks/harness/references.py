"""The optimum of each task, bracketed by a fit to a gap far below the target, and kept."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from scipy import sparse

from harness.candidates import REFERENCE
from harness.objectives import task_values
from harness.worker import Failure, Runner, StoredProblem
from problems import Problem

# The gap asked of the reference, as a share of the target.
_SHARE = 1e-2


@dataclass(frozen=True)
class Bracket:
    """Lower bounds on the optima of the tasks, the values reached there, and how far apart.

    ``relative_gap`` is the largest over the tasks, with the values by the independent judge.
    """

    lower_bounds: list[float]
    values: list[float]
    relative_gap: float
    seconds: float
    status: str

    @property
    def bounds(self) -> np.ndarray:
        return np.array(self.lower_bounds)


def bracket(stored: StoredProblem, cache: Path, threads: int) -> Bracket:
    """Read the bracket from the cache, or find it and write it there."""
    place = cache / f"{fingerprint(stored.problem)}.json"
    if place.exists():
        return Bracket(**json.loads(place.read_text(encoding="utf-8")))
    found = _find(stored, threads)
    cache.mkdir(parents=True, exist_ok=True)
    unfinished = place.with_suffix(".tmp")
    unfinished.write_text(json.dumps(asdict(found)), encoding="utf-8")
    unfinished.replace(place)
    return found


def fingerprint(problem: Problem) -> str:
    """A name for the data and the objectives: another problem gets another."""
    digest = hashlib.sha256()
    X = problem.X
    parts = [X.data, X.indices, X.indptr] if sparse.issparse(X) else [X]
    indices = [rows for rows, _ in problem.folds]
    for part in [*parts, problem.y, np.array(problem.Cs), *indices]:
        digest.update(f"{part.dtype} {part.shape}".encode())
        digest.update(np.ascontiguousarray(part).data)
    digest.update(f"{problem.loss} {problem.fit_intercept} {problem.target}".encode())
    return digest.hexdigest()[:24]


def _find(stored: StoredProblem, threads: int) -> Bracket:
    problem = stored.problem
    runner = Runner(REFERENCE, stored, threads)
    try:
        fit = runner.failure or runner.fit(_SHARE * problem.target, None)
    finally:
        runner.close()
    if fit is None or isinstance(fit, Failure):
        raise RuntimeError(f"{problem.name}: the reference failed: {fit}")
    answer = fit.answer
    bounds = np.array(answer.lower_bounds)
    values = task_values(problem, answer.parameters)
    return Bracket(
        bounds.tolist(),
        values.tolist(),
        float(((values - bounds) / np.abs(bounds)).max()),
        fit.seconds,
        answer.status or "",
    )
