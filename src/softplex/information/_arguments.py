"""Reading distributions and scores, and answering in the asked unit."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from torch import Tensor

from softplex._arrays import answer_in_kind, to_float_tensor
from softplex._checks import check_choice
from softplex._tensors import (
    check_dim,
    check_probabilities,
    check_whole_dim,
    refuse_unusable_scores,
    values_known,
    widened,
)
from softplex.exceptions import InvalidInput

UNITS = ("nats", "bits")


def check_unit(unit: str) -> None:
    """Refuse an unknown unit."""
    check_choice("unit", unit, UNITS)


def read_rows(who: str, name: str, values: Any, dim: int, from_scores: bool) -> Tensor:
    """Give an argument as a tensor with the classes in its last dimension.

    float16 and bfloat16 become float32. A single number is a row of one class.
    """
    tensor = to_float_tensor(values)
    check_dim(who, tensor, dim)
    rows = widened(tensor.movedim(dim, -1) if tensor.ndim else tensor.reshape(1))
    _check_rows(who, name, rows, tensor.dtype, from_scores)
    return rows


def read_pair(who: str, p: Any, q: Any, dim: int, from_scores: bool) -> tuple[Tensor, Tensor]:
    """Give both arguments with the classes in the last dimension, broadcast against each other."""
    tensors = _on_one_device(p, q)
    check_whole_dim(who, dim)
    ndim = max(1, *(tensor.ndim for tensor in tensors))
    if not -ndim <= dim < ndim:
        shapes = " and ".join(str(tuple(tensor.shape)) for tensor in tensors)
        raise InvalidInput(
            f"{who} needs dim to be a dimension of p and q, but got dim={dim} for shapes {shapes}."
        )
    from_the_end = dim if dim < 0 else dim - ndim
    rows = [
        _classes_last(who, name, tensor, from_the_end)
        for name, tensor in zip("pq", tensors, strict=True)
    ]
    for name, row, tensor in zip("pq", rows, tensors, strict=True):
        _check_rows(who, name, row, tensor.dtype, from_scores)
    shape = _common_shape(who, *rows)
    dtype = torch.promote_types(rows[0].dtype, rows[1].dtype)
    return rows[0].to(dtype).expand(shape), rows[1].to(dtype).expand(shape)


def answer(nats: Tensor, unit: str, *arguments: Any) -> Any:
    """Give a result in the asked unit, in the kind and dtype of the arguments."""
    dtype = to_float_tensor(arguments[0]).dtype
    for argument in arguments[1:]:
        dtype = torch.promote_types(dtype, to_float_tensor(argument).dtype)
    tensors = [argument for argument in arguments if isinstance(argument, Tensor)]
    result = nats / math.log(2.0) if unit == "bits" else nats
    return answer_in_kind(result.to(dtype), tensors[0] if tensors else arguments[0])


def _on_one_device(p: Any, q: Any) -> tuple[Tensor, Tensor]:
    first, second = to_float_tensor(p), to_float_tensor(q)
    if isinstance(p, Tensor) and not isinstance(q, Tensor):
        second = second.to(first.device)
    elif isinstance(q, Tensor) and not isinstance(p, Tensor):
        first = first.to(second.device)
    return first, second


def _classes_last(who: str, name: str, tensor: Tensor, dim: int) -> Tensor:
    held = tensor if tensor.ndim else tensor.reshape(1)
    if held.ndim < -dim:
        raise InvalidInput(
            f"{who} needs {name} to hold the classes, dimension {dim} from the end, but got shape "
            f"{tuple(tensor.shape)}. Add the missing dimensions, for example with {name}[:, None]."
        )
    return widened(held.movedim(dim, -1))


def _check_rows(who: str, name: str, rows: Tensor, dtype: torch.dtype, from_scores: bool) -> None:
    if not values_known(rows):
        return
    if from_scores:
        refuse_unusable_scores(who, rows)
        return
    try:
        check_probabilities(who, f"rows of {name}", rows.to(dtype), -1)
    except InvalidInput as error:
        raise InvalidInput(f"{error} For scores, pass from_scores=True.") from None


def _common_shape(who: str, p: Tensor, q: Tensor) -> tuple[int, ...]:
    if p.shape[-1] != q.shape[-1]:
        raise InvalidInput(
            f"{who} needs p and q over the same classes, but p has {p.shape[-1]} and q has "
            f"{q.shape[-1]}."
        )
    try:
        return np.broadcast_shapes(p.shape, q.shape)
    except ValueError:
        raise InvalidInput(
            f"{who} needs p and q whose rows broadcast, but without the classes their shapes are "
            f"{tuple(p.shape[:-1])} and {tuple(q.shape[:-1])}."
        ) from None
