"""The Concrete distribution: its density against fifty digits, quadrature and torch."""

from __future__ import annotations

import math

import mpmath
import numpy as np
import pytest
import scipy.stats
import torch
from scipy import integrate
from torch import Tensor
from torch.distributions import RelaxedOneHotCategorical, constraints

from softplex.exceptions import InvalidInput
from softplex.maps import Concrete, softmax

DTYPES = [torch.float16, torch.bfloat16, torch.float32, torch.float64]
SCORES = torch.tensor([1.0, 0.0, -0.5], dtype=torch.float64)


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def reference(temperature: float, scores: list[float], logarithms: list[mpmath.mpf]) -> float:
    """Give the formula of the paper as it stands, with 50 digits."""
    with mpmath.workdps(50):
        t, k = mpmath.mpf(temperature), len(scores)
        z = [mpmath.mpf(score) for score in scores]
        result = mpmath.log(mpmath.factorial(k - 1)) + (k - 1) * mpmath.log(t)
        result += sum(a - (t + 1) * b for a, b in zip(z, logarithms, strict=True))
        total = sum(mpmath.exp(a - t * b) for a, b in zip(z, logarithms, strict=True))
        return float(result - k * mpmath.log(total))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("k", [1, 2, 3, 1000])
@pytest.mark.parametrize("temperature", [1e-38, 0.01, 0.5, 1.0, 10.0, 1e30])
def test_the_density_is_finite_on_its_own_samples(
    dtype: torch.dtype, k: int, temperature: float
) -> None:
    if dtype == torch.float16 and not 1e-5 < temperature < 1e4:
        pytest.skip("float16 does not hold the temperature")
    scores = (2 * torch.randn(k, generator=seeded(1))).to(dtype).requires_grad_()
    concrete = Concrete(temperature, scores)
    drawn = concrete.rsample((50,), generator=seeded())
    assert drawn.dtype == dtype
    assert (drawn > 0).all()
    torch.testing.assert_close(
        drawn.double().sum(-1).detach(),
        torch.ones(50, dtype=torch.float64),
        rtol=0,
        atol=40 * torch.finfo(dtype).eps,
    )
    logarithms = concrete.rsample_log((50,), generator=seeded()).detach()
    for density in (concrete.log_prob(drawn.detach()), concrete.log_prob_of_log(logarithms)):
        assert torch.isfinite(density).all()
        (gradient,) = torch.autograd.grad(density.sum(), scores, retain_graph=True)
        assert torch.isfinite(gradient).all()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("k", [2, 5, 300])
@pytest.mark.parametrize("temperature", [0.01, 0.5, 10.0])
def test_the_density_matches_fifty_digits(dtype: torch.dtype, k: int, temperature: float) -> None:
    scores = torch.randn(k, generator=seeded(2), dtype=torch.float64).to(dtype)
    concrete = Concrete(temperature, scores)
    logarithms = concrete.rsample_log(generator=seeded(3))
    exact = reference(
        float(concrete.temperature), scores.tolist(), [mpmath.mpf(x) for x in logarithms.tolist()]
    )
    # The terms are rounded one by one, so the room is in units of their sizes.
    size = float(logarithms.abs().sum()) + k * (2 + abs(math.log(temperature)))
    room = 4 * torch.finfo(dtype).eps * size
    assert abs(float(concrete.log_prob_of_log(logarithms)) - exact) < room
    if temperature > 0.1:
        values = logarithms.exp()
        with mpmath.workdps(50):
            exact = reference(
                float(concrete.temperature),
                scores.tolist(),
                [mpmath.log(x) for x in values.tolist()],
            )
        assert abs(float(concrete.log_prob(values)) - exact) < room


def test_torch_agrees_where_it_is_finite() -> None:
    scores = torch.randn(4, 6, generator=seeded(), dtype=torch.float64)
    for temperature in (0.5, 1.0, 3.0):
        ours = Concrete(temperature, scores)
        theirs = RelaxedOneHotCategorical(torch.tensor(temperature).double(), logits=scores)
        values = ours.sample((20,))
        torch.testing.assert_close(ours.log_prob(values), theirs.log_prob(values))


@pytest.mark.parametrize("temperature", [0.3, 1.0, 4.0])
def test_two_classes_integrate_to_one(temperature: float) -> None:
    concrete = Concrete(temperature, SCORES[:2])

    def density(logit: float) -> float:
        """Give the density of log(x / (1 - x)), whose tails are light."""
        row = torch.log_softmax(torch.tensor([logit, 0.0], dtype=torch.float64), 0)
        return float((concrete.log_prob_of_log(row) + row.sum()).exp())

    total, _ = integrate.quad(density, -200, 200, points=[0.0], limit=400)
    assert total == pytest.approx(1.0, abs=1e-7)


@pytest.mark.parametrize("temperature", [0.5, 1.0, 3.0])
def test_three_classes_integrate_to_one(temperature: float) -> None:
    """On a grid of log-ratios, where the trapezoid rule of a smooth density is near exact."""
    ends = 40.0 / temperature
    steps = torch.linspace(-ends, ends, 601, dtype=torch.float64)
    first, second = torch.meshgrid(steps, steps, indexing="ij")
    rows = torch.log_softmax(torch.stack([first, second, torch.zeros_like(first)], -1), -1)
    # d(x_1, x_2) = x_1 x_2 x_3 d(log x_1 / x_3, log x_2 / x_3)
    density = (Concrete(temperature, SCORES).log_prob_of_log(rows) + rows.sum(-1)).exp()
    assert float(density.sum() * (steps[1] - steps[0]) ** 2) == pytest.approx(1.0, abs=1e-6)


@pytest.mark.parametrize("temperature", [0.05, 1.0, 10.0])
def test_the_largest_entry_is_drawn_as_often_as_softmax_says(temperature: float) -> None:
    concrete = Concrete(temperature, SCORES)
    winners = concrete.rsample((20_000,), generator=seeded(4)).argmax(-1)
    counts = torch.bincount(winners, minlength=3).numpy()
    expected = softmax(SCORES).numpy() * counts.sum()
    assert scipy.stats.chisquare(counts, expected).pvalue > 1e-3


def test_density_and_samples_agree() -> None:
    """With weights f_2 / f_1, samples of one distribution have the mean of another."""
    one, two = Concrete(1.0, SCORES), Concrete(1.2, SCORES.flip(0))
    drawn = one.rsample_log((100_000,), generator=seeded(5))
    weights = (two.log_prob_of_log(drawn) - one.log_prob_of_log(drawn)).exp()
    assert float(weights.mean()) == pytest.approx(1.0, abs=0.03)
    mean = (weights.unsqueeze(-1) * drawn.exp()).mean(0)
    direct = two.rsample((100_000,), generator=seeded(6)).mean(0)
    torch.testing.assert_close(mean, direct, atol=0.02, rtol=0)


def test_gradients_agree_with_finite_differences() -> None:
    temperature = torch.tensor(0.7, dtype=torch.float64, requires_grad=True)
    scores = SCORES.clone().requires_grad_()
    values = torch.tensor([[0.2, 0.3, 0.5], [0.9, 0.05, 0.05]], dtype=torch.float64)
    values.requires_grad_()

    def density(temperature: Tensor, scores: Tensor, values: Tensor) -> Tensor:
        return Concrete(temperature, scores, validate_args=False).log_prob(values)

    def draw(temperature: Tensor, scores: Tensor) -> Tensor:
        return Concrete(temperature, scores).rsample((2,), generator=seeded(7))

    assert torch.autograd.gradcheck(density, (temperature, scores, values))
    assert torch.autograd.gradgradcheck(density, (temperature, scores, values))
    assert torch.autograd.gradcheck(draw, (temperature, scores))


def test_absent_classes_leave_the_distribution_of_the_others() -> None:
    scores = torch.tensor([1.0, -math.inf, 0.0, -0.5], dtype=torch.float64, requires_grad=True)
    concrete, others = Concrete(0.5, scores), Concrete(0.5, scores.detach()[[0, 2, 3]])
    drawn = concrete.sample((200,))
    assert torch.equal(drawn[:, 1], torch.zeros(200, dtype=torch.float64))
    density = concrete.log_prob(drawn)
    torch.testing.assert_close(density.detach(), others.log_prob(drawn[:, [0, 2, 3]]))
    density.sum().backward()
    assert torch.isfinite(scores.grad).all()
    assert scores.grad[1] == 0
    assert concrete.log_prob(torch.full((4,), 0.25).double()) == -math.inf
    logarithms = concrete.rsample_log((20,), generator=seeded())
    assert (logarithms[:, 1] == -math.inf).all()
    assert torch.isfinite(concrete.log_prob_of_log(logarithms)).all()


def test_a_zero_from_elsewhere_has_a_finite_density() -> None:
    concrete = Concrete(0.5, torch.zeros(3))
    for row in torch.eye(3):
        assert torch.isfinite(concrete.log_prob(row))
        assert torch.isfinite(concrete.log_prob_of_log(row.log()))


def test_probabilities_in_place_of_scores() -> None:
    probabilities = torch.tensor([0.2, 0.0, 0.8], requires_grad=True)
    concrete = Concrete(0.5, probabilities=probabilities)
    torch.testing.assert_close(concrete.probabilities, probabilities)
    torch.testing.assert_close(concrete.probs, concrete.logits.exp())
    concrete.rsample((10,)).sum().backward()
    assert torch.isfinite(probabilities.grad).all()


def test_the_interface_of_torch_distributions() -> None:
    concrete = Concrete(torch.tensor([0.5, 1.0]), torch.zeros(4, 1, 3))
    assert isinstance(concrete, torch.distributions.Distribution)
    assert concrete.has_rsample
    assert concrete.support is constraints.simplex
    assert concrete.batch_shape == (4, 2)
    assert concrete.event_shape == (3,)
    assert concrete.sample().shape == (4, 2, 3)
    assert concrete.sample((7, 1)).shape == (7, 1, 4, 2, 3)
    assert not concrete.sample().requires_grad
    assert concrete.log_prob(concrete.sample((7,))).shape == (7, 4, 2)
    assert concrete.log_prob(torch.full((3,), 1 / 3)).shape == (4, 2)
    wide = concrete.expand((5, 4, 2))
    assert isinstance(wide, Concrete)
    assert wide.batch_shape == (5, 4, 2)
    assert wide.log_prob(wide.sample()).shape == (5, 4, 2)
    assert Concrete(1.0, torch.zeros(0, 3)).sample().shape == (0, 3)
    assert repr(Concrete(0.5, torch.zeros(3))).startswith("Concrete(temperature: 0.5")
    independent = torch.distributions.Independent(concrete, 1)
    assert independent.log_prob(independent.sample()).shape == (4,)
    torch.manual_seed(3)
    first = concrete.sample()
    torch.manual_seed(3)
    assert torch.equal(first, concrete.sample())


def test_density_under_vmap_grad_and_compile() -> None:
    values = torch.full((3,), 1 / 3, dtype=torch.float64)

    def density(scores: Tensor) -> Tensor:
        return Concrete(0.5, scores).log_prob(values)

    rows = torch.stack([SCORES, SCORES.flip(0)])
    torch.testing.assert_close(torch.vmap(density)(rows), density(rows))
    assert torch.isfinite(torch.func.grad(density)(SCORES)).all()
    compiled = torch.compile(density, backend="aot_eager")
    torch.testing.assert_close(compiled(rows), density(rows))


def test_scores_may_be_numpy() -> None:
    assert Concrete(0.5, np.zeros(3)).sample().dtype == torch.float64


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"temperature": 1.0}, "either scores or probabilities"),
        (
            {"temperature": 1.0, "scores": torch.zeros(2), "probabilities": torch.ones(2) / 2},
            "not both",
        ),
        ({"temperature": 0.0, "scores": torch.zeros(2)}, "temperature must be"),
        ({"temperature": torch.tensor(-1.0), "scores": torch.zeros(2)}, "temperature must be"),
        ({"temperature": 1e-60, "scores": torch.zeros(2)}, "temperature must be positive"),
        ({"temperature": torch.ones(3), "scores": torch.zeros(2, 4)}, r"shape \(2,\).*\(3,\)"),
        ({"temperature": 1.0, "scores": torch.tensor(0.0)}, "at least one class"),
        ({"temperature": 1.0, "scores": torch.zeros(2, 0)}, "at least one class"),
        ({"temperature": 1.0, "scores": torch.tensor([0.0, math.nan])}, "class 1 holds NaN"),
        ({"temperature": 1.0, "scores": torch.full((2, 2), -math.inf)}, "row 0 has none left"),
        ({"temperature": 1.0, "scores": torch.full((2,), -math.inf)}, "only row has none left"),
        ({"temperature": 1.0, "probabilities": torch.ones(2)}, "sums to 2"),
    ],
)
def test_bad_parameters_are_refused(arguments: dict[str, object], said: str) -> None:
    with pytest.raises(InvalidInput, match=said):
        Concrete(**arguments, validate_args=True)


def test_bad_values_are_refused() -> None:
    concrete = Concrete(1.0, torch.zeros(2, 3), validate_args=True)
    with pytest.raises(InvalidInput, match="row 0 sums to 3"):
        concrete.log_prob(torch.ones(2, 3))
    with pytest.raises(InvalidInput, match=r"its shape \(2, 3\).*got shape \(2, 4\)"):
        concrete.log_prob(torch.ones(2, 4) / 4)
    with pytest.raises(InvalidInput, match=r"got shape \(5, 3\)"):
        concrete.log_prob_of_log(torch.zeros(5, 3))
    with pytest.raises(InvalidInput, match="in a tensor, but got list"):
        concrete.log_prob([0.5, 0.5, 0.0])
    with pytest.raises(InvalidInput, match=r"of a floating-point type, but got torch\.int64"):
        concrete.log_prob(torch.tensor([1, 0, 0]))
    with pytest.raises(InvalidInput, match=r"real numbers, but got torch\.complex64"):
        concrete.log_prob_of_log(torch.zeros(3, dtype=torch.complex64))
    unchecked = Concrete(1.0, torch.zeros(3), validate_args=False)
    assert torch.isfinite(unchecked.log_prob(torch.full((3,), 0.5)))
