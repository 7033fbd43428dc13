"""Estimators that follow scikit-learn's contract."""

from softplex.estimators._calibrated import CalibratedClassifier, scores_of
from softplex.estimators._module import ModuleClassifier
from softplex.estimators._path import SoftmaxClassifierCV
from softplex.estimators._path_result import RegularisationPath
from softplex.estimators._softmax import SoftmaxClassifier
from softplex.estimators._svm import SVMClassifier

__all__ = [
    "CalibratedClassifier",
    "ModuleClassifier",
    "RegularisationPath",
    "SVMClassifier",
    "SoftmaxClassifier",
    "SoftmaxClassifierCV",
    "scores_of",
]
