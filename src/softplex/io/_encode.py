"""Python values to JSON, with arrays and scikit-learn objects set aside.

Plain values stay plain. Everything else is a JSON object with one key that starts with ``$``:

===========  =====================================================================
``$object``  an estimator or calibrator: its registered name and its attributes
``$data``    a frozen data class: its registered name and its fields
``$enum``    a member of a registered enumeration
``$module``  a head: its registered name, its arguments and its parameters
``$array``   a numeric array, by its name in ``arrays.safetensors``
``$values``  an array of strings or mixed values, written out
``$scalar``  a NumPy scalar
``$sklearn`` a scikit-learn object, by the name of its ``.skops`` file
``$float``   nan, inf or -inf, which JSON does not have
``$tuple``   a tuple; ``$mapping`` a dict whose keys are not plain strings
``$dtype``   a NumPy data type; ``$torch`` a torch data type or device
===========  =====================================================================
"""

from __future__ import annotations

import dataclasses
import enum
import math
import re
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from softplex._arrays import to_numpy
from softplex.exceptions import InvalidInput
from softplex.heads import SavedModule
from softplex.io._registry import registered_name
from softplex.io._skops import dump_sklearn


@dataclasses.dataclass(frozen=True)
class Encoded:
    """A model as a JSON tree, numeric arrays by name, and further files by name."""

    tree: Any
    arrays: dict[str, NDArray[Any]]
    files: dict[str, bytes]


def encode(model: object) -> Encoded:
    """Take a model apart into what can be written without code.

    Raises
    ------
    InvalidInput
        If some part of it is not of a type that softplex can write.
    """
    parts = _Parts()
    return Encoded(parts.encode(model, "model"), parts.arrays, parts.files)


class _Parts:
    """The arrays and files met on the way through the tree."""

    def __init__(self) -> None:
        self.arrays: dict[str, NDArray[Any]] = {}
        self.files: dict[str, bytes] = {}

    def encode(self, value: Any, path: str) -> Any:
        if isinstance(value, np.generic):
            return {"$scalar": self._plain(value.item(), path), "dtype": value.dtype.str}
        if isinstance(value, enum.Enum):
            return {"$enum": _known(value, path), "member": value.name}
        if value is None or isinstance(value, bool | int | float | str):
            return self._plain(value, path)
        if isinstance(value, np.ndarray):
            return self._array(value, path)
        if isinstance(value, list | tuple | Mapping):
            return self._container(value, path)
        library = _library_type(value)
        return self._object(value, path) if library is None else library

    def _plain(self, value: Any, path: str) -> Any:
        if isinstance(value, float) and not math.isfinite(value):
            return {"$float": str(value)}
        if value is None or isinstance(value, bool | int | float | str):
            return value
        raise _refusal(value, path)

    def _array(self, array: NDArray[Any], path: str) -> Any:
        if array.dtype.kind in "OUS":
            items = [self.encode(item, path) for item in array.ravel().tolist()]
            return {"$values": items, "dtype": array.dtype.str, "shape": list(array.shape)}
        if array.dtype.kind not in "biufmM" or array.dtype.itemsize > 8:
            raise _refusal(array, path)
        name = path
        while name in self.arrays:
            name += "_"
        in_columns = array.flags.f_contiguous and not array.flags.c_contiguous
        stored = array.T if in_columns else array
        if array.dtype.kind in "mM":
            stored = stored.astype(array.dtype.newbyteorder("="), copy=False).view(np.int64)
        self.arrays[name] = np.array(stored, dtype=stored.dtype.newbyteorder("="), order="C")
        return {"$array": name, "dtype": array.dtype.str, "order": "F" if in_columns else "C"}

    def _container(self, value: Any, path: str) -> Any:
        if isinstance(value, Mapping):
            if all(isinstance(key, str) and not key.startswith("$") for key in value):
                return {key: self.encode(item, f"{path}.{key}") for key, item in value.items()}
            pairs = enumerate(value.items())
            return {"$mapping": [self.encode(list(pair), f"{path}.{i}") for i, pair in pairs]}
        items = [self.encode(item, f"{path}.{i}") for i, item in enumerate(value)]
        return {"$tuple": items} if isinstance(value, tuple) else items

    def _object(self, value: Any, path: str) -> Any:
        if isinstance(value, nn.Module):
            return self._module(value, path)
        if type(value).__module__.partition(".")[0] == "sklearn":
            return self._sklearn(value, path)
        name = _known(value, path)
        if dataclasses.is_dataclass(value) and not isinstance(value, type):
            fields = [field.name for field in dataclasses.fields(value) if field.init]
            state = {field: getattr(value, field) for field in fields}
            kind = "$data"
        else:
            state, kind = vars(value), "$object"
        encoded = {key: self.encode(item, f"{path}.{key}") for key, item in state.items()}
        return {kind: name, "state": encoded}

    def _module(self, module: nn.Module, path: str) -> Any:
        name = registered_name(type(module))
        if name is None or not isinstance(module, SavedModule):
            raise InvalidInput(
                f"softplex.save cannot write {path}: a {type(module).__name__} is built by code, "
                "and a saved model holds none. Save its parameters alone, for example with "
                "softplex.save({name: value.numpy() for name, value in "
                "module.state_dict().items()}, folder), and load them into a new module"
            )
        state = {key: to_numpy(tensor) for key, tensor in module.state_dict().items()}
        return {
            "$module": name,
            "arguments": self.encode(module.arguments(), f"{path}.arguments"),
            "state": self.encode(state, path),
        }

    def _sklearn(self, value: Any, path: str) -> dict[str, str]:
        stem = re.sub(r"[^A-Za-z0-9._-]", "_", path)
        while f"{stem}.skops" in self.files:
            stem += "_"
        self.files[f"{stem}.skops"] = dump_sklearn(value)
        return {"$sklearn": f"{stem}.skops"}


def _library_type(value: Any) -> dict[str, str] | None:
    """Write a data type or a device, which estimators may hold as parameters."""
    if isinstance(value, torch.dtype):
        return {"$torch": "dtype", "name": str(value).removeprefix("torch.")}
    if isinstance(value, torch.device):
        return {"$torch": "device", "name": str(value)}
    if isinstance(value, np.dtype) or (isinstance(value, type) and issubclass(value, np.generic)):
        form = "dtype" if isinstance(value, np.dtype) else "type"
        return {"$dtype": np.dtype(value).str, "is": form}
    return None


def _known(value: Any, path: str) -> str:
    name = registered_name(type(value))
    if name is None:
        raise _refusal(value, path)
    return name


def _refusal(value: Any, path: str) -> InvalidInput:
    kind = type(value)
    detail = f" of {value.dtype}" if isinstance(value, np.ndarray) else ""
    generators = np.random.RandomState, np.random.Generator, torch.Generator
    way_out = " Give a whole number as random_state." if isinstance(value, generators) else ""
    return InvalidInput(
        f"softplex.save cannot write {path}: it is a {kind.__module__}.{kind.__qualname__}"
        f"{detail}. A saved model holds numbers, text, arrays, and softplex or scikit-learn "
        f"objects.{way_out}"
    )
