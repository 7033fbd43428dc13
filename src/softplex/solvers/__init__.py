"""Solvers: an objective to a Solution with a certificate."""

from softplex.solvers._result import Iteration, Solution
from softplex.solvers._ridge import RidgeProblem, solve_ridge

__all__ = ["Iteration", "RidgeProblem", "Solution", "solve_ridge"]
