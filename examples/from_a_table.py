"""From a table with a label column to calibrated probabilities.

Run it with ``python examples/from_a_table.py``. It fits the bundled wine data, then reads the
saved folder again and predicts.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

import softplex
from softplex.data import read_table


def main() -> None:
    """Fit with the command, predict with Python."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "wine-model"
        command = ["fit", "wine", "--target", "target", "--out", str(folder)]
        subprocess.run([sys.executable, "-m", "softplex", *command], check=True)

        model = softplex.load(folder)
        prediction = model.predict_proba(read_table("wine"))
        print("classes:", list(model.classes_))
        print("first row:", prediction.probabilities[0].round(3))


if __name__ == "__main__":
    main()
