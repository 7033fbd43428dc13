"""Choosing C without fitting the classifier."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.datasets import load_iris
from sklearn.exceptions import NotFittedError

from softplex import SoftmaxClassifierCV


def test_without_refit_a_penalty_is_chosen_and_nothing_fitted() -> None:
    X, y = load_iris(return_X_y=True)
    chosen = SoftmaxClassifierCV(Cs=[0.1, 1.0], refit=False).fit(X, y)
    assert chosen.C_ == SoftmaxClassifierCV(Cs=[0.1, 1.0]).fit(X, y).C_
    with pytest.raises(NotFittedError):
        chosen.predict(X)


def test_class_weights_may_name_a_class_that_a_fold_lacks() -> None:
    X, y = load_iris(return_X_y=True)
    X, y = np.vstack([X, X[:1]]), np.append(y, 3)
    chosen = SoftmaxClassifierCV(Cs=[1.0], cv=3, class_weight={3: 2.0, 0: 0.5}).fit(X, y)
    assert chosen.classes_.tolist() == [0, 1, 2, 3]


def test_a_flat_beginning_of_the_path_does_not_end_it() -> None:
    random = np.random.default_rng(0)
    y = np.repeat(np.arange(30), 10)
    X = 0.3 * np.eye(30)[y] + 0.03 * random.standard_normal((300, 30))
    chosen = SoftmaxClassifierCV(cv=3).fit(X, y)
    assert chosen.score(X, y) > 0.95
    assert chosen.Cs_[0] * 10 < chosen.C_
