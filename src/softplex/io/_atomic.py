"""Writing so that a reader sees the old content or the new, and never a half.

What is new is written beside the old, on the same file system, flushed to the disk, and then
renamed. A process that is killed on the way leaves at most a hidden sibling behind.
"""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from softplex.exceptions import InvalidInput, ModelFileError

MANIFEST_NAME = "model.json"


def check_free(
    folder: str | os.PathLike[str], *, force: bool = False, mark: str = MANIFEST_NAME
) -> Path:
    """Refuse a folder that cannot be written, before any work is done.

    Parameters
    ----------
    folder : path
        The folder that is to be made.
    force : bool, default False
        Allow a folder that exists, if it is empty or bears the mark.
    mark : str, default "model.json"
        The file by which a folder of this kind is known as softplex's own.

    Returns
    -------
    Path
        The folder with symbolic links resolved.

    Raises
    ------
    InvalidInput
        If it exists and `force` is False, or it exists and is something else.
    ModelFileError
        If the folder around it cannot be written to.
    """
    target = Path(folder).resolve()
    if target.exists() and not target.is_dir():
        raise InvalidInput(f"softplex needs a folder to write to; {folder} is a file")
    if target.exists() and not force:
        raise InvalidInput(
            f"the folder {folder} exists and would be replaced; "
            "name another one, or allow it with --force (force=True in Python)"
        )
    if target.exists() and not _may_be_replaced(target, mark):
        what = "model" if mark == MANIFEST_NAME else mark
        raise InvalidInput(
            f"{folder} holds files but no softplex {what}, and softplex does not replace what "
            "it did not write; name another folder, or empty this one first"
        )
    _check_writable(target)
    return target


def _may_be_replaced(folder: Path, mark: str) -> bool:
    return (folder / mark).is_file() or not any(folder.iterdir())


def _check_writable(target: Path) -> None:
    """Look at the nearest folder that exists, since the ones below it are still to be made."""
    parent = target.parent
    while not parent.exists():
        parent = parent.parent
    if not parent.is_dir():
        raise InvalidInput(f"{target} cannot be made: {parent} is a file, not a folder")
    if not os.access(parent, os.W_OK | os.X_OK):
        raise ModelFileError(f"{target} cannot be written: no permission to write in {parent}")


@contextmanager
def staged_folder(
    folder: str | os.PathLike[str], *, force: bool = False, mark: str = MANIFEST_NAME
) -> Iterator[Path]:
    """Give an empty folder to fill; on success it takes the place of `folder`.

    Parameters
    ----------
    folder : path
        Where the files are to be when all of them are written.
    force : bool, default False
        Replace a softplex folder that is there already.
    mark : str, default "model.json"
        As in `check_free`.

    Yields
    ------
    Path
        A sibling of `folder` on the same file system. It is removed when the block fails, and
        `folder` is then as it was.
    """
    target = check_free(folder, force=force, mark=mark)
    target.parent.mkdir(parents=True, exist_ok=True)
    stage = _sibling(target, "new")
    stage.mkdir()
    try:
        yield stage
        for path in sorted(stage.rglob("*")):
            _flush(path)
        _flush(stage)
        _swap(stage, target)
    except BaseException:
        shutil.rmtree(stage, ignore_errors=True)
        raise
    _flush(target.parent)


def check_file(path: str | os.PathLike[str]) -> Path:
    """Refuse a file that cannot be written, before any work is done.

    Parameters
    ----------
    path : path
        The file that is to be made or replaced.

    Returns
    -------
    Path
        The file with symbolic links resolved.

    Raises
    ------
    InvalidInput
        If it is a folder.
    ModelFileError
        If the folder around it cannot be written to.
    """
    target = Path(path).resolve()
    if target.is_dir():
        raise InvalidInput(f"softplex needs a file to write to; {path} is a folder")
    _check_writable(target)
    return target


@contextmanager
def staged_file(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Give a path to write to; on success the file takes the place of `path`.

    Parameters
    ----------
    path : path
        Where the file is to be when all of it is written; one that is there is replaced.

    Yields
    ------
    Path
        A sibling with the same suffixes. It is removed when the block fails.

    Raises
    ------
    InvalidInput
        If `path` is a folder.
    """
    target = check_file(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    stage = _sibling(target, "new")
    try:
        yield stage
        _flush(stage)
        stage.replace(target)
    except BaseException:
        stage.unlink(missing_ok=True)
        raise
    _flush(target.parent)


def _sibling(target: Path, role: str) -> Path:
    return target.with_name(f".{role}-{secrets.token_hex(6)}-{target.name}")


def _swap(stage: Path, target: Path) -> None:
    """Rename the new folder into place; the old one comes back if that fails."""
    if not target.exists():
        stage.rename(target)
        return
    old = _sibling(target, "old")
    target.rename(old)
    try:
        stage.rename(target)
    except BaseException:
        old.rename(target)
        raise
    shutil.rmtree(old, ignore_errors=True)


def _flush(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
