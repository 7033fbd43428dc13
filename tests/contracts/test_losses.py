"""Every loss, through one table: what all of them promise."""

from __future__ import annotations

import copy
import io
import math
from collections.abc import Callable
from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional

from softplex import losses
from softplex.exceptions import InvalidInput

K = 5
N = 7
INF = math.inf
Function = Callable[..., Any]


@dataclass(frozen=True)
class Case:
    """A loss in its three forms, with the same options."""

    name: str
    form: Any
    function: Function
    module: Callable[..., torch.nn.Module]
    options: dict[str, Any] = field(default_factory=dict)
    soft: bool = True
    bounded: bool = False
    smooth: bool = True

    def __call__(self, scores: Any, targets: Any, **more: Any) -> Any:
        return self.function(scores, targets, **self.options, **more)


def family(form: Any, function: Function, module: Any, soft: bool, bounded: bool) -> list[Case]:
    options = {
        "cross_entropy": [
            {},
            {"smoothing": 0.2},
            {"smoothing": 0.2, "smoothing_kind": "uniform"},
        ],
        "focal": [
            {},
            {"gamma": 0.0},
            {"gamma": 0.5},
            {"gamma": 3.0, "alpha": torch.arange(1.0, K + 1)},
        ],
        "brier": [{}],
        "generalised_cross_entropy": [{}, {"power": 0.1}, {"power": 1.0}],
        "weston_watkins": [{}, {"margin": 0.3}, {"squared": True}],
        "crammer_singer": [{}, {"margin": 2.0}, {"squared": True}],
    }[function.__name__]
    return [
        Case(
            " ".join([function.__name__, *(f"{key}={value}" for key, value in option.items())]),
            form(**option),
            function,
            module,
            option,
            soft,
            bounded,
            smooth=soft or "squared" in option,
        )
        for option in options
    ]


CASES = [
    *family(losses.CrossEntropy, losses.cross_entropy, losses.CrossEntropyLoss, True, False),
    *family(losses.Focal, losses.focal, losses.FocalLoss, True, False),
    *family(losses.Brier, losses.brier, losses.BrierLoss, True, True),
    *family(
        losses.GeneralisedCrossEntropy,
        losses.generalised_cross_entropy,
        losses.GeneralisedCrossEntropyLoss,
        True,
        True,
    ),
    *family(losses.WestonWatkins, losses.weston_watkins, losses.WestonWatkinsLoss, False, False),
    *family(losses.CrammerSinger, losses.crammer_singer, losses.CrammerSingerLoss, False, False),
]
every_case = pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
soft_cases = pytest.mark.parametrize(
    "case", [case for case in CASES if case.soft], ids=lambda case: case.name
)


def seeded(number: int) -> torch.Generator:
    return torch.Generator().manual_seed(number)


@pytest.fixture
def scores() -> Tensor:
    return 2.0 * torch.randn(N, K, dtype=torch.float64, generator=seeded(0))


@pytest.fixture
def targets() -> Tensor:
    return torch.tensor([0, 1, 2, 3, 4, 0, 2])


@pytest.fixture
def soft() -> Tensor:
    return torch.randn(N, K, dtype=torch.float64, generator=seeded(1)).softmax(1)


def gradient_of(loss: Callable[[Tensor], Tensor], scores: Tensor) -> Tensor:
    leaf = scores.clone().requires_grad_()
    return torch.autograd.grad(loss(leaf).sum(), leaf)[0]


def close(one: Tensor, other: Tensor, dtype: torch.dtype = torch.float64) -> None:
    eps = torch.finfo(dtype).eps
    torch.testing.assert_close(one, other, rtol=100 * eps, atol=100 * eps)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@every_case
def test_the_closed_form_is_the_derivative_of_the_value(
    case: Case, scores: Tensor, targets: Tensor, soft: Tensor, dtype: torch.dtype
) -> None:
    scores = scores.to(dtype)
    for wanted in (targets, soft.to(dtype)) if case.soft else (targets,):
        value, gradient = case.form.value_and_score_gradient(scores, wanted)
        assert value.dtype == gradient.dtype == dtype
        close(value, case.form.per_example(scores, wanted), dtype)
        by_autograd = gradient_of(lambda z, q=wanted: case.form.per_example(z, q), scores)
        close(gradient, by_autograd, dtype)
        close(gradient.sum(1), torch.zeros(N, dtype=dtype), dtype)


@every_case
def test_two_derivatives_agree_with_differences(
    case: Case, scores: Tensor, targets: Tensor, soft: Tensor
) -> None:
    leaf = scores.clone().requires_grad_()
    for wanted in (targets, soft) if case.soft else (targets,):
        for reduction in ("none", "mean"):

            def value(z: Tensor, q: Tensor = wanted, rule: str = reduction) -> Tensor:
                return case(z, q, reduction=rule)

            assert torch.autograd.gradcheck(value, (leaf,))
            assert torch.autograd.gradgradcheck(value, (leaf,))


@every_case
def test_function_module_and_description_say_the_same(
    case: Case, scores: Tensor, targets: Tensor
) -> None:
    rows = case.form.per_example(scores, targets)
    close(case(scores, targets, reduction="none"), rows)
    weight = torch.linspace(0.0, 2.0, N).double()
    per_class = np.array([0.1, 0.2, 0.3, 0.7, 1.1])
    for reduction in ("none", "sum", "mean"):
        module = case.module(**case.options, class_weight=per_class, reduction=reduction)
        ours = case(
            scores, targets, class_weight=per_class, sample_weight=weight, reduction=reduction
        )
        assert torch.equal(module(scores, targets, weight), ours)


@every_case
def test_names_are_the_same_three_times(case: Case) -> None:
    own = {item.name for item in fields(case.form)}
    assert own >= set(case.options)
    assert case.module(**case.options).extra_repr()


@every_case
def test_a_common_shift_changes_nothing(case: Case, scores: Tensor, targets: Tensor) -> None:
    exact = (scores * 1024).round() / 1024  # so that the shift itself rounds nothing away
    before, after = (
        case.form.value_and_score_gradient(some, targets) for some in (exact, exact + 2.0**14)
    )
    for one, other in zip(before, after, strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=1e-14)


@every_case
def test_the_order_of_classes_does_not_matter(case: Case, scores: Tensor, targets: Tensor) -> None:
    order = torch.tensor([3, 0, 4, 1, 2])
    place = torch.argsort(order)
    options = dict(case.options)
    if "alpha" in options:
        options["alpha"] = options["alpha"][order]
    ours = case(scores, targets, reduction="none")
    close(case.function(scores[:, order], place[targets], reduction="none", **options), ours)


@soft_cases
def test_a_one_hot_row_is_its_class(case: Case, scores: Tensor, targets: Tensor) -> None:
    rows = functional.one_hot(targets, K)
    per_class = torch.tensor([1.0, 2.0, 0.0, 0.5, 3.0])
    for reduction in ("none", "sum", "mean"):
        options = {"class_weight": per_class, "reduction": reduction}
        expected = case(scores, targets, **options)
        for given in (rows, rows.double(), rows.bool()):
            close(case(scores, given, **options), expected)
        close(
            gradient_of(lambda z, o=options: case(z, rows, **o), scores),
            gradient_of(lambda z, o=options: case(z, targets, **o), scores),
        )


@every_case
def test_the_reduction_rule(case: Case, scores: Tensor, targets: Tensor, soft: Tensor) -> None:
    weight = torch.tensor([1.0, 0.0, 2.0, 0.5, 1.0, 3.0, 1.0]).double()
    per_class = torch.tensor([0.5, 1.0, 2.0, 0.0, 1.5]).double()
    for wanted in (targets, soft) if case.soft else (targets,):
        own = per_class[wanted] if wanted.ndim == 1 else wanted @ per_class
        mass, rows = weight * own, case.form.per_example(scores, wanted)
        options = {"class_weight": per_class, "sample_weight": weight}
        close(case(scores, wanted, reduction="none", **options), mass * rows)
        close(case(scores, wanted, reduction="sum", **options), (mass * rows).sum())
        close(case(scores, wanted, **options), (mass * rows).sum() / mass.sum())
        close(case(scores, wanted), rows.mean())


@every_case
def test_a_mean_over_nothing_is_zero(case: Case, scores: Tensor, targets: Tensor) -> None:
    for shape in ((0, K), (0, 3, K)):
        leaf = torch.zeros(shape, requires_grad=True)
        labels = torch.zeros(shape[:-1], dtype=torch.long)
        for reduction in ("mean", "sum"):
            loss = case(leaf, labels, reduction=reduction)
            assert loss.item() == 0.0
            assert torch.autograd.grad(loss, leaf)[0].shape == shape
        assert case(leaf, labels, reduction="none").shape == shape[:-1]
    for options in (
        {"sample_weight": torch.zeros(N)},
        {"class_weight": torch.zeros(K)},
        {"ignore_index": 3},
    ):
        wanted = torch.full((N,), 3) if "ignore_index" in options else targets
        assert case(scores, wanted, **options).item() == 0.0
        assert not gradient_of(lambda z, w=wanted, o=options: case(z, w, **o), scores).any()


@every_case
def test_no_classes_and_no_rows_give_zero(case: Case) -> None:
    options = {key: value for key, value in case.options.items() if key != "alpha"}
    loss = case.function(torch.zeros(0, 0), torch.zeros(0, dtype=torch.long), **options)
    assert loss.item() == 0.0


@every_case
def test_classes_may_lie_along_any_dimension(case: Case, scores: Tensor, soft: Tensor) -> None:
    images = torch.randn(2, K, 3, 4, dtype=torch.float64, generator=seeded(2))
    labels = torch.randint(K, (2, 3, 4), generator=seeded(3))
    for reduction in ("none", "mean"):
        expected = case(images.movedim(1, -1), labels, reduction=reduction)
        for dim in (1, -3):
            close(case(images, labels, dim=dim, reduction=reduction), expected)
        across = images.movedim(1, 0)
        close(case(across, labels, dim=0, reduction=reduction), expected)
    if case.soft:
        rows = functional.one_hot(labels, K).double()
        close(case(images, rows.movedim(-1, 1), dim=1), case(images, labels, dim=1))


@every_case
def test_one_row_without_a_batch(case: Case, scores: Tensor, targets: Tensor) -> None:
    alone = case(scores[0], targets[0])
    assert alone.shape == ()
    close(alone, case(scores[:1], targets[:1]))


@pytest.mark.parametrize("junk", [math.nan, INF, -INF])
@pytest.mark.parametrize("known", [True, False])
@every_case
def test_rows_that_do_not_count_may_hold_anything(
    case: Case, scores: Tensor, targets: Tensor, junk: float, known: bool
) -> None:
    bad = scores.clone()
    bad[2] = junk
    bad[5, 3] = junk
    weight = torch.ones(N).double()
    weight[[2, 5]] = 0.0
    ignored = targets.clone()
    ignored[[2, 5]] = -100
    kept = [0, 1, 3, 4, 6]
    for wanted, options in (
        (targets, {"sample_weight": weight}),
        (ignored, {"ignore_index": -100}),
    ):

        def loss(z: Tensor, q: Tensor = wanted, more: dict[str, Any] = options) -> Tensor:
            return case(z, q, **more)

        expected = gradient_of(lambda z: case(z, targets[kept]), scores[kept])
        if known:
            close(loss(bad), case(scores[kept], targets[kept]))
            gradient = gradient_of(loss, bad)
        else:
            gradient = torch.func.grad(loss)(bad)
        close(gradient[kept], expected)
        assert not gradient[[2, 5]].any()


@every_case
def test_an_absent_class_takes_no_part(case: Case, scores: Tensor, targets: Tensor) -> None:
    left = targets.clamp(max=K - 2)
    absent = scores.clone()
    absent[:, -1] = -INF
    options = dict(case.options)
    if "alpha" in options:
        options["alpha"] = options["alpha"][:-1]
    for reduction in ("none", "mean"):
        expected = case.function(scores[:, :-1], left, reduction=reduction, **options)
        close(case(absent, left, reduction=reduction), expected)
    gradient = gradient_of(lambda z: case(z, left), absent)
    close(
        gradient[:, :-1],
        gradient_of(lambda z: case.function(z, left, **options), scores[:, :-1]),
    )
    assert not gradient[:, -1].any()
    _, closed = case.form.value_and_score_gradient(absent, left)
    close(closed / N, gradient)
    second = torch.func.grad(lambda z: torch.func.grad(lambda x: case(x, left))(z).square().sum())
    assert bool(torch.isfinite(second(absent)).all())


@every_case
def test_an_absent_target(case: Case, scores: Tensor, targets: Tensor) -> None:
    absent = scores.clone()
    absent[3, targets[3]] = -INF
    rows = case(absent, targets, reduction="none")
    gradient = gradient_of(lambda z: case(z, targets, reduction="none"), absent)
    assert bool(torch.isfinite(gradient).all())
    mapped = torch.func.grad(lambda z: case(z, targets, reduction="none").sum())(absent)
    close(mapped, gradient)
    if case.bounded:
        assert bool(torch.isfinite(rows).all())
        assert math.isfinite(case(absent, targets))
        return
    assert rows[3] == INF
    assert bool(torch.isfinite(rows[[0, 1, 2, 4, 5, 6]]).all())
    for reduction in ("mean", "sum"):
        with pytest.raises(InvalidInput, match=r"row 3 has its target 3 at -inf") as caught:
            case(absent, targets, reduction=reduction)
        assert case.function.__name__ in str(caught.value)


@every_case
def test_a_row_without_a_class(case: Case, scores: Tensor, targets: Tensor) -> None:
    absent = scores.clone()
    absent[1] = -INF
    assert case(absent, targets, reduction="none")[1] == INF
    assert not gradient_of(lambda z: case(z, targets, reduction="none"), absent)[1].any()
    with pytest.raises(InvalidInput, match="row 1 has its target 1 at -inf"):
        case(absent, targets)


@pytest.mark.parametrize("bad", [math.nan, INF])
@pytest.mark.parametrize("place", [(2, 2), (2, 0)])
@every_case
def test_nan_and_infinity_are_named(
    case: Case, scores: Tensor, targets: Tensor, bad: float, place: tuple[int, int]
) -> None:
    spoilt = scores.clone()
    spoilt[place] = bad
    shown = "NaN" if math.isnan(bad) else r"\+inf"
    for reduction in ("none", "mean"):
        with pytest.raises(InvalidInput, match=rf"row 2, class {place[1]} holds {shown}") as caught:
            case(spoilt, targets, reduction=reduction)
        assert str(caught.value).startswith(case.function.__name__)
    with pytest.raises(InvalidInput, match=rf"index \(0, {place[1]}, 2\) holds {shown}"):
        case(spoilt.T[None], targets[None], dim=1)


@every_case
def test_arrays_get_arrays(case: Case, scores: Tensor, targets: Tensor) -> None:
    expected = case(scores, targets, reduction="none")
    for given in (scores.numpy(), scores.tolist()):
        for labels in (targets.numpy(), targets.tolist(), targets.numpy().astype(np.uint8)):
            rows = case(given, labels, reduction="none")
            assert isinstance(rows, np.ndarray)
            close(torch.from_numpy(rows), expected)
    assert isinstance(case(scores, targets.numpy()), Tensor)
    assert case(scores.numpy().astype(np.float16), targets.numpy()).dtype == np.float16


@pytest.mark.filterwarnings("ignore:.torch.jit.script:DeprecationWarning")  # torch's own call
@every_case
def test_func_transforms(case: Case, scores: Tensor, targets: Tensor) -> None:
    expected = gradient_of(lambda z: case(z, targets), scores)
    close(torch.func.grad(lambda z: case(z, targets))(scores), expected)
    own = torch.func.vmap(torch.func.grad(case))(scores, targets)
    close(own, gradient_of(lambda z: case(z, targets, reduction="sum"), scores))
    close(torch.func.vmap(case)(scores, targets), case(scores, targets, reduction="none"))
    hessian = torch.func.hessian(lambda z: case(z, targets[0]))(scores[0])
    if case.smooth:
        close(hessian, hessian.T)


def test_per_sample_gradients_of_weights(scores: Tensor, targets: Tensor) -> None:
    weights = torch.randn(3, K, dtype=torch.float64, generator=seeded(4))
    features = torch.randn(N, 3, dtype=torch.float64, generator=seeded(5))

    def loss(w: Tensor, x: Tensor, y: Tensor) -> Tensor:
        return losses.cross_entropy(x @ w, y, ignore_index=-1)

    each = torch.func.vmap(torch.func.grad(loss), in_dims=(None, 0, 0))(weights, features, targets)
    residual = (features @ weights).softmax(1) - functional.one_hot(targets, K)
    close(each, features[:, :, None] * residual[:, None, :])


@every_case
def test_compiles_in_one_graph(case: Case, scores: Tensor, targets: Tensor) -> None:
    torch.compiler.reset()
    options = {
        "class_weight": torch.tensor([1.0, 2.0, 0.0, 0.5, 3.0]).double(),
        "sample_weight": torch.linspace(0.0, 1.0, N).double(),
        "ignore_index": 1,
    }

    def loss(z: Tensor, y: Tensor) -> Tensor:
        return case(z, y, **options)

    compiled = torch.compile(loss, backend="aot_eager", fullgraph=True)
    leaf = scores.clone().requires_grad_()
    value = compiled(leaf, targets)
    close(value, loss(scores, targets))
    close(torch.autograd.grad(value, leaf)[0], gradient_of(lambda z: loss(z, targets), scores))


def test_all_options_of_cross_entropy_compile(scores: Tensor, soft: Tensor) -> None:
    torch.compiler.reset()
    temperature = torch.tensor(1.7, dtype=torch.float64, requires_grad=True)
    prior = torch.tensor([0.1, 0.2, 0.3, 0.15, 0.25]).double()

    def loss(z: Tensor, q: Tensor, t: Tensor) -> Tensor:
        return losses.cross_entropy(
            z, q, temperature=t, prior=prior, soft_cap=3.0, z_loss=0.1, smoothing=0.1
        )

    compiled = torch.compile(loss, backend="aot_eager", fullgraph=True)
    leaf = scores.clone().requires_grad_()
    inputs = (leaf, temperature)
    ours = torch.autograd.grad(compiled(leaf, soft, temperature), inputs)
    for one, other in zip(
        ours, torch.autograd.grad(loss(leaf, soft, temperature), inputs), strict=True
    ):
        close(one, other)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_inductor_agrees(scores: Tensor, targets: Tensor) -> None:
    torch.compiler.reset()

    def loss(z: Tensor, y: Tensor) -> Tensor:
        return losses.cross_entropy(z, y, smoothing=0.1, ignore_index=0)

    leaf = scores.clone().requires_grad_()
    value = torch.compile(loss, fullgraph=True)(leaf, targets)
    close(value, loss(scores, targets))
    close(torch.autograd.grad(value, leaf)[0], gradient_of(lambda z: loss(z, targets), scores))


@every_case
def test_autocast_keeps_float32(case: Case, scores: Tensor, targets: Tensor, soft: Tensor) -> None:
    half = scores.bfloat16()
    per_class = torch.tensor([0.1, 0.2, 0.3, 0.7, 1.1])
    for wanted in (targets, soft.float()) if case.soft else (targets,):
        for given in (half, half.float()):
            expected = case(half.float(), wanted, class_weight=per_class)
            with torch.autocast("cpu", torch.bfloat16):
                loss = case(given, wanted, class_weight=per_class)
            assert loss.dtype == torch.float32
            close(loss, expected, torch.float32)
    assert case(half, targets).dtype == torch.bfloat16


@every_case
def test_modules_live_as_modules_do(case: Case, scores: Tensor, targets: Tensor) -> None:
    per_class = torch.tensor([1.0, 2.0, 0.0, 0.5, 3.0])
    module = case.module(**case.options, class_weight=per_class, ignore_index=4)
    expected = module(scores, targets)
    assert "class_weight" in module.state_dict()
    other = case.module(**case.options, class_weight=torch.ones(K), ignore_index=4)
    other.load_state_dict(module.state_dict())
    stream = io.BytesIO()
    torch.save(module, stream)
    stream.seek(0)
    copies = [copy.deepcopy(module), torch.load(stream, weights_only=False), other]
    for one in copies:
        assert torch.equal(one(scores, targets), expected)
    assert copies[0].double().class_weight.dtype == torch.float64
    shown = repr(module)
    for key, value in case.options.items():
        if not isinstance(value, Tensor):
            assert f"{key}={value!r}" in shown
    assert "ignore_index=4" in shown
    assert "reduction='mean'" in shown
    on_meta = copy.deepcopy(module).to("meta")
    assert on_meta(scores.to("meta"), targets.to("meta")).is_meta


@soft_cases
def test_a_temperature_can_be_learned(case: Case, scores: Tensor, targets: Tensor) -> None:
    temperature = torch.nn.Parameter(torch.tensor(2.0, dtype=torch.float64))
    module = case.module(**case.options, temperature=temperature)
    assert dict(module.named_parameters()) == {"temperature": temperature}
    absent = scores.clone()
    absent[:, -1] = -INF
    left = targets.clamp(max=K - 2)

    def loss(t: Tensor) -> Tensor:
        return case(absent, left, temperature=t)

    (gradient,) = torch.autograd.grad(module(absent, left), temperature)
    close(gradient, torch.autograd.grad(loss(temperature), temperature)[0])
    assert torch.autograd.gradcheck(loss, (temperature,))
    assert torch.autograd.gradgradcheck(loss, (temperature,))
    close(case(scores, targets, temperature=2.0), case(scores / 2.0, targets))


@soft_cases
def test_each_row_may_have_its_temperature(case: Case) -> None:
    images = torch.randn(2, K, 3, dtype=torch.float64, generator=seeded(6))
    labels = torch.randint(K, (2, 3), generator=seeded(7))
    for shape in ((), (1,), (2, 1, 1), (1, 1, 3), (2, 1, 3)):
        temperature = torch.rand(shape, dtype=torch.float64, generator=seeded(8)) + 0.5
        ours = case(images, labels, dim=1, temperature=temperature)
        close(ours, case(images / temperature, labels, dim=1))
    with pytest.raises(InvalidInput, match=r"one a row, of a shape that broadcasts to \(2, 1, 3\)"):
        case(images, labels, dim=1, temperature=torch.ones(1, K, 1))
