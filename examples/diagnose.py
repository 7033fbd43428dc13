"""What a classifier's scores suffer from, and one row step by step.

Run it with ``python examples/diagnose.py``. It writes ``diagnosis.svg`` and ``row.html`` into a
temporary folder and says where.
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

    folder = Path(tempfile.mkdtemp())
    (folder / "diagnosis.svg").write_text(diagnosis.to_svg(), encoding="utf-8")
    (folder / "row.html").write_text(explanation.to_html(), encoding="utf-8")
    print(f"\nThe chart and the page are in {folder}")


if __name__ == "__main__":
    main()
