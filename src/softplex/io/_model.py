"""A model as a folder: ``model.json``, ``arrays.safetensors`` and scikit-learn parts in skops.

``model.json`` carries the format version, the versions that wrote it, a checksum of itself and
one for each other file, so that damage is found and named before anything is built.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

import safetensors.numpy

import softplex
from softplex.exceptions import ModelFileError
from softplex.io._atomic import MANIFEST_NAME, staged_folder
from softplex.io._decode import decode
from softplex.io._encode import encode

FORMAT: Final = 1
_MARK: Final = "softplex model"
_ARRAYS: Final = "arrays.safetensors"


def save(model: object, folder: str | os.PathLike[str], *, force: bool = False) -> None:
    """Write a fitted model to a folder that loads without running code.

    Parameters
    ----------
    model : estimator, calibrator or TableClassifier
        Anything fitted with softplex. scikit-learn objects may be parts of it.
    folder : path
        The folder to make. A reader sees the old folder or the new one, never a half.
    force : bool, default False
        Replace a softplex model that is there already.

    Raises
    ------
    InvalidInput
        If the folder exists and `force` is False, or the model holds something that cannot be
        written without code.

    Examples
    --------
    >>> import tempfile
    >>> import numpy as np
    >>> import softplex
    >>> X = np.array([[0.0], [1.0], [2.0], [3.0]])
    >>> model = softplex.SoftmaxClassifier().fit(X, ["low", "low", "high", "high"])
    >>> with tempfile.TemporaryDirectory() as place:
    ...     softplex.save(model, f"{place}/model")
    ...     same = softplex.load(f"{place}/model")
    >>> bool((same.predict_proba(X) == model.predict_proba(X)).all())
    True
    """
    with staged_folder(folder, force=force) as stage:
        write_model(model, stage)


def write_model(model: object, folder: Path) -> None:
    """Write the files of a model into a folder that exists, beside what else is there."""
    encoded = encode(model)
    files = {_ARRAYS: safetensors.numpy.save(encoded.arrays), **encoded.files}
    manifest = {
        "format": FORMAT,
        "what": _MARK,
        "softplex": softplex.__version__,
        "libraries": {name: version(name) for name in ("numpy", "scikit-learn", "skops")},
        "files": {name: _fingerprint(content) for name, content in sorted(files.items())},
        "model": encoded.tree,
    }
    manifest["sha256"] = _manifest_checksum(manifest)
    for name, content in files.items():
        (folder / name).write_bytes(content)
    text = json.dumps(manifest, indent=1, allow_nan=False)
    (folder / MANIFEST_NAME).write_text(text + "\n", encoding="utf-8")


def load(folder: str | os.PathLike[str]) -> Any:
    """Read a model that ``save`` or ``softplex fit`` wrote; nothing in it is executed.

    Parameters
    ----------
    folder : path
        The folder of the model.

    Returns
    -------
    object
        The model as it was saved, ready to predict.

    Raises
    ------
    ModelFileError
        If the folder is not there, is not a softplex model, was written by a newer version, or
        is damaged; the message names the file.

    Examples
    --------
    >>> import softplex
    >>> softplex.load("no-such-folder")  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    softplex.exceptions.ModelFileError: there is no folder no-such-folder; give one that ...
    """
    place = Path(folder)
    manifest = _read_manifest(place)
    files = {
        name: _read_checked(place, name, expected) for name, expected in manifest["files"].items()
    }
    try:
        arrays = safetensors.numpy.load(files.pop(_ARRAYS))
    except (KeyError, safetensors.SafetensorError) as error:
        raise ModelFileError(f"{place / _ARRAYS} cannot be read: {error}") from error
    return decode(manifest["model"], arrays, files)


def _read_manifest(place: Path) -> dict[str, Any]:
    if not place.exists():
        raise ModelFileError(
            f"there is no folder {place}; give one that softplex.save or `softplex fit --out` made"
        )
    path = place / MANIFEST_NAME
    if not path.is_file():
        what = "has no model.json" if place.is_dir() else "is a file, not a folder"
        raise ModelFileError(
            f"{place} is not a softplex model: it {what}; give the folder that "
            "softplex.save or `softplex fit --out` made"
        )
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise ModelFileError(
            f"{path} is damaged or cut short ({error}); restore it from a copy or fit again"
        ) from error
    _check_manifest(manifest, path)
    return dict(manifest)


def _check_manifest(manifest: Any, path: Path) -> None:
    if not isinstance(manifest, dict) or manifest.get("what") != _MARK:
        raise ModelFileError(f"{path} was not written by softplex; give a softplex model folder")
    written = manifest.get("format")
    if isinstance(written, int) and written > FORMAT:
        raise ModelFileError(
            f"{path} has format {written}, written by softplex {manifest.get('softplex')}; this "
            f"is softplex {softplex.__version__}, which reads formats up to {FORMAT}. "
            "Upgrade softplex to load it"
        )
    whole = written == FORMAT and manifest.get("sha256") == _manifest_checksum(manifest)
    if not whole or not _is_well_formed(manifest):
        raise ModelFileError(
            f"{path} is damaged: its content does not match its checksum; "
            "restore it from a copy or fit again"
        )


def _is_well_formed(manifest: Mapping[str, Any]) -> bool:
    files = manifest.get("files")
    return (
        "model" in manifest
        and isinstance(files, dict)
        and all(isinstance(entry, dict) and "bytes" in entry for entry in files.values())
    )


def _manifest_checksum(manifest: Mapping[str, Any]) -> str:
    content = {key: value for key, value in manifest.items() if key != "sha256"}
    canonical = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()


def _fingerprint(content: bytes) -> dict[str, Any]:
    return {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}


def _read_checked(place: Path, name: str, expected: Mapping[str, Any]) -> bytes:
    path = place / name
    if Path(name).name != name:
        raise ModelFileError(f"{place} names a file outside itself ({name!r}) and is not loaded")
    try:
        content = path.read_bytes()
    except FileNotFoundError as error:
        raise ModelFileError(f"{path} is missing; restore it from a copy or fit again") from error
    if len(content) < expected["bytes"]:
        raise ModelFileError(
            f"{path} is cut short: {len(content)} bytes of {expected['bytes']}; "
            "restore it from a copy or fit again"
        )
    if _fingerprint(content) != expected:
        raise ModelFileError(
            f"{path} is damaged: its content does not match its checksum; "
            "restore it from a copy or fit again"
        )
    return content
