"""Dense and sparse features behind one interface, in blocks of any size."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy import sparse

from softplex.streaming import DenseFeatures, SparseFeatures, as_features
from softplex.streaming import _features as module

N, D, K = 300, 6, 4
CPU = torch.device("cpu")


@pytest.fixture(name="X")
def features_matrix() -> np.ndarray:
    rng = np.random.default_rng(0)
    return rng.normal(size=(N, D)) * (rng.random((N, D)) < 0.5) + 0.0


def make(kind: str, X: np.ndarray, dtype: torch.dtype = torch.float64):
    return as_features(X if kind == "dense" else sparse.csr_matrix(X), dtype, CPU, K)


@pytest.fixture(params=["dense", "csr"])
def kind(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture(params=["one block", "many blocks"])
def blocks(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    if request.param == "many blocks":
        monkeypatch.setattr(module, "_MIN_ROWS", 7)
        monkeypatch.setattr(module, "_MAX_ROWS", 7)
        monkeypatch.setattr(module, "_BLOCK_FEATURES", 1)
        monkeypatch.setattr(module, "_SPARSE_BLOCK_SCORES", 1)
    return request.param


def test_wraps_by_kind(X) -> None:
    assert isinstance(make("dense", X), DenseFeatures)
    assert isinstance(make("csr", X), SparseFeatures)
    assert isinstance(as_features(torch.from_numpy(X), torch.float64, CPU, K), DenseFeatures)


def test_blocks_cover_every_row_once(X, kind, blocks) -> None:
    slices = list(make(kind, X).blocks(K))
    assert [row for part in slices for row in range(part.start, part.stop)] == list(range(N))
    assert (len(slices) > 1) == (blocks == "many blocks")


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_products(X, kind, blocks, dtype) -> None:
    rng = np.random.default_rng(1)
    weight, bias, left = rng.normal(size=(K, D)), rng.normal(size=K), rng.normal(size=(K, N))
    features = make(kind, X, dtype)
    scores = torch.empty(K, N, dtype=dtype)
    out = torch.zeros(K, D, dtype=torch.float64)
    for rows in features.blocks(K):
        scores[:, rows] = features.scores(
            rows, torch.tensor(weight, dtype=dtype), torch.tensor(bias, dtype=dtype)
        )
        features.add_product(rows, torch.tensor(left[:, rows], dtype=dtype), out)
    rounding = 50 * torch.finfo(dtype).eps
    np.testing.assert_allclose(scores.numpy(), weight @ X.T + bias[:, None], atol=rounding)
    np.testing.assert_allclose(out.numpy(), left @ X, atol=30 * rounding)


def test_moments_and_gram(X, kind, blocks) -> None:
    weight = np.random.default_rng(2).exponential(size=N)
    features = make(kind, X)
    mean, mean_square = features.moments(torch.from_numpy(weight))
    np.testing.assert_allclose(mean, np.average(X, axis=0, weights=weight), atol=1e-14)
    np.testing.assert_allclose(mean_square, np.average(X**2, axis=0, weights=weight), rtol=1e-13)
    gram = features.gram(torch.from_numpy(weight))
    np.testing.assert_allclose(gram, (X.T * weight) @ X, atol=1e-11)


def test_the_variance_survives_a_large_offset() -> None:
    rng = np.random.default_rng(3)
    spread = rng.normal(size=(1000, 1))
    offset = 2.0**30
    features = as_features(np.round(spread * 1024) / 1024 + offset, torch.float64, CPU, K)
    mean, mean_square = features.moments(torch.ones(1000, dtype=torch.float64))
    variance = float(mean_square - mean.square())
    # mean^2 is 2^60 here, so the mean square itself resolves no more than 2^7.
    assert abs(variance - spread.var()) <= 2.0**8
    assert abs(float(mean) - offset - spread.mean()) < 1e-3


def test_squares_of_sparse_float32_do_not_overflow() -> None:
    X = sparse.csr_matrix(np.array([[1e25, 0.0], [0.0, 1.0]], dtype=np.float32))
    _, mean_square = as_features(X, torch.float32, CPU, K).moments(torch.ones(2).double())
    assert float(mean_square[0]) == pytest.approx(0.5e50, rel=1e-6)


def test_centring_on_the_way(X) -> None:
    shift = torch.arange(D, dtype=torch.float64)
    features = make("dense", X)
    rows = slice(3, 9)
    torch.testing.assert_close(
        features.centred(shift).block(rows), torch.from_numpy(X[3:9]) - shift
    )
    torch.testing.assert_close(features.block(rows), torch.from_numpy(X[3:9]))
