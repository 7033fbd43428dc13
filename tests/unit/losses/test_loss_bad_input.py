"""What the losses refuse, and in which words."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from softplex import losses
from softplex.exceptions import InvalidInput

N, K = 4, 3
SCORES = np.random.default_rng(0).normal(size=(N, K))
LABELS = np.array([0, 1, 2, 1])
SOFT = np.full((N, K), 1 / 3)
Loss = Callable[..., Any]
ALL = [
    losses.cross_entropy,
    losses.focal,
    losses.brier,
    losses.generalised_cross_entropy,
    losses.weston_watkins,
    losses.crammer_singer,
]
every_loss = pytest.mark.parametrize("loss", ALL, ids=lambda loss: loss.__name__)
soft_losses = pytest.mark.parametrize("loss", ALL[:4], ids=lambda loss: loss.__name__)
hinges = pytest.mark.parametrize("loss", ALL[4:], ids=lambda loss: loss.__name__)


def refused(loss: Loss, *arguments: Any, said: tuple[str, ...], **options: Any) -> str:
    with pytest.raises(InvalidInput) as caught:
        loss(*arguments, **options)
    message = str(caught.value)
    for part in said:
        assert part in message, message
    assert message.endswith((".", "?"))
    return message


def changed(array: np.ndarray, place: Any, value: float) -> np.ndarray:
    copy = array.copy()
    copy[place] = value
    return copy


@pytest.mark.parametrize(
    "targets",
    [np.zeros(N + 1, int), np.zeros((N, 1), int), np.zeros((N, K + 1)), np.zeros((K, N)), 0],
    ids=str,
)
@every_loss
def test_shapes_that_do_not_fit(loss: Loss, targets: Any) -> None:
    message = refused(loss, SCORES, targets, said=(loss.__name__, "shape (4,)", "shape (4, 3)"))
    assert str(np.shape(targets)) in message


@every_loss
def test_labels_that_are_not_integers(loss: Loss) -> None:
    said = (loss.__name__, "class indices (integers)", "float64", "integers first")
    refused(loss, SCORES, LABELS.astype(float), said=said)


@every_loss
def test_torchs_layout_without_its_dimension(loss: Loss) -> None:
    refused(loss, np.zeros((2, K, 5)), np.zeros((2, 5), int), said=("dim=-1", "pass dim=1"))


@pytest.mark.parametrize("kind", [np.int64, np.int32, np.int8, np.uint8, np.uint16])
@every_loss
def test_labels_out_of_range(loss: Loss, kind: type) -> None:
    labels = changed(LABELS, [1, 3], K).astype(kind)
    said = (loss.__name__, "class indices in 0..2", "row 1 has target 3", "2 of 4", "column")
    refused(loss, SCORES, labels, said=said)


@every_loss
def test_minus_one_hundred_is_a_label_until_it_is_named(loss: Loss) -> None:
    labels = changed(LABELS, 2, -100)
    refused(loss, SCORES, labels, said=("row 2 has target -100", "pass ignore_index=-100"))
    assert math.isfinite(loss(SCORES, labels, ignore_index=-100))
    refused(loss, SCORES, changed(labels, 3, 7), ignore_index=-100, said=("row 3 has target 7",))
    refused(loss, SCORES, labels, ignore_index=0.5, said=("ignore_index", "whole number", "0.5"))


@every_loss
def test_labels_out_of_range_in_an_image(loss: Loss) -> None:
    labels = np.zeros((2, 3, 4), int)
    labels[1, 0, 2] = 9
    said = ("the row at (1, 0, 2) has target 9", "1 of 24")
    refused(loss, np.zeros((2, K, 3, 4)), labels, dim=1, said=said)


@soft_losses
def test_soft_targets_off_the_simplex(loss: Loss) -> None:
    name = loss.__name__
    doubled = changed(SOFT, 2, 2 / 3)
    refused(loss, SCORES, doubled, said=(name, "sum to 1", "row 2 sums to 2", "off by 1", "Divide"))
    for value, shown in ((-0.25, "-0.25"), (math.nan, "nan"), (math.inf, "inf")):
        bad = changed(SOFT, (1, 2), value)
        refused(loss, SCORES, bad, said=(name, "probabilities", f"row 1, class 2 holds {shown}"))
    counts = np.array([[2, 1, 0]] * N)
    refused(loss, SCORES, counts, said=("row 0 sums to 3", "off by 2"))


@soft_losses
def test_soft_targets_have_no_index_to_ignore(loss: Loss) -> None:
    said = (loss.__name__, "ignore_index", "soft targets", "sample_weight of 0")
    refused(loss, SCORES, SOFT, ignore_index=-1, said=said)


@hinges
def test_hinges_take_no_soft_targets(loss: Loss) -> None:
    refused(loss, SCORES, SOFT, said=(loss.__name__, "class indices", "(4, 3)", "argmax"))


@pytest.mark.parametrize("value", [math.nan, math.inf])
@every_loss
def test_scores_that_are_no_numbers(loss: Loss, value: float) -> None:
    shown = "NaN" if math.isnan(value) else "+inf"
    for reduction in ("mean", "none"):
        said = (loss.__name__, f"row 1, class 0 holds {shown}", "overflow")
        refused(loss, changed(SCORES, (1, 0), value), LABELS, reduction=reduction, said=said)
    refused(loss, changed(SCORES[0], 1, value), 0, said=(f"class 1 holds {shown}",))
    image = changed(np.zeros((2, K, 5)), (1, 2, 4), value)
    said = (f"index (1, 2, 4) holds {shown}",)
    refused(loss, image, np.zeros((2, 5), int), dim=1, said=said)


@pytest.mark.parametrize("options", [{"soft_cap": 5.0}, {"z_loss": 0.1}, {"temperature": 2.0}])
@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_no_option_hides_them(options: dict[str, float], value: float) -> None:
    bad = changed(SCORES, (1, 0), value)
    said = ("cross_entropy", "row 1, class 0")
    refused(losses.cross_entropy, bad, LABELS, said=said, **options)


@every_loss
def test_scores_without_classes(loss: Loss) -> None:
    refused(loss, 1.0, 0, said=(loss.__name__, "dimension of classes", "one number"))
    labels = np.zeros(N, int)
    refused(loss, np.zeros((N, 0)), labels, said=(loss.__name__, "at least one class"))
    refused(loss, np.zeros((N, 0)), np.zeros((N, 0)), said=("at least one class", "4 rows"))


@every_loss
def test_dimensions_out_of_range(loss: Loss) -> None:
    for dim in (2, -3):
        refused(loss, SCORES, LABELS, dim=dim, said=(loss.__name__, f"dim={dim}", "(4, 3)"))


@pytest.mark.parametrize(
    "scores",
    [SCORES.astype(complex), SCORES.astype(str), SCORES.astype(object), [[1.0, 2.0], [3.0]]],
    ids=["complex", "strings", "objects", "ragged"],
)
@every_loss
def test_scores_of_another_kind(loss: Loss, scores: Any) -> None:
    refused(loss, scores, LABELS, said=(loss.__name__, "numbers, but got"))
    refused(loss, SCORES, np.array(["a", "b", "c", "b"]), said=(loss.__name__, "numbers, but got"))
    refused(
        loss, torch.zeros(N, K, dtype=torch.complex64), LABELS, said=(loss.__name__, "complex64")
    )


@pytest.mark.parametrize("name", ["class_weight", "sample_weight"])
@every_loss
def test_weights(loss: Loss, name: str) -> None:
    size = K if name == "class_weight" else N
    for shape in ((size + 1,), (size, 2)):
        said = (loss.__name__, name, f"({size},)", str(shape))
        refused(loss, SCORES, LABELS, said=said, **{name: np.ones(shape)})
    for value, shown in ((-1.0, "-1"), (math.nan, "nan"), (math.inf, "inf")):
        bad = changed(np.ones(size), 1, value)
        said = (loss.__name__, name, "not negative", f"{shown} at 1")
        refused(loss, SCORES, LABELS, said=said, **{name: bad})


@every_loss
def test_reductions(loss: Loss) -> None:
    said = ("reduction", "'mean'", "'batchmean'", "Did you mean 'mean'")
    refused(loss, SCORES, LABELS, reduction="batchmean", said=said)


@pytest.mark.parametrize("temperature", [0.0, -1.0, math.nan, math.inf, "2", None, True])
@soft_losses
def test_temperatures(loss: Loss, temperature: Any) -> None:
    refused(loss, SCORES, LABELS, temperature=temperature, said=("temperature", repr(temperature)))


@soft_losses
def test_temperatures_of_tensors(loss: Loss) -> None:
    for bad, shown in ((0.0, "0"), (-1.0, "-1"), (math.nan, "nan"), (math.inf, "inf")):
        said = ("temperature", f"holds {shown}")
        refused(loss, SCORES, LABELS, temperature=torch.tensor(bad), said=said)
    said = (loss.__name__, "one a row", "(4, 1)", "(3,)")
    refused(loss, SCORES, LABELS, temperature=torch.ones(K), said=said)
    refused(loss, SCORES, LABELS, temperature=np.ones(K), said=("temperature",))


OPTIONS: list[tuple[Loss, Any, dict[str, Any], tuple[str, ...]]] = [
    *(
        (losses.cross_entropy, losses.CrossEntropyLoss, options, said)
        for options, said in (
            ({"smoothing": 1.0}, ("smoothing", "[0, 1)", "1.0")),
            ({"smoothing": -0.1}, ("smoothing", "-0.1")),
            ({"smoothing": math.nan}, ("smoothing", "nan")),
            ({"smoothing_kind": "unifrom"}, ("smoothing_kind", "Did you mean 'uniform'")),
            ({"soft_cap": 0.0}, ("soft_cap", "(0, ", "0.0")),
            ({"soft_cap": math.inf}, ("soft_cap", "inf")),
            ({"z_loss": -0.1}, ("z_loss", "-0.1")),
            ({"z_loss": math.nan}, ("z_loss", "nan")),
            ({"z_loss": None}, ("z_loss", "None")),
        )
    ),
    (losses.focal, losses.FocalLoss, {"gamma": -1.0}, ("gamma", "-1.0")),
    (losses.focal, losses.FocalLoss, {"gamma": math.inf}, ("gamma", "inf")),
    (losses.focal, losses.FocalLoss, {"alpha": 0.25}, ("focal", "alpha", "(k,)", "()")),
    (losses.focal, losses.FocalLoss, {"alpha": [1.0, -1.0, 0.0]}, ("alpha", "not negative")),
    (losses.focal, losses.FocalLoss, {"alpha": [1.0, math.nan, 0.0]}, ("alpha", "nan")),
    *(
        (
            losses.generalised_cross_entropy,
            losses.GeneralisedCrossEntropyLoss,
            {"power": power},
            ("power", "(0, 1]", repr(power)),
        )
        for power in (0.0, 1.5, math.nan)
    ),
    *(
        (loss, module, {"margin": margin}, ("margin", repr(margin)))
        for loss, module in (
            (losses.weston_watkins, losses.WestonWatkinsLoss),
            (losses.crammer_singer, losses.CrammerSingerLoss),
        )
        for margin in (0.0, -1.0, math.nan, math.inf)
    ),
]


@pytest.mark.parametrize("case", OPTIONS, ids=lambda case: f"{case[0].__name__} {case[2]}")
def test_options_out_of_range(case: Any) -> None:
    loss, module, options, said = case
    refused(loss, SCORES, LABELS, said=said, **options)
    refused(module, said=said, **options)


def test_an_alpha_of_another_length() -> None:
    said = ("focal", "(3,)", "(2,)")
    refused(losses.focal, SCORES, LABELS, alpha=[0.25, 0.75], said=said)


def test_priors() -> None:
    for prior, said in (
        (np.ones(2) / 2, ("cross_entropy", "one prior probability a class", "(3,)", "(2,)")),
        ([0.5, 0.5, 0.5], ("cross_entropy", "prior", "sum to 1", "1.5", "off by 0.5")),
        ([1.5, -0.5, 0.0], ("cross_entropy", "prior", "class 1 holds -0.5")),
        ([0.5, math.nan, 0.5], ("cross_entropy", "prior", "class 1 holds nan")),
    ):
        refused(losses.cross_entropy, SCORES, LABELS, prior=prior, said=said)


def test_a_target_without_a_prior() -> None:
    said = ("cross_entropy", "row 2 has its target 2 with a prior of 0", "reduction='none'")
    refused(losses.cross_entropy, SCORES, LABELS, prior=[0.5, 0.5, 0.0], said=said)
    said = ("row 0 has its target 2 with a prior of 0",)
    refused(losses.cross_entropy, SCORES, SOFT, prior=[0.5, 0.5, 0.0], said=said)


def test_an_absent_soft_target() -> None:
    absent = changed(SCORES, (1, 2), -math.inf)
    said = ("cross_entropy", "row 1 has its target 2 at -inf", "Leave the row out")
    refused(losses.cross_entropy, absent, SOFT, said=said)
    image, rows = absent.T[None], SOFT.T[None]
    said = ("the row at (0, 1) has its target 2 at -inf",)
    refused(losses.cross_entropy, image, rows, dim=1, said=said)


def test_misspelt_options_are_not_swallowed() -> None:
    for loss in ALL:
        with pytest.raises(TypeError, match="smothing"):
            loss(SCORES, LABELS, smothing=0.1)


def test_nothing_is_changed_by_an_error() -> None:
    scores, labels = torch.zeros(2, 3), torch.tensor([0, -100])
    before = labels.clone()
    losses.cross_entropy(scores, labels, ignore_index=-100)
    assert torch.equal(labels, before)
    assert not scores.any()


def test_a_lone_sample_weight_is_no_weight_for_every_row() -> None:
    for weight in (torch.ones(1), torch.tensor(2.0), torch.ones(1, 3)):
        with pytest.raises(InvalidInput, match=r"one sample_weight a row, of shape \(3,\)"):
            losses.cross_entropy(torch.zeros(3, 2), torch.tensor([0, 1, 0]), sample_weight=weight)
    shared = torch.tensor([[1.0], [0.5]])
    value = losses.cross_entropy(
        torch.zeros(2, 3, 2), torch.zeros(2, 3, dtype=torch.long), sample_weight=shared
    )
    assert float(value) == pytest.approx(math.log(2))
