"""What the modules share: the options of the reduction, with weights that move with the module."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

from softplex._arrays import to_float_tensor
from softplex.losses._reduce import check_reduction


class LossModule(nn.Module):
    """A loss as a layer; ``forward(scores, targets, sample_weight=None)``.

    Weights given as arrays become buffers, so they move with ``.to(device)`` and lie in the state
    dict.
    """

    class_weight: Tensor | None
    temperature: float | Tensor

    def __init__(
        self, dim: int, class_weight: Any, ignore_index: int | None, reduction: str
    ) -> None:
        super().__init__()
        check_reduction(reduction)
        self.dim = dim
        self.ignore_index = ignore_index
        self.reduction = reduction
        self.keep("class_weight", class_weight)

    def keep(self, name: str, values: Any) -> None:
        """Hold an array as a buffer, a parameter as a parameter, None and numbers as they are."""
        if isinstance(values, nn.Parameter):
            self.register_parameter(name, values)
        elif values is None:
            self.register_buffer(name, None)
        elif isinstance(values, int | float):
            setattr(self, name, values)
        else:
            self.register_buffer(name, to_float_tensor(values))

    def reduction_options(self, sample_weight: Any) -> dict[str, Any]:
        """Give the options of the reduction for one call."""
        return {
            "dim": self.dim,
            "class_weight": self.class_weight,
            "sample_weight": sample_weight,
            "ignore_index": self.ignore_index,
            "reduction": self.reduction,
        }

    def extra_repr(self) -> str:
        """List the options that are plain values."""
        shown = (
            f"{name}={value!r}"
            for name, value in vars(self).items()
            if not name.startswith("_") and name != "training"
        )
        return ", ".join(shown)
