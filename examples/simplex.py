"""Draws with gradients, and what temperature does, on the triangle of three classes.

Run it with ``python examples/simplex.py``. It writes one SVG picture and says where.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import torch

from softplex.maps import Concrete, gumbel_softmax, softmax, softmax_trajectory
from softplex.report import SimplexPath, simplex_chart

SCORES = np.array([2.0, 1.0, 0.0])


def main() -> None:
    """Draw classes, follow two paths over the simplex, and draw the picture."""
    generator = torch.Generator().manual_seed(0)
    drawn = gumbel_softmax(np.tile(SCORES, (10_000, 1)), hard=True, generator=generator)
    print("probabilities:", softmax(SCORES).round(3), " shares of draws:", drawn.mean(axis=0))

    temperatures = np.geomspace(10.0, 0.1, 101)
    cooling = softmax_trajectory(SCORES, temperatures=temperatures)
    rising = softmax_trajectory(SCORES, vary=2, values=np.linspace(-4.0, 6.0, 101))
    samples = Concrete(0.7, SCORES).rsample((150,), generator=generator)

    picture = simplex_chart(
        [
            SimplexPath(cooling, "temperature falls", [(0, "T = 10"), (50, "T = 1"), (100, "0.1")]),
            SimplexPath(rising, "score of c rises", [(0, "z = -4"), (60, "z = 2"), (100, "z = 6")]),
        ],
        classes=("a", "b", "c"),
        points=samples,
        title="Scores 2, 1, 0 on the simplex",
    )
    place = Path(tempfile.mkdtemp()) / "simplex.svg"
    place.write_text(picture, encoding="utf-8")
    print("picture:", place)


if __name__ == "__main__":
    main()
