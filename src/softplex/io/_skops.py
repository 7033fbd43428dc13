"""The scikit-learn part of a model, through skops, with an explicit list of trusted types.

skops rebuilds objects of known types and runs nothing that a file brings along. Its archives
name their members by memory address and stamp them with the time; here both are replaced, so
that the same model gives the same bytes.
"""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Sequence
from typing import Any, Final

from skops.io import dumps, get_untrusted_types, loads

from softplex.exceptions import InvalidInput, ModelFileError

_SCHEMA: Final = "schema.json"
_EPOCH: Final = (1980, 1, 1, 0, 0, 0)

TRUSTED: Final[tuple[str, ...]] = ("numpy.dtype",)
"""Full names of the types that a model may hold beyond those that skops itself trusts."""


def dump_sklearn(model: object) -> bytes:
    """Write a fitted scikit-learn object as deterministic, deflated bytes.

    Raises
    ------
    InvalidInput
        If it holds a type that would not be trusted on loading.
    """
    data = dumps(model)
    _refuse_untrusted(data, InvalidInput, f"{type(model).__name__} cannot be saved")
    return _normalised(data)


def load_sklearn(data: bytes, *, source: str) -> Any:
    """Read what :func:`dump_sklearn` wrote.

    Raises
    ------
    ModelFileError
        If the bytes are damaged or hold a type that is not trusted; `source` is named.
    """
    try:
        _refuse_untrusted(data, ModelFileError, f"{source} is not loaded")
        return loads(data, trusted=list(TRUSTED))
    except (zipfile.BadZipFile, KeyError, TypeError, ValueError, AttributeError) as error:
        raise ModelFileError(
            f"{source} cannot be read as a scikit-learn object ({error}); it is damaged, or was "
            "written with other library versions (model.json lists them)"
        ) from error


def _refuse_untrusted(data: bytes, kind: type[Exception], refusal: str) -> None:
    unknown: Sequence[str] = sorted(set(get_untrusted_types(data=data)) - set(TRUSTED))
    if unknown:
        raise kind(
            f"{refusal}: it holds types that softplex does not trust ({', '.join(unknown)}); "
            "only softplex and scikit-learn types take part in a saved model"
        )


def _normalised(data: bytes) -> bytes:
    """Write the archive anew: members numbered by first appearance, no times, compressed."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        names: dict[Any, str] = {}
        numbers: dict[int, int] = {}
        schema = _renumbered(json.loads(archive.read(_SCHEMA)), names, numbers)
        members = {new: archive.read(old) for old, new in names.items()}
    members[_SCHEMA] = json.dumps(schema, separators=(",", ":")).encode()
    return _zipped(members)


def _renumbered(node: Any, names: dict[Any, str], numbers: dict[int, int]) -> Any:
    if isinstance(node, list):
        return [_renumbered(item, names, numbers) for item in node]
    if not isinstance(node, dict):
        return node
    result: dict[str, Any] = {}
    for key, value in node.items():
        if key == "__id__" and isinstance(value, int):
            result[key] = numbers.setdefault(value, len(numbers))
        elif key == "file" and isinstance(value, str):
            suffix = value.rpartition(".")[2]
            result[key] = names.setdefault(value, f"{len(names)}.{suffix}")
        else:
            result[key] = _renumbered(value, names, numbers)
    return result


def _zipped(members: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for name in sorted(members):
            content = members[name]
            if name.endswith(".npz"):
                content = _without_times(content)
            archive.writestr(zipfile.ZipInfo(name, _EPOCH), content, zipfile.ZIP_DEFLATED, 9)
    return buffer.getvalue()


def _without_times(data: bytes) -> bytes:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return _zipped({name: archive.read(name) for name in archive.namelist()})
