"""The optimum of each task, bracketed by a fit to a gap far below the target, and kept."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from scipy import sparse

from harness.candidates import REFERENCE
from harness.objectives import suboptimality, task_values
from harness.worker import Failure, Fit, Runner, StoredProblem
from problems import Problem

# The gaps asked of the reference one after the other, as shares of the target.
_SHARES = (1e2, 1.0, 1e-2)
# The gap that it needs to stand for the optimum, as a share of the target.
_SHARP = 0.1


@dataclass(frozen=True)
class Bracket:
    """Lower bounds on the optima of the tasks, the values reached there, and how far apart.

    ``relative_gap`` is the largest over the tasks, with the values by the independent judge;
    ``limit`` is the seconds that a fit had.
    """

    lower_bounds: list[float]
    values: list[float]
    relative_gap: float
    seconds: float
    status: str
    limit: float

    def is_sharp(self, problem: Problem) -> bool:
        """Whether the bounds can stand for the optima."""
        return self.relative_gap <= _SHARP * problem.target

    @property
    def bounds(self) -> np.ndarray:
        return np.array(self.lower_bounds)


def bracket(stored: StoredProblem, cache: Path, threads: int, limit: float) -> Bracket | Failure:
    """Read the bracket from the cache, or find it and write it there.

    Each fit of the search has ``limit`` seconds. One that was found within less time and is not
    sharp is sought again.
    """
    place = cache / f"{fingerprint(stored.problem)}.json"
    if place.exists():
        known = Bracket(**json.loads(place.read_text(encoding="utf-8")))
        if known.is_sharp(stored.problem) or limit <= known.limit:
            return known
    found = _find(stored, threads, limit)
    if isinstance(found, Bracket):
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


def _find(stored: StoredProblem, threads: int, limit: float) -> Bracket | Failure:
    """Sharpen the bracket step by step, so that a fit that takes too long leaves the one before."""
    best: Bracket | Failure = Failure(f"no reference fit ended in {limit:g} s")
    runner = Runner(REFERENCE, stored, threads)
    try:
        for share in _SHARES:
            fit = runner.failure or runner.fit(share * stored.problem.target, limit)
            if isinstance(fit, Failure) and isinstance(best, Failure):
                best = fit
            if not isinstance(fit, Fit):
                break
            best = _judged(stored.problem, fit, limit, best)
    finally:
        runner.close()
    return best


def _judged(problem: Problem, fit: Fit, limit: float, before: Bracket | Failure) -> Bracket:
    """The best of this fit and of those before it: the highest bounds, the lowest values."""
    answer = fit.answer
    bounds = np.array(answer.lower_bounds)
    values = task_values(problem, answer.parameters)
    if isinstance(before, Bracket):
        bounds = np.maximum(bounds, before.bounds)
        values = np.minimum(values, before.values)
    gap = suboptimality(values, bounds)
    status = answer.status or ""
    return Bracket(bounds.tolist(), values.tolist(), gap, fit.seconds, status, limit)
