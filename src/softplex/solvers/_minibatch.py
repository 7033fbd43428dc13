r"""Training by mini-batches: one loop for every module, loss and optimiser.

A batch B has the loss :math:`\sum_{i \in B} w_i l_i / \sum_{i \in B} w_i`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import astuple
from typing import Any

import torch
from torch import Tensor, nn

from softplex.exceptions import InvalidInput
from softplex.losses import CrossEntropy, reduce_rows
from softplex.maps import softmax
from softplex.solvers._early_stopping import EarlyStopping, copied_parameters
from softplex.solvers._examples import Batch, Examples
from softplex.solvers._randomness import own_randomness, random_states, restore_random_states
from softplex.solvers._state import (
    as_arrays,
    as_tensors,
    optimizer_arrays,
    restore_optimizer,
)
from softplex.solvers._training import (
    Epoch,
    MiniBatchProblem,
    TrainingResult,
    TrainingStatus,
)

_JUDGED_SCORES = 2**22  # scores or features held at once where nothing is trained
_JUDGED_ROWS = 4096


class _NotFinite(ArithmeticError):
    """The loss is NaN or infinite; the text says where."""


class Training:
    """The state of a fit between two epochs.

    Parameters
    ----------
    problem : MiniBatchProblem
        What to fit; its module is changed in place.
    """

    def __init__(self, problem: MiniBatchProblem) -> None:
        self.problem = problem
        rate = problem.schedule.learning_rate
        self.optimizer = problem.step_rule.make_optimizer(problem.module, rate)
        self.stopping = EarlyStopping(problem.patience)
        self.step = 0
        self.history: list[Epoch] = []
        self._good: dict[str, Tensor] = {}
        self._good_epoch = 0

    @property
    def is_over(self) -> bool:
        """Whether no further epoch is to be run."""
        return self.stopping.is_spent or len(self.history) >= self.problem.max_epochs

    def run_epoch(self) -> Epoch:
        """Pass over the rows once."""
        problem, examples = self.problem, self.problem.examples
        problem.module.train()
        mass = total = rate = 0.0
        batches = examples.shuffled(problem.batch_size)
        for number, rows in enumerate(batches):
            batch = examples.batch(rows)
            loss, value = self._loss(batch, number, len(batches))
            rate = self._rate(len(batches))
            self._step(loss, rate)
            weight = float(batch.weight.sum(dtype=torch.float64))
            mass += weight
            total += weight * value
        self._refuse_broken_parameters(len(batches))
        held_out = self._judge()
        epoch = Epoch(len(self.history) + 1, total / mass if mass else 0.0, *held_out, rate)
        self.history.append(epoch)
        return epoch

    def keep_the_best(self) -> None:
        """Return to the parameters of the best epoch, where rows were held out."""
        if self.stopping.best:
            self.problem.module.load_state_dict(self.stopping.best)

    def keep_the_last_good(self) -> str:
        """Return to parameters of finite loss, and say which these are."""
        if self.stopping.best:
            self.keep_the_best()
            return "The parameters of the best epoch are kept"
        if self._good:
            self.problem.module.load_state_dict(self._good)
        after = f"after epoch {self._good_epoch}" if self._good_epoch else "before the first step"
        return f"The parameters as they were {after} are kept"

    def continuation(self) -> dict[str, Any]:
        """Give what a further step needs beside the module, as plain values and arrays."""
        return {
            "step": self.step,
            "optimizer": optimizer_arrays(self.optimizer),
            "random": as_arrays(random_states(self.problem.examples.device)),
        }

    def go_on(self, continuation: dict[str, Any]) -> None:
        """Take up what :meth:`continuation` gave."""
        self.step = continuation["step"]
        restore_optimizer(self.optimizer, continuation["optimizer"])
        restore_random_states(as_tensors(continuation["random"]), self.problem.examples.device)

    def state(self) -> dict[str, Any]:
        """Give everything that the rest of the fit depends on, as plain values and arrays."""
        return {
            **self.continuation(),
            "module": as_arrays(self.problem.module.state_dict()),
            "best": as_arrays(self.stopping.best),
            "best_loss": self.stopping.best_loss,
            "waited": self.stopping.waited,
            "history": [list(astuple(epoch)) for epoch in self.history],
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Take up what :meth:`state` gave."""
        self.problem.module.load_state_dict(as_tensors(state["module"]))
        self.go_on(state)
        self.stopping.best = as_tensors(state["best"])
        self.stopping.best_loss, self.stopping.waited = state["best_loss"], state["waited"]
        self.history = [Epoch(*entry) for entry in state["history"]]
        self._good_epoch = len(self.history)

    def _loss(self, batch: Batch, number: int, n_batches: int) -> tuple[Tensor, float]:
        problem = self.problem
        scores = module_scores(problem.module, batch.features, problem.examples.n_classes)
        values = problem.loss.per_example(scores, batch.targets)
        loss = reduce_rows(values, batch.weight, "mean")
        value = float(loss.detach())
        if not math.isfinite(value):
            raise _NotFinite(self._place(value, number + 1, n_batches))
        if number == 0:  # these parameters have a finite loss
            self._good, self._good_epoch = copied_parameters(problem.module), len(self.history)
        return loss, value

    def _rate(self, steps_per_epoch: int) -> float:
        return self.problem.schedule.rate(
            self.step,
            steps_per_epoch=steps_per_epoch,
            n_steps=self.problem.max_epochs * steps_per_epoch,
        )

    def _step(self, loss: Tensor, rate: float) -> None:
        self.optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        self.problem.step_rule.apply(self.optimizer, rate)
        self.step += 1

    def _refuse_broken_parameters(self, n_batches: int) -> None:
        for parameter in self.problem.module.parameters():
            if not bool(torch.isfinite(parameter).all()):
                raise _NotFinite(self._place(math.nan, n_batches, n_batches))

    def _judge(self) -> tuple[float | None, float | None]:
        held_out = self.problem.held_out
        if held_out is None:
            return None, None
        loss, accuracy = judged(self.problem, held_out)
        if not math.isfinite(loss):
            raise _NotFinite(
                f"the held-out loss became {loss} at the end of epoch {len(self.history) + 1}"
            )
        self.stopping.look(loss, self.problem.module)
        return loss, accuracy

    def _place(self, value: float, number: int, n_batches: int) -> str:
        epoch = len(self.history) + 1
        return f"the loss became {value} in epoch {epoch}, batch {number} of {n_batches}"


def train(
    problem: MiniBatchProblem,
    *,
    seed: int,
    report: Callable[[Epoch], None],
    keep: Callable[[Training], None] = lambda _: None,
    state: dict[str, Any] | None = None,
) -> TrainingResult:
    """Run the epochs, from a state that an earlier run kept if there is one.

    Parameters
    ----------
    problem : MiniBatchProblem
        What to fit; its module holds the result.
    seed : int
        Of shuffling and of random layers.
    report : callable
        Told of every epoch.
    keep : callable, optional
        Given the training after every epoch, to store its state.
    state : dict, optional
        What an earlier run kept, of the same problem and seed.

    Returns
    -------
    TrainingResult
    """
    training = Training(problem)
    status, failure = TrainingStatus.ALL_EPOCHS, ""
    with own_randomness(seed, problem.examples.device):
        try:
            if state is not None:
                training.restore(state)
            while not training.is_over:
                epoch = training.run_epoch()
                report(epoch)
                keep(training)
            if training.stopping.is_spent:
                status = TrainingStatus.STOPPED_EARLY
            training.keep_the_best()
        except KeyboardInterrupt:
            status = TrainingStatus.INTERRUPTED
            training.keep_the_best()
        except _NotFinite as error:
            status = TrainingStatus.DIVERGED
            failure = f"{error}. {training.keep_the_last_good()}"
    problem.module.eval()
    return TrainingResult(status, tuple(training.history), failure)


def train_once(
    problem: MiniBatchProblem, *, seed: int, continuation: dict[str, Any] | None
) -> tuple[TrainingResult, dict[str, Any] | None]:
    """Pass over the rows once, with the memory of the passes before.

    Parameters
    ----------
    problem : MiniBatchProblem
        What to fit; its module is changed in place.
    seed : int
        Used where there is no continuation.
    continuation : dict or None
        What the pass before gave.

    Returns
    -------
    result : TrainingResult
        Its history is this one pass.
    continuation : dict or None
        For the next pass; None after a failure.
    """
    training = Training(problem)
    with own_randomness(seed, problem.examples.device):
        if continuation is not None:
            training.go_on(continuation)
        try:
            training.run_epoch()
            status, failure, following = TrainingStatus.ALL_EPOCHS, "", training.continuation()
        except _NotFinite as error:
            failure = f"{error}. {training.keep_the_last_good()}"
            status, following = TrainingStatus.DIVERGED, None
    problem.module.eval()
    return TrainingResult(status, tuple(training.history), failure), following


def module_scores(module: nn.Module, features: Tensor, n_classes: int) -> Tensor:
    """Give the scores of a module: those of its ``scores`` method, where it is a head."""
    scores = getattr(module, "scores", module)(features)
    wanted = (len(features), n_classes)
    if not isinstance(scores, Tensor) or scores.shape != wanted:
        came = f"shape {tuple(scores.shape)}" if isinstance(scores, Tensor) else type(scores)
        raise InvalidInput(
            f"The module must give one score a class, shape {wanted} for {len(features)} rows and "
            f"{n_classes} classes, but {type(module).__name__} gave {came}. Let its last layer "
            f"have {n_classes} outputs."
        )
    return scores


def judged_rows(n_features: int, n_classes: int) -> int:
    """Count the rows that are scored at once where nothing is trained."""
    return max(1, min(_JUDGED_ROWS, _JUDGED_SCORES // max(n_features, n_classes)))


@torch.inference_mode()
def judged(problem: MiniBatchProblem, examples: Examples) -> tuple[float, float]:
    """Give the weighted mean loss and the accuracy on rows that are not trained on.

    The loss is the cross-entropy in nats where softmax is the map of the training loss, and the
    training loss itself where it has another map or none.
    """
    problem.module.eval()
    measure = CrossEntropy() if problem.loss.map is softmax else problem.loss
    mass = total = hits = 0.0
    for batch in examples.in_order(judged_rows(examples.X.shape[1], examples.n_classes)):
        scores = module_scores(problem.module, batch.features, examples.n_classes)
        weight = batch.weight.to(torch.float64)
        targets = batch.targets
        labels = targets.argmax(1) if targets.ndim == 2 else targets
        total += float(weight @ measure.per_example(scores, targets).to(torch.float64))
        hits += float(weight @ (scores.argmax(1) == labels).to(torch.float64))
        mass += float(weight.sum())
    return total / mass, hits / mass
