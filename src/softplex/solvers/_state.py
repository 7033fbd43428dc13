"""The state of a fit as plain values and NumPy arrays, and back, without losing a bit."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from numpy.typing import NDArray
from torch import Tensor

from softplex._arrays import to_numpy, to_tensor


def as_arrays(tensors: Mapping[str, Tensor]) -> dict[str, NDArray[Any]]:
    """Give tensors by name as arrays of their own."""
    return {name: to_numpy(tensor).copy() for name, tensor in tensors.items()}


def as_tensors(arrays: Mapping[str, NDArray[Any]]) -> dict[str, Tensor]:
    """Give arrays by name as tensors on the host."""
    return {name: to_tensor(array.copy()) for name, array in arrays.items()}


def optimizer_arrays(optimizer: torch.optim.Optimizer) -> dict[str, NDArray[Any]]:
    """Give the memory of an optimiser: '0.exp_avg' is that of the first parameter."""
    tensors = {
        f"{number}.{name}": value
        for number, entries in optimizer.state_dict()["state"].items()
        for name, value in entries.items()
        if value is not None
    }
    return as_arrays(tensors)


def restore_optimizer(optimizer: torch.optim.Optimizer, arrays: Mapping[str, NDArray[Any]]) -> None:
    """Give an optimiser over the same parameters the memory of another."""
    entries: dict[int, dict[str, Tensor]] = {}
    for name, tensor in as_tensors(arrays).items():
        number, _, key = name.partition(".")
        entries.setdefault(int(number), {})[key] = tensor
    groups = optimizer.state_dict()["param_groups"]
    optimizer.load_state_dict({"state": entries, "param_groups": groups})
