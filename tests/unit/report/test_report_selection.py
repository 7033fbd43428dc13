from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from softplex.exceptions import InvalidInput
from softplex.report import confidently_wrong
from softplex.report._selection import class_indices, confused_pairs, strongest
from softplex.report._triangle import barycentric_layout, triangle_chart


def test_confidently_wrong_rows_come_first_and_right_ones_never() -> None:
    probabilities = np.array([[0.6, 0.4], [0.9, 0.1], [0.2, 0.8], [0.1, 0.9]])
    found = confidently_wrong(probabilities, np.array(["b", "b", "b", "a"]), ("a", "b"))
    assert found.tolist() == [1, 3, 0]


def test_confidently_wrong_is_limited_and_may_be_empty() -> None:
    probabilities = np.tile([0.7, 0.3], (50, 1))
    assert confidently_wrong(probabilities, ["b"] * 50, ("a", "b"), limit=5).tolist() == [*range(5)]
    assert confidently_wrong(probabilities, ["a"] * 50, ("a", "b")).size == 0


def test_labels_are_found_whatever_their_type() -> None:
    assert class_indices(np.array([3, 1]), (1, 3)).tolist() == [1, 0]
    assert class_indices(np.array([True, False]), (False, True)).tolist() == [1, 0]


def test_an_unknown_label_is_named() -> None:
    with pytest.raises(InvalidInput, match="'wasp'"):
        class_indices(["wasp"], ("ant", "bee"))


def test_confused_pairs_leave_out_the_diagonal() -> None:
    pairs = confused_pairs(np.array([[90, 5, 0], [0, 0, 0], [7, 1, 2]]))
    assert [(pair.true, pair.predicted, pair.rows) for pair in pairs] == [
        (2, 0, 7.0), (0, 1, 5.0), (2, 1, 1.0),
    ]  # fmt: skip
    assert pairs[0].share == pytest.approx(0.7)


@given(
    arrays(float, st.integers(0, 40), elements=st.floats(-5, 5) | st.just(float("nan"))),
    st.integers(1, 10),
)
def test_strongest_is_the_head_of_the_sorted_positive_weights(
    weights: np.ndarray, limit: int
) -> None:
    expected = sorted((weight for weight in weights if weight > 0), reverse=True)[:limit]
    assert weights[strongest(weights, limit)].tolist() == expected


def test_the_layout_takes_corners_to_corners_and_the_centre_to_the_centroid() -> None:
    height = np.sqrt(3) / 2
    np.testing.assert_allclose(
        barycentric_layout(np.eye(3)), [[0, height], [1, height], [0.5, 0]], atol=1e-15
    )
    np.testing.assert_allclose(
        barycentric_layout(np.full((1, 3), 1 / 3)), [[0.5, height * 2 / 3]], atol=1e-15
    )


def test_every_row_is_on_the_triangle_until_there_are_too_many() -> None:
    random = np.random.default_rng(0)
    probabilities = random.dirichlet([1, 1, 1], size=300)
    chart = triangle_chart(
        probabilities, np.array(list("abc"))[np.arange(300) % 3], ("a", "b", "c")
    )
    assert sum(len(cloud.points.split()) for cloud in chart.clouds) == 300
    assert chart.note == ""
    many = random.dirichlet([1, 1, 1], size=30_000)
    chart = triangle_chart(many, np.array(list("abc"))[np.arange(30_000) % 3], ("a", "b", "c"))
    assert chart.note.startswith("20,000 of 30,000 rows")
    assert sum(len(cloud.points.split()) for cloud in chart.clouds) <= 20_000
