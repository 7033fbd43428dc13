"""Inference says in a sentence what it cannot know, and never gives NaN."""

from __future__ import annotations

import warnings
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from softplex import CalibratedClassifier, SoftmaxClassifier
from softplex.exceptions import InvalidInput, SoftplexWarning
from softplex.inference import fisher_information, infer


def named(model: Any, names: list[str]) -> Any:
    model.feature_names_in_ = np.array(names, dtype=object)
    return model


@pytest.mark.parametrize("approximation", [None, "block"])
def test_collinear_features_are_named(
    newton_fit: Any, three_classes: Any, approximation: str | None
) -> None:
    X, y = three_classes
    X = np.column_stack([X, X[:, 0] - 2 * X[:, 2] + 3.0])
    model = named(newton_fit(X, y), ["a", "b", "c", "d", "e"])
    with pytest.raises(InvalidInput, match=r"a.*, .*c.* and .*e.* are \(.*the intercept") as caught:
        infer(model, X, y, approximation=approximation)
    assert "b" not in str(caught.value).split(" are (")[0].split("but")[1]


def test_a_doubled_and_a_constant_feature_are_named(newton_fit: Any, three_classes: Any) -> None:
    X, y = three_classes
    double = np.column_stack([X, 5 * X[:, 1]])
    with pytest.raises(InvalidInput, match=r"feature 1.* and .*feature 4"):
        infer(newton_fit(double, y), double, y)
    constant = np.column_stack([X, np.full(len(y), 7.0)])
    with pytest.raises(InvalidInput, match=r"feature 4.* is constant in every row.*Drop"):
        infer(newton_fit(constant, y), constant, y)
    with pytest.raises(InvalidInput, match=r"feature 4.*says nothing about"):
        infer(newton_fit(constant, y), constant, y, approximation="diagonal")
    zero = np.column_stack([X, np.zeros(len(y))])
    with pytest.raises(InvalidInput, match=r"feature 4.* is zero in every row"):
        infer(newton_fit(zero, y, fit_intercept=False), zero, y)
    # A penalty determines them all.
    for data in (double, constant):
        assert np.isfinite(infer(newton_fit(data, y, C=1.0), data, y).standard_errors).all()


def test_separated_classes_are_named() -> None:
    random = np.random.default_rng(0)
    X = random.normal(size=(90, 2))
    y = np.repeat([0, 1, 2], 30)
    X[y == 2, 0] += 40.0
    coef = np.array([[0.0, 0.1], [0.0, -0.1], [3.0, 0.0]])
    model = SimpleNamespace(
        coef_=coef,
        intercept_=np.array([0.0, 0.0, -60.0]),
        classes_=np.array(["ant", "bee", "cat"]),
        C=np.inf,
        fit_intercept=True,
    )
    with pytest.raises(InvalidInput, match=r"but .*cat.* is separated from the rest") as caught:
        infer(named(model, ["size", "noise"]), X, model.classes_[y])
    assert "size" in str(caught.value)
    assert "penalty" in str(caught.value)
    with pytest.raises(InvalidInput, match=r"cat.*separated"):
        infer(model, X, model.classes_[y], approximation="block")


def test_the_last_step_before_separation_is_refused_too(newton_fit: Any) -> None:
    """A fit that stopped on its way to infinity has information near zero, not zero."""
    X = np.array([[-2.0], [-1.0], [1.0], [2.0]])
    y = np.array([0, 0, 1, 1])
    model = SimpleNamespace(
        coef_=[[25.0]], intercept_=[0.0], classes_=np.array([0, 1]), C=np.inf, fit_intercept=True
    )
    with pytest.raises(InvalidInput, match="no finite optimum"):
        infer(model, X, y)


def test_coefficients_off_the_optimum_are_noticed(newton_fit: Any, three_classes: Any) -> None:
    """The distance is in standard errors: move one coefficient by one of them."""
    X, y = three_classes
    model = newton_fit(X, y)
    exact = infer(model, X, y)
    assert exact.distance < 1e-6
    model.coef_ = model.coef_.copy()
    model.coef_[1, 0] += exact.standard_errors[0, 0]
    with pytest.warns(SoftplexWarning, match="standard errors from the optimum"):
        moved = infer(model, X, y)
    # One standard error along one coefficient is at most 1 / sqrt(1 - R^2) of them along another.
    assert 0.9 < moved.distance < 3.0
    for approximation in ("block", "diagonal"):
        with pytest.warns(SoftplexWarning, match="standard errors from the optimum"):
            infer(model, X, y, approximation=approximation)
    with pytest.warns(SoftplexWarning, match="Give the rows and weights of the fit"):
        infer(newton_fit(X, y), X[::2], y[::2])


def test_too_many_coefficients_name_the_way_out(newton_fit: Any, three_classes: Any) -> None:
    X, y = three_classes
    model = newton_fit(X, y)
    with pytest.raises(
        InvalidInput, match=r"4e\+03 bytes .* 10 coefficients.*approximation='block'.*'diagonal'"
    ):
        infer(model, X, y, memory_limit=3999)
    with pytest.raises(InvalidInput, match=r"2 blocks of 5.*approximation='diagonal'"):
        infer(model, X, y, memory_limit=1000, approximation="block")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        infer(model, X, y, memory_limit=4000)
        infer(model, X, y, memory_limit=0, approximation="diagonal")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"covariance": "robst"}, "covariance must be one of .* Did you mean 'robust'"),
        ({"weights": "probability"}, "weights must be one of"),
        ({"parametrisation": "sum"}, "parametrisation must be one of"),
        ({"approximation": "blocks"}, "Did you mean 'block'"),
        ({"memory_limit": -1}, "memory_limit must be"),
        ({"reference": "cow"}, "reference class 'cow', which is not among"),
        ({"reference": 1, "parametrisation": "sum-to-zero"}, "reference= only with"),
        ({"clusters": np.zeros(300)}, "clusters= only with covariance='robust'"),
        ({"clusters": np.zeros(3), "covariance": "robust"}, r"one cluster a row: X has 300 rows"),
        ({"weights": "importance", "sample_weight": np.ones(300)}, "needs covariance='robust'"),
        ({"approximation": "block", "covariance": "robust"}, "approximation only for"),
        ({"approximation": "diagonal", "parametrisation": "sum-to-zero"}, "approximation only"),
        ({"sample_weight": np.zeros(300)}, "sample weights that are finite"),
        ({"sample_weight": -np.ones(300)}, "sample weights that are finite"),
        ({"X": np.zeros((300, 3))}, r"X of shape \(n, 4\).*got \(300, 3\)"),
        ({"X": np.array([["a"] * 4] * 300)}, "features that are numbers"),
        ({"y": np.zeros(3)}, r"one label a row.*X has 300 rows, y has the shape \(3,\)"),
        ({"y": np.full(300, 9)}, "label 9 in row 0"),
        ({"y": np.full((300, 3), 0.5)}, "rows sum to 1"),
    ],
)
def test_bad_arguments(
    newton_fit: Any, three_classes: Any, options: dict[str, Any], message: str
) -> None:
    X, y = three_classes
    arguments = {"X": X, "y": y} | options
    with pytest.raises(InvalidInput, match=message):
        infer(newton_fit(X, y), **arguments)


def test_bad_numbers_are_named_by_place(newton_fit: Any, three_classes: Any) -> None:
    X, y = three_classes
    model = newton_fit(X, y)
    X = X.copy()
    X[7, 2] = np.nan
    with pytest.raises(InvalidInput, match=r"infer needs finite numbers in X, but row 7, column 2"):
        infer(model, X, y)


def test_frames_of_other_columns_are_refused(newton_fit: Any, three_classes: Any) -> None:
    X, y = three_classes
    model = named(newton_fit(X, y), list("abcd"))
    frame = pd.DataFrame(X, columns=list("abcd"))
    assert infer(model, frame, y).feature_names == tuple("abcd")
    with pytest.raises(InvalidInput, match="columns that the model was fitted on"):
        infer(model, frame[list("dcba")], y)


def test_rows_of_a_class_without_weight_are_refused(newton_fit: Any, three_classes: Any) -> None:
    X, y = three_classes
    model = newton_fit(X, y)
    model.intercept_ = np.array([0.0, 0.0, -np.inf])
    row = int(np.flatnonzero(y == 2)[0])
    with pytest.raises(InvalidInput, match=f"got row {row} of a class that had no weight"):
        infer(model, X, y)
    with pytest.raises(InvalidInput, match="class that had no weight"):
        infer(model, X, np.eye(3)[y])


def test_other_models_are_refused(newton_fit: Any, three_classes: Any) -> None:
    X, y = three_classes
    inner = SoftmaxClassifier(C=1.0)
    for model in (
        make_pipeline(StandardScaler(), inner).fit(X, y),
        CalibratedClassifier(inner.fit(X, y), cv="prefit").fit(X, y),
        SoftmaxClassifier(),
    ):
        with pytest.raises(InvalidInput, match=r"has no coef_.*linear part"):
            infer(model, X, y)
    lasso = newton_fit(X, y, l1_ratio=1.0)
    with pytest.raises(InvalidInput, match="ridge penalty or none"):
        infer(lasso, X, y)
    group = newton_fit(X, y, penalty=object())
    with pytest.raises(InvalidInput, match="ridge penalty or none"):
        infer(group, X, y)
    short = newton_fit(X, y)
    short.coef_ = short.coef_[:2]
    with pytest.raises(InvalidInput, match="2 and 3 for 3 classes"):
        infer(short, X, y)
    negative = newton_fit(X, y)
    negative.C = -1.0
    with pytest.raises(InvalidInput, match="positive C"):
        infer(negative, X, y)
    lone = newton_fit(X, y)
    lone.intercept_ = np.array([0.0, -np.inf, -np.inf])
    with pytest.raises(InvalidInput, match="at least two classes"):
        infer(lone, X, y)


def test_results_refuse_what_they_cannot_answer(newton_fit: Any, three_classes: Any) -> None:
    X, y = three_classes
    model = newton_fit(X, y)
    ours = infer(model, X, y)
    for level in (0.0, 1.0, 95):
        with pytest.raises(InvalidInput, match="level must be"):
            ours.confidence_intervals(level)
        with pytest.raises(InvalidInput, match="level must be"):
            ours.summary(level)
    with pytest.raises(InvalidInput, match=r"'feature 9', which the model does not have\. Did you"):
        ours.wald_test("feature 9")
    with pytest.raises(InvalidInput, match="feature must be a whole number"):
        ours.wald_test(5)
    with pytest.raises(InvalidInput, match="whole covariance matrix"):
        infer(model, X, y, approximation="block").wald_test(0)
    smoothed = infer(newton_fit(X, y, smoothing=0.1), X, y)
    for name in ("aic", "bic"):
        with pytest.raises(InvalidInput, match=f"{name} needs a fit by the likelihood"):
            getattr(smoothed, name)
    assert "AIC" not in smoothed.summary()


def test_the_fisher_information_refuses_what_does_not_fit() -> None:
    X = np.zeros((5, 2))
    with pytest.raises(InvalidInput, match="one intercept a row"):
        fisher_information(X, np.zeros((3, 2)), np.zeros(2))
    with pytest.raises(InvalidInput, match="coefficients that are finite"):
        fisher_information(X, np.full((3, 2), np.nan))
    with pytest.raises(InvalidInput, match=r"X of shape \(n, 3\)"):
        fisher_information(X, np.zeros((3, 3)))
