"""The boundary between NumPy and torch, devices and dtypes: nothing else crosses it."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import torch
from scipy import sparse
from torch import Tensor

from softplex.exceptions import InvalidInput

FLOATS = (torch.float16, torch.bfloat16, torch.float32, torch.float64)
INTEGERS = (
    *(torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64),
    *(torch.uint16, torch.uint32, torch.uint64),
)


def to_numpy(array: Any) -> Any:
    """Give a torch tensor as a NumPy array (a sparse one as CSR) on the host; all else unchanged.

    NumPy has no bfloat16: such a tensor becomes float32, which holds all its values.
    """
    if not isinstance(array, Tensor):
        return array
    tensor = array.detach().cpu()
    if tensor.layout != torch.strided:
        return _csr_matrix(tensor.to_sparse_csr())
    return (tensor.float() if tensor.dtype == torch.bfloat16 else tensor).numpy()


def _csr_matrix(tensor: Tensor) -> sparse.csr_matrix:
    parts = (tensor.values(), tensor.col_indices(), tensor.crow_indices())
    return sparse.csr_matrix(tuple(to_numpy(part) for part in parts), shape=tuple(tensor.shape))


def to_tensor(
    array: Any,
    *,
    dtype: torch.dtype | None = None,
    device: torch.device | str | None = None,
    who: str = "softplex",
) -> Tensor:
    """Give an array as a tensor, without a copy where dtype and device allow it."""
    if isinstance(array, Tensor):
        _refuse_unreadable(who, array)
        if dtype is None and (device is None or device == array.device):
            return array
        return array.to(device=device, dtype=dtype)
    try:
        values = np.asarray(array)
    except (ValueError, TypeError, RuntimeError) as error:  # torch refuses what needs a gradient
        raise InvalidInput(f"{who} needs an array of numbers, but got: {error}") from error
    if values.dtype.kind not in "biuf" or values.dtype.itemsize > 8:
        raise InvalidInput(
            f"{who} needs an array of real numbers, but got one of {values.dtype}. "
            "Convert it first, for example with .astype(float)."
        )
    if not values.dtype.isnative:
        values = values.astype(values.dtype.newbyteorder("="))
    if not values.flags.writeable or any(stride < 0 for stride in values.strides):
        values = values.copy()
    return torch.from_numpy(values).to(device=device, dtype=dtype)


def to_float_tensor(array: Any, who: str = "softplex") -> Tensor:
    """Give an array as a floating-point tensor; integers become float64."""
    tensor = to_tensor(array, who=who)
    return tensor if tensor.dtype in FLOATS else tensor.to(torch.float64)


def _refuse_unreadable(who: str, tensor: Tensor) -> None:
    if tensor.layout != torch.strided:
        raise InvalidInput(
            f"{who} needs a dense tensor, but got one of layout {tensor.layout}. Use "
            "tensor.to_dense()."
        )
    if tensor.is_complex():
        raise InvalidInput(
            f"{who} needs a tensor of real numbers, but got {tensor.dtype}. Take its real part."
        )


def answer_in_kind(result: Tensor, like: Any) -> Any:
    """Give the result as a tensor if the question came as one, else as a NumPy array."""
    return result if isinstance(like, Tensor) else to_numpy(result)


def sparse_tensor(matrix: sparse.csr_matrix, dtype: torch.dtype, device: torch.device) -> Tensor:
    """Give a SciPy CSR matrix as a torch CSR tensor."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*Sparse (CSR|invariant)")
        return torch.sparse_csr_tensor(
            to_tensor(matrix.indptr),
            to_tensor(matrix.indices),
            to_tensor(matrix.data, dtype=dtype),
            size=matrix.shape,
            dtype=dtype,
            device=device,
            check_invariants=False,
        )


def as_device(device: torch.device | str | None) -> torch.device:
    """Name a device, the processor by default; refuse one that is not here."""
    try:
        chosen = torch.device("cpu" if device is None else device)
    except RuntimeError as error:
        raise InvalidInput(
            f"device must name a torch device such as 'cpu' or 'cuda', but got {device!r}."
        ) from error
    if chosen.type == "cuda" and not torch.cuda.is_available():
        raise InvalidInput(
            f"device={device!r} asks for a GPU, but torch sees none here. Use device='cpu'."
        )
    if chosen.type not in ("cpu", "cuda"):
        raise InvalidInput(
            f"device={device!r} cannot be used: fits need float64 on 'cpu' or 'cuda'. Use "
            "device='cpu'."
        )
    return chosen


def as_dtype(dtype: Any) -> torch.dtype | None:
    """Name a floating-point dtype in torch's words; None stays None."""
    if dtype is None or dtype in (torch.float32, torch.float64):
        return dtype  # type: ignore[no-any-return]
    try:
        name = np.dtype(dtype).name
    except TypeError:
        name = str(dtype)
    if name not in ("float32", "float64"):
        raise InvalidInput(f"dtype must be None, 'float32' or 'float64', but got {dtype!r}.")
    return torch.float32 if name == "float32" else torch.float64
