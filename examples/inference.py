"""Which coefficients to trust: standard errors, effects on probabilities, and a posterior.

Run it with ``python examples/inference.py``.
"""

from __future__ import annotations

import math

from sklearn.datasets import load_wine
from sklearn.preprocessing import StandardScaler

from softplex import SoftmaxClassifier
from softplex.diagnostics import contributions
from softplex.inference import LaplacePosterior, average_marginal_effects, infer


def main() -> None:
    """Look at the cultivars of wine through three of their measurements."""
    wine = load_wine(as_frame=True)
    X, y = wine.data[["alcohol", "ash", "magnesium"]], wine.target_names[wine.target]

    model = SoftmaxClassifier(C=math.inf, tol=1e-10).fit(X, y)
    result = infer(model, X, y)
    print(result.summary())
    print()
    print(average_marginal_effects(result, X).summary())

    parts = contributions(model, X, baseline="mean", between=("class_1", "class_0"))
    print("\nThe first wine, log-odds of class_1 against class_0:")
    print(f"  an average wine: {parts.base_values[0]:+.2f}")
    for term in parts.top(3)[0][0].terms:
        print(f"  {term.feature} = {term.value:g}: {term.product:+.2f}")

    Z = StandardScaler().fit_transform(X)
    penalised = SoftmaxClassifier(C=1.0, tol=1e-10).fit(Z, y)
    posterior = LaplacePosterior.fit(penalised, Z, y)
    unlike = [[0.0, 6.0, -6.0]]
    print("\nA wine far from all others, by the fit and by its posterior:")
    print(" ", penalised.predict_proba(unlike).round(3), posterior.predict_proba(unlike).round(3))


if __name__ == "__main__":
    main()
