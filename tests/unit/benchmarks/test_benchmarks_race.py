"""The benchmarks run end to end on tiny problems: processes, limits, ladders, the command."""

from __future__ import annotations

import json
import sys
import time
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.datasets import load_iris

BENCHMARKS = Path(__file__).resolve().parents[3] / "benchmarks"
sys.path.insert(0, str(BENCHMARKS))

import certified  # noqa: E402
from harness.candidates import (  # noqa: E402
    SOFTPLEX,
    Answer,
    Candidate,
    make_logistic,
    make_logistic_cv,
    make_softplex_cv,
    read_logistic_cv,
    read_nothing,
    read_plain,
    read_softplex_cv,
)
from harness.memory import PeakMemory  # noqa: E402
from harness.objectives import suboptimality, task_values  # noqa: E402
from harness.race import Limits, Outcome, race  # noqa: E402
from harness.references import Bracket, bracket  # noqa: E402
from harness.worker import Failure, Runner, StoredProblem  # noqa: E402
from problems import Problem  # noqa: E402

X, Y = load_iris(return_X_y=True)
IRIS = Problem("iris", X, Y, (1.0,))
ROWS = np.arange(150)
PATH = Problem("path", X, Y, (0.1, 1.0), ((ROWS[25:], ROWS[:25]), (ROWS[:120], ROWS[120:])))


class Sleeper:
    """Stands for a peer that does not end; the warm-up problem, of 60 rows, is done at once."""

    def fit(self, X: Any, _: Any) -> Sleeper:
        if len(X) > 60:
            time.sleep(60.0)
        return self


class Refuser:
    def fit(self, _: Any, __: Any) -> Refuser:
        raise ValueError("no thanks\nand more")


def make(kind: type[Any], _: Problem, __: float) -> Any:
    return kind()


@pytest.fixture(scope="module")
def known(tmp_path_factory: pytest.TempPathFactory) -> Bracket:
    cache = tmp_path_factory.mktemp("cache")
    with StoredProblem(IRIS) as stored:
        found = bracket(stored, cache, 1, 60.0)
        assert not isinstance(found, Failure)
        (kept,) = cache.glob("*.json")
        written = json.loads(kept.read_text(encoding="utf-8"))
        assert bracket(stored, cache, 1, 60.0) == Bracket(**written) == found
    assert found.is_sharp(IRIS)
    return found


@pytest.fixture(scope="module")
def outcomes(known: Bracket) -> dict[str, Outcome]:
    """One race of all kinds: each candidate is a process, which takes seconds to start."""
    lbfgs = partial(make_logistic, "lbfgs")
    candidates = [
        SOFTPLEX,
        Candidate("lbfgs", lbfgs, read_plain),
        Candidate("loose", lbfgs, read_plain, ladder=(10.0,)),
        Candidate("refuser", partial(make, Refuser), read_nothing),
        Candidate("absent", partial(make, Refuser), read_nothing, absence="not here"),
    ]
    with StoredProblem(IRIS) as stored:
        return {one.name: one for one in race(stored, candidates, known, Limits(60.0, 1, 1))}


@pytest.mark.parametrize("name", ["softplex", "lbfgs"])
def test_all_who_get_there_do_so_at_the_target(outcomes: dict[str, Outcome], name: str) -> None:
    outcome = outcomes[name]
    assert outcome.reached
    assert outcome.best is not None
    assert -1e-11 < outcome.best.suboptimality <= 1e-6
    assert outcome.best.seconds > 0
    assert outcome.best in outcome.rungs or outcome.rounds > 1
    assert outcome.best.status == ("converged" if name == "softplex" else None)


def test_a_ladder_begins_at_its_loosest_end(outcomes: dict[str, Outcome]) -> None:
    rungs = outcomes["lbfgs"].rungs
    assert [rung.tolerance for rung in rungs[:2]] == [1e-2, 1e-3]
    assert all(rung.suboptimality > 1e-6 for rung in rungs[:-2])


def test_those_who_do_not_get_there_are_shown(outcomes: dict[str, Outcome]) -> None:
    loose = outcomes["loose"]
    assert not loose.reached
    assert loose.best is not None
    assert loose.best.suboptimality > 1e-6
    assert outcomes["refuser"].why_not == "failed at tol 0.01: ValueError: no thanks"
    assert outcomes["absent"].why_not == "left out: not here"


def test_a_limit_ends_a_fit() -> None:
    # A tenth of a second is far below its minute of sleep.
    sleeper = Candidate("sleeper", partial(make, Sleeper), read_nothing)
    with StoredProblem(IRIS) as stored:
        runner = Runner(sleeper, stored, 1)
        assert runner.failure is None
        assert runner.fit(1e-2, 0.1) is None
        assert runner.fit(1e-2, 0.1) == Failure("the process is gone")


@pytest.mark.parametrize(
    ("create", "read"),
    [(make_softplex_cv, read_softplex_cv), (partial(make_logistic_cv, "lbfgs"), read_logistic_cv)],
)
def test_paths_are_read_fold_by_fold(create: Any, read: Any) -> None:
    answer: Answer = read(create(PATH, 1e-8).fit(X, Y), PATH)
    exact = read_softplex_cv(make_softplex_cv(PATH, 1e-12).fit(X, Y), PATH)
    optima = task_values(PATH, exact.parameters)
    assert len(set(optima)) == 4
    # lbfgs stops by its gradient, not by a gap: at 1e-8 it is within 1e-6 of the optimum here.
    assert abs(suboptimality(task_values(PATH, answer.parameters), optima)) < 1e-6


def test_memory_sees_what_came_after() -> None:
    memory = PeakMemory()
    before = memory.peak()
    held = np.ones(1 << 24)  # 128 MiB, written to
    assert memory.peak() - before > 100 << 20
    del held


@pytest.mark.slow  # eight processes
def test_the_command_prints_a_table_and_writes_json(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(certified.PROBLEMS, "wine", absent_data)
    monkeypatch.setitem(certified.PROBLEMS, "digits", absent_data)
    out = tmp_path / "out.json"
    options = ["--quick", "--threads", "1", "--repeats", "1", "--markdown"]
    places = ["--cache", str(tmp_path), "--json", str(out)]
    certified.main(["small", "gradient", *options, "--only", "newton-cg", *places])
    text = capsys.readouterr().out
    assert "processor: " in text
    assert "| softplex | " in text
    assert "| scikit-learn newton-cg | " in text
    assert "newton-cholesky" not in text
    assert text.count("left out, its data are not here") == 2
    assert "one value and gradient, 2,000 x 784" in text
    written = json.loads(out.read_text(encoding="utf-8"))
    assert [row["row"] for row in written["rows"]] == ["small"] * 3 + ["gradient"] * 2
    assert written["rows"][0]["outcomes"][0]["best"]["relative_gap"] <= 1e-2


def absent_data(_: bool) -> Problem:
    raise FileNotFoundError("no such file")


def test_an_unknown_row_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        certified.main(["fashon"])
    assert "no such row: fashon; there are fashion, " in capsys.readouterr().err
