"""Who takes part: how each candidate is made for a problem, and what its fit is asked for.

Everything here is pickled to a process of its own, so candidates are made of module-level
functions.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

import softplex
from harness.objectives import Parameters
from problems import Problem

# Large enough that the tolerance or the time limit ends a fit, never the count.
MAX_ITER = 10_000_000
LADDER = (1e-2, 1e-3, 1e-4, 1e-5, 1e-6, 1e-7, 1e-8, 1e-9, 1e-10)
SOLVERS = ("lbfgs", "newton-cg", "newton-cholesky", "sag", "saga")
# newton-cholesky forms a (k (d + 1), k (d + 1)) matrix in float64: 800 MB at this size.
_MOST_COLUMNS = 10_000


@dataclass(frozen=True)
class Answer:
    """What a fitted candidate says: parameters of each task, and the certificate if it has one."""

    parameters: list[Parameters]
    iterations: int | None = None
    relative_gap: float | None = None
    status: str | None = None
    lower_bounds: list[float] | None = None


@dataclass(frozen=True)
class Candidate:
    """A way to solve a problem.

    ``make(problem, tolerance)`` gives an estimator and ``read(estimator, problem)`` its answer.
    ``dtype`` asks for a copy of the features in it, made before the clock starts. One that is not
    ``comparable`` has another objective: it runs once at its own tolerance. One with an
    ``absence`` is left out for that reason.
    """

    name: str
    make: Callable[[Problem, float], Any]
    read: Callable[[Any, Problem], Answer]
    ladder: tuple[float, ...] = LADDER
    dtype: str | None = None
    comparable: bool = True
    absence: str | None = None


class EachTask:
    """Every task of a problem by a SoftmaxClassifier or SVMClassifier of its own."""

    def __init__(self, problem: Problem, tolerance: float) -> None:
        self._problem = problem
        self._tolerance = tolerance

    def fit(self, X: Any, y: np.ndarray) -> EachTask:
        self.models_ = []
        for task in self._problem.tasks:
            rows = slice(None) if task.rows is None else task.rows
            model = single(self._problem, task.C, self._tolerance)
            self.models_.append(model.fit(X[rows], y[rows]))
        return self


def single(problem: Problem, C: float, tolerance: float) -> Any:
    """The softplex estimator of one task."""
    common = {"tol": tolerance, "max_iter": MAX_ITER, "fit_intercept": problem.fit_intercept}
    if problem.loss == "crammer_singer":
        return softplex.SVMClassifier(C=C, loss="crammer_singer", **common)
    return softplex.SoftmaxClassifier(C, **common)


def make_softplex(problem: Problem, tolerance: float) -> Any:
    return single(problem, problem.C, tolerance)


def read_each_task(model: EachTask, problem: Problem) -> Answer:
    answers = [read_certified(own, problem) for own in model.models_]
    gaps = [answer.relative_gap for answer in answers if answer.relative_gap is not None]
    return Answer(
        [parameters for answer in answers for parameters in answer.parameters],
        iterations=sum(answer.iterations or 0 for answer in answers),
        relative_gap=max(gaps),
        status=worst_status([answer.status for answer in answers]),
        lower_bounds=[bound for answer in answers for bound in answer.lower_bounds or []],
    )


def worst_status(statuses: Sequence[str | None]) -> str:
    """The first that is not "converged"."""
    return next((status for status in statuses if status and status != "converged"), "converged")


def read_certified(model: Any, problem: Problem) -> Answer:
    certificate = model.certificate_
    plain = read_plain(model, problem)
    return Answer(
        plain.parameters,
        plain.iterations,
        certificate.relative_gap,
        certificate.status.name.lower(),
        [certificate.dual],
    )


def read_plain(model: Any, _: Problem) -> Answer:
    weight = np.asarray(model.coef_)
    bias = np.broadcast_to(np.asarray(model.intercept_), (len(weight),)).copy()
    return Answer([(weight, bias)], iterations=int(np.max(model.n_iter_)))


def read_nothing(_: Any, __: Problem) -> Answer:
    return Answer([])


class RecordedScores:
    """A measure of held-out rows, minus the log-loss, that keeps the coefficients it is shown."""

    def __init__(self) -> None:
        self.parameters: list[Parameters] = []

    def __call__(self, estimator: Any, X: Any, y: np.ndarray) -> float:
        self.parameters.append((estimator.coef_, estimator.intercept_))
        log_probabilities = estimator.predict_log_proba(X)
        return float(log_probabilities[np.arange(len(y)), y].mean())


def make_softplex_cv(problem: Problem, tolerance: float) -> Any:
    """The whole path: every value of C in every fold, and no last fit, as for the peer."""
    return softplex.SoftmaxClassifierCV(
        Cs=problem.Cs,
        cv=list(problem.folds),
        scoring=RecordedScores(),
        path_tol=tolerance,
        early_stopping=False,
        refit=False,
        max_iter=MAX_ITER,
    )


def read_softplex_cv(model: Any, problem: Problem) -> Answer:
    """The fits come value by value of C, and the tasks fold by fold."""
    path, shown = model.path_, model.scoring.parameters
    folds = len(problem.folds)
    return Answer(
        [parameters for fold in range(folds) for parameters in shown[fold::folds]],
        iterations=int(path.n_iters.sum()),
        relative_gap=float(path.relative_gaps.max()),
        status=worst_status([status.name.lower() for row in path.statuses for status in row]),
    )


def make_logistic(solver: str, problem: Problem, tolerance: float) -> Any:
    from sklearn.linear_model import LogisticRegression

    return LogisticRegression(
        C=problem.C, solver=solver, tol=tolerance, max_iter=MAX_ITER, random_state=0
    )


def make_intelex(problem: Problem, tolerance: float) -> Any:
    from sklearnex.linear_model import LogisticRegression

    return LogisticRegression(C=problem.C, solver="lbfgs", tol=tolerance, max_iter=MAX_ITER)


def make_logistic_cv(solver: str, problem: Problem, tolerance: float) -> Any:
    from sklearn.linear_model import LogisticRegressionCV

    return LogisticRegressionCV(
        Cs=problem.Cs,
        cv=list(problem.folds),
        solver=solver,
        tol=tolerance,
        max_iter=MAX_ITER,
        scoring="neg_log_loss",
        refit=False,
        l1_ratios=(0.0,),
        use_legacy_attributes=False,
        random_state=0,
    )


def read_logistic_cv(model: Any, _: Problem) -> Answer:
    paths = model.coefs_paths_[:, 0]  # (folds, Cs, k, d + 1)
    parameters = [(both[:, :-1], both[:, -1]) for fold in paths for both in fold]
    return Answer(parameters, iterations=int(np.sum(model.n_iter_)))


def make_linear_svc(problem: Problem, tolerance: float) -> Any:
    from sklearn.svm import LinearSVC

    return LinearSVC(
        C=problem.C,
        multi_class="crammer_singer",
        fit_intercept=False,
        tol=tolerance,
        max_iter=MAX_ITER,
        random_state=0,
    )


def make_liblinear_logistic(problem: Problem, _: float) -> Any:
    from sklearn.linear_model import LogisticRegression
    from sklearn.multiclass import OneVsRestClassifier

    return OneVsRestClassifier(LogisticRegression(C=problem.C, solver="liblinear"))


def make_liblinear_svc(problem: Problem, _: float) -> Any:
    from sklearn.svm import LinearSVC

    return LinearSVC(C=problem.C)


SOFTPLEX = Candidate("softplex", make_softplex, read_certified)
REFERENCE = Candidate("softplex, task by task", EachTask, read_each_task)


def logistic_field(problem: Problem) -> list[Candidate]:
    """softplex, scikit-learn's solvers that can take the problem, scikit-learn-intelex."""
    k = len(np.unique(problem.y))
    columns = k * (problem.X.shape[1] + 1)
    solvers = [s for s in SOLVERS if s != "newton-cholesky" or columns <= _MOST_COLUMNS]
    peers = [
        Candidate(f"scikit-learn {solver}", partial(make_logistic, solver), read_plain)
        for solver in solvers
    ]
    return [SOFTPLEX, *peers, _intelex()]


def logistic_field_both_dtypes(problem: Problem) -> list[Candidate]:
    """The same; and, in the other dtype, the two solvers that a change of it may help."""
    own = np.dtype(problem.X.dtype)
    other = "float64" if own == np.float32 else "float32"
    copies = [
        Candidate(
            f"scikit-learn {solver}, {other}",
            partial(make_logistic, solver),
            read_plain,
            dtype=other,
        )
        for solver in ("lbfgs", "newton-cg")
    ]
    return logistic_field(problem) + copies


def text_field(problem: Problem) -> list[Candidate]:
    """The same, and LIBLINEAR, which solves k problems of one class against the rest."""
    return [
        *logistic_field_both_dtypes(problem),
        _one_against_the_rest("logistic", make_liblinear_logistic),
        _one_against_the_rest("squared hinge", make_liblinear_svc),
    ]


def _one_against_the_rest(loss: str, make: Callable[[Problem, float], Any]) -> Candidate:
    name = f"LIBLINEAR, {loss}, one against the rest"
    return Candidate(name, make, read_nothing, ladder=(1e-4,), comparable=False)


def hinge_field(_: Problem) -> list[Candidate]:
    return [SOFTPLEX, Candidate("LinearSVC, crammer_singer", make_linear_svc, read_plain)]


def path_field(problem: Problem) -> list[Candidate]:
    """SoftmaxClassifierCV, and LogisticRegressionCV by each solver that can take the problem."""
    k, (_, d) = len(np.unique(problem.y)), problem.X.shape
    peers = [
        Candidate(
            f"LogisticRegressionCV {solver}", partial(make_logistic_cv, solver), read_logistic_cv
        )
        for solver in SOLVERS
        if solver != "newton-cholesky" or k * (d + 1) <= _MOST_COLUMNS
    ]
    ours = Candidate("softplex", make_softplex_cv, read_softplex_cv)
    return [ours, *peers]


def _intelex() -> Candidate:
    missing = importlib.util.find_spec("sklearnex") is None
    return Candidate(
        "scikit-learn-intelex lbfgs",
        make_intelex,
        read_plain,
        absence="scikit-learn-intelex is not installed" if missing else None,
    )
