"""Tables that are one block of numbers: NPZ, svmlight and the bundled data sets."""

from __future__ import annotations

import io
import zipfile
import zlib
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from sklearn import datasets

from softplex.data._files import Source, open_bytes
from softplex.data._names import listed
from softplex.data._table import Table, from_matrix
from softplex.exceptions import DataError

_BUNDLED = {
    "digits": datasets.load_digits,
    "iris": datasets.load_iris,
    "wine": datasets.load_wine,
    "breast_cancer": datasets.load_breast_cancer,
}


def bundled_names() -> tuple[str, ...]:
    """Names of the tables that come with scikit-learn and need no file.

    Examples
    --------
    >>> bundled_names()
    ('digits', 'iris', 'wine', 'breast_cancer')
    """
    return tuple(_BUNDLED)


def read_bundled(name: str) -> Table:
    """Give a bundled data set; its label column is called ``target``."""
    bunch = _BUNDLED[name]()
    labels = np.asarray(bunch.target)
    names = np.asarray(bunch.target_names)
    if names.dtype.kind in "UO":
        labels = names.astype(object)[labels]
    return from_matrix(
        bunch.data,
        name,
        names=[str(feature) for feature in bunch.feature_names],
        labels=labels,
        target="target",
    )


def read_npz(source: Source) -> Table:
    """Read an NPZ file: the arrays ``X`` and ``y``, or its only matrix and its only vector.

    An array of more than two dimensions named ``X`` is flattened row by row. A text array
    ``feature_names`` gives the column names.

    Raises
    ------
    DataError
        For arrays of Python objects, and when it is not plain which array is which.
    """
    arrays = _npz_arrays(source)
    given = arrays.pop("feature_names", None)
    matrix_name, label_name = _roles(arrays, source)
    matrix = arrays[matrix_name].reshape(len(arrays[matrix_name]), -1)
    labels = None if label_name is None else arrays[label_name]
    if labels is not None and labels.shape != (len(matrix),):
        raise DataError(
            f"{source.name}: {label_name!r} must hold one label for each of the {len(matrix)} "
            f"rows of {matrix_name!r}, but its shape is {labels.shape}."
        )
    names = None if given is None else [str(name) for name in given]
    if names is not None and len(names) != matrix.shape[1]:
        raise DataError(
            f"{source.name}: 'feature_names' has {len(names)} names, "
            f"but {matrix_name!r} has {matrix.shape[1]} columns."
        )
    return from_matrix(matrix, source.name, names=names, labels=labels, target=label_name)


def _npz_arrays(source: Source) -> dict[str, NDArray[Any]]:
    with open_bytes(source) as stream:
        packed = io.BytesIO(stream.read())
    try:
        with np.load(packed, allow_pickle=False) as archive:
            return {name: archive[name] for name in archive.files}
    except (ValueError, zipfile.BadZipFile, zlib.error, EOFError, KeyError) as error:
        if "pickle" in str(error):
            reason = "it holds Python objects, which are not loaded because they can run code"
        else:
            reason = str(error)
        raise DataError(
            f"{source.name} cannot be read as NPZ: {reason}. Write it with numpy.savez, "
            "with plain arrays of numbers and text."
        ) from error


def _roles(arrays: dict[str, NDArray[Any]], source: Source) -> tuple[str, str | None]:
    matrices = [name for name, array in arrays.items() if array.ndim == 2]
    vectors = [name for name, array in arrays.items() if array.ndim == 1]
    if "X" in arrays and arrays["X"].ndim >= 2:
        matrices = ["X"]
    if "y" in arrays:
        vectors = ["y"]
    if len(matrices) != 1 or len(vectors) > 1:
        shapes = [f"{name} {array.shape}" for name, array in arrays.items()]
        raise DataError(
            f"{source.name}: the arrays 'X' (n, d) and 'y' (n,) are needed, or one matrix and one "
            f"vector under any name; it holds {listed(shapes)}."
        )
    return matrices[0], vectors[0] if vectors else None


def read_svmlight(source: Source) -> Table:
    """Read svmlight text as a CSR matrix; the label column is called ``target``.

    Column numbers are kept as they stand in the file, whether they count from 0 or from 1.

    Raises
    ------
    DataError
        For several labels in a row, and for lines that are not of the format.
    """
    with open_bytes(source) as stream:
        text = stream.read()
    first = text.lstrip().split(None, 1)[0] if text.strip() else b""
    if b"," in first:
        raise DataError(
            f"{source.name}: each row must have one label, but the first has {first.decode()!r}. "
            "softplex does not take lists of labels; keep one label a row."
        )
    try:
        matrix, labels = datasets.load_svmlight_file(io.BytesIO(text), zero_based=True)
    except (ValueError, UnicodeDecodeError) as error:
        raise DataError(
            f"{source.name} cannot be read as svmlight: {error}. "
            "Each line must be a label and pairs such as 3:0.5, in rising order of the first."
        ) from error
    if np.all(labels == np.round(labels)):
        labels = labels.astype(np.int64)
    return from_matrix(sp.csr_matrix(matrix), source.name, labels=labels, target="target")
