"""The certificate of a fit: one evaluation where that is enough, the tighter bound where not."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from softplex.objective import (
    Certificate,
    Coordinates,
    RidgeObjective,
    Status,
    certified_gap,
    quick_gap,
)
from softplex.penalties import PenaltyParts
from softplex.solvers._newton_compact import CompactObjective
from softplex.solvers._problem import PreparedRidge
from softplex.streaming import DenseFeatures, Features


def certified(
    prepared: PreparedRidge, theta: Tensor, status: Status, tol: float, value: float
) -> tuple[Tensor, Certificate]:
    """Certify by one evaluation, or by the tighter bound where only that can be enough.

    The first improves the intercept on its way.
    """
    precise = prepared.precise
    if bool((precise.penalty_weight > 0.0).all()):
        # Small data in float64 stand in the solver's coordinates once and for all.
        compact = isinstance(prepared.working, CompactObjective)
        view = prepared.working if compact else _centred_view(precise)
        better, primal, gap, floor = quick_gap(view, theta, tol * abs(value))
        if gap <= tol * abs(primal) or floor > tol * abs(primal):
            return better, judged(Certificate(primal, primal - gap, gap, status), tol)
    return theta, certify(precise, theta, status, tol)


def certify(
    objective: RidgeObjective,
    theta: Tensor,
    status: Status,
    tol: float,
    penalty: PenaltyParts | None = None,
) -> Certificate:
    features, weight, bias = _accurate_view(objective, theta)
    primal, gap = certified_gap(
        features,
        weight,
        bias,
        objective.targets,
        objective.loss,
        fit_intercept=objective.fit_intercept,
        penalty=penalty or PenaltyParts.of_quadratic(objective.quadratic),
    )
    return judged(Certificate(primal, primal - gap, gap, status), tol)


def judged(certificate: Certificate, tol: float) -> Certificate:
    """Say whether the asked relative gap is reached, whatever the solver thought."""
    if certificate.relative_gap <= tol:
        return replace(certificate, status=Status.CONVERGED)
    if certificate.status is Status.CONVERGED:
        return replace(certificate, status=Status.STALLED)
    return certificate


def _centred_view(objective: RidgeObjective) -> RidgeObjective:
    """The same objective and parameters, with features centred where an offset would cancel."""
    features, inner = objective.features, objective.coordinates
    if not (inner.is_far and isinstance(features, DenseFeatures)):
        return objective
    centred = Coordinates(torch.zeros_like(inner.shift), inner.scale)
    return replace(objective, features=features.centred(inner.shift), coordinates=centred)


def _accurate_view(objective: RidgeObjective, theta: Tensor) -> tuple[Features, Tensor, Tensor]:
    """Features, weight and bias with the same scores, without a large offset that cancels.

    A column such as a year, far from zero for its spread, would eat the digits of the scores.
    """
    features, coordinates = objective.features, objective.coordinates
    weight, bias = coordinates.to_user(theta)
    if coordinates.is_far and isinstance(features, DenseFeatures):
        return features.centred(coordinates.shift), weight, theta[:, -1]
    return features, weight, bias
