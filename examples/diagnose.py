"""What a classifier's scores suffer from, and one row step by step.

Run it with ``python examples/diagnose.py``. The chart and the page go to a temporary folder.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from softplex import SoftmaxClassifier
from softplex.diagnostics import diagnose, explain


def main() -> None:
    """Diagnose a classifier of the digits, then explain its first mistake."""
    X, y = load_digits(return_X_y=True)
    X_train, X_test, y_train, y_test = train_test_split(
        X / 16, y, test_size=0.5, stratify=y, random_state=0
    )
    model = SoftmaxClassifier(C=100.0).fit(X_train, y_train)

    diagnosis = diagnose(model.decision_function(X_test), y_test)
    print(diagnosis.to_text())

    mistake = int(np.flatnonzero(model.predict(X_test) != y_test)[0])
    explanation = explain(model, X_test[mistake], y_test[mistake])
    print(explanation.to_text())

    with tempfile.TemporaryDirectory() as place:
        for name, content in (
            ("diagnosis.svg", diagnosis.to_svg()),
            ("row.html", explanation.to_html()),
        ):
            file = Path(place) / name
            file.write_text(content, encoding="utf-8")
            print(f"{name}: {file.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
