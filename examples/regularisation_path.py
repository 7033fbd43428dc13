"""Choose C by cross-validation, by either rule, and draw the path.

Run it with ``python examples/regularisation_path.py``. It writes one SVG picture and says where.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from sklearn.datasets import load_wine
from sklearn.preprocessing import scale

from softplex import SoftmaxClassifierCV
from softplex.report import path_chart


def main() -> None:
    """Walk over ten values of C, and take the plainest model that is as good as the best."""
    X, y = load_wine(return_X_y=True)
    model = SoftmaxClassifierCV(rule="one_standard_error").fit(scale(X), y)
    path = model.path_
    shown = ["C", "mean", "standard_error", "coefficient_norm", "relative_gap", "is_chosen"]
    print(path.to_frame()[shown].to_string(index=False, float_format="{:.3g}".format))
    print("best C:", path.Cs[path.best_index].round(3), " chosen C:", round(model.C_, 3))
    print(f"the final fit has a relative gap of at most {model.certificate_.relative_gap:.1e}")

    place = Path(tempfile.mkdtemp()) / "path.svg"
    place.write_text(path_chart(path, title="Wine: held-out loss over C"), encoding="utf-8")
    print("picture:", place)


if __name__ == "__main__":
    main()
