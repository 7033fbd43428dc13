"""JSON back to Python values: the other direction of :mod:`softplex.io._encode`.

Only registered classes are built, each by a name that is looked up in a table; nothing in a file
is imported, called or evaluated.
"""

from __future__ import annotations

import dataclasses
import enum
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from softplex._arrays import to_tensor
from softplex.exceptions import ModelFileError
from softplex.io._registry import registered_class
from softplex.io._skops import load_sklearn


def decode(tree: Any, arrays: Mapping[str, NDArray[Any]], files: Mapping[str, bytes]) -> Any:
    """Put a model together from its tree, arrays and files.

    Raises
    ------
    ModelFileError
        If a class is not one of ours, or a part is missing or of the wrong form.
    """
    try:
        return _Builder(arrays, files).build(tree)
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError) as error:
        raise ModelFileError(
            f"the description of the model in model.json does not fit together ({error}); "
            "the folder is damaged or was written by another version of softplex"
        ) from error


@dataclasses.dataclass(frozen=True)
class _Builder:
    arrays: Mapping[str, NDArray[Any]]
    files: Mapping[str, bytes]

    def build(self, node: Any) -> Any:
        if isinstance(node, list):
            return [self.build(item) for item in node]
        if not isinstance(node, dict):
            return node
        tag = next((key for key in node if key.startswith("$")), None)
        if tag is None:
            return {key: self.build(item) for key, item in node.items()}
        return _BUILDERS[tag](self, node)

    def _object(self, node: Mapping[str, Any]) -> Any:
        kind = registered_class(node["$object"])
        instance: Any = object.__new__(kind)
        vars(instance).update({key: self.build(item) for key, item in node["state"].items()})
        return instance

    def _data(self, node: Mapping[str, Any]) -> Any:
        kind = registered_class(node["$data"])
        return kind(**{key: self.build(item) for key, item in node["state"].items()})

    def _module(self, node: Mapping[str, Any]) -> Any:
        module = registered_class(node["$module"])(**self.build(node["arguments"]))
        state = {key: to_tensor(array) for key, array in self.build(node["state"]).items()}
        try:
            module.load_state_dict(state, assign=True)  # which takes over the dtype
        except RuntimeError as error:  # torch's word for a state that does not fit
            raise ValueError(error) from error
        return module.eval()

    def _enum(self, node: Mapping[str, Any]) -> Any:
        kind = registered_class(node["$enum"])
        if not issubclass(kind, enum.Enum):
            raise TypeError(f"{node['$enum']} is not an enumeration")
        return kind[node["member"]]

    def _array(self, node: Mapping[str, Any]) -> NDArray[Any]:
        stored = self.arrays[node["$array"]]
        dtype = np.dtype(node["dtype"])
        typed = stored.view(dtype) if dtype.kind in "mM" else stored.astype(dtype, copy=False)
        return typed.T if node["order"] == "F" else typed

    def _values(self, node: Mapping[str, Any]) -> NDArray[Any]:
        values = np.empty(len(node["$values"]), dtype=object)
        values[:] = [self.build(item) for item in node["$values"]]
        return values.astype(node["dtype"]).reshape(node["shape"])

    def _scalar(self, node: Mapping[str, Any]) -> Any:
        return np.dtype(node["dtype"]).type(self.build(node["$scalar"]))

    def _float(self, node: Mapping[str, Any]) -> float:
        return float(node["$float"])

    def _tuple(self, node: Mapping[str, Any]) -> tuple[Any, ...]:
        return tuple(self.build(item) for item in node["$tuple"])

    def _mapping(self, node: Mapping[str, Any]) -> dict[Any, Any]:
        return {self.build(key): self.build(value) for key, value in node["$mapping"]}

    def _sklearn(self, node: Mapping[str, Any]) -> Any:
        name = node["$sklearn"]
        return load_sklearn(self.files[name], source=name)

    def _dtype(self, node: Mapping[str, Any]) -> Any:
        dtype = np.dtype(node["$dtype"])
        return dtype if node["is"] == "dtype" else dtype.type

    def _torch(self, node: Mapping[str, Any]) -> Any:
        if node["$torch"] == "device":
            return torch.device(node["name"])
        dtype = getattr(torch, node["name"])
        if not isinstance(dtype, torch.dtype):
            raise TypeError(f"torch.{node['name']} is not a data type")
        return dtype


_BUILDERS: dict[str, Callable[[_Builder, Mapping[str, Any]], Any]] = {
    "$array": _Builder._array,
    "$data": _Builder._data,
    "$dtype": _Builder._dtype,
    "$enum": _Builder._enum,
    "$float": _Builder._float,
    "$mapping": _Builder._mapping,
    "$module": _Builder._module,
    "$object": _Builder._object,
    "$scalar": _Builder._scalar,
    "$sklearn": _Builder._sklearn,
    "$torch": _Builder._torch,
    "$tuple": _Builder._tuple,
    "$values": _Builder._values,
}
