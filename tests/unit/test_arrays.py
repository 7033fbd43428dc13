"""The boundary between NumPy, SciPy and torch."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
import torch
from scipy import sparse

from softplex._arrays import (
    answer_in_kind,
    as_device,
    as_dtype,
    sparse_tensor,
    to_float_tensor,
    to_numpy,
    to_tensor,
)
from softplex.exceptions import InvalidInput


def test_plain_arrays_cross_without_a_copy() -> None:
    array = np.arange(6.0).reshape(2, 3)
    assert to_tensor(array).data_ptr() == array.ctypes.data
    tensor = torch.zeros(3)
    assert to_tensor(tensor) is tensor
    assert to_numpy(tensor).ctypes.data == tensor.data_ptr()
    assert to_numpy(array) is array


@pytest.mark.parametrize(
    "array",
    [
        np.arange(6.0).reshape(2, 3)[:, ::-1],
        np.arange(12.0).reshape(4, 3)[::2],
        np.asfortranarray(np.arange(6.0).reshape(2, 3)),
        np.arange(6, dtype=">f4").reshape(2, 3),
        np.arange(6, dtype=np.float16),
        np.zeros((0, 2)),
        [[1.0, 2.0]],
    ],
    ids=["reversed", "strided", "fortran", "big endian", "half", "empty", "list"],
)
def test_odd_arrays_cross_with_their_values(array) -> None:
    np.testing.assert_array_equal(to_tensor(array).numpy(), array)


def test_read_only_arrays_are_copied_rather_than_shared() -> None:
    array = np.ones(3)
    array.flags.writeable = False
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        tensor = to_tensor(array)
    tensor.zero_()
    assert array.tolist() == [1.0, 1.0, 1.0]


def test_integers_become_float64_and_floats_stay() -> None:
    assert to_float_tensor(np.array([1, 2])).dtype == torch.float64
    assert to_float_tensor(np.array([True])).dtype == torch.float64
    for dtype in (torch.float16, torch.bfloat16, torch.float32, torch.float64):
        assert to_float_tensor(torch.zeros(2, dtype=dtype)).dtype == dtype


def test_tensors_come_to_the_host() -> None:
    assert to_numpy(torch.ones(2, requires_grad=True)).tolist() == [1.0, 1.0]
    half = to_numpy(torch.tensor([1.5], dtype=torch.bfloat16))
    assert half.dtype == np.float32
    assert half.tolist() == [1.5]


@pytest.mark.filterwarnings("ignore:Sparse:UserWarning")
@pytest.mark.parametrize("layout", [torch.sparse_csr, torch.sparse_coo, torch.sparse_csc])
def test_sparse_tensors_become_csr(layout: torch.layout) -> None:
    dense = torch.tensor([[0.0, 1.0, 0.0], [2.0, 0.0, 3.0]])
    matrix = to_numpy(dense.to_sparse(layout=layout))
    assert sparse.issparse(matrix)
    assert matrix.format == "csr"
    np.testing.assert_array_equal(matrix.toarray(), dense.numpy())


def test_a_csr_matrix_becomes_a_sparse_tensor() -> None:
    matrix = sparse.random(5, 4, density=0.4, format="csr", random_state=0)
    tensor = sparse_tensor(matrix, torch.float32, torch.device("cpu"))
    assert tensor.dtype == torch.float32
    np.testing.assert_allclose(tensor.to_dense().numpy(), matrix.toarray(), rtol=1e-7)


def test_answers_come_in_kind() -> None:
    result = torch.ones(2)
    assert answer_in_kind(result, torch.zeros(1)) is result
    assert isinstance(answer_in_kind(result, np.zeros(1)), np.ndarray)
    assert isinstance(answer_in_kind(result, [0.0]), np.ndarray)


def test_devices() -> None:
    assert as_device(None) == torch.device("cpu")
    assert as_device(torch.device("cpu")) == torch.device("cpu")
    with pytest.raises(InvalidInput, match="device must name a torch device"):
        as_device("warp")
    for name in ("meta", "mps"):
        with pytest.raises(InvalidInput, match="need float64"):
            as_device(name)


def test_a_gpu_that_is_not_here_is_refused_in_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(
        InvalidInput, match=r"asks for a GPU, but torch sees none here. Use device="
    ):
        as_device("cuda")


@pytest.mark.parametrize("name", ["float32", np.float32, torch.float32, np.dtype("float32")])
def test_dtypes(name: object) -> None:
    assert as_dtype(name) is torch.float32


def test_the_other_dtypes() -> None:
    assert as_dtype(None) is None
    assert as_dtype(float) is torch.float64
    for wrong in ("float16", "int64", torch.float16, "banana", 3):
        with pytest.raises(InvalidInput, match="dtype must be None, 'float32' or 'float64'"):
            as_dtype(wrong)


@pytest.mark.parametrize("layout", [torch.sparse_csr, torch.sparse_coo])
@pytest.mark.parametrize("read", [to_tensor, to_float_tensor])
def test_sparse_tensors_are_refused_where_dense_ones_are_needed(read, layout) -> None:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*Sparse (CSR|invariant)")
        tensor = torch.eye(2).to_sparse(layout=layout)
    with pytest.raises(InvalidInput, match=r"f needs a dense tensor, .*\.to_dense\(\)"):
        read(tensor, who="f")


@pytest.mark.parametrize("read", [to_tensor, to_float_tensor])
def test_complex_tensors_are_refused(read) -> None:
    with pytest.raises(InvalidInput, match=r"f needs a tensor of real numbers.*complex64"):
        read(torch.tensor(1j), who="f")


def test_a_list_of_tensors_that_need_a_gradient_is_refused() -> None:
    rows = [torch.zeros(2, requires_grad=True), torch.zeros(2)]
    with pytest.raises(InvalidInput, match=r"f needs an array of numbers, but got: .*grad"):
        to_tensor(rows, who="f")
