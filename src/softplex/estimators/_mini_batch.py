"""What the classifiers that train by mini-batches share: fitting, going on, predicting."""

from __future__ import annotations

import sys
import warnings
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted
from torch import nn

from softplex._arrays import as_device, as_dtype, to_numpy
from softplex._checks import check_number
from softplex.estimators._inputs import read_features
from softplex.estimators._module_data import (
    WeightedRows,
    read_more_rows,
    read_rows_to_fit,
    read_validation,
    split_rows,
)
from softplex.estimators._named_losses import read_loss
from softplex.exceptions import InvalidInput, TrainingDiverged
from softplex.losses import Loss
from softplex.maps import log_softmax, softmax
from softplex.solvers import (
    CheckpointStore,
    Epoch,
    Examples,
    MiniBatchProblem,
    Schedule,
    StepRule,
    TrainingResult,
    TrainingStatus,
    dense_rows,
    judged_rows,
    keeper,
    module_scores,
    read_checkpoint,
    refuse_other_fit,
    train,
    train_once,
    trained_parameters,
)


class MiniBatchClassifier(ClassifierMixin, BaseEstimator, ABC):  # type: ignore[misc]
    """A module that gives one score a class, and what trains it."""

    loss: str | Loss
    smoothing: float
    smoothing_kind: str
    class_weight: Any
    optimizer: str
    learning_rate: float
    momentum: float
    nesterov: bool
    weight_decay: float
    l2: float
    clip_norm: float | None
    batch_size: int | None
    max_epochs: int
    schedule: str
    warmup_steps: int
    decay_every: int
    decay_factor: float
    validation_fraction: float
    patience: int
    dtype: Any
    device: Any
    random_state: Any
    verbose: int

    def __sklearn_tags__(self) -> Any:
        """Declare what the estimator takes."""
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags

    def fit(
        self,
        X: Any,
        y: Any,
        sample_weight: Any = None,
        *,
        validation: Any = None,
        checkpoint: CheckpointStore | None = None,
    ) -> Any:
        """Train from the beginning, or from where a checkpoint stands.

        Ctrl-C ends the fit and keeps the best parameters so far.

        Parameters
        ----------
        X : array, CSR matrix, data frame or tensor (n, d)
            A CSR matrix becomes dense batch by batch.
        y : labels (n,), or class probabilities (n, k)
        sample_weight : array (n,), optional
            Weights of the rows within their batches, not negative.
        validation : (X, y) or (X, y, sample_weight), optional
            Rows to judge on in place of a ``validation_fraction``; never trained on.
        checkpoint : softplex.io.Checkpoint, optional
            Where the state is kept. A fit of the same data and settings goes on from it, and ends
            as it would have without a break, bit for bit.

        Returns
        -------
        self
        """
        loss = self._check_arguments()
        state = read_checkpoint(checkpoint)
        seed = self._draw_seed() if state is None else state["seed"]
        data = read_rows_to_fit(self, X, y, sample_weight)
        module = self._new_module(data)
        problem = self._problem(module, loss, *self._examples(data, validation, module, seed))
        identity = {} if checkpoint is None else self._identity(problem)
        if state is not None:
            refuse_other_fit(state, identity)
        result = train(
            problem,
            seed=seed,
            report=_say if self.verbose else _silent,
            keep=keeper(checkpoint, identity, seed),
            state=state,
        )
        self._continuation: dict[str, Any] | None = None
        self.module_, self.classes_ = module, data.targets.classes
        self._keep(result, result.history)
        return self

    def partial_fit(self, X: Any, y: Any, classes: Any = None, sample_weight: Any = None) -> Any:
        """Pass over some rows once, with the optimiser's memory of the calls before.

        The end of the training is not known here, so the learning rate is constant after the
        warm-up, and nothing is held out: ``schedule``, ``validation_fraction`` and ``patience``
        belong to ``fit``. After ``fit`` it goes on from the fitted parameters with a new optimiser.

        Parameters
        ----------
        X : array, CSR matrix, data frame or tensor (n, d)
        y : labels (n,), or class probabilities (n, k)
        classes : array (k,)
            All classes that will ever come; needed in the first call.
        sample_weight : array (n,), optional

        Returns
        -------
        self
        """
        loss = self._check_arguments()
        self._check_for_parts()
        is_first = not hasattr(self, "module_")
        names = self._known_classes(classes)
        data = read_more_rows(self, X, y, sample_weight, names, reset=is_first)
        module = self._new_module(data) if is_first else self.module_
        problem = self._problem(module, loss, _as_examples(data, data.rows, module), None)
        result, following = train_once(
            replace(problem, schedule=replace(problem.schedule, kind="constant")),
            seed=self._draw_seed(),
            continuation=getattr(self, "_continuation", None),
        )
        self._continuation = following
        self.module_, self.classes_ = module, names
        self._keep(result, (*getattr(self, "history_", ()), *result.history))
        return self

    def decision_function(self, X: Any) -> NDArray[np.float64]:
        """Give the scores, ``(n, k)``, or for two classes their difference, ``(n,)``."""
        scores = self._scores(X)
        return scores[:, 1] - scores[:, 0] if scores.shape[1] == 2 else scores

    def predict(self, X: Any) -> NDArray[Any]:
        """Give the class of the highest score of each row, ``(n,)``."""
        scores = self._scores(X)
        return np.asarray(self.classes_[scores.argmax(axis=1)])

    @property
    def predict_proba(self) -> Callable[[Any], NDArray[np.float64]]:
        """Give the class probabilities, ``(n, k)``, by the map of the loss.

        A hinge has no map: then this raises AttributeError.
        """
        self._map("predict_proba")
        return self._probabilities

    @property
    def predict_log_proba(self) -> Callable[[Any], NDArray[np.float64]]:
        """Give the logarithms of the probabilities in nats, ``(n, k)``."""
        self._map("predict_log_proba")
        return self._log_probabilities

    @abstractmethod
    def _new_module(self, data: WeightedRows) -> nn.Module:
        """Give the module to train, on its device and in its dtype."""

    def _check_arguments(self) -> Loss:
        who = type(self).__name__
        loss = read_loss(who, self.loss, self.smoothing, self.smoothing_kind)
        self._step_rule()
        self._schedule()
        if self.batch_size is not None:
            check_number("batch_size", self.batch_size, low=1, integer=True)
        check_number("max_epochs", self.max_epochs, low=1, integer=True)
        check_number("patience", self.patience, low=1, integer=True)
        check_number(
            "validation_fraction", self.validation_fraction, low=0.0, high=1.0, open_high=True
        )
        as_device(self.device)
        as_dtype(self.dtype)
        return loss

    def _check_for_parts(self) -> None:
        who = f"{type(self).__name__}.partial_fit"
        if isinstance(self.class_weight, str):
            raise InvalidInput(
                f"{who} does not see all rows, so it cannot balance the classes. Give "
                "class_weight as a mapping."
            )

    def _known_classes(self, classes: Any) -> NDArray[Any]:
        who = f"{type(self).__name__}.partial_fit"
        given = None if classes is None else np.unique(to_numpy(classes))
        if hasattr(self, "classes_"):
            if given is not None and not np.array_equal(given, self.classes_):
                raise InvalidInput(
                    f"{who} needs the classes of the first call, {self.classes_.tolist()}, but "
                    f"got {given.tolist()}."
                )
            return np.asarray(self.classes_)
        if given is None or len(given) < 2:
            raise InvalidInput(
                f"{who} needs at least two classes in its first call, with all labels that will "
                f"ever come, but got classes={classes!r}."
            )
        return given

    def _step_rule(self) -> StepRule:
        return StepRule(
            self.optimizer,
            momentum=self.momentum,
            nesterov=self.nesterov,
            weight_decay=self.weight_decay,
            l2=self.l2,
            clip_norm=self.clip_norm,
        )

    def _schedule(self) -> Schedule:
        return Schedule(
            self.learning_rate,
            self.schedule,
            warmup_steps=self.warmup_steps,
            decay_every=self.decay_every,
            decay_factor=self.decay_factor,
        )

    def _draw_seed(self) -> int:
        return int(check_random_state(self.random_state).randint(2**31 - 1))

    def _examples(
        self, data: WeightedRows, validation: Any, module: nn.Module, seed: int
    ) -> tuple[Examples, Examples | None]:
        """Give the rows to train on and those to judge on."""
        if validation is not None:
            if self.validation_fraction:
                raise InvalidInput(
                    f"{type(self).__name__} takes validation= or validation_fraction, but got "
                    "both. Set validation_fraction=0 to judge on the rows that you give."
                )
            given = read_validation(self, validation, data.targets.classes)
            held_out = _as_examples(given, given.rows, module)
            return _as_examples(data, data.rows, module), held_out
        if not self.validation_fraction:
            return _as_examples(data, data.rows, module), None
        rows, held = split_rows(self, data, self.validation_fraction, seed)
        return _as_examples(data, rows, module), _as_examples(data, held, module)

    def _problem(
        self, module: nn.Module, loss: Loss, examples: Examples, held_out: Examples | None
    ) -> MiniBatchProblem:
        return MiniBatchProblem(
            module=module,
            loss=loss,
            examples=examples,
            held_out=held_out,
            step_rule=self._step_rule(),
            schedule=self._schedule(),
            batch_size=self.batch_size,
            max_epochs=self.max_epochs,
            patience=self.patience,
        )

    def _identity(self, problem: MiniBatchProblem) -> dict[str, str]:
        """Describe what has to stay the same for a fit to go on, in words."""
        free = {"device", "verbose"} | (set() if problem.schedule.needs_the_end else {"max_epochs"})
        settings = self.get_params(deep=False)
        identity = {name: repr(value) for name, value in settings.items() if name not in free}
        identity["module"] = repr(problem.module)
        parts = [part for part in (problem.examples, problem.held_out) if part is not None]
        identity["data"] = " ".join(part.digest()[:16] for part in parts)
        return identity

    def _keep(self, result: TrainingResult, history: tuple[Epoch, ...]) -> None:
        self.history_, self.status_, self.n_iter_ = history, result.status, len(history)
        if result.status is TrainingStatus.DIVERGED:
            warnings.warn(
                f"{type(self).__name__} stopped: {result.failure}. Lower learning_rate="
                f"{self.learning_rate:g}, scale the features, or set clip_norm.",
                TrainingDiverged,
                stacklevel=3,
            )

    def _scores(self, X: Any) -> NDArray[np.float64]:
        """Give the scores ``(n, k)``, with random layers at rest."""
        check_is_fitted(self, "module_")
        X = read_features(self, X, reset=False)
        n, k = X.shape[0], len(self.classes_)
        first = trained_parameters(self.module_)[0]
        scores = np.empty((n, k))
        step = judged_rows(X.shape[1], k)
        with torch.inference_mode():
            for start in range(0, n, step):
                rows = slice(start, start + step)
                batch = dense_rows(X, rows, first.dtype, first.device)
                scores[rows] = to_numpy(module_scores(self.module_, batch, k))
        return scores

    def _probabilities(self, X: Any) -> NDArray[np.float64]:
        """Give the class probabilities, ``(n, k)``."""
        return np.asarray(self._map("predict_proba")(self._scores(X)))

    def _log_probabilities(self, X: Any) -> NDArray[np.float64]:
        """Give the logarithms of the class probabilities in nats, ``(n, k)``."""
        if self._map("predict_log_proba") is softmax:
            return np.asarray(log_softmax(self._scores(X)))
        with np.errstate(divide="ignore"):
            return np.log(self._probabilities(X))

    def _map(self, name: str) -> Callable[..., Any]:
        who = type(self).__name__
        loss_map = read_loss(who, self.loss, self.smoothing, self.smoothing_kind).map
        if loss_map is None:
            raise AttributeError(
                f"{who} has no {name} with loss={self.loss!r}: its scores are no probabilities. "
                f"Use CalibratedClassifier({who}(...)), which makes them so."
            )
        return loss_map


def _as_examples(data: WeightedRows, rows: NDArray[np.intp], module: nn.Module) -> Examples:
    """Give rows in the dtype and on the device of the parameters of a module."""
    first = trained_parameters(module)[0]
    k = len(data.targets.classes)
    return Examples(data.X, data.targets.values, data.weight, rows, k, first.dtype, first.device)


def _say(epoch: Epoch) -> None:
    held_out = ""
    if epoch.held_out_loss is not None:
        held_out = (
            f"  held-out loss {epoch.held_out_loss:.6g}  accuracy {epoch.held_out_accuracy:.4f}"
        )
    sys.stderr.write(
        f"epoch {epoch.number:4d}  training loss {epoch.training_loss:.6g}{held_out}  "
        f"learning rate {epoch.learning_rate:.2g}\n"
    )


def _silent(_: Epoch) -> None:
    return None
