"""Solvers: an objective to a Solution with a certificate, or a module trained by mini-batches."""

from softplex.solvers._checkpoint import keeper, read_checkpoint, refuse_other_fit
from softplex.solvers._choice import SOLVERS, check_solver, describe_choice
from softplex.solvers._examples import Examples, dense_rows
from softplex.solvers._hinge import solve_hinge
from softplex.solvers._hinge_setup import HingeProblem
from softplex.solvers._minibatch import Training, judged_rows, module_scores, train, train_once
from softplex.solvers._neighbours import NeighbouringFits
from softplex.solvers._penalised import solve_penalised
from softplex.solvers._problem import LinearProblem, RidgeProblem
from softplex.solvers._result import Iteration, Solution
from softplex.solvers._ridge import solve_ridge
from softplex.solvers._schedule import SCHEDULES, Schedule
from softplex.solvers._step_rule import OPTIMIZERS, StepRule, trained_parameters
from softplex.solvers._training import (
    CheckpointStore,
    Epoch,
    MiniBatchProblem,
    TrainingResult,
    TrainingStatus,
)

__all__ = [
    "OPTIMIZERS",
    "SCHEDULES",
    "SOLVERS",
    "CheckpointStore",
    "Epoch",
    "Examples",
    "HingeProblem",
    "Iteration",
    "LinearProblem",
    "MiniBatchProblem",
    "NeighbouringFits",
    "RidgeProblem",
    "Schedule",
    "Solution",
    "StepRule",
    "Training",
    "TrainingResult",
    "TrainingStatus",
    "check_solver",
    "dense_rows",
    "describe_choice",
    "judged_rows",
    "keeper",
    "module_scores",
    "read_checkpoint",
    "refuse_other_fit",
    "solve_hinge",
    "solve_penalised",
    "solve_ridge",
    "train",
    "train_once",
    "trained_parameters",
]
