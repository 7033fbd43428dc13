"""Any torch module as a classifier, trained by mini-batches."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from softplex._arrays import as_device, as_dtype, to_numpy
from softplex.estimators._mini_batch import MiniBatchClassifier
from softplex.estimators._module_data import WeightedRows
from softplex.exceptions import InvalidInput
from softplex.heads import LinearHead
from softplex.losses import Loss


class ModuleClassifier(MiniBatchClassifier):
    r"""A classifier around any torch module, trained by mini-batches.

    Each step lowers the weighted mean loss of a batch B,

    .. math:: \frac{\sum_{i \in B} w_i\, l(z(x_i), q_i)}{\sum_{i \in B} w_i}
              + \frac{\lambda}{2} \|\theta\|^2 ,

    with w_i the sample weight times the class weight and :math:`\lambda` = ``l2``. Nothing is
    proved about the distance to an optimum, so there is no ``certificate_``; for a linear head
    with cross-entropy :class:`SoftmaxClassifier` has one, and is faster.

    Parameters
    ----------
    module : nn.Module or None, default None
        A network from features ``(m, d)`` to scores ``(m, k)``; where it has a method ``scores``,
        that is called. It is copied, and begins with the parameters it has. None is
        ``LinearHead(d, k)``.
    loss : str or Loss, default "cross_entropy"
        A name ("cross_entropy", "focal", "brier", "generalised_cross_entropy", "weston_watkins",
        "crammer_singer") or a description of :mod:`softplex.losses`, such as ``Focal(gamma=1.0)``.
    smoothing : float in [0, 1), default 0.0
        Label smoothing of ``loss="cross_entropy"``.
    smoothing_kind : "others" or "uniform", default "others"
        Its convention.
    class_weight : mapping, "balanced" or None, default None
        Weights of the classes.
    optimizer : "sgd", "adam", "adamw", "rmsprop" or "adagrad", default "adamw"
        Of torch.optim, with its constants. As the decay is decoupled for all, "adam" is "adamw".
    learning_rate : float > 0, default 0.01
        eta, after the warm-up.
    momentum : float in [0, 1), default 0.0
        For "sgd" and "rmsprop".
    nesterov : bool, default False
        For "sgd" with momentum.
    weight_decay : float >= 0, default 0.0
        delta: before each step theta becomes theta - eta delta theta, for every optimizer.
    l2 : float >= 0, default 0.0
        lambda. ``SoftmaxClassifier`` has lambda = 1 / (C sum w), and 2 / (C sum w) for two
        classes. Decay and penalty leave biases and scales (one dimension) alone.
    clip_norm : float > 0 or None, default None
        The longest gradient, over all parameters together.
    batch_size : int or None, default 64
        Rows in a batch at most; the batches of an epoch are as equal as can be. None is all rows.
    max_epochs : int, default 100
        Limit of passes over the rows.
    schedule : "constant", "cosine", "linear" or "step", default "constant"
        The learning rate after the warm-up; see :class:`softplex.solvers.Schedule`.
    warmup_steps : int >= 0, default 0
        Steps of the linear warm-up.
    decay_every : int, default 10
        Epochs of a period of "step".
    decay_factor : float in (0, 1], default 0.1
        What "step" multiplies the rate with after each period.
    validation_fraction : float in [0, 1), default 0.0
        Share of the rows that is held out, stratified by class. 0 holds nothing out, and all
        epochs are run.
    patience : int >= 1, default 10
        Epochs without a smaller held-out loss after which to stop. The parameters of the best
        epoch are kept.
    dtype : None, "float32" or "float64", default None
        Of parameters and batches. None is that of the module, or that of X without one.
    device : str or None, default None
        A torch device; the processor by default.
    random_state : int, RandomState or None, default None
        Fixes shuffling, the held-out rows and random layers such as dropout. With an int two fits
        on one machine are equal bit for bit.
    verbose : int, default 0
        Above 0, a line an epoch on standard error.

    Attributes
    ----------
    module_ : nn.Module
        The trained module.
    classes_ : ndarray (k,)
    history_ : tuple of Epoch
        ``number``, ``training_loss``, ``held_out_loss``, ``held_out_accuracy``, ``learning_rate``.
    status_ : TrainingStatus
        How the fit ended, with a ``sentence``.
    coef_, intercept_ : ndarray (k, d) and (k,), or (1, d) and (1,) for two classes
        Of a linear head alone.
    n_iter_ : int
        Epochs.
    n_features_in_ : int
    feature_names_in_ : ndarray (d,), where X has column names

    Raises
    ------
    InvalidInput
        From ``fit``: an argument out of range, rows that cannot be used, a module whose output
        has not one column a class.

    References
    ----------
    Bottou, Curtis, Nocedal (2018), "Optimization methods for large-scale machine learning";
    Loshchilov & Hutter (2019), "Decoupled weight decay regularization".

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from torch import nn
    >>> X, y = load_iris(return_X_y=True)
    >>> torch_seed = torch.manual_seed(0)
    >>> network = nn.Sequential(nn.Linear(4, 16), nn.ReLU(), nn.Linear(16, 3))
    >>> model = ModuleClassifier(network, learning_rate=0.01, max_epochs=60, random_state=0)
    >>> model.fit(X, y).score(X, y) > 0.9
    True
    """

    def __init__(
        self,
        module: nn.Module | None = None,
        *,
        loss: str | Loss = "cross_entropy",
        smoothing: float = 0.0,
        smoothing_kind: str = "others",
        class_weight: Mapping[Any, float] | str | None = None,
        optimizer: str = "adamw",
        learning_rate: float = 0.01,
        momentum: float = 0.0,
        nesterov: bool = False,
        weight_decay: float = 0.0,
        l2: float = 0.0,
        clip_norm: float | None = None,
        batch_size: int | None = 64,
        max_epochs: int = 100,
        schedule: str = "constant",
        warmup_steps: int = 0,
        decay_every: int = 10,
        decay_factor: float = 0.1,
        validation_fraction: float = 0.0,
        patience: int = 10,
        dtype: Any = None,
        device: Any = None,
        random_state: Any = None,
        verbose: int = 0,
    ) -> None:
        self.module = module
        self.loss = loss
        self.smoothing = smoothing
        self.smoothing_kind = smoothing_kind
        self.class_weight = class_weight
        self.optimizer = optimizer
        self.learning_rate = learning_rate
        self.momentum = momentum
        self.nesterov = nesterov
        self.weight_decay = weight_decay
        self.l2 = l2
        self.clip_norm = clip_norm
        self.batch_size = batch_size
        self.max_epochs = max_epochs
        self.schedule = schedule
        self.warmup_steps = warmup_steps
        self.decay_every = decay_every
        self.decay_factor = decay_factor
        self.validation_fraction = validation_fraction
        self.patience = patience
        self.dtype = dtype
        self.device = device
        self.random_state = random_state
        self.verbose = verbose

    @property
    def coef_(self) -> NDArray[Any]:
        """Weights of a linear head, ``(k, d)``; for two classes the second less the first."""
        return _contrast(to_numpy(self._head("coef_").weight))

    @property
    def intercept_(self) -> NDArray[Any]:
        """Biases of a linear head, ``(k,)``; for two classes the second less the first."""
        head = self._head("intercept_")
        zeros = np.zeros(head.n_classes)
        return _contrast(zeros if head.bias is None else to_numpy(head.bias))

    def _new_module(self, data: WeightedRows) -> nn.Module:
        dtype, device = as_dtype(self.dtype), as_device(self.device)
        if self.module is None:
            own = torch.float32 if data.X.dtype == np.float32 else torch.float64
            size = (data.X.shape[1], len(data.targets.classes))
            return LinearHead(*size, dtype=dtype or own, device=device)
        return copy.deepcopy(self.module).to(device=device, dtype=dtype)

    def _check_arguments(self) -> Loss:
        if self.module is not None and not isinstance(self.module, nn.Module):
            raise InvalidInput(
                f"{type(self).__name__} needs module as a torch.nn.Module or None, but got "
                f"{self.module!r}."
            )
        return super()._check_arguments()

    def _head(self, name: str) -> LinearHead:
        head = getattr(self, "module_", None)
        if not isinstance(head, LinearHead):
            raise AttributeError(
                f"{type(self).__name__} has {name} after fitting a linear head alone; the "
                "parameters of other modules are in module_.state_dict()."
            )
        return head


def _contrast(rows: NDArray[Any]) -> NDArray[Any]:
    return rows[1:] - rows[:1] if len(rows) == 2 else rows
