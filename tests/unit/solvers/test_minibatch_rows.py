"""Batches hold every row once, and a CSR matrix is dense only there."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse

from softplex.solvers import Examples, judged_rows

X = np.arange(60.0).reshape(20, 3)
CPU = torch.device("cpu")


def examples(n: int, X=X, **changes) -> Examples:
    whole = Examples(
        X=X,
        targets=np.arange(20) % 3,
        weight=np.linspace(1.0, 2.0, 20),
        rows=np.arange(n),
        n_classes=3,
        dtype=torch.float64,
        device=CPU,
    )
    return dataclasses.replace(whole, **changes)


@given(n=st.integers(1, 20), size=st.integers(1, 25) | st.none())
def test_an_epoch_holds_every_row_once_in_nearly_equal_batches(n: int, size: int | None) -> None:
    batches = examples(n).shuffled(size)
    assert sorted(np.concatenate(batches)) == list(range(n))
    lengths = [len(batch) for batch in batches]
    assert max(lengths) <= (size or n)
    assert max(lengths) - min(lengths) <= 1
    assert len(batches) == (1 if size is None else -(-n // size))


def test_the_order_is_that_of_the_generator() -> None:
    torch.manual_seed(5)
    first = np.concatenate(examples(20).shuffled(4))
    again = np.concatenate(examples(20).shuffled(4))
    torch.manual_seed(5)
    np.testing.assert_array_equal(np.concatenate(examples(20).shuffled(4)), first)
    assert (first != again).any()


@pytest.mark.parametrize("form", [np.asarray, np.asfortranarray, sparse.csr_matrix])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_batch_has_the_rows_that_were_asked_for(form, dtype: torch.dtype) -> None:
    rows = np.array([4, 19, 0])
    batch = examples(20, form(X), dtype=dtype).batch(rows)
    assert batch.features.dtype == batch.weight.dtype == dtype
    np.testing.assert_array_equal(batch.features.numpy(), X[rows])
    assert batch.targets.tolist() == [1, 1, 0]


def test_read_only_memory_is_not_written() -> None:
    fixed = X.copy()
    fixed.flags.writeable = False
    np.testing.assert_array_equal(examples(20, fixed).batch(np.array([1])).features, X[[1]])


def test_the_digest_tells_data_apart() -> None:
    same = examples(20).digest()
    assert same == examples(20, X.copy()).digest() == examples(20, np.asfortranarray(X)).digest()
    changed = X.copy()
    changed[7, 2] = np.nextafter(changed[7, 2], 0.0)
    others = [
        examples(20, changed),
        examples(19),
        examples(20, X.astype(np.float32)),
        examples(20, sparse.csr_matrix(X)),
        examples(20, weight=np.ones(20)),
        examples(20, targets=np.zeros(20, dtype=int)),
        examples(20, dtype=torch.float32),
    ]
    digests = {other.digest() for other in others}
    assert len(digests) == len(others)
    assert same not in digests


def test_what_is_judged_at_once_is_bounded() -> None:
    assert judged_rows(4, 3) == 4096
    assert judged_rows(4, 10**6) * 10**6 <= 2**22
    assert judged_rows(10**9, 3) == 1
