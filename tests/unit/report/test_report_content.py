from __future__ import annotations

import dataclasses
from collections.abc import Callable

import numpy as np
import pytest

from softplex.exceptions import InvalidInput
from softplex.report import FeatureWeights, ReportContent

MakeContent = Callable[..., ReportContent]


def test_a_content_is_frozen(make_content: MakeContent) -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        make_content().title = "other"  # type: ignore[misc]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"labels": np.array([], dtype=object)}, "at least one test row"),
        ({"probabilities": np.full((400, 2), 0.5)}, r"shape \(400, 3\)"),
        ({"probabilities": np.full((400, 3), np.nan)}, "finite probabilities, but row 0"),
        ({"labels": np.array(["wasp"] * 400)}, "'wasp'"),
        ({"row_ids": (1, 2)}, "400 row ids"),
        ({"weights": FeatureWeights(np.zeros((1, 1)), ("x",))}, "each of 3 classes"),
    ],
)
def test_parts_that_do_not_fit_are_refused(
    make_content: MakeContent, changes: dict[str, object], message: str
) -> None:
    with pytest.raises(InvalidInput, match=message):
        make_content(**changes)


@pytest.mark.parametrize("shape", [(3, 2), (3,)])
def test_weights_need_a_name_for_every_column(shape: tuple[int, ...]) -> None:
    with pytest.raises(InvalidInput, match="FeatureWeights needs"):
        FeatureWeights(np.zeros(shape), ("only one",))
