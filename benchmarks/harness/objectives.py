"""Objectives in NumPy and float64, apart from softplex, to judge every candidate alike."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from problems import Problem

# Scores held at once.
_BLOCK = 1 << 22

Parameters = tuple[np.ndarray, np.ndarray]


def cross_entropy_loss(scores: np.ndarray, y: np.ndarray) -> float:
    """Sum over rows of log-sum-exp(z) - z_y, in nats."""
    top = scores.max(axis=1, keepdims=True)
    log_norm = top[:, 0] + np.log(np.exp(scores - top).sum(axis=1))
    return float((log_norm - scores[np.arange(len(y)), y]).sum())


def crammer_singer_loss(scores: np.ndarray, y: np.ndarray) -> float:
    """Sum over rows of max_j (z_j + [j != y]) - z_y."""
    rows = np.arange(len(y))
    lifted = scores + 1.0
    lifted[rows, y] -= 1.0
    return float((lifted.max(axis=1) - scores[rows, y]).sum())


LOSSES: dict[str, Callable[[np.ndarray, np.ndarray], float]] = {
    "softmax": cross_entropy_loss,
    "crammer_singer": crammer_singer_loss,
}


def objective(
    X: Any, y: np.ndarray, parameters: Parameters, C: float, loss: str = "softmax"
) -> float:
    """C x sum(loss) + 1/2 ||W||^2, a block of rows at a time; y holds 0, ..., k - 1."""
    weight, bias = (np.asarray(value, dtype=np.float64) for value in parameters)
    if len(weight) == 1:  # two classes: the score of the first is 0
        doubled = np.vstack([np.zeros_like(weight), weight])
        weight_rows, bias = doubled, np.append(0.0, bias)
    else:
        weight_rows = weight
    columns = np.ascontiguousarray(weight_rows.T)
    rows = max(1, _BLOCK // len(weight_rows))
    total = 0.0
    for start in range(0, X.shape[0], rows):
        block = X[start : start + rows].astype(np.float64)
        total += LOSSES[loss](np.asarray(block @ columns) + bias, y[start : start + rows])
    return C * total + 0.5 * float((weight**2).sum())


def task_values(problem: Problem, parameters: list[Parameters]) -> np.ndarray:
    """The objective of each task at its parameters."""
    tasks = problem.tasks
    if len(parameters) != len(tasks):
        raise ValueError(f"{len(tasks)} tasks, but parameters of {len(parameters)}")
    values = np.empty(len(tasks))
    for number, (task, own) in enumerate(zip(tasks, parameters, strict=True)):
        X, y = problem.X, problem.y
        if task.rows is not None:
            X, y = X[task.rows], y[task.rows]
        values[number] = objective(X, y, own, task.C, problem.loss)
    return values


def suboptimality(values: np.ndarray, lower_bounds: np.ndarray) -> float:
    """The largest over the tasks of (value - bound) / bound."""
    return float(((values - lower_bounds) / np.abs(lower_bounds)).max())
