"""The benchmarks' judge: objectives, brackets, tables, and the rows that they promise."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
from scipy import sparse
from sklearn.datasets import load_iris

from softplex import SoftmaxClassifier

BENCHMARKS = Path(__file__).resolve().parents[3] / "benchmarks"
sys.path.insert(0, str(BENCHMARKS))

from harness.candidates import REFERENCE, EachTask, worst_status  # noqa: E402
from harness.machine import describe  # noqa: E402
from harness.objectives import objective, suboptimality, task_values  # noqa: E402
from harness.race import Outcome, Rung, in_words  # noqa: E402
from harness.references import fingerprint  # noqa: E402
from harness.rows import ROWS  # noqa: E402
from harness.tables import footnotes, markdown, outcome_cells, plain, verdict  # noqa: E402
from problems import PROBLEMS, Problem, embedded  # noqa: E402

X, Y = load_iris(return_X_y=True)
FOLDS = tuple((np.flatnonzero(np.arange(150) % 3 != f), np.arange(3)) for f in range(3))
PATH = Problem("iris path", X, Y, (0.1, 1.0), FOLDS)


def rung(seconds: float, reached: float | None = 1e-7) -> Rung:
    return Rung(1e-4, seconds, reached, 5, None, None, None, ())


def done(name: str, seconds: float) -> Outcome:
    return Outcome(name, True, rung(seconds), longest=seconds)


def test_objective_of_zero_weights_is_known() -> None:
    zero = (np.zeros((3, 4)), np.zeros(3))
    assert objective(X, Y, zero, 2.0) == pytest.approx(2.0 * 150 * np.log(3.0), rel=1e-14)
    assert objective(X, Y, zero, 2.0, "crammer_singer") == pytest.approx(2.0 * 150, rel=1e-14)


def test_objective_agrees_with_the_certificate() -> None:
    model = SoftmaxClassifier(0.5, tol=1e-9).fit(X, Y)
    value = objective(X, Y, (model.coef_, model.intercept_), 0.5)
    # Two float64 sums over 150 rows in another order.
    assert value == pytest.approx(model.certificate_.primal, rel=1e-12)


def test_objective_of_two_classes_has_one_score_column() -> None:
    model = SoftmaxClassifier(0.5, tol=1e-9).fit(X, Y == 0)
    value = objective(X, (Y == 0).astype(int), (model.coef_, model.intercept_), 0.5)
    assert value == pytest.approx(model.certificate_.primal, rel=1e-12)


def test_blocks_and_sparse_rows_leave_the_objective(monkeypatch: pytest.MonkeyPatch) -> None:
    generator = np.random.default_rng(0)
    parameters = generator.normal(size=(3, 4)), generator.normal(size=3)
    for loss in ("softmax", "crammer_singer"):
        whole = objective(X, Y, parameters, 0.7, loss)
        assert objective(sparse.csr_matrix(X), Y, parameters, 0.7, loss) == pytest.approx(whole)
        with monkeypatch.context() as patch:
            patch.setattr("harness.objectives._BLOCK", 20)
            assert objective(X, Y, parameters, 0.7, loss) == pytest.approx(whole, rel=1e-13)


def test_crammer_singer_by_hand() -> None:
    # Scores of the one row are its weights: max(2, 1 + 1) - 2 = 0, then max(2, 1.5 + 1) - 2 = 0.5.
    one, y = np.ones((1, 1)), np.zeros(1, dtype=int)
    for other, loss in ((1.0, 0.0), (1.5, 0.5)):
        weight = np.array([[2.0], [other]]), np.zeros(2)
        with_third = np.vstack([weight[0], [[0.0]]]), np.zeros(3)
        expected = 3.0 * loss + 0.5 * (4.0 + other**2)
        assert objective(one, y, with_third, 3.0, "crammer_singer") == pytest.approx(expected)


def test_tasks_are_fold_by_fold() -> None:
    assert [task.C for task in PATH.tasks] == [0.1, 1.0] * 3
    assert all(np.array_equal(PATH.tasks[2 * f].rows, FOLDS[f][0]) for f in range(3))


def test_reference_brackets_every_task() -> None:
    answer = REFERENCE.read(EachTask(PATH, 1e-8).fit(X, Y), PATH)
    values, bounds = task_values(PATH, answer.parameters), np.array(answer.lower_bounds)
    assert len(bounds) == 6
    # The judge's sum may round below the bound in its last digits.
    assert -1e-12 < suboptimality(values, bounds) <= 1e-8
    assert answer.status == "converged"


def test_parameters_must_be_those_of_the_tasks() -> None:
    with pytest.raises(ValueError, match="6 tasks, but parameters of 0"):
        task_values(PATH, [])


def test_the_worst_task_counts() -> None:
    assert suboptimality(np.array([1.0, 4.0]), np.array([1.0, 2.0])) == 1.0
    assert worst_status(["converged", "stalled", "converged"]) == "stalled"
    assert worst_status(["converged"]) == "converged"


def test_fingerprint_tells_problems_apart() -> None:
    plain_one = Problem("a", X, Y, (1.0,))
    others = [
        Problem("a", X, Y, (2.0,)),
        Problem("a", X + 1e-9, Y, (1.0,)),
        Problem("a", X, Y, (1.0,), fit_intercept=False),
        Problem("a", X.astype(np.float32), Y, (1.0,)),
        Problem("a", sparse.csr_matrix(X), Y, (1.0,)),
        Problem("a", X, Y, (1.0,), FOLDS),
    ]
    assert len({fingerprint(problem) for problem in [plain_one, *others]}) == 7
    assert fingerprint(plain_one) == fingerprint(Problem("another name", X.copy(), Y, (1.0,)))


def test_embeddings_are_balanced_and_repeatable() -> None:
    features, y = embedded(60, 8, 6)
    again, _ = embedded(60, 8, 6)
    assert features.dtype == np.float32
    assert np.array_equal(np.bincount(y), [10] * 6)
    assert np.array_equal(features, again)


def test_every_row_names_problems_that_exist() -> None:
    named = [name for row in ROWS.values() for name in row.problems]
    assert sorted(named) == sorted(PROBLEMS)


def test_tables_say_who_won_and_who_did_not_arrive() -> None:
    outcomes = [
        done("softplex", 0.5),
        done("fast", 2.0),
        done("slow", 4.0),
        Outcome("late", False, rung(9.0, 1e-3), why_not="stopped after 10 s at tol 0.1"),
        Outcome("other", True, rung(0.1, None), comparable=False),
        Outcome("absent", False, None, why_not="left out: not installed"),
    ]
    cells = outcome_cells(outcomes)
    assert [row[2] for row in cells[1:]] == ["1", "4", "8", "-", "0.2", "-"]
    assert "4 times as fast as the fastest peer that got there, fast" in verdict(outcomes, 20.0)
    assert len(footnotes(outcomes)) == 2
    assert in_words(outcomes[3]).startswith("not reached: best suboptimality 1.0e-03 after 9 s")
    assert markdown(cells).splitlines()[1].count("---:") == len(cells[0]) - 1
    assert len({len(line) for line in plain(cells).splitlines()}) == 1


def test_verdicts_without_a_winner() -> None:
    ours, failed = done("softplex", 0.5), Outcome("softplex", False, None, why_not="x")
    late = Outcome("late", False, None, why_not="stopped", longest=10.0)
    other = Outcome("other", True, rung(0.1, None), comparable=False, longest=0.1)
    assert verdict([ours, late], 5.0).startswith("No peer got there; the longest fit took 10 s, 20")
    assert verdict([failed, late], 5.0).startswith("softplex did not get there: x")
    assert verdict([ours, other], 5.0).startswith("No peer with the same objective took part")


def test_machine_is_described() -> None:
    described = describe(2)
    assert {"processor", "cores", "system", "Python", "softplex", "torch"} <= set(described)
    assert all(described.values())
