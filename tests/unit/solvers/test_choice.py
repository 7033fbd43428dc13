"""Which solver takes which problem."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.datasets import load_iris

from softplex import SoftmaxClassifier, SoftmaxClassifierCV
from softplex.exceptions import InvalidInput, SolverRefused
from softplex.penalties import GroupLasso

X, y = load_iris(return_X_y=True)


@pytest.mark.parametrize("solver", ["auto", "lbfgs", "newton"])
def test_every_solver_finds_the_optimum(solver: str) -> None:
    model = SoftmaxClassifier(solver=solver, tol=1e-10).fit(X, y)
    reference = SoftmaxClassifier(tol=1e-12).fit(X, y)
    np.testing.assert_allclose(model.coef_, reference.coef_, atol=1e-4)
    assert model.certificate_.relative_gap <= 1e-10


@pytest.mark.parametrize("solver", ["auto", "lbfgs", "newton"])
def test_the_choice_is_printed(solver: str, capsys: pytest.CaptureFixture[str]) -> None:
    SoftmaxClassifier(solver=solver, verbose=1).fit(X, y)
    line = capsys.readouterr().err.splitlines()[0]
    assert line.startswith("solver newton" if solver != "lbfgs" else "solver lbfgs")
    assert ("as asked" in line) == (solver != "auto")
    assert "operations" in line


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"solver": "lbfgs", "l1_ratio": 0.5}, "solver='proximal'"),
        ({"solver": "newton", "penalty": GroupLasso()}, "solver='proximal'"),
        ({"solver": "proximal"}, "the penalty is smooth"),
    ],
)
def test_a_penalty_that_a_solver_cannot_take_is_refused_at_once(arguments, words: str) -> None:
    for model in (SoftmaxClassifier(**arguments), SoftmaxClassifierCV(Cs=[1.0], **arguments)):
        with pytest.raises(SolverRefused, match=words):
            model.fit(X, y)
        assert not hasattr(model, "coef_")


def test_a_hessian_that_would_fill_the_memory_is_refused() -> None:
    wide = np.zeros((6, 20_000))
    with pytest.raises(SolverRefused, match=r"takes 3\.2 GB"):
        SoftmaxClassifier(solver="newton").fit(wide, [0, 1] * 3)


def test_an_unknown_solver_is_named() -> None:
    with pytest.raises(InvalidInput, match="solver"):
        SoftmaxClassifier(solver="sag").fit(X, y)


def test_a_path_takes_the_penalties_of_a_single_fit() -> None:
    model = SoftmaxClassifierCV(Cs=[0.1, 1.0], l1_ratio=1.0, cv=3).fit(X, y)
    single = SoftmaxClassifier(C=model.C_, l1_ratio=1.0, tol=1e-8).fit(X, y)
    np.testing.assert_allclose(model.coef_, single.coef_, atol=0.05)
    assert (model.coef_ == 0).any()
