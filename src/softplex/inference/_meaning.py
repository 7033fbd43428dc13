"""What the standard errors of a fit are, in sentences."""

from __future__ import annotations

from softplex.inference._linear_model import LinearModel

_APPROXIMATE = {
    "block": (
        "Block approximation: each contrast as if from a regression on its two classes alone "
        "(Begg and Gray 1984); the exact variances are never larger."
    ),
    "diagonal": (
        "Diagonal approximation: each feature as if the other features were known, so that "
        "correlated features have larger variances than these."
    ),
}


def meaning(
    model: LinearModel,
    kind: str,
    approximation: str | None,
    *,
    is_likelihood: bool,
    clustered: bool,
) -> str:
    """Say what the covariance is the covariance of."""
    sentences = [_robust(model, clustered) if kind == "robust" else _curvature(model, kind)]
    if kind != "robust" and not is_likelihood:
        sentences.append(
            "But the loss was not the likelihood of labels (label smoothing or class weights), so "
            "that the inverse curvature is no sampling covariance: ask for covariance='robust'."
        )
    if approximation is not None:
        sentences.append(_APPROXIMATE[approximation])
    return " ".join(sentences)


def _curvature(model: LinearModel, kind: str) -> str:
    if model.penalty == 0:
        return (
            f"Standard errors are from the inverse of the {kind} information; for softmax the "
            "observed and the expected (Fisher) information are the same matrix."
        )
    return (
        "The fit is penalised, so these are no sampling errors: the penalty is read as a normal "
        f"prior of variance C = {1 / model.penalty:g} on each weight, and the figures are standard "
        "deviations and intervals of the normal approximation to the posterior (Laplace); "
        "2 P(sign) is twice its probability of the other sign."
    )


def _robust(model: LinearModel, clustered: bool) -> str:
    units = "clusters" if clustered else "rows"
    text = (
        f"Standard errors are from the sandwich covariance: valid for independent {units} even "
        "where the model is wrong."
    )
    if model.penalty > 0:
        text += (
            " The fit is penalised: they hold the variance of its estimates, but not their bias "
            "towards zero, so that intervals cover the mean of the estimates, not the truth."
        )
    return text
