"""Which file is meant, what it holds, and its bytes without the compression."""

from __future__ import annotations

import contextlib
import io
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from softplex.data._names import listed, nearest
from softplex.exceptions import DataError

FORMATS = {
    ".csv": "csv",
    ".tsv": "tsv",
    ".tab": "tsv",
    ".parquet": "parquet",
    ".pq": "parquet",
    ".feather": "feather",
    ".arrow": "feather",
    ".ipc": "feather",
    ".jsonl": "json lines",
    ".ndjson": "json lines",
    ".json": "json lines",
    ".npz": "npz",
    ".svm": "svmlight",
    ".svmlight": "svmlight",
    ".libsvm": "svmlight",
}
COMPRESSIONS = {".gz": "gzip", ".zst": "zstd"}

# First bytes by which a file tells what it is, whatever its name says.
_SIGNATURES = (
    (b"PAR1", "parquet", "a Parquet file"),
    (b"ARROW1", "feather", "a Feather (Arrow) file"),
    (b"PK\x03\x04", "npz", "a zip archive (as NPZ, Excel and zipped files are)"),
    (b"\x1f\x8b", "gzip", "gzip-compressed"),
    (b"\x28\xb5\x2f\xfd", "zstd", "zstd-compressed"),
    (b"SQLite format 3", "sqlite", "an SQLite database"),
    (b"\xd0\xcf\x11\xe0", "xls", "an old Excel file"),
    (b"%PDF", "pdf", "a PDF file"),
    (b"\xff\xfe", "utf-16", "UTF-16 text"),
    (b"\xfe\xff", "utf-16", "UTF-16 text"),
    (b"<!DOCTYPE", "html", "a web page"),
    (b"<!doctype", "html", "a web page"),
    (b"<html", "html", "a web page"),
)
_BINARY = {"parquet": "PAR1", "feather": "ARROW1", "npz": "PK"}


@dataclass(frozen=True)
class Source:
    """A data file: where it is, its format and its compression."""

    path: Path
    format: str
    compression: str | None

    @property
    def name(self) -> str:
        """The file name, for messages."""
        return self.path.name


def locate(path: str | Path, bundled: tuple[str, ...] = ()) -> Source:
    """Find a data file and read its format from its name and its first bytes.

    Raises
    ------
    DataError
        No such file (with the nearest name in its folder), a folder, an unknown suffix, an empty
        file, or a file that is not what its name says.
    """
    path = Path(path)
    if not path.exists():
        raise _no_such_file(path, bundled)
    if path.is_dir():
        raise DataError(f"{path} is a folder; a data file is needed.")
    compression = COMPRESSIONS.get(path.suffix.lower())
    inner = Path(path.stem) if compression else path
    format_name = FORMATS.get(inner.suffix.lower())
    if format_name is None:
        raise DataError(
            f"{path.name}: the format is read from the file name, and {inner.suffix!r} is none of "
            f"{', '.join(FORMATS)} (each also with .gz or .zst). Rename or convert the file."
        )
    source = Source(path, format_name, compression)
    _check_first_bytes(source)
    return source


@contextlib.contextmanager
def open_bytes(source: Source) -> Iterator[Any]:
    """Open the decompressed bytes of a file, to be read once from front to back."""
    with explained(source), pa.input_stream(str(source.path), compression=source.compression) as f:
        yield f


@contextlib.contextmanager
def open_seekable(source: Source) -> Iterator[Any]:
    """Open a file for random access; a compressed one is unpacked into a temporary file."""
    if source.compression is None:
        with explained(source), pa.memory_map(str(source.path)) as file:
            yield file
        return
    with tempfile.TemporaryFile() as unpacked:
        with open_bytes(source) as packed:
            shutil.copyfileobj(packed, unpacked, 1 << 20)
        unpacked.seek(0)
        with explained(source):
            yield unpacked


@contextlib.contextmanager
def explained(source: Source) -> Iterator[None]:
    """Turn what the readers of formats raise into a sentence about the file."""
    try:
        yield
    except DataError:
        raise
    except UnicodeDecodeError as error:
        raise _not_utf8(source) from error
    except (pa.ArrowException, OSError, EOFError) as error:
        message = str(error).splitlines()[0] if str(error) else type(error).__name__
        if "UTF8" in message or "UTF-8" in message:
            raise _not_utf8(source) from error
        raise DataError(
            f"{source.name} cannot be read as {_described(source)}: {message}. "
            "The file is damaged, cut short or of another format; write or download it again."
        ) from error


def _described(source: Source) -> str:
    packed = f"{source.compression}-compressed " if source.compression else ""
    return f"a {packed}{source.format} file"


def _no_such_file(path: Path, bundled: tuple[str, ...]) -> DataError:
    folder = path.parent
    if not folder.is_dir():
        return DataError(f"There is no file {str(path)!r}: its folder {str(folder)!r} is missing.")
    found = nearest(path.name, [*(entry.name for entry in folder.iterdir()), *bundled])
    guess = ""
    if found is not None:
        meant = found if str(folder) == "." or found in bundled else str(folder / found)
        guess = f" Did you mean {meant!r}?"
    names = f" Bundled tables are {listed(bundled)}." if bundled and not path.suffix else ""
    return DataError(f"There is no file {str(path)!r}.{guess}{names}")


def _check_first_bytes(source: Source) -> None:
    with source.path.open("rb") as file:
        head = file.read(16)
    if not head:
        raise DataError(f"{source.name} is empty: it has no bytes at all.")
    if source.compression is not None:
        magic = {"gzip": b"\x1f\x8b", "zstd": b"\x28\xb5\x2f\xfd"}[source.compression]
        if not head.startswith(magic):
            raise DataError(
                f"{source.name} is not {source.compression}-compressed, as its name says. "
                f"Rename it to {source.path.stem!r} if it holds plain data."
            )
        with open_bytes(source) as stream:
            head = bytes(stream.read(1024))
        if not head:
            raise DataError(f"{source.name} is empty: there is nothing in it once unpacked.")
    _check_signature(source, head)


def _check_signature(source: Source, head: bytes) -> None:
    for magic, format_name, words in _SIGNATURES:
        if head.startswith(magic) and format_name != source.format:
            needed = "UTF-8 text" if format_name == "utf-16" else source.format
            what = f"{source.name} is {words} by its first bytes, not {needed}."
            way_out = (
                "Save it again with the UTF-8 encoding."
                if format_name == "utf-16"
                else "Give it the matching suffix, or convert it."
            )
            raise DataError(f"{what} {way_out}")
    if source.format in _BINARY and not head.startswith(_BINARY[source.format].encode()):
        raise DataError(
            f"{source.name} is not a {source.format} file: its first bytes are {head[:6]!r}. "
            "Give it the matching suffix, or write it again."
        )


def _not_utf8(source: Source) -> DataError:
    return DataError(
        f"{source.name} is not UTF-8 text{_first_bad_byte(source)}. "
        "Save it again with the UTF-8 encoding."
    )


def _first_bad_byte(source: Source) -> str:
    with pa.input_stream(str(source.path), compression=source.compression) as stream:
        for number, line in enumerate(io.BufferedReader(stream), start=1):
            try:
                line.decode("utf-8")
            except UnicodeDecodeError as error:
                return f": line {number} holds the byte 0x{line[error.start]:02x}"
    return ""
