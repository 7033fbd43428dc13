"""Candidates run to the same suboptimality, each within its limit, and take turns.

Each candidate walks down the ladder of its tolerances, from the loosest on, to the first whose
float64 objective is within the target; if that fit was quick, the tolerance half-way back is tried
as well. Then those that got there quickly take turns, and the smallest time of each counts.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from harness.candidates import Candidate
from harness.objectives import suboptimality, task_values
from harness.references import Bracket
from harness.worker import Failure, Fit, Runner, StoredProblem

# Fits that take longer than this are not repeated.
QUICK_SECONDS = 30.0
# A ladder as a whole may take this many times the limit of one fit.
_LADDER_LIMITS = 2.0
# A ladder ends when this many fits in a row came to the same point.
_SAME = 3
# Fits below the second that are repeated more often.
_TINY_SECONDS, _TINY_REPEATS = 0.5, 10


@dataclass(frozen=True)
class Limits:
    """Seconds of one fit, rounds of repeats, and threads."""

    seconds: float = 600.0
    repeats: int = 3
    threads: int = 1


@dataclass(frozen=True)
class Rung:
    """One fit of a ladder, judged; a suboptimality of None is one that nobody can compare."""

    tolerance: float
    seconds: float
    suboptimality: float | None
    iterations: int | None
    relative_gap: float | None
    status: str | None
    memory: int | None
    notes: tuple[str, ...]


@dataclass(frozen=True)
class Outcome:
    """How a candidate did. ``best`` is the fit that counts, None where no fit ended.

    ``longest`` is the time of its longest fit, one that the limit ended included.
    """

    name: str
    reached: bool
    best: Rung | None
    rungs: tuple[Rung, ...] = ()
    why_not: str = ""
    comparable: bool = True
    rounds: int = 1
    longest: float = 0.0

    @property
    def seconds(self) -> float:
        return math.nan if self.best is None else self.best.seconds


@dataclass
class _Entry:
    """A candidate on its way: its process, and what it has done so far."""

    candidate: Candidate
    runner: Runner | None
    outcome: Outcome
    times: list[float] = field(default_factory=list)


def race(
    stored: StoredProblem, candidates: Sequence[Candidate], bracket: Bracket, limits: Limits
) -> list[Outcome]:
    """Give the outcome of each candidate, in their order."""
    entries: list[_Entry] = []
    try:
        for candidate in candidates:
            entries.append(_climb(candidate, stored, bracket, limits))
            print(f"    {candidate.name}: {in_words(entries[-1].outcome)}", flush=True)
        _take_turns(entries, limits)
    finally:
        for entry in entries:
            if entry.runner is not None:
                entry.runner.close()
    return [_with_smallest_time(entry) for entry in entries]


def in_words(outcome: Outcome) -> str:
    """The outcome in a few words."""
    if outcome.best is None:
        return outcome.why_not
    if not outcome.comparable:
        return f"{outcome.seconds:.3g} s at its own tolerance, another objective"
    where = f"suboptimality {outcome.best.suboptimality:.1e}"
    if outcome.reached:
        return f"{outcome.seconds:.3g} s, {where} at tol {outcome.best.tolerance:.1g}"
    return f"not reached: best {where} after {outcome.seconds:.3g} s; {outcome.why_not}"


def _climb(candidate: Candidate, stored: StoredProblem, bracket: Bracket, limits: Limits) -> _Entry:
    if candidate.absence is not None:
        absent = Outcome(candidate.name, False, None, why_not=f"left out: {candidate.absence}")
        return _Entry(candidate, None, absent)
    runner = Runner(candidate, stored, limits.threads)
    judge = _Judge(candidate, runner, stored, bracket)
    outcome = _walk(judge, candidate, limits, stored.problem.target)
    if not (outcome.reached and outcome.seconds <= QUICK_SECONDS):
        runner.close()
        return _Entry(candidate, None, outcome)
    return _Entry(candidate, runner, outcome)


@dataclass(frozen=True)
class _Judge:
    """Fits at a tolerance, and judges the answer apart from the candidate."""

    candidate: Candidate
    runner: Runner
    stored: StoredProblem
    bracket: Bracket

    def fit(self, tolerance: float, limit: float) -> Rung | Failure | None:
        fit = self.runner.failure or self.runner.fit(tolerance, limit)
        return self._judged(tolerance, fit) if isinstance(fit, Fit) else fit

    def _judged(self, tolerance: float, fit: Fit) -> Rung:
        answer, notes = fit.answer, fit.notes
        reached = None
        if self.candidate.comparable:
            values = task_values(self.stored.problem, answer.parameters)
            reached = suboptimality(values, self.bracket.bounds)
            # The judge's sums and the certificate's may differ in the last digits.
            if reached < -1e-11:
                notes = (*notes, "BELOW THE LOWER BOUND: the certificate does not hold")
        return Rung(
            tolerance,
            fit.seconds,
            reached,
            answer.iterations,
            answer.relative_gap,
            answer.status,
            fit.memory,
            notes,
        )


def _walk(judge: _Judge, candidate: Candidate, limits: Limits, target: float) -> Outcome:
    rungs: list[Rung] = []
    stopped = 0.0
    why_not = "its tightest tolerance ends above the target"
    for tolerance in candidate.ladder:
        rung = judge.fit(tolerance, limits.seconds)
        if not isinstance(rung, Rung):
            why_not = _stopped(rung, tolerance, limits)
            stopped = limits.seconds if rung is None else 0.0
            break
        rungs.append(rung)
        if _within(rung, target):
            return _refined(judge, candidate, limits, target, rungs)
        if sum(one.seconds for one in rungs) > _LADDER_LIMITS * limits.seconds:
            why_not = f"its fits together took {_LADDER_LIMITS:g} times the limit"
            break
        if _stands_still(rungs):
            why_not = "tighter tolerances come to the same point"
            break
    best = min(rungs, key=lambda rung: rung.suboptimality or 0.0, default=None)
    longest = max([stopped, *(rung.seconds for rung in rungs)])
    return Outcome(candidate.name, False, best, tuple(rungs), why_not, longest=longest)


def _refined(
    judge: _Judge, candidate: Candidate, limits: Limits, target: float, rungs: list[Rung]
) -> Outcome:
    """Give the tolerance half-way back its chance: a ladder of decades must not cost anyone."""
    best = rungs[-1]
    if len(rungs) > 1 and best.seconds <= QUICK_SECONDS:
        between = judge.fit(math.sqrt(rungs[-2].tolerance * best.tolerance), limits.seconds)
        if isinstance(between, Rung):
            rungs.append(between)
            if _within(between, target) and between.seconds < best.seconds:
                best = between
    return Outcome(
        candidate.name,
        True,
        best,
        tuple(rungs),
        comparable=candidate.comparable,
        longest=max(rung.seconds for rung in rungs),
    )


def _within(rung: Rung, target: float) -> bool:
    return rung.suboptimality is None or rung.suboptimality <= target


def _stopped(result: Failure | None, tolerance: float, limits: Limits) -> str:
    if result is None:
        return f"stopped after {limits.seconds:g} s at tol {tolerance:g}"
    return f"failed at tol {tolerance:g}: {result.message}"


def _stands_still(rungs: list[Rung]) -> bool:
    last = [rung.suboptimality for rung in rungs[-_SAME:] if rung.suboptimality is not None]
    return len(last) == _SAME and max(last) - min(last) <= 1e-2 * abs(max(last))


def _take_turns(entries: Iterable[_Entry], limits: Limits) -> None:
    running = [entry for entry in entries if entry.runner is not None]
    for number in range(_TINY_REPEATS * limits.repeats):
        for entry in running:
            if number < _rounds(entry, limits):
                _once_more(entry, limits)


def _rounds(entry: _Entry, limits: Limits) -> int:
    more = (
        limits.repeats
        if entry.outcome.seconds > _TINY_SECONDS
        else (_TINY_REPEATS * limits.repeats)
    )
    return more - 1


def _once_more(entry: _Entry, limits: Limits) -> None:
    if entry.runner is None or entry.outcome.best is None:
        return
    fit = entry.runner.fit(entry.outcome.best.tolerance, 2 * limits.seconds)
    if isinstance(fit, Fit):
        entry.times.append(fit.seconds)


def _with_smallest_time(entry: _Entry) -> Outcome:
    outcome = entry.outcome
    if outcome.best is None or not entry.times:
        return outcome
    smallest = min([outcome.best.seconds, *entry.times])
    best = replace(outcome.best, seconds=smallest)
    return replace(outcome, best=best, rounds=1 + len(entry.times))
