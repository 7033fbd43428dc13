"""What standard errors promise: closed forms, weights, coordinates, meaning."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from softplex.inference import fisher_information, infer

ROUNDING = 1e-9


def hessian_by_labels(model: Any, X: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """The expected outer product of the score over labels drawn from the model."""
    Z = np.column_stack([X, np.ones(len(X))])
    scores = X @ model.coef_.T + model.intercept_
    p = np.exp(scores - scores.max(1, keepdims=True))
    p /= p.sum(1, keepdims=True)
    k, size = p.shape[1], (p.shape[1] - 1) * Z.shape[1]
    total = np.zeros((size, size))
    for label in range(k):
        residual = (p - np.eye(k)[label])[:, 1:]
        score = (residual[:, :, None] * Z[:, None]).reshape(len(X), size)
        total += (score * (weight * p[:, label])[:, None]).T @ score
    return total


def test_observed_and_expected_information_are_the_expected_outer_product(
    newton_fit: Any, three_classes: Any
) -> None:
    X, y = three_classes
    weight = np.random.default_rng(1).uniform(0.5, 2.0, len(y))
    model = newton_fit(X, y, weight=weight)
    expected = hessian_by_labels(model, X, weight)
    given = fisher_information(X, model.coef_, model.intercept_, weight)
    np.testing.assert_allclose(given, expected, rtol=ROUNDING, atol=1e-9)
    for kind in ("observed", "expected"):
        ours = infer(model, X, y, weight, covariance=kind)
        np.testing.assert_allclose(ours.covariance @ expected, np.eye(len(expected)), atol=1e-9)
        assert kind in ours.meaning


def test_the_information_is_the_second_derivative_of_the_log_likelihood(
    newton_fit: Any, three_classes: Any
) -> None:
    X, y = three_classes
    model = newton_fit(X, y)
    Z = np.column_stack([X, np.ones(len(X))])
    contrasts = np.column_stack([model.coef_, model.intercept_])[1:] - np.append(
        model.coef_[0], model.intercept_[0]
    )

    def gradient(flat: np.ndarray) -> np.ndarray:
        scores = np.column_stack([np.zeros(len(X)), Z @ flat.reshape(2, -1).T])
        p = np.exp(scores)
        p /= p.sum(1, keepdims=True)
        return ((p - np.eye(3)[y])[:, 1:].T @ Z).ravel()

    step, flat = 1e-5, contrasts.ravel()
    numeric = np.array(
        [
            (gradient(flat + step * unit) - gradient(flat - step * unit)) / (2 * step)
            for unit in np.eye(len(flat))
        ]
    )
    given = fisher_information(X, model.coef_, model.intercept_)
    # Central differences: step^2 of truncation, times a third derivative below 1000.
    np.testing.assert_allclose(given, numeric, atol=1e-5)


def test_shares_of_classes_have_their_textbook_errors(newton_fit: Any) -> None:
    """With an indicator for each of two groups the log-odds of counts a, b have 1/a + 1/b."""
    counts = {(0, 0): 20, (0, 1): 30, (0, 2): 50, (1, 0): 40, (1, 1): 10, (1, 2): 25}
    groups, y = (np.repeat(part, list(counts.values())) for part in np.array(list(counts)).T)
    X = np.eye(2)[groups]
    ours = infer(newton_fit(X, y, fit_intercept=False), X, y)
    for row, c in enumerate((1, 2)):
        for g in (0, 1):
            a, b = counts[g, c], counts[g, 0]
            assert ours.estimates[row, g] == pytest.approx(np.log(a / b), abs=1e-9)
            assert ours.standard_errors[row, g] == pytest.approx((1 / a + 1 / b) ** 0.5, rel=1e-9)
            assert ours.odds_ratios[row, g] == pytest.approx(a / b)


@pytest.mark.parametrize("covariance", ["observed", "robust"])
def test_a_weight_is_a_row_given_so_often(
    newton_fit: Any, three_classes: Any, covariance: str
) -> None:
    X, y = three_classes
    weight = np.random.default_rng(2).integers(0, 4, len(y))
    model = newton_fit(X, y, weight=weight.astype(float))
    times = np.repeat(np.arange(len(y)), weight)
    ours = infer(model, X, y, weight, covariance=covariance)
    long = infer(model, X[times], y[times], covariance=covariance)
    np.testing.assert_allclose(ours.covariance, long.covariance, rtol=ROUNDING, atol=1e-12)
    for name in ("n", "log_likelihood", "null_log_likelihood", "aic", "bic", "mcfadden"):
        assert getattr(ours, name) == pytest.approx(getattr(long, name), rel=1e-10)


def test_importance_weights_know_no_scale(newton_fit: Any, three_classes: Any) -> None:
    """The sandwich does not depend on the unit of importance weights, and n counts rows."""
    X, y = three_classes
    weight = np.random.default_rng(2).uniform(0.5, 2.0, len(y))
    model = newton_fit(X, y, weight=weight)
    options = {"covariance": "robust", "weights": "importance"}
    ours, scaled = (infer(model, X, y, c * weight, **options) for c in (1.0, 7.0))
    np.testing.assert_allclose(ours.covariance, scaled.covariance, rtol=1e-9, atol=1e-12)
    assert ours.n == len(y)
    alone = infer(model, X, y, weight, covariance="robust", clusters=np.arange(len(y)))
    np.testing.assert_allclose(ours.covariance, alone.covariance, rtol=1e-9, atol=1e-12)


def test_shares_are_counts_divided(newton_fit: Any, three_classes: Any) -> None:
    sites = three_classes[0][:30]
    counts = np.random.default_rng(5).integers(0, 9, (30, 3)) + 1
    weight = counts.sum(1).astype(float)
    shares = counts / weight[:, None]
    model = newton_fit(sites, shares, weight=weight)
    ours = infer(model, sites, shares, weight)
    rows = np.repeat(np.arange(30), counts.sum(1))
    labels = np.concatenate([np.repeat(np.arange(3), each) for each in counts])
    long = infer(model, sites[rows], labels)
    np.testing.assert_allclose(ours.covariance, long.covariance, rtol=ROUNDING, atol=1e-12)
    assert ours.log_likelihood == pytest.approx(long.log_likelihood, rel=1e-12)


def test_the_reference_changes_the_view_and_not_the_facts(
    newton_fit: Any, three_classes: Any
) -> None:
    X, y = three_classes
    model = newton_fit(X, y)
    model.classes_ = np.array(["ant", "bee", "cat"])
    y = model.classes_[y]
    first = infer(model, X, y)
    last = infer(model, X, y, reference="cat")
    assert first.row_names == ("bee against ant", "cat against ant")
    assert last.row_names == ("ant against cat", "bee against cat")
    assert last.classes == first.classes == ("ant", "bee", "cat")
    assert (last.reference, last.rows_of_classes) == ("cat", (0, 1))
    np.testing.assert_allclose(last.estimates[0], -first.estimates[1], atol=1e-12)
    np.testing.assert_allclose(last.standard_errors[0], first.standard_errors[1], rtol=ROUNDING)
    for name in ("log_likelihood", "degrees_of_freedom", "null_log_likelihood"):
        assert getattr(last, name) == pytest.approx(getattr(first, name), rel=1e-12)
    for feature in range(4):
        ours, theirs = first.wald_test(feature), last.wald_test(f"feature {feature}")
        assert ours.statistic == pytest.approx(theirs.statistic, rel=1e-8)


def test_sum_to_zero_rows_are_the_coefficients_of_the_model(
    newton_fit: Any, three_classes: Any
) -> None:
    X, y = three_classes
    model = newton_fit(X, y)
    base = infer(model, X, y)
    ours = infer(model, X, y, parametrisation="sum-to-zero")
    np.testing.assert_allclose(ours.estimates[:, :4], model.coef_, atol=1e-12)
    assert ours.row_names == ("0", "1", "2")
    assert ours.reference is None
    # A difference of two of them is a contrast.
    pick = np.zeros(15)
    pick[[6, 1]] = 1.0, -1.0
    assert pick @ ours.covariance @ pick == pytest.approx(base.covariance[1, 1], rel=1e-9)
    # All classes of one feature together are known exactly: zero.
    every = np.zeros(15)
    every[[1, 6, 11]] = 1.0
    assert every @ ours.covariance @ every == pytest.approx(0.0, abs=1e-12)
    assert ours.wald_test(2).statistic == pytest.approx(base.wald_test(2).statistic, rel=1e-8)
    assert ours.wald_test(2).degrees_of_freedom == 2


def test_a_wald_test_of_one_contrast_is_z_squared(newton_fit: Any, two_classes: Any) -> None:
    X, y = two_classes
    ours = infer(newton_fit(X, y), X, y)
    for column in range(5):
        test = ours.wald_test(column)
        assert test.statistic == pytest.approx(ours.z[0, column] ** 2, rel=1e-9)
        assert test.p_value == pytest.approx(ours.p_values[0, column], rel=1e-7)
        assert test.feature == ours.column_names[column]


def test_class_weights_need_the_sandwich_and_say_so(newton_fit: Any, three_classes: Any) -> None:
    """With class weights the sandwich has frequency times importance squared in the middle."""
    X, y = three_classes
    per_class = np.array([1.0, 2.0, 0.5])
    model = newton_fit(X, y, weight=per_class[y], class_weight=dict(enumerate(per_class)))
    plain = infer(model, X, y)
    assert "no sampling covariance" in plain.meaning
    assert not plain.is_likelihood
    ours = infer(model, X, y, covariance="robust")
    Z = np.column_stack([X, np.ones(len(X))])
    scores = X @ model.coef_.T + model.intercept_
    p = np.exp(scores) / np.exp(scores).sum(1, keepdims=True)
    g = ((p - np.eye(3)[y])[:, 1:, None] * Z[:, None]).reshape(len(X), -1)
    meat = (g * per_class[y][:, None] ** 2).T @ g
    inverse = np.linalg.inv(hessian_by_labels(model, X, per_class[y]))
    np.testing.assert_allclose(ours.covariance, inverse @ meat @ inverse, rtol=1e-7, atol=1e-10)


def test_smoothing_leaves_the_curvature_and_changes_the_sandwich(
    newton_fit: Any, three_classes: Any
) -> None:
    X, y = three_classes
    model = newton_fit(X, y, smoothing=0.2)
    plain = infer(model, X, y)
    assert plain.distance < 1e-6
    assert "no sampling covariance" in plain.meaning
    inverse = np.linalg.inv(fisher_information(X, model.coef_, model.intercept_))
    np.testing.assert_allclose(plain.covariance, inverse, rtol=1e-8, atol=1e-12)
    # Smoothed residuals are smaller, and so is what the fit varies by.
    robust = infer(model, X, y, covariance="robust")
    assert (robust.standard_errors < plain.standard_errors).all()
    Z = np.column_stack([X, np.ones(len(X))])
    scores = X @ model.coef_.T + model.intercept_
    log_p = scores - np.log(np.exp(scores).sum(1, keepdims=True))
    assert plain.log_likelihood == pytest.approx(log_p[np.arange(len(y)), y].sum(), rel=1e-12)
    q = 0.8 * np.eye(3)[y] + 0.1 * (1 - np.eye(3)[y])
    g = ((np.exp(log_p) - q)[:, 1:, None] * Z[:, None]).reshape(len(X), -1)
    np.testing.assert_allclose(robust.covariance, inverse @ g.T @ g @ inverse, rtol=1e-7, atol=1e-9)


def test_penalised_degrees_of_freedom_and_words(newton_fit: Any, three_classes: Any) -> None:
    """The trace of (I + K/C)^-1 I falls from all coefficients to the intercepts alone."""
    X, y = three_classes
    freedom = []
    for C in (1e8, 1.0, 1e-8):
        ours = infer(newton_fit(X, y, C=C), X, y)
        freedom.append(ours.degrees_of_freedom)
        assert "no sampling errors" in ours.meaning
        assert not ours.is_sampling
    assert freedom[0] == pytest.approx(10.0, abs=1e-4)
    assert 2.0 < freedom[1] < 10.0
    assert freedom[2] == pytest.approx(2.0, abs=1e-4)
    assert infer(newton_fit(X, y), X, y).degrees_of_freedom == 10
    robust = infer(newton_fit(X, y, C=1.0), X, y, covariance="robust")
    assert "bias towards zero" in robust.meaning


def test_rows_in_another_order_change_nothing(newton_fit: Any, three_classes: Any) -> None:
    X, y = three_classes
    model = newton_fit(X, y)
    order = np.random.default_rng(0).permutation(len(y))
    ours, other = infer(model, X, y), infer(model, X[order], y[order])
    np.testing.assert_allclose(ours.covariance, other.covariance, rtol=1e-9, atol=1e-13)


def test_blocks_of_rows_change_nothing(
    newton_fit: Any, three_classes: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    X, y = three_classes
    model = newton_fit(X, y)
    whole = [infer(model, X, y, covariance=kind).covariance for kind in ("observed", "robust")]
    monkeypatch.setattr("softplex.inference._design._BLOCK", 1)  # 128 rows at a time
    parts = [infer(model, X, y, covariance=kind).covariance for kind in ("observed", "robust")]
    np.testing.assert_allclose(whole, parts, rtol=1e-9, atol=1e-13)


def test_an_absent_class_has_no_row(newton_fit: Any, three_classes: Any) -> None:
    X, y = three_classes
    seen = y < 2
    base = newton_fit(X[seen], y[seen])
    model = newton_fit(X, y)
    model.coef_ = np.vstack([-base.coef_ / 2, base.coef_ / 2, 0.0 * base.coef_])
    model.intercept_ = np.array([-base.intercept_[0] / 2, base.intercept_[0] / 2, -np.inf])
    ours = infer(model, X[seen], y[seen])
    assert ours.classes == (0, 1)
    np.testing.assert_allclose(
        ours.standard_errors, infer(base, X[seen], y[seen]).standard_errors, rtol=1e-8
    )


def test_a_summary_names_everything(newton_fit: Any, three_classes: Any) -> None:
    X, y = three_classes
    model = newton_fit(X, y)
    model.classes_ = np.array(["ant", "bee", "cat"])
    frame = pd.DataFrame(X, columns=["size", "legs", "weight", "hive"])
    model.feature_names_in_ = np.array(frame.columns, dtype=object)
    ours = infer(model, frame, model.classes_[y])
    text = ours.summary(level=0.9)
    assert text.startswith("Softmax regression: 300 rows, 3 classes, no penalty\n")
    for part in (*frame.columns, "intercept", "bee against ant", "AIC", "5 %", "95 %", "odds"):
        assert part in text
    lines = text.splitlines()
    start = lines.index("cat against ant")
    widths = {len(line) for line in lines[start + 1 : start + 7]}
    assert len(widths) == 1  # the last column is flush right
    assert f"{ours.estimates[1, 0]:.4f}" in lines[start + 2]
    assert str(ours) == ours.summary()
    table = ours.to_frame(level=0.9)
    assert len(table) == 10
    cell = table[(table.contrast == "cat against ant") & (table.feature == "size")].iloc[0]
    assert cell.estimate == ours.estimates[1, 0]
    assert (cell.lower, cell.upper) == tuple(ours.confidence_intervals(0.9)[1, 0])
    np.testing.assert_allclose(
        ours.odds_ratio_intervals(0.9)[1, 0], np.exp([cell.lower, cell.upper])
    )
    assert "post. sd" in infer(newton_fit(X, y, C=1.0), X, y).summary()


class TestApproximations:
    """Against the exact matrix, where that can be had."""

    def test_a_block_never_falls_below_the_exact_covariance(
        self, newton_fit: Any, three_classes: Any
    ) -> None:
        X, y = three_classes
        for C in (np.inf, 1.0):
            model = newton_fit(X, y, C=C)
            exact = infer(model, X, y)
            block = infer(model, X, y, approximation="block")
            assert block.covariance.shape == (2, 5, 5)
            for place, own in enumerate(block.covariance):
                part = slice(5 * place, 5 * place + 5)
                excess = np.linalg.eigvalsh(own - exact.covariance[part, part])
                assert excess.min() > -1e-12
            ratio = block.standard_errors / exact.standard_errors
            assert ratio.max() < 1.25
            assert "never larger" in block.meaning

    @pytest.mark.parametrize("approximation", ["block", "diagonal"])
    def test_with_one_contrast_the_block_is_exact(
        self, newton_fit: Any, two_classes: Any, approximation: str
    ) -> None:
        X, y = two_classes
        X = X[:, :1] if approximation == "diagonal" else X
        for C in (np.inf, 0.5):
            model = newton_fit(X, y, C=C)
            exact, ours = infer(model, X, y), infer(model, X, y, approximation=approximation)
            np.testing.assert_allclose(ours.standard_errors, exact.standard_errors, rtol=1e-9)
            assert ours.degrees_of_freedom == pytest.approx(exact.degrees_of_freedom, rel=1e-9)
            assert ours.log_likelihood == exact.log_likelihood

    def test_the_diagonal_is_the_block_where_features_are_independent(
        self, newton_fit: Any
    ) -> None:
        random = np.random.default_rng(0)
        X = random.normal(size=(20000, 3))
        y = (X @ random.normal(size=(3, 3)) * 0.3 + random.gumbel(size=(20000, 3))).argmax(1)
        model = newton_fit(X, y)
        block, diagonal = (infer(model, X, y, approximation=name) for name in ("block", "diagonal"))
        smaller = diagonal.standard_errors <= block.standard_errors * (1 + 1e-9)
        assert smaller[:, :3].all()
        np.testing.assert_allclose(diagonal.standard_errors, block.standard_errors, rtol=0.02)

    def test_without_an_intercept(self, newton_fit: Any, two_classes: Any) -> None:
        X, y = two_classes
        model = newton_fit(X[:, :1], y, fit_intercept=False)
        exact = infer(model, X[:, :1], y)
        for name in ("block", "diagonal"):
            ours = infer(model, X[:, :1], y, approximation=name)
            np.testing.assert_allclose(ours.standard_errors, exact.standard_errors, rtol=1e-9)
