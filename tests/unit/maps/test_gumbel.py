"""Gumbel-softmax: whom it draws, what it gives, and the gradient it has."""

from __future__ import annotations

import math

import numpy as np
import pytest
import scipy.stats
import torch
from torch import Tensor

from softplex.exceptions import InvalidInput
from softplex.maps import gumbel_softmax, softmax
from softplex.maps._gumbel import gumbel_noise

DTYPES = [torch.float16, torch.bfloat16, torch.float32, torch.float64]
SCORES = torch.tensor([1.0, 0.0, -1.0, 2.0, 0.5], dtype=torch.float64)


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def p_value(counts: Tensor, probabilities: Tensor) -> float:
    expected = probabilities / probabilities.sum() * counts.sum()
    return float(scipy.stats.chisquare(counts.numpy(), expected.numpy()).pvalue)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("temperature", [1e-3, 1.0, 1e9])
@pytest.mark.parametrize("shift", [0.0, 1e4])
def test_classes_are_drawn_as_often_as_softmax_says(
    dtype: torch.dtype, temperature: float, shift: float
) -> None:
    scores = (SCORES + shift).to(dtype)
    drawn = gumbel_softmax(
        scores.expand(20_000, 5), temperature=temperature, hard=True, generator=seeded()
    )
    assert drawn.dtype == dtype
    expected = softmax(scores.double())
    assert p_value(drawn.double().sum(0), expected) > 1e-3


def test_the_soft_draw_points_to_the_hard_one_and_the_temperature_does_not_move_it() -> None:
    batch = SCORES.expand(500, 5)
    hard = gumbel_softmax(batch, hard=True, generator=seeded())
    for temperature in (0.05, 0.5, 5.0):
        soft = gumbel_softmax(batch, temperature=temperature, generator=seeded())
        assert torch.equal(soft.argmax(-1), hard.argmax(-1))
        torch.testing.assert_close(soft.sum(-1), torch.ones(500, dtype=torch.float64))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("k", [1, 3, 1000])
def test_hard_rows_are_one_hot_to_the_last_bit(dtype: torch.dtype, k: int) -> None:
    drawn = gumbel_softmax(
        torch.zeros(300, k, dtype=dtype), temperature=3.0, hard=True, generator=seeded()
    )
    assert set(drawn.unique().tolist()) <= {0.0, 1.0}
    assert torch.equal(drawn.float().sum(-1), torch.ones(300))


def test_the_hard_gradient_is_the_soft_one() -> None:
    weights = torch.tensor([1.0, -2.0, 0.5, 3.0, 0.0], dtype=torch.float64)
    gradients = []
    for hard in (False, True):
        scores = SCORES.clone().requires_grad_()
        drawn = gumbel_softmax(scores, temperature=0.7, hard=hard, generator=seeded(3))
        (drawn * weights).sum().backward()
        gradients.append(scores.grad)
    torch.testing.assert_close(gradients[0], gradients[1], rtol=0, atol=0)
    assert gradients[0].abs().max() > 1e-3


def test_the_gradient_agrees_with_finite_differences() -> None:
    scores = SCORES.clone().requires_grad_()
    temperature = torch.tensor(0.7, dtype=torch.float64, requires_grad=True)

    def draw(scores: Tensor, temperature: Tensor) -> Tensor:
        return gumbel_softmax(scores, temperature=temperature, generator=seeded(1))

    assert torch.autograd.gradcheck(draw, (scores, temperature))
    assert torch.autograd.gradgradcheck(draw, (scores, temperature))


@pytest.mark.parametrize("hard", [False, True])
def test_absent_and_masked_classes_are_never_drawn_and_have_no_gradient(hard: bool) -> None:
    scores = torch.tensor([0.0, -math.inf, math.nan, 0.0]).repeat(2000, 1).requires_grad_()
    mask = torch.tensor([True, True, False, True])
    drawn = gumbel_softmax(scores, hard=hard, mask=mask, generator=seeded())
    assert torch.equal(drawn[:, 1:3], torch.zeros(2000, 2))
    drawn[:, 0].sum().backward()
    assert torch.isfinite(scores.grad).all()
    assert torch.equal(scores.grad[:, 1:3], torch.zeros(2000, 2))


@pytest.mark.parametrize("hard", [False, True])
def test_empty_rows_follow_the_rule(hard: bool) -> None:
    scores = torch.tensor([[-math.inf, -math.inf], [0.0, -math.inf]], requires_grad=True)
    drawn = gumbel_softmax(scores, hard=hard)
    assert drawn.tolist() == [[0.0, 0.0], [1.0, 0.0]]
    drawn.sum().backward()
    assert scores.grad.tolist() == [[0.0, 0.0], [0.0, 0.0]]
    assert torch.isnan(gumbel_softmax(scores, hard=hard, empty="nan")[0]).all()
    with pytest.raises(InvalidInput, match="gumbel_softmax needs a class in every row, but row 0"):
        gumbel_softmax(scores, hard=hard, empty="raise")


@pytest.mark.parametrize("hard", [False, True])
@pytest.mark.parametrize("shape", [(), (1,), (0, 3), (3, 0), (2, 1, 4)])
def test_shapes_are_kept(shape: tuple[int, ...], hard: bool) -> None:
    assert gumbel_softmax(torch.zeros(shape), hard=hard).shape == shape


def test_other_dimensions_and_strided_scores() -> None:
    scores = torch.randn(4, 6, generator=seeded())
    along = gumbel_softmax(scores, dim=0, hard=True, generator=seeded(5))
    assert torch.equal(along.sum(0), torch.ones(6))
    strided = gumbel_softmax(scores.T, generator=seeded(5))
    torch.testing.assert_close(strided, gumbel_softmax(scores.T.contiguous(), generator=seeded(5)))


def test_the_largest_scores_of_a_dtype_are_drawn() -> None:
    for dtype in DTYPES:
        top = torch.finfo(dtype).max
        scores = torch.tensor([top, -top, top], dtype=dtype).expand(200, 3)
        drawn = gumbel_softmax(scores, hard=True, generator=seeded()).float()
        assert torch.isfinite(drawn).all()
        assert drawn[:, 1].max() == 0.0
        assert 60 < drawn[:, 0].sum() < 140


def test_draws_repeat_with_a_generator_and_answer_in_kind() -> None:
    scores = SCORES.numpy()
    first = gumbel_softmax(scores, generator=seeded(7))
    assert isinstance(first, np.ndarray)
    np.testing.assert_array_equal(first, gumbel_softmax(scores, generator=seeded(7)))
    assert not np.array_equal(first, gumbel_softmax(scores, generator=seeded(8)))
    torch.manual_seed(1)
    unnamed = gumbel_softmax(SCORES)
    torch.manual_seed(1)
    assert torch.equal(unnamed, gumbel_softmax(SCORES))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_the_noise_is_standard_gumbel(dtype: torch.dtype) -> None:
    noise = gumbel_noise((50_000,), torch.zeros((), dtype=dtype), seeded())
    assert noise.dtype == dtype
    assert torch.isfinite(noise).all()
    assert scipy.stats.kstest(noise.numpy(), "gumbel_r").pvalue > 1e-3
    assert len(noise.unique()) > 0.97 * len(noise)


def test_the_extreme_uniform_draws_give_finite_noise(monkeypatch: pytest.MonkeyPatch) -> None:
    for value, exact in ((0.0, 54 * math.log(2)), (1 - 2.0**-53, -math.log(53 * math.log(2)))):
        drawn = torch.tensor(value, dtype=torch.float64)
        monkeypatch.setattr(torch, "rand", lambda shape, drawn=drawn, **_: drawn.expand(shape))
        assert float(gumbel_noise((), torch.zeros(()))) == pytest.approx(exact, rel=1e-6)


def test_it_works_under_vmap_and_compile() -> None:
    batch = SCORES.expand(400, 5)
    mapped = torch.vmap(lambda row: gumbel_softmax(row, hard=True), randomness="different")(batch)
    assert torch.equal(mapped.sum(-1), torch.ones(400, dtype=torch.float64))
    assert len(mapped.argmax(-1).unique()) > 2
    gradient = torch.func.grad(lambda row: gumbel_softmax(row, hard=True)[0])(SCORES)
    assert torch.isfinite(gradient).all()
    compiled = torch.compile(gumbel_softmax, backend="aot_eager", fullgraph=True)
    scores = torch.zeros(6, 5, requires_grad=True)
    drawn = compiled(scores, temperature=0.5, hard=True)
    assert torch.equal(drawn.sum(-1), torch.ones(6))
    drawn[:, 0].sum().backward()
    assert torch.isfinite(scores.grad).all()


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # torch, in the import of its compiler
def test_inductor_draws_one_hot_rows_too() -> None:
    compiled = torch.compile(gumbel_softmax)
    drawn = compiled(SCORES.expand(400, 5), hard=True)
    assert torch.equal(drawn.sum(-1), torch.ones(400, dtype=torch.float64))
    assert set(drawn.unique().tolist()) == {0.0, 1.0}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"temperature": 0.0}, "temperature must be"),
        ({"temperature": -1.0}, "temperature must be"),
        ({"temperature": torch.tensor([1.0, 0.0])}, "temperature must be positive"),
        ({"generator": 3}, "generator must be a torch.Generator or None, but got 3"),
        ({"mask": [1, 0, 1]}, "gumbel_softmax needs a boolean mask"),
        ({"empty": "skip"}, "empty must be one of"),
        ({"dim": 2}, "gumbel_softmax needs dim"),
    ],
)
def test_bad_arguments_are_refused(arguments: dict[str, object], said: str) -> None:
    with pytest.raises(InvalidInput, match=said):
        gumbel_softmax(torch.zeros(2, 3), **arguments)


@pytest.mark.parametrize(("value", "shown"), [(math.nan, "NaN"), (math.inf, r"\+inf")])
def test_unusable_scores_are_named(value: float, shown: str) -> None:
    scores = torch.zeros(2, 3)
    scores[1, 2] = value
    with pytest.raises(InvalidInput, match=f"gumbel_softmax needs.*row 1, class 2 holds {shown}"):
        gumbel_softmax(scores)


def test_a_generator_of_another_device_is_refused() -> None:
    meta = torch.zeros(3, device="meta")
    with pytest.raises(InvalidInput, match="generator is on cpu, but the scores are on meta"):
        gumbel_softmax(meta, generator=seeded())
