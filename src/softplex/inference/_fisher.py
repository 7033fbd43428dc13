"""The Fisher information of a softmax at given coefficients."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from softplex._arrays import to_numpy, to_tensor
from softplex._scored import read_weight
from softplex.exceptions import InvalidInput
from softplex.inference._design import dense_blocks
from softplex.inference._rows import read_matrix
from softplex.streaming import DenseFeatures, Targets, linear_hessian


def fisher_information(
    X: Any, coef: Any, intercept: Any = None, sample_weight: Any = None
) -> NDArray[np.float64]:
    r"""Give the information of rows about the contrasts against the first class.

    .. math:: I = \sum_i w_i\, (diag(p_i) - p_i p_i^T)_{-1,-1} \otimes \tilde x_i \tilde x_i^T,
              \qquad \tilde x = (x, 1)

    Its inverse is the Cramer-Rao bound: no unbiased estimate has a smaller covariance. The labels
    are not needed: the observed information, minus the second derivative of the log-likelihood,
    is the same at the same coefficients.

    Parameters
    ----------
    X : array or CSR matrix (n, d)
    coef : array (k, d), or (1, d) for two classes
    intercept : array (k,), or (1,), optional
        Without it the model has no intercept.
    sample_weight : array (n,), optional
        Frequencies of the rows.

    Returns
    -------
    array ``((k - 1) width, (k - 1) width)``
        Contrast by contrast [W_c | b_c], width = d + 1, or d without an intercept.

    Raises
    ------
    InvalidInput
        Shapes that do not fit, numbers that are not finite.

    References
    ----------
    Fisher (1922), "On the mathematical foundations of theoretical statistics"; Rao (1945),
    "Information and the accuracy attainable in the estimation of statistical parameters".

    Examples
    --------
    >>> import numpy as np
    >>> fisher_information(np.ones((100, 1)), [[np.log(7 / 3)]]).round(6)  # 100 x 0.7 x 0.3
    array([[21.]])
    """
    who = "fisher_information"
    rows = np.atleast_2d(np.asarray(to_numpy(coef), dtype=np.float64))
    bias = np.zeros(len(rows)) if intercept is None else np.asarray(to_numpy(intercept), np.float64)
    if rows.ndim != 2 or bias.shape != (len(rows),):
        raise InvalidInput(
            f"{who} needs one intercept a row of coef, but got the shapes {rows.shape} and "
            f"{bias.shape}."
        )
    if not (np.isfinite(rows).all() and np.isfinite(bias).all()):
        raise InvalidInput(f"{who} needs coefficients that are finite.")
    matrix = read_matrix(who, X, tuple(f"feature {place}" for place in range(rows.shape[1])))
    weight = read_weight(who, to_numpy(sample_weight), matrix.shape[0])
    if len(rows) > 1:
        rows, bias = rows[1:] - rows[0], bias[1:] - bias[0]
    information = _information(matrix, weight, to_tensor(rows), to_tensor(bias))
    if intercept is None:
        information = information[:, :-1, :, :-1]
    return np.asarray(
        to_numpy(information.reshape(information.shape[0] * information.shape[1], -1))
    )


def _information(
    X: Any, weight: torch.Tensor, rows: torch.Tensor, bias: torch.Tensor
) -> torch.Tensor:
    r, width = len(rows), rows.shape[1] + 1
    total = torch.zeros(r * width, r * width, dtype=torch.float64)
    for part, block in dense_blocks(X):
        unused = torch.zeros(len(block), dtype=torch.int64)
        features = DenseFeatures(block, torch.float64)
        total += linear_hessian(features, rows, bias, Targets(unused, weight[part], r + 1))
    return total.reshape(r, width, r, width)
