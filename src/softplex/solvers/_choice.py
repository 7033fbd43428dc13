"""Which solver takes a problem, and why."""

from __future__ import annotations

from softplex.exceptions import SolverRefused
from softplex.penalties import PenaltyParts
from softplex.solvers._problem import MAX_NEWTON_PARAMETERS, RidgeProblem, estimated_work

SOLVERS = ("auto", "lbfgs", "newton", "proximal")


def check_solver(problem: RidgeProblem, penalty: PenaltyParts) -> None:
    """Refuse a solver that cannot take the penalty or the size, before it begins.

    Raises
    ------
    SolverRefused
        With what the solver needs, and which one to take.
    """
    solver, smooth = problem.solver, penalty.is_smooth
    if solver in ("lbfgs", "newton") and not smooth:
        raise SolverRefused(
            f"solver={solver!r} needs a smooth penalty (ridge, or none), but the penalty has lasso "
            "or group terms, which have kinks. Use solver='proximal' or 'auto'."
        )
    if solver == "proximal" and smooth:
        raise SolverRefused(
            "solver='proximal' is for lasso and group penalties, but the penalty is smooth. Use "
            "solver='lbfgs', 'newton' or 'auto'."
        )
    size = problem.n_parameters
    if solver == "newton" and size > MAX_NEWTON_PARAMETERS:
        raise SolverRefused(
            f"solver='newton' forms a Hessian of {size:,} x {size:,} numbers, which takes "
            f"{8e-9 * size**2:.1f} GB; it goes up to {MAX_NEWTON_PARAMETERS:,} parameters. Use "
            "solver='lbfgs' or 'auto'."
        )


def describe_choice(problem: RidgeProblem, penalty: PenaltyParts) -> str:
    """Say which solver a problem goes to and what the cost model says, in a line."""
    if not penalty.is_smooth:
        return "solver proximal: the penalty has kinks"
    newton, lbfgs = estimated_work(problem)
    chosen = "newton" if problem.goes_to_newton else "lbfgs"
    reason = "as asked" if problem.solver != "auto" else "the cheaper by the cost model"
    return (
        f"solver {chosen}, {reason}: Newton's method would take about {newton:.1e} operations, "
        f"L-BFGS {lbfgs:.1e}"
    )
