"""`infer`: standard errors and tests for the coefficients of a fitted linear softmax."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from softplex._arrays import to_numpy
from softplex._checks import check_choice, check_number
from softplex._text import readable
from softplex.exceptions import InvalidInput, SoftplexWarning
from softplex.inference._approximate import block_covariance, diagonal_variances
from softplex.inference._coefficients import FloatArray
from softplex.inference._curvature import Curvature, curvature
from softplex.inference._inference import Inference
from softplex.inference._linear_model import LinearModel, read_linear_model
from softplex.inference._meaning import meaning
from softplex.inference._rows import Rows, null_log_likelihood, read_rows
from softplex.inference._sandwich import sandwich
from softplex.losses import CrossEntropy
from softplex.streaming import as_features, linear_loss_and_gradient

KINDS = ("observed", "expected", "robust")
WEIGHTS = ("frequency", "importance")
PARAMETRISATIONS = ("reference", "sum-to-zero")
APPROXIMATIONS = ("block", "diagonal")
MEMORY_LIMIT = 2.0**31
# Standard errors from the optimum that make a figure visibly wrong.
_FAR = 0.05


@dataclass(frozen=True)
class _Options:
    """What was asked for."""

    covariance: str
    weights: str
    clustered: bool
    parametrisation: str
    approximation: str | None

    def check(self, sample_weight: Any, reference: Any) -> None:
        """Refuse what is unknown, and what does not go together."""
        check_choice("covariance", self.covariance, KINDS)
        check_choice("weights", self.weights, WEIGHTS)
        check_choice("parametrisation", self.parametrisation, PARAMETRISATIONS)
        robust, centred = self.covariance == "robust", self.parametrisation == "sum-to-zero"
        if self.clustered and not robust:
            raise InvalidInput("infer takes clusters= only with covariance='robust'.")
        if self.weights == "importance" and not robust and sample_weight is not None:
            raise InvalidInput(
                "infer needs covariance='robust' for weights='importance': the inverse information "
                "is no covariance where a weight is not a number of rows."
            )
        if centred and reference is not None:
            raise InvalidInput("infer takes reference= only with parametrisation='reference'.")
        if self.approximation is not None:
            check_choice("approximation", self.approximation, APPROXIMATIONS)
            if robust or centred:
                raise InvalidInput(
                    "infer gives an approximation only for covariance='observed' and "
                    "parametrisation='reference': the others need the covariances between classes."
                )


@dataclass(frozen=True)
class _Spread:
    """Standard errors, covariance, degrees of freedom and distance of one fit."""

    standard_errors: FloatArray
    covariance: FloatArray
    degrees_of_freedom: float
    distance: float


def infer(
    model: Any,
    X: Any,
    y: Any,
    sample_weight: Any = None,
    *,
    covariance: str = "observed",
    weights: str = "frequency",
    clusters: Any = None,
    parametrisation: str = "reference",
    reference: Any = None,
    approximation: str | None = None,
    memory_limit: float = MEMORY_LIMIT,
) -> Inference:
    r"""Give standard errors, tests and intervals for the coefficients of a fitted softmax.

    .. math:: \mathrm{Cov}(\hat\theta) = \left( \sum_i w_i\, (diag(p_i) - p_i p_i^T)_{-r,-r}
              \otimes \tilde x_i \tilde x_i^T + \tfrac1C K \right)^{-1}

    over the contrasts against the reference class r, with :math:`\tilde x = (x, 1)`. Without a
    penalty (``C=inf``) it is the inverse of the information. With one it is the covariance of the
    Laplace posterior: the penalty :math:`\tfrac1{2C}\|W\|^2` is minus the logarithm of a normal
    prior of variance C. For softmax the observed and the expected (Fisher) information are one
    matrix, whatever the targets, because the score function is linear in them.

    Parameters
    ----------
    model : fitted SoftmaxClassifier
        Read by ``coef_``, ``intercept_``, ``classes_``, ``C``, ``fit_intercept``,
        ``class_weight`` and ``smoothing``.
    X : array, CSR matrix, data frame or tensor (n, d)
        The rows that it was fitted on.
    y : labels (n,), or class probabilities (n, k)
        Probabilities are read as shares: a row of weight 5 with the target (0.4, 0.6) is two rows
        of the one class and three of the other.
    sample_weight : array (n,), optional
        As in the fit.
    covariance : "observed", "expected" or "robust", default "observed"
        The inverse information under either name, or the sandwich (White 1982), HC0 of the
        econometricians.
    weights : "frequency" or "importance", default "frequency"
        Whether a weight of 2 is a row given twice (n is the sum of the weights), or one row that
        counts double in the loss; the latter needs ``covariance="robust"``.
    clusters : array (n,), optional
        Rows of one cluster may depend on each other; with ``covariance="robust"``.
    parametrisation : "reference" or "sum-to-zero", default "reference"
        Contrasts against a reference class, or one row a class with mean zero over the classes.
    reference : label, default the first class
        The reference class.
    approximation : None, "block" or "diagonal", default None
        For many coefficients: a block for each contrast, which gives variances that are never too
        small, O(k d^2) memory; or each feature by itself, O(k d).
    memory_limit : float, default 2^31
        Bytes that the information matrix and its inverse may take.

    Returns
    -------
    Inference

    Raises
    ------
    InvalidInput
        Collinear features or separated classes (by name), too many coefficients for the memory,
        a penalty that is not ridge, options that do not go together, labels or rows that are not
        the model's.

    Warns
    -----
    SoftplexWarning
        When the coefficients are more than 0.05 standard errors from the optimum on these rows:
        they are not the rows of the fit, or ``tol`` was too large.

    References
    ----------
    McFadden (1974), "Conditional logit analysis of qualitative choice behavior"; White (1982),
    "Maximum likelihood estimation of misspecified models"; Begg and Gray (1984).

    Examples
    --------
    >>> from types import SimpleNamespace
    >>> import numpy as np
    >>> y = np.array([0] * 30 + [1] * 70)
    >>> share = SimpleNamespace(  # a share of 70 %, as the log-odds of a constant feature
    ...     coef_=[[np.log(7 / 3)]], intercept_=[0.0], classes_=np.array([0, 1]),
    ...     C=np.inf, fit_intercept=False,
    ... )
    >>> result = infer(share, np.ones((100, 1)), y)
    >>> result.standard_errors.round(4), (1 / (100 * 0.3 * 0.7)) ** 0.5
    (array([[0.2182]]), 0.2182...)
    """
    options = _Options(covariance, weights, clusters is not None, parametrisation, approximation)
    options.check(sample_weight, reference)
    check_number("memory_limit", memory_limit, low=0.0)
    linear = read_linear_model("infer", model, reference)
    rows = read_rows("infer", linear, X, y, sample_weight, weights)
    if approximation is None:
        curved = curvature("infer", linear, rows, memory_limit)
        places = None if clusters is None else _cluster_places(clusters, rows)
        spread = _exact(curved, options, places)
    else:
        spread = _approximated(linear, rows, approximation, memory_limit)
    warn_if_far("infer", spread.distance)
    return _assembled(linear, rows, spread, options)


def _exact(curved: Curvature, options: _Options, places: NDArray[np.intp] | None) -> _Spread:
    model = curved.design.model
    inner = curved.inverse if options.covariance != "robust" else sandwich(curved, places)
    covariance = curved.design.to_user(inner)
    if options.parametrisation == "sum-to-zero":
        change = torch.kron(_centring(model.k), torch.eye(model.width, dtype=torch.float64))
        covariance = change @ covariance @ change.T
    errors = covariance.diagonal().clamp_min(0.0).sqrt().reshape(-1, model.width)
    return _Spread(
        to_numpy(errors), to_numpy(covariance), curved.degrees_of_freedom, curved.distance
    )


def _approximated(
    model: LinearModel, rows: Rows, approximation: str, memory_limit: float
) -> _Spread:
    gradient = _gradient(model, rows)
    if approximation == "block":
        covariance = block_covariance("infer", model, rows, memory_limit)
        variances = covariance.diagonal(dim1=1, dim2=2)
        steps = torch.einsum("ci,cij,cj->c", gradient, covariance, gradient)
    else:
        covariance = variances = diagonal_variances("infer", model, rows)
        steps = (gradient.square() * variances).amax(1)
    lost = model.contrast_precision * float(variances[:, : model.d].sum())
    return _Spread(
        to_numpy(variances.sqrt()),
        to_numpy(covariance),
        model.size - lost,
        float(steps.max()) ** 0.5,
    )


def _gradient(model: LinearModel, rows: Rows) -> Tensor:
    """Gradient of the penalised loss in the contrasts, ``(k - 1, width)``."""
    features = as_features(rows.X, torch.float64, rows.frequency.device, model.k)
    _, weight, bias = linear_loss_and_gradient(
        features, model.weight, model.bias, rows.targets, model.loss
    )
    weight = weight + model.penalty * (model.class_penalty @ model.weight)
    return torch.cat([weight, bias[:, None]], 1)[:, : model.width]


def log_likelihood(model: LinearModel, rows: Rows) -> float:
    """Weighted log-likelihood of the labels as they are, in nats, whatever the smoothing."""
    features = as_features(rows.X, torch.float64, rows.frequency.device, model.k)
    loss, _, _ = linear_loss_and_gradient(
        features, model.weight, model.bias, rows.targets, CrossEntropy()
    )
    return -loss


def _assembled(model: LinearModel, rows: Rows, spread: _Spread, options: _Options) -> Inference:
    centred = options.parametrisation == "sum-to-zero"
    estimates = model.estimates
    names = [readable(name) for name in model.classes]
    present = np.sort(model.order)
    if centred:
        estimates = to_numpy(_centring(model.k)) @ estimates
    is_likelihood = not (
        model.loss.smoothing or model.class_weight is not None or options.weights == "importance"
    )
    return Inference(
        row_names=tuple(names if centred else [f"{name} against {names[0]}" for name in names[1:]]),
        column_names=(*model.feature_names, *(["intercept"] if model.fit_intercept else [])),
        fit_intercept=model.fit_intercept,
        rows_of_classes=tuple(
            np.searchsorted(present, model.order[0 if centred else 1 :]).tolist()
        ),
        classes=tuple(model.all_classes[present].tolist()),
        reference=None if centred else model.classes[0],
        estimates=estimates,
        standard_errors=spread.standard_errors,
        covariance=spread.covariance,
        kind=options.covariance,
        approximation=options.approximation,
        meaning=meaning(
            model,
            options.covariance,
            options.approximation,
            is_likelihood=is_likelihood,
            clustered=options.clustered,
        ),
        n=float(rows.frequency.sum()),
        log_likelihood=log_likelihood(model, rows),
        null_log_likelihood=null_log_likelihood(rows.targets, fit_intercept=model.fit_intercept),
        degrees_of_freedom=spread.degrees_of_freedom,
        penalty=model.penalty,
        is_likelihood=is_likelihood,
        distance=spread.distance,
    )


def _centring(k: int) -> Tensor:
    """The matrix that turns contrasts against the first class into rows of mean zero."""
    rows = torch.eye(k, dtype=torch.float64)[:, 1:]
    return rows - rows.mean(0)


def _cluster_places(clusters: Any, rows: Rows) -> NDArray[np.intp]:
    names = np.asarray(to_numpy(clusters))
    if names.ndim != 1 or len(names) != rows.n_given:
        raise InvalidInput(
            f"infer needs one cluster a row: X has {rows.n_given} rows, clusters has the shape "
            f"{names.shape}."
        )
    places: NDArray[np.intp] = np.unique(names[rows.kept], return_inverse=True)[1]
    return places


def warn_if_far(who: str, distance: float) -> None:
    """Warn of coefficients that are not the optimum on the rows that were given."""
    if not distance <= _FAR:
        warnings.warn(
            f"{who} found the coefficients about {distance:.2g} standard errors from the optimum "
            "on these rows. Give the rows and weights of the fit, or fit again with a smaller tol.",
            SoftplexWarning,
            stacklevel=3,
        )
