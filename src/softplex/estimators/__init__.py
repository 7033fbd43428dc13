"""Estimators that follow scikit-learn's contract."""

from softplex.estimators._calibrated import CalibratedClassifier, scores_of
from softplex.estimators._module import ModuleClassifier
from softplex.estimators._path import SoftmaxClassifierCV
from softplex.estimators._path_result import RegularisationPath
from softplex.estimators._softmax import SoftmaxClassifier

__all__ = [
    "CalibratedClassifier",
    "ModuleClassifier",
    "RegularisationPath",
    "SoftmaxClassifier",
    "SoftmaxClassifierCV",
    "scores_of",
]
