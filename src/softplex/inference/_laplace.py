r"""The Laplace posterior: a normal law over the coefficients, and what it predicts.

The penalty :math:`\tfrac1{2C} \|W\|^2`, in units of the log-likelihood, is minus the logarithm of
a normal prior of variance C on each weight; the intercept has a flat one. The posterior is
replaced by the normal law with its mode and curvature (MacKay 1992):

.. math:: \theta \sim N(\hat\theta, H^{-1}), \qquad
          H = \sum_i w_i\, (diag(p_i) - p_i p_i^T)_{-1,-1} \otimes \tilde x_i \tilde x_i^T
          + \tfrac1C K.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from softplex._arrays import to_numpy
from softplex._checks import check_choice, check_number
from softplex.inference._curvature import curvature
from softplex.inference._design import change_coordinates, dense_blocks
from softplex.inference._infer import MEMORY_LIMIT, warn_if_far
from softplex.inference._linear_model import read_linear_model
from softplex.inference._rows import read_matrix, read_rows

FloatArray = NDArray[np.float64]
METHODS = ("probit", "sampling")


@dataclass(frozen=True, eq=False, repr=False)
class LaplacePosterior:
    """A normal law over the contrasts of a softmax against its first class.

    Build it with `LaplacePosterior.fit`. The last three attributes say in which coordinates
    ``mean`` and ``factor`` stand: those of the whitened features B^T (x - m).

    Attributes
    ----------
    classes : array of labels
        All classes of the model, those without weight in the fit included.
    places : array (k,)
        The present classes among them.
    feature_names : tuple of d names
    mean : tensor (k - 1, width)
        The mode.
    factor : tensor (size, size)
        Lower Cholesky factor of H.
    basis, shift, to_user_rows : tensors (d, d), (d,), (width, width)
        B, m, and what brings a row of coefficients back to the features as they are.

    Examples
    --------
    >>> from types import SimpleNamespace
    >>> import numpy as np
    >>> X, y = np.array([[-2.0], [-1.0], [1.0], [2.0]]), np.array([0, 0, 1, 1])
    >>> fit = SimpleNamespace(
    ...     coef_=[[1.0065943]], intercept_=[0.0], classes_=np.array([0, 1]), C=1.0,
    ...     fit_intercept=False,
    ... )
    >>> posterior = LaplacePosterior.fit(fit, X, y)
    >>> far = np.array([[5.0]])
    >>> float(1 / (1 + np.exp(-5 * 1.0065943))) > 0.98  # what the fit alone says
    True
    >>> posterior.predict_proba(far).round(2)  # and with what it does not know
    array([[0.1, 0.9]])
    """

    classes: NDArray[Any]
    places: NDArray[np.intp]
    feature_names: tuple[str, ...]
    mean: Tensor
    factor: Tensor
    basis: Tensor
    shift: Tensor
    to_user_rows: Tensor

    @classmethod
    def fit(
        cls,
        model: Any,
        X: Any,
        y: Any,
        sample_weight: Any = None,
        *,
        memory_limit: float = MEMORY_LIMIT,
    ) -> LaplacePosterior:
        """Read the posterior off a fitted model and its rows.

        Parameters
        ----------
        model : fitted SoftmaxClassifier
            With a ridge penalty; with ``C=inf`` the prior is flat.
        X, y, sample_weight
            The rows of the fit; weights count rows.
        memory_limit : float, default 2^31
            Bytes that the matrix and its factor may take.

        Raises
        ------
        InvalidInput
            As `infer`.
        """
        who = cls.__name__
        linear = read_linear_model(who, model)
        rows = read_rows(who, linear, X, y, sample_weight, "frequency")
        curved = curvature(who, linear, rows, memory_limit)
        warn_if_far(who, curved.distance)
        design = curved.design
        weight, bias = design.parameters
        return cls(
            classes=linear.all_classes,
            places=linear.order,
            feature_names=linear.feature_names,
            mean=torch.cat([weight, bias[:, None]], 1)[:, : linear.width],
            factor=curved.factor,
            basis=design.basis,
            shift=design.shift,
            to_user_rows=design.to_user_rows,
        )

    def __repr__(self) -> str:
        return f"LaplacePosterior({len(self.places)} classes, {len(self.feature_names)} features)"

    @property
    def covariance(self) -> FloatArray:
        """Of the contrasts [W_c | b_c] row by row, ``(size, size)``."""
        inner = torch.cholesky_inverse(self.factor)
        return np.asarray(to_numpy(change_coordinates(inner, self.to_user_rows)))

    def score_distribution(self, X: Any) -> tuple[FloatArray, FloatArray]:
        """Give mean ``(n, k - 1)`` and covariance ``(n, k - 1, k - 1)`` of the scores.

        They are the scores of the present classes after the first, less that of the first.
        """
        matrix = read_matrix(type(self).__name__, X, self.feature_names)
        parts = list(self._scores(matrix))
        mean = torch.cat([mean for mean, _ in parts])
        covariance = torch.cat([covariance for _, covariance in parts])
        return to_numpy(mean), to_numpy(covariance)

    def sample(self, n_samples: int, random_state: int = 0) -> FloatArray:
        """Draw contrasts [W_c | b_c] from the posterior, ``(n_samples, k - 1, width)``."""
        check_number("n_samples", n_samples, low=1, integer=True)
        return np.asarray(to_numpy(self._draws(n_samples, random_state) @ self.to_user_rows))

    def predict_proba(
        self, X: Any, *, method: str = "probit", n_samples: int = 1000, random_state: int = 0
    ) -> FloatArray:
        r"""Give class probabilities, averaged over the posterior, ``(n, k)``.

        .. math:: p_c \propto \left( \sum_j \exp\left(-(\mu_c - \mu_j) /
                  \sqrt{1 + \tfrac{\pi}{8} s_{cj}^2} \right) \right)^{-1}

        for ``method="probit"``, with mean and variance of the differences of scores: MacKay's
        formula for two classes, and for more its extension by Lu, Ie and Sha (2020), which does not
        depend on what is added to all scores. ``method="sampling"`` takes the mean of softmax over
        draws; its error is below 0.5 / sqrt(n_samples).

        Parameters
        ----------
        X : array, CSR matrix, data frame or tensor (n, d)
        method : "probit" or "sampling", default "probit"
        n_samples : int, default 1000
            Draws for sampling.
        random_state : int, default 0
            Their seed.

        References
        ----------
        MacKay (1992), "The evidence framework applied to classification networks", eq. 10; Lu, Ie
        and Sha (2020), "Mean-field approximation to Gaussian-softmax integral".
        """
        check_choice("method", method, METHODS)
        check_number("n_samples", n_samples, low=1, integer=True)
        matrix = read_matrix(type(self).__name__, X, self.feature_names)
        if method == "probit":
            parts = [_mean_field(mean, covariance) for mean, covariance in self._scores(matrix)]
        else:
            draws = self._draws(n_samples, random_state)
            parts = [_mean_softmax(x, draws) for x in self._blocks(matrix, draws[..., 0].numel())]
        out = np.zeros((matrix.shape[0], len(self.classes)))
        out[:, self.places] = to_numpy(torch.cat(parts))
        return out

    def _draws(self, n_samples: int, random_state: int) -> Tensor:
        """Draws in the coordinates of the mode, ``(n_samples, k - 1, width)``."""
        check_number("random_state", random_state, low=0, integer=True)
        noise = np.random.default_rng(random_state).standard_normal((len(self.factor), n_samples))
        steps = torch.linalg.solve_triangular(self.factor.T, torch.from_numpy(noise), upper=True)
        draws: Tensor = self.mean + steps.T.reshape(n_samples, *self.mean.shape)
        return draws

    def _blocks(self, X: Any, numbers_a_row: int) -> Iterator[Tensor]:
        width = self.mean.shape[1]
        for _, block in dense_blocks(X, max(numbers_a_row, X.shape[1])):
            whitened = (block - self.shift) @ self.basis
            yield torch.nn.functional.pad(whitened, (0, 1), value=1.0)[:, :width]

    def _scores(self, X: Any) -> Iterator[tuple[Tensor, Tensor]]:
        r, width = self.mean.shape
        inverse = torch.cholesky_inverse(self.factor).reshape(r, width, r, width)
        for x in self._blocks(X, r * max(r, width)):
            covariance = torch.empty(len(x), r, r, dtype=torch.float64)
            for row in range(r):
                half = (x @ inverse[row].reshape(width, -1)).reshape(len(x), r, width)
                covariance[:, row] = (half * x[:, None]).sum(2)
            yield x @ self.mean.T, covariance


def _mean_field(mean: Tensor, covariance: Tensor) -> Tensor:
    mean = torch.nn.functional.pad(mean, (1, 0))
    covariance = torch.nn.functional.pad(covariance, (1, 0, 1, 0))
    own = covariance.diagonal(dim1=1, dim2=2)
    spread = (own[:, :, None] + own[:, None] - 2.0 * covariance).clamp_min(0.0)
    difference = mean[:, :, None] - mean[:, None]
    damped = difference / (1.0 + math.pi / 8.0 * spread).sqrt()
    return torch.softmax(-torch.logsumexp(-damped, 2), 1)


def _mean_softmax(x: Tensor, draws: Tensor) -> Tensor:
    scores = torch.einsum("nw,srw->nsr", x, draws)
    probabilities: Tensor = torch.softmax(torch.nn.functional.pad(scores, (1, 0)), 2).mean(1)
    return probabilities
