"""From arrays to calibrated probabilities, a certificate and an evaluation.

Run it with ``python examples/from_arrays.py``.
"""

from __future__ import annotations

from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from softplex import CalibratedClassifier, SoftmaxClassifier, evaluate


def main() -> None:
    """Train, calibrate and evaluate on the digits."""
    X, y = load_digits(return_X_y=True)
    X_train, X_test, y_train, y_test = train_test_split(X / 16, y, stratify=y, random_state=0)

    model = CalibratedClassifier(SoftmaxClassifier(C=1.0)).fit(X_train, y_train)
    certificate = model.estimator_.certificate_
    print(f"relative duality gap: {certificate.relative_gap:.1e}")

    print(evaluate(model.predict_proba(X_test), y_test).summary())


if __name__ == "__main__":
    main()
