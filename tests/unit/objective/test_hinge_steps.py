"""Dual pieces of the hinges: conjugacy, and the proximal steps of the dual rows."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from softplex.losses import CrammerSinger, WestonWatkins
from softplex.objective import HingeDual, hinge_direction

SIGMAS = (1e-3, 0.3, 1.0, 20.0, 1e6)


@pytest.fixture(
    params=[
        WestonWatkins(0.7),
        CrammerSinger(0.7),
        WestonWatkins(0.7, squared=True),
        CrammerSinger(0.7, squared=True),
    ],
    ids=lambda loss: f"{type(loss).__name__}{'-squared' * loss.squared}",
)
def pieces(request: pytest.FixtureRequest) -> HingeDual:
    return HingeDual(request.param)


def rows(k: int, *, n: int = 40, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    scores = torch.randn(n, k, generator=generator, dtype=torch.float64)
    return 2.0 * scores, torch.randint(k, (n,), generator=generator)


def members(pieces: HingeDual, y: torch.Tensor, k: int, seed: int = 1) -> torch.Tensor:
    """Rows of U, with an own column where that takes part."""
    generator = torch.Generator().manual_seed(seed)
    u = torch.rand(len(y), k, generator=generator, dtype=torch.float64)
    u[::3] = (u[::3] > 0.5).double()
    u.scatter_(1, y[:, None], 0.0)
    if pieces.loss.squared:
        return 3.0 * u
    if pieces.joint:
        u = u / u.sum(1, keepdim=True).clamp_min(1.0)
        return u.scatter(1, y[:, None], 1.0 - u.sum(1, keepdim=True))
    return u


def off(u: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    return u.scatter(1, y[:, None], 0.0)


def value_of(pieces, u, excess, y) -> torch.Tensor:
    return (off(u, y) * excess).sum(1) - pieces.conjugate(off(u, y))


@pytest.mark.parametrize("k", [2, 5])
def test_the_value_is_that_of_the_loss(pieces: HingeDual, k: int) -> None:
    scores, y = rows(k)
    torch.testing.assert_close(
        pieces.value(pieces.excess(scores, y)), pieces.loss.per_example(scores, y)
    )


@pytest.mark.parametrize("k", [2, 5])
def test_members_lie_below_the_loss_and_the_last_step_reaches_it(pieces: HingeDual, k: int) -> None:
    scores, y = rows(k)
    excess = pieces.excess(scores, y)
    value = pieces.value(excess)
    for seed in range(20):
        below = value_of(pieces, members(pieces, y, k, seed), excess, y)
        assert (below <= value + 1e-12).all()
    far = pieces.respond(pieces.start(y, k), excess, y, 1e12).dual
    torch.testing.assert_close(value_of(pieces, far, excess, y), value, atol=1e-9, rtol=1e-9)


@pytest.mark.parametrize("sigma", SIGMAS)
@pytest.mark.parametrize("k", [2, 5])
def test_a_step_is_the_best_member(pieces: HingeDual, k: int, sigma: float) -> None:
    """First-order condition of a concave problem: no member lies uphill."""
    scores, y = rows(k)
    excess, centre = pieces.excess(scores, y), members(pieces, y, k)
    u = pieces.respond(centre, excess, y, sigma).dual
    gradient = excess - (u - centre) / sigma
    if pieces.loss.squared:
        gradient -= 0.5 * (u.sum(1, keepdim=True) if pieces.joint else u)
    if not pieces.own_takes_part:
        gradient = off(gradient, y)
    scale = 1.0 + gradient.abs().amax(1)
    for seed in range(2, 30):
        uphill = ((members(pieces, y, k, seed) - u) * gradient).sum(1)
        assert (uphill <= 1e-9 * scale).all()
    assert (u >= 0).all()
    assert (off(u, y).sum(1) <= 1 + 1e-12).all() or not pieces.own_takes_part
    assert (u <= 1).all() or pieces.loss.squared


@pytest.mark.parametrize("sigma", SIGMAS[:4])
def test_the_derivative_of_a_step(pieces: HingeDual, sigma: float) -> None:
    k = 5
    scores, y = rows(k)
    excess, centre = pieces.excess(scores, y), members(pieces, y, k)
    way = off(torch.randn(excess.shape, dtype=torch.float64), y)
    here = pieces.respond(centre, excess, y, sigma)
    small = 1e-7 / sigma
    ahead = pieces.respond(centre, excess + small * way, y, sigma)
    back = pieces.respond(centre, excess - small * way, y, sigma)
    active = here.active.double()
    same = (ahead.active == here.active).all(1) & (back.active == here.active).all(1)
    moved = active * way
    wanted = here.slope * (moved - here.coupling * active * moved.sum(1, keepdim=True))
    found = (ahead.dual - back.dual) / (2 * small)
    assert same.sum() > 30
    torch.testing.assert_close(found[same], wanted[same], atol=1e-6 * sigma, rtol=1e-5)


def test_steps_keep_their_digits_at_huge_sizes(pieces: HingeDual) -> None:
    scores, y = rows(4)
    excess = pieces.excess(1e9 * scores, y)
    u = pieces.respond(pieces.start(y, 4), excess, y, 1e12).dual
    assert torch.isfinite(u).all()
    value = pieces.value(excess)
    torch.testing.assert_close(value_of(pieces, u, excess, y), value, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("band", [0.05, 0.5])
def test_settled_rows_do_not_move_within_the_band(pieces: HingeDual, band: float) -> None:
    k = 4
    scores, y = rows(k, n=400)
    excess = pieces.excess(scores, y)
    dual = pieces.respond(pieces.start(y, k), excess, y, 1e9).dual
    settled = pieces.settled(dual, excess, y, band)
    assert 10 < settled.sum() < 400
    generator = torch.Generator().manual_seed(5)
    for _ in range(20):
        shift = band * (2 * torch.rand(excess.shape, generator=generator).double() - 1)
        moved = excess + off(shift, y)
        after = pieces.respond(dual, moved, y, 7.0).dual
        assert torch.equal(after[settled], dual[settled])


def test_the_direction_is_the_gradient_of_the_loss_in_the_scores(pieces: HingeDual) -> None:
    scores, y = rows(4)
    u = pieces.respond(pieces.start(y, 4), pieces.excess(scores, y), y, 1e12).dual
    _, gradient = pieces.loss.value_and_score_gradient(scores, y)
    torch.testing.assert_close(hinge_direction(u, y), gradient, atol=1e-8, rtol=1e-8)
    np.testing.assert_allclose(hinge_direction(u, y).sum(1), 0.0, atol=1e-12)
