"""Shape-annotated names for the arrays that travel through the library."""

from __future__ import annotations

from jaxtyping import Float, Int
from torch import Tensor

Scores = Float[Tensor, "n k"]
Probabilities = Float[Tensor, "n k"]
PerExample = Float[Tensor, " n"]
ClassIndices = Int[Tensor, " n"]
SoftTargets = Float[Tensor, "n k"]
Weight = Float[Tensor, "k d"]
Bias = Float[Tensor, " k"]
