r"""The sandwich covariance: valid where rows are independent, though the model be wrong.

.. math:: V = H^{-1} \left( \sum_i f_i\, m_i^2\, g_i g_i^T \right) H^{-1}, \qquad
          g_i = (p_i - q_i) \otimes \tilde x_i

with frequencies f and importances m of the rows (Huber 1967; White 1982, theorem 3.2). With
clusters the sum is over clusters, of the outer product of the sum of f m g in each (Liang and
Zeger 1986). No correction for small samples is made.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from softplex.inference._curvature import Curvature
from softplex.inference._design import Design
from softplex.streaming import score_blocks


def sandwich(curvature: Curvature, clusters: NDArray[np.intp] | None) -> Tensor:
    """Give V in whitened coordinates; ``clusters`` numbers the cluster of each row."""
    meat = _meat(curvature.design) if clusters is None else _of_sums(curvature.design, clusters)
    half = torch.cholesky_solve(meat, curvature.factor)
    covariance = torch.cholesky_solve(half.T.contiguous(), curvature.factor)
    return 0.5 * (covariance + covariance.T)


def _meat(design: Design) -> Tensor:
    meat = torch.zeros(design.model.size, design.model.size, dtype=torch.float64)
    factor = design.rows.frequency.sqrt() * design.rows.importance
    for rows, gradients in _row_gradients(design):
        scaled = gradients * factor[rows, None]
        meat += scaled.T @ scaled
    return meat


def _of_sums(design: Design, clusters: NDArray[np.intp]) -> Tensor:
    places = torch.from_numpy(clusters.astype(np.int64))
    sums = torch.zeros(int(places.max()) + 1, design.model.size, dtype=torch.float64)
    for rows, gradients in _row_gradients(design):
        weighted = gradients * design.rows.targets.weight[rows, None]
        sums.index_add_(0, places[rows], weighted)
    return sums.T @ sums


def _row_gradients(design: Design) -> Iterator[tuple[slice, Tensor]]:
    """Give each block of rows with the gradients of their losses, ``(rows, size)``."""
    model = design.model
    weight, bias = design.parameters
    for part, features, targets in design.blocks():
        for rows, scores in score_blocks(features, weight, bias, model.k):
            q = model.loss.smoothed(targets.block(rows, torch.float64), model.k, torch.float64)
            residual = (torch.softmax(scores, 1) - q)[:, 1:]
            x = torch.nn.functional.pad(features.block(rows), (0, 1), value=1.0)
            gradients = residual[:, :, None] * x[:, None, : model.width]
            yield (
                slice(part.start + rows.start, part.start + rows.stop),
                gradients.reshape(len(x), model.size),
            )
