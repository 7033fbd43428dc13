"""`evaluate` against scikit-learn, closed forms and properties."""

from __future__ import annotations

import json
import math
import pickle
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as oracle

from softplex.evaluation import Evaluation, evaluate


def simulate(n: int, k: int, seed: int, digits: int | None = None) -> tuple[Any, Any]:
    """Probabilities, and labels that are drawn from them; few digits make ties."""
    rng = np.random.default_rng(seed)
    p = rng.dirichlet(np.full(k, 0.7), size=n)
    y = np.minimum((p.cumsum(axis=1) < rng.random((n, 1))).sum(axis=1), k - 1)
    if digits is not None:
        p = np.round(p, digits)
        p[:, 0] = np.abs(1.0 - p[:, 1:].sum(axis=1))
        p /= p.sum(axis=1, keepdims=True)
    return p, y


def values(evaluation: Evaluation) -> dict[str, float]:
    return {name: estimate.value for name, estimate in evaluation.metrics.items()}


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize(("k", "digits"), [(2, None), (3, 1), (7, None), (12, 2)])
def test_agrees_with_scikit_learn(k: int, digits: int | None, weighted: bool) -> None:
    p, y = simulate(400, k, seed=k, digits=digits)
    w = np.random.default_rng(1).exponential(size=400) if weighted else None
    found = evaluate(p, y, classes=range(k), sample_weight=w, n_bootstrap=0)
    guess, one_hot = p.argmax(axis=1), np.eye(k)[y]
    expected = {
        "accuracy": oracle.accuracy_score(y, guess, sample_weight=w),
        "balanced_accuracy": oracle.balanced_accuracy_score(y, guess, sample_weight=w),
        "mcc": oracle.matthews_corrcoef(y, guess, sample_weight=w),
        "roc_auc": oracle.roc_auc_score(one_hot, p, average="macro", sample_weight=w),
        "pr_auc": oracle.average_precision_score(one_hot, p, average="macro", sample_weight=w),
        "brier": oracle.brier_score_loss(
            y, p if k > 2 else p[:, 1], sample_weight=w, scale_by_half=False
        ),
    }
    if digits is None:  # scikit-learn clips zeros, and ranks ties from the last class
        expected["log_loss"] = oracle.log_loss(y, p, sample_weight=w)
        for size in (3, 5):
            if size < k:
                expected[f"top_{size}_accuracy"] = oracle.top_k_accuracy_score(
                    y, p, k=size, sample_weight=w
                )
    got = values(found)
    for name, value in expected.items():
        assert got[name] == pytest.approx(value, rel=1e-12, abs=1e-12), name
    assert found.confusion == pytest.approx(oracle.confusion_matrix(y, guess, sample_weight=w))


@pytest.mark.parametrize("weighted", [False, True])
def test_class_scores_agree_with_scikit_learn(weighted: bool) -> None:
    p, y = simulate(300, 5, seed=4, digits=1)
    p[:, 4] = 0.0  # a class that is never predicted
    p[:, 3] += 1e-9
    p /= p.sum(axis=1, keepdims=True)
    w = np.random.default_rng(2).exponential(size=300) if weighted else np.ones(300)
    found = evaluate(p, y, sample_weight=w if weighted else None, n_bootstrap=0)
    expected = oracle.precision_recall_fscore_support(
        y, p.argmax(axis=1), sample_weight=w, zero_division=np.nan
    )
    for c, scores in enumerate(found.per_class):
        assert scores.label == c
        numbers = (scores.precision, scores.recall, scores.f1, scores.support)
        assert numbers == pytest.approx([column[c] for column in expected], nan_ok=True)
        roc = oracle.roc_auc_score(y == c, p[:, c], sample_weight=w)
        pr = oracle.average_precision_score(y == c, p[:, c], sample_weight=w)
        assert (scores.roc_auc, scores.pr_auc) == pytest.approx((roc, pr), rel=1e-12)
    assert math.isnan(found.per_class[4].precision)


def test_code_lengths_in_closed_form() -> None:
    p = np.array([[0.5, 0.25, 0.25], [0.25, 0.5, 0.25], [0.5, 0.25, 0.25]])
    found = values(evaluate(p, ["a", "b", "c"], prior=[0.5, 0.25, 0.25], n_bootstrap=0))
    assert found["bits"] == pytest.approx((1 + 1 + 2) / 3)
    assert found["log_loss"] == pytest.approx(found["bits"] * math.log(2))
    assert found["bits_saved"] == pytest.approx((1 + 2 + 2) / 3 - found["bits"])
    assert found["baseline_accuracy"] == pytest.approx(1 / 3)


def test_prior_defaults_to_the_shares_of_the_labels() -> None:
    p = np.tile([0.75, 0.25], (4, 1))
    found = values(evaluate(p, [0, 0, 0, 1], n_bootstrap=0))
    assert found["bits_saved"] == pytest.approx(0.0, abs=1e-15)
    assert found["baseline_accuracy"] == 0.75


def test_a_perfect_model() -> None:
    y = np.arange(12) % 4
    found = evaluate(np.eye(4)[y], y)
    got = values(found)
    for name in ("accuracy", "balanced_accuracy", "mcc", "roc_auc", "pr_auc", "top_3_accuracy"):
        assert got[name] == 1.0, name
    for name in ("log_loss", "bits", "brier", "ece", "ece_equal_mass", "classwise_ece"):
        assert math.copysign(1.0, got[name]) == 1.0, name
        assert got[name] == 0.0, name
    assert "top_5_accuracy" not in got
    # Resampling cannot vary a perfect score; Wilson's interval says what 12 rows can show.
    estimate = found.metrics["accuracy"]
    assert (estimate.low, estimate.high) == pytest.approx((0.75751, 1.0), abs=1e-4)


def test_all_probabilities_equal() -> None:
    y = np.arange(10) % 5
    got = values(evaluate(np.full((10, 5), 0.2), y))
    assert got["roc_auc"] == 0.5
    assert got["pr_auc"] == pytest.approx(0.2)
    assert got["accuracy"] == pytest.approx(0.2)
    assert got["top_3_accuracy"] == pytest.approx(0.6)
    assert got["mcc"] == 0.0


def test_a_class_that_never_occurs() -> None:
    p, y = simulate(200, 4, seed=0)
    wide = np.column_stack([p * 0.9, np.full(200, 0.1)])
    found = evaluate(wide, y, classes=[0, 1, 2, 3, "never"], n_bootstrap=20)
    last = found.per_class[4]
    assert last.label == "never"
    assert last.support == 0
    assert all(math.isnan(x) for x in (last.recall, last.roc_auc, last.pr_auc))
    narrow = evaluate(p, y, n_bootstrap=0)
    for name in ("roc_auc", "pr_auc", "balanced_accuracy"):
        assert found.metrics[name].value == pytest.approx(narrow.metrics[name].value), name
    assert np.isfinite([e.value for e in found.metrics.values()]).all()


def test_one_class_occurs() -> None:
    found = evaluate([[0.9, 0.1], [0.4, 0.6]], ["a", "a"], classes=["a", "b"])
    assert math.isnan(found.metrics["roc_auc"].value)
    assert math.isnan(found.metrics["roc_auc"].low)
    assert found.metrics["pr_auc"].value == 1.0
    assert found.metrics["mcc"].value == 0.0
    assert found.metrics["balanced_accuracy"].value == 0.5


def test_one_row_has_no_intervals() -> None:
    found = evaluate([[0.2, 0.7, 0.1]], ["b"], classes=["a", "b", "c"])
    assert found.n == 1
    assert found.metrics["accuracy"].value == 1.0
    assert found.metrics["ece"].value == pytest.approx(0.3)
    assert all(math.isnan(e.low) and math.isnan(e.high) for e in found.metrics.values())
    assert json.dumps(found.to_dict(), allow_nan=False)
    assert "1 rows" in found.summary()


def test_zero_probability_of_the_truth() -> None:
    p, y = simulate(100, 3, seed=5)
    p[7] = np.roll(np.eye(3)[y[7]], 1)
    found = evaluate(p, y)
    assert found.metrics["log_loss"].value == math.inf
    assert found.metrics["log_loss"].high == math.inf
    # About a third of the replicates do not draw that row.
    assert math.isfinite(found.metrics["log_loss"].low)
    assert found.metrics["bits_saved"].value == -math.inf
    assert found.to_dict()["log_loss"] is None
    assert found.to_dict()["intervals"]["log_loss"][1] is None
    others = [e for name, e in found.metrics.items() if name not in ("log_loss", "bits")]
    assert not any(math.isnan(e.low) or math.isnan(e.high) for e in others)


def test_a_prior_without_a_class_that_occurs() -> None:
    found = evaluate([[0.5, 0.5], [0.5, 0.5]], [0, 1], prior=[1.0, 0.0])
    assert found.metrics["bits_saved"].value == math.inf
    undefined = evaluate([[1.0, 0.0], [1.0, 0.0]], [0, 1], prior=[1.0, 0.0])
    assert math.isnan(undefined.metrics["bits_saved"].value)


def test_two_classes_in_one_column() -> None:
    p, y = simulate(60, 2, seed=3)
    one, two = evaluate(p[:, 1], y), evaluate(np.column_stack([1 - p[:, 1], p[:, 1]]), y)
    assert one.to_dict() == two.to_dict()
    assert one.metrics["roc_auc"].value == pytest.approx(oracle.roc_auc_score(y, p[:, 1]))


LABELS = ["ab", "b", "c"]


@pytest.mark.parametrize(
    "make",
    [
        lambda y: y,
        lambda y: y.tolist(),
        lambda y: y.astype(np.uint8),
        lambda y: y.astype(float),
        torch.from_numpy,
        pd.Series,
        lambda y: pd.Series(y + 3, index=y[::-1]).astype("Int64"),
        lambda y: np.array(LABELS)[y],
        lambda y: [LABELS[i] for i in y],
        lambda y: pd.Series([LABELS[i] for i in y], dtype="category"),
        lambda y: pd.Series([LABELS[i] for i in y], dtype="string"),
        lambda y: np.array([LABELS[i] for i in y], dtype=object),
    ],
)
def test_labels_of_every_kind(make: Any) -> None:
    p, y = simulate(50, 3, seed=9)
    assert values(evaluate(p, make(y))) == values(evaluate(p, y))


def test_boolean_labels() -> None:
    found = evaluate([0.9, 0.2, 0.4], np.array([True, False, True]), n_bootstrap=0)
    assert found.classes == (False, True)
    assert found.metrics["accuracy"].value == pytest.approx(2 / 3)


def test_classes_are_python_scalars_in_the_given_order() -> None:
    p, y = simulate(50, 3, seed=9)
    found = evaluate(p, y, classes=np.array([2, 0, 1]))
    assert found.classes == (2, 0, 1)
    assert [type(label) for label in found.classes] == [int, int, int]
    assert found.metrics["accuracy"].value == np.mean(np.array([2, 0, 1])[p.argmax(1)] == y)


@pytest.mark.parametrize(
    "make",
    [
        lambda p: p.astype(np.float32),
        lambda p: p.tolist(),
        lambda p: pd.DataFrame(p, columns=["x", "y", "z"]).astype(np.float32),
        lambda p: torch.tensor(p, requires_grad=True),
        lambda p: torch.tensor(p, dtype=torch.bfloat16),
        np.asfortranarray,
    ],
)
def test_probabilities_of_every_kind(make: Any) -> None:
    p, y = simulate(50, 3, seed=9)
    found, plain = evaluate(make(p), y), evaluate(p, y)
    # bfloat16 keeps eight bits
    assert found.metrics["brier"].value == pytest.approx(plain.metrics["brier"].value, abs=1e-2)


def test_whole_weights_are_repeated_rows() -> None:
    p, y = simulate(80, 4, seed=6, digits=1)
    w = np.random.default_rng(0).integers(1, 4, 80)
    weighted = evaluate(p, y, sample_weight=w, n_bootstrap=0)
    repeated = evaluate(np.repeat(p, w, axis=0), np.repeat(y, w), n_bootstrap=0)
    assert values(weighted) == pytest.approx(values(repeated), rel=1e-12)
    assert weighted.confusion == pytest.approx(repeated.confusion)
    assert weighted.confidence_counts == pytest.approx(repeated.confidence_counts)


def test_rows_of_weight_zero_are_left_out() -> None:
    p, y = simulate(80, 4, seed=6)
    w = np.random.default_rng(0).exponential(size=80)
    w[::3] = 0.0
    kept = w > 0
    found = evaluate(p, y, sample_weight=w)
    assert found.to_dict() == evaluate(p[kept], y[kept], sample_weight=w[kept]).to_dict()
    assert found.n == kept.sum()


@pytest.mark.parametrize("scale", [1e-290, 1e290])
def test_the_scale_of_the_weights_does_not_matter(scale: float) -> None:
    p, y = simulate(60, 3, seed=8)
    w = np.random.default_rng(0).exponential(size=60)
    found, plain = evaluate(p, y, sample_weight=w * scale), evaluate(p, y, sample_weight=w)
    assert values(found) == pytest.approx(values(plain), rel=1e-9)
    assert found.metrics["mcc"].low == pytest.approx(plain.metrics["mcc"].low, rel=1e-9)


@settings(max_examples=60, deadline=None)
@given(
    n=st.integers(1, 25),
    k=st.integers(2, 6),
    digits=st.sampled_from([0, 1, None]),
    seed=st.integers(0, 10_000),
    weighted=st.booleans(),
)
def test_properties(n: int, k: int, digits: int | None, seed: int, weighted: bool) -> None:
    p, y = simulate(n, k, seed, digits)
    w = np.random.default_rng(seed).exponential(size=n) if weighted else None
    found = evaluate(p, y, classes=range(k), sample_weight=w, n_bootstrap=10, top_k=(1, 2, 3))
    for name, e in found.metrics.items():
        assert math.isnan(e.low) or e.low <= e.value <= e.high, name
        if name not in ("mcc", "log_loss", "bits", "bits_saved", "brier", "classwise_ece"):
            assert math.isnan(e.value) or 0 <= e.value <= 1 + 1e-12, name
    total = n if w is None else w.sum()
    assert found.confusion.sum() == pytest.approx(total)
    assert found.reliability.count.sum() == pytest.approx(total)
    right = found.metrics["accuracy"].value * total
    assert found.confidence_counts.sum(axis=1) == pytest.approx([right, total - right])
    assert found.metrics["top_1_accuracy"].value == found.metrics["accuracy"].value
    sizes = [f"top_{m}_accuracy" for m in (1, 2, 3) if m < k]
    tops = [found.metrics[name].value for name in sizes]
    assert tops == sorted(tops)
    # The order of the rows does not matter.
    order = np.random.default_rng(seed).permutation(n)
    shuffled = evaluate(
        p[order],
        y[order],
        classes=range(k),
        sample_weight=None if w is None else w[order],
        n_bootstrap=0,
        top_k=(1, 2, 3),
    )
    assert values(shuffled) == pytest.approx(values(found), rel=1e-9, abs=1e-12, nan_ok=True)
    json.dumps(found.to_dict(), allow_nan=False)


def test_frozen_and_read_only() -> None:
    p, y = simulate(30, 3, seed=0)
    found = evaluate(p, y)
    with pytest.raises(AttributeError):
        found.n = 3  # type: ignore[misc]
    with pytest.raises(TypeError):
        found.metrics["accuracy"] = 1.0  # type: ignore[index]
    for array in (found.confusion, found.confidence_counts, *vars(found.reliability).values()):
        with pytest.raises(ValueError, match="read-only"):
            array[...] = 0


def test_input_is_not_changed() -> None:
    p, y = simulate(30, 3, seed=0)
    before = p.copy()
    evaluate(p, y)
    assert (p == before).all()
    assert p.flags.writeable


def test_the_same_seed_gives_the_same_numbers() -> None:
    p, y = simulate(60, 3, seed=0)
    first, again = evaluate(p, y, random_state=3), evaluate(p, y, random_state=3)
    assert first.to_dict() == again.to_dict()
    other = evaluate(p, y, random_state=4)
    assert first.metrics["brier"].low != other.metrics["brier"].low
    assert values(first) == values(other)


def test_dictionary_and_text() -> None:
    p, y = simulate(300, 6, seed=0)
    found = evaluate(p, np.array(list("uvwxyz"))[y])
    record = json.loads(json.dumps(found.to_dict(), allow_nan=False))
    assert record["n"] == 300
    assert record["classes"] == list("uvwxyz")
    assert record["intervals"]["accuracy"] == [
        found.metrics["accuracy"].low,
        found.metrics["accuracy"].high,
    ]
    assert record["per_class"][2]["label"] == "w"
    assert np.array(record["confusion"]).sum() == 300
    assert isinstance(record["confusion"][0][0], int)
    assert list(found.metrics) == [
        "accuracy",
        "baseline_accuracy",
        "balanced_accuracy",
        "mcc",
        "roc_auc",
        "pr_auc",
        "top_3_accuracy",
        "top_5_accuracy",
        "log_loss",
        "bits",
        "bits_saved",
        "brier",
        "ece",
        "ece_equal_mass",
        "classwise_ece",
    ]
    assert "accuracy" in found.summary()
    assert str(found) == found.summary()
    assert repr(found).startswith("Evaluation(n=300, k=6, accuracy=")


def test_it_can_be_pickled() -> None:
    p, y = simulate(30, 3, seed=0)
    found = evaluate(p, y)
    assert pickle.loads(pickle.dumps(found)).to_dict() == found.to_dict()
