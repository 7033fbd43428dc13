"""Mutual information of a joint distribution."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from softplex._arrays import to_float_tensor
from softplex._tensors import (
    check_probabilities,
    check_whole_dim,
    refuse_unusable_scores,
    values_known,
)
from softplex.exceptions import InvalidInput
from softplex.information._arguments import answer, check_unit
from softplex.information._rows import relative_terms, with_value
from softplex.maps import softmax


def mutual_information(
    joint: Any,
    *,
    unit: str = "nats",
    dim: tuple[int, int] = (-2, -1),
    from_scores: bool = False,
) -> Any:
    r"""Give what one of two variables tells about the other.

    .. math:: I = \sum_{ij} p_{ij} \log \frac{p_{ij}}{r_i c_j} = KL(p \| r c^T)

    with r_i = sum_j p_ij and c_j = sum_i p_ij.

    Parameters
    ----------
    joint : array or tensor of two dimensions or more
        Joint probabilities, which sum to 1 over both dimensions, or scores of the pairs with
        ``from_scores=True``; ``-inf`` is then an absent pair.
    unit : "nats" or "bits", default "nats"
        bits = nats / ln 2.
    dim : two ints, default (-2, -1)
        The dimensions of the two variables.
    from_scores : bool, default False
        Read the joint as scores, with one softmax over both dimensions.

    Returns
    -------
    array or tensor like ``joint`` without the two dimensions
        Never negative; 0 for independent variables. The gradient in probabilities is
        log(p_ij / (r_i c_j)) - 1, and 0 where p_ij is 0, by convention. The arithmetic is in
        float64, because p_ij - r_i c_j cancels when the variables are nearly independent.

    Raises
    ------
    InvalidInput
        When the joint has no two such dimensions, is no distribution, holds a score that is NaN or
        +inf, or an option is unknown.

    References
    ----------
    Shannon (1948), "A mathematical theory of communication", section 12; Cover and Thomas (2006),
    Elements of Information Theory, equation 2.28.

    Examples
    --------
    >>> import numpy as np
    >>> round(float(mutual_information(np.array([[0.5, 0.0], [0.0, 0.5]]), unit="bits")), 12)
    1.0
    >>> float(mutual_information(np.array([[0.25, 0.25], [0.25, 0.25]])))
    0.0
    """
    check_unit(unit)
    given = to_float_tensor(joint)
    tables = _last_two(given, dim)
    _check(tables, from_scores)
    tables = tables.to(torch.float64)
    flat = tables.flatten(-2)
    p = softmax(flat).reshape(tables.shape) if from_scores else tables
    return answer(_mutual_information(p), unit, joint)


def _mutual_information(p: Tensor) -> Tensor:
    p = torch.where(p > 0, p, 0.0)
    rows, columns = p.sum(-1), p.sum(-2)
    carrier = _sum_of_logs(p.flatten(-2)) - _sum_of_logs(rows) - _sum_of_logs(columns)
    return with_value(_accurate(p.detach()), carrier)


def _accurate(p: Tensor) -> Tensor:
    product = p.sum(-1, keepdim=True) * p.sum(-2, keepdim=True)
    both = (p > 0) & (product > 0)
    above = torch.where(both, p, 1.0)
    below = torch.where(both, product, 1.0)
    ratio = torch.log1p((above - below) / below)
    ratio = torch.where((above - below).abs() <= 0.5 * below, ratio, above.log() - below.log())
    return relative_terms(p, product, ratio, both).sum((-2, -1))


def _sum_of_logs(p: Tensor) -> Tensor:
    return torch.xlogy(p, torch.where(p > 0, p, 1.0)).sum(-1)


def _last_two(joint: Tensor, dim: Any) -> Tensor:
    pair = tuple(dim) if isinstance(dim, tuple | list) else (dim,)
    for axis in pair:
        check_whole_dim("mutual_information", axis)
    inside = [axis % joint.ndim for axis in pair if -joint.ndim <= axis < joint.ndim]
    if len(pair) != 2 or len(set(inside)) != 2:
        raise InvalidInput(
            "mutual_information needs dim to name two different dimensions of the joint "
            f"distribution, but got dim={dim} for shape {tuple(joint.shape)}."
        )
    return joint.movedim(inside, (-2, -1))


def _check(tables: Tensor, from_scores: bool) -> None:
    if not values_known(tables):
        return
    if from_scores:
        refuse_unusable_scores("mutual_information", tables)
        return
    try:
        check_probabilities("mutual_information", "joint distributions", tables, (-2, -1))
    except InvalidInput as error:
        raise InvalidInput(f"{error} For scores, pass from_scores=True.") from None
