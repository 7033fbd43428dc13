"""One candidate in a process of its own, so that a limit can end it and its memory is its own."""

from __future__ import annotations

import logging
import os
import tempfile
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
from scipy import sparse

from harness.candidates import Answer, Candidate
from harness.memory import PeakMemory
from problems import Problem

_THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


@dataclass(frozen=True)
class Fit:
    """One fit: its seconds, the peak of memory above the data since the start, and the answer."""

    seconds: float
    memory: int | None
    answer: Answer
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Failure:
    """A fit that raised."""

    message: str


@contextmanager
def thread_limit(threads: int) -> Iterator[None]:
    """Ask the libraries of processes that are started within for this many threads."""
    before = {variable: os.environ.get(variable) for variable in _THREAD_VARIABLES}
    os.environ.update(dict.fromkeys(_THREAD_VARIABLES, str(threads)))
    try:
        yield
    finally:
        for variable, value in before.items():
            if value is None:
                del os.environ[variable]
            else:
                os.environ[variable] = value


class StoredProblem:
    """A problem whose arrays lie in a temporary folder, for processes to load."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        self._folder = tempfile.TemporaryDirectory(prefix="softplex-benchmark-")
        self.folder = Path(self._folder.name)
        if sparse.issparse(problem.X):
            sparse.save_npz(self.folder / "X.npz", problem.X, compressed=False)
        else:
            np.save(self.folder / "X.npy", problem.X)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._folder.cleanup()


class Runner:
    """A candidate that waits in its own process, data loaded, for tolerances to fit to.

    ``failure`` is what went wrong in a first fit to a tiny problem, or None.
    """

    def __init__(self, candidate: Candidate, stored: StoredProblem, threads: int) -> None:
        context = get_context("spawn")
        self._ours, theirs = context.Pipe()
        bare = replace(stored.problem, X=None)
        job = (theirs, candidate, bare, stored.folder, threads)
        self._process = context.Process(target=_serve, args=job, daemon=True)
        with thread_limit(threads):
            self._process.start()
        theirs.close()
        ready = self._receive(None)
        self.failure = ready if isinstance(ready, Failure) else None

    def fit(self, tolerance: float, limit: float | None) -> Fit | Failure | None:
        """Fit once; None is a fit that the limit, in seconds, ended, and the process with it."""
        try:
            self._ours.send(tolerance)
        except OSError:
            return Failure("the process is gone")
        received: Fit | Failure | None = self._receive(limit)
        return received

    def _receive(self, limit: float | None) -> Any:
        try:
            if not self._ours.poll(limit):
                self.close()
                return None
            return self._ours.recv()
        except (EOFError, ConnectionResetError):
            self._process.join()
            return Failure(f"the process ended with code {self._process.exitcode}")

    def close(self) -> None:
        self._process.kill()
        self._process.join()
        self._ours.close()


def _serve(
    connection: Connection, candidate: Candidate, bare: Problem, folder: Path, threads: int
) -> None:
    import torch

    torch.set_num_threads(threads)
    problem = replace(bare, X=_load(folder))
    if candidate.dtype is not None:
        problem = replace(problem, X=problem.X.astype(candidate.dtype))
    warm = _timed_fit(candidate, warm_up_problem(problem), 1e-2, PeakMemory())
    connection.send(warm)
    memory = PeakMemory()
    while not isinstance(warm, Failure):
        try:
            tolerance = connection.recv()
        except EOFError:
            return
        connection.send(_timed_fit(candidate, problem, tolerance, memory))


def _timed_fit(
    candidate: Candidate, problem: Problem, tolerance: float, memory: PeakMemory
) -> Fit | Failure:
    try:
        model = candidate.make(problem, tolerance)
        with _collected_notes() as notes:
            begin = time.perf_counter()
            model.fit(problem.X, problem.y)
            seconds = time.perf_counter() - begin
        peak = memory.peak()
        answer = candidate.read(model, problem)
    except Exception as error:  # a peer may fail in any way: it is reported
        return Failure(f"{type(error).__name__}: {_first_line(error)}")
    return Fit(seconds, peak, answer, tuple(dict.fromkeys(notes)))


def _load(folder: Path) -> Any:
    dense = folder / "X.npy"
    return np.load(dense) if dense.exists() else sparse.load_npz(folder / "X.npz")


def warm_up_problem(problem: Problem) -> Problem:
    """A tiny problem of the same kind: its fit loads what the first fit of a process loads."""
    generator = np.random.default_rng(0)
    X = generator.standard_normal((60, 5)).astype(problem.X.dtype)
    y = np.arange(60) % 3
    folds = tuple((np.flatnonzero(y >= 0), np.arange(30)) for _ in problem.folds[:2])
    X = sparse.csr_matrix(X) if sparse.issparse(problem.X) else X
    return replace(problem, X=X, y=y, Cs=problem.Cs[:2], folds=folds)


@contextmanager
def _collected_notes() -> Iterator[list[str]]:
    """What a fit warns of, and whether scikit-learn-intelex handed it on, one line each."""
    notes: list[str] = []
    logger = logging.getLogger("sklearnex")
    logger.setLevel(logging.INFO)
    logger.propagate = False
    logger.handlers[:] = [_Notes(notes)]  # its own would print a line a fit
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        yield notes
    notes += [f"{one.category.__name__}: {_first_line(one.message)}" for one in caught]


def _first_line(message: Any) -> str:
    return next(iter(str(message).strip().splitlines()), "")


class _Notes(logging.Handler):
    def __init__(self, notes: list[str]) -> None:
        super().__init__()
        self._notes = notes

    def emit(self, record: logging.LogRecord) -> None:
        message = record.getMessage().strip()
        if "fallback" in message:
            self._notes.append("handed on to scikit-learn by scikit-learn-intelex")
