"""Cross-entropy for networks: the function and its module."""

from __future__ import annotations

from typing import Any

from torch import Tensor
from torch.nn.functional import cross_entropy as torch_cross_entropy

from softplex.losses._adjust import Adjustment
from softplex.losses._apply import reduced_loss
from softplex.losses._cross_entropy import CrossEntropy
from softplex.losses._module import LossModule
from softplex.losses._reduce import reduce_rows
from softplex.losses._smoothing import uniform_smoothing


def cross_entropy(
    scores: Any,
    targets: Any,
    *,
    dim: int = -1,
    smoothing: float = 0.0,
    smoothing_kind: str = "others",
    class_weight: Any = None,
    sample_weight: Any = None,
    ignore_index: int | None = None,
    temperature: float | Tensor = 1.0,
    prior: Any = None,
    soft_cap: float | None = None,
    z_loss: float = 0.0,
    reduction: str = "mean",
) -> Any:
    r"""Give the cross-entropy of softmax scores, in nats.

    .. math:: l = -\sum_j q'_j \log p_j + \zeta\, (\mathrm{lse}\, z')^2, \qquad
              z' = c \tanh(z / c) / T + \log \pi, \quad p = \mathrm{softmax}(z')

    with q' the smoothed target. The gradient in z' (without z-loss) is p - q'.

    Parameters
    ----------
    scores : array or tensor ``(..., k)``
        Raw class scores; ``-inf`` is an absent class. Torch's ``(n, k, ...)`` through ``dim=1``.
    targets : integers of the shape of the scores without ``dim``, or probabilities of their shape
        Class indices, or soft targets that sum to 1 along ``dim``.
    dim : int, default -1
        The dimension of the classes.
    smoothing : float in [0, 1), default 0.0
        Mass eps that is taken from the target. Classes at -inf get none of it.
    smoothing_kind : "others" or "uniform", default "others"
        To the other classes, (1 - eps) q + eps (1 - q)/(k - 1), or to all, (1 - eps) q + eps/k,
        which is torch's ``label_smoothing``.
    class_weight : array or tensor ``(k,)``, optional
        A weight for each class of the target before smoothing.
    sample_weight : array or tensor of the shape of the rows, optional
        A weight for each row; rows of weight 0 do not count.
    ignore_index : int, optional
        Rows with this target do not count. No index is ignored by default.
    temperature : float > 0, or a tensor of such, default 1.0
        T, which divides the scores.
    prior : array or tensor ``(k,)``, optional
        Class probabilities pi of the training data, for logit adjustment: trained so, the bare
        scores suit balanced classes. A prior of 0 makes its class absent.
    soft_cap : float > 0, optional
        c, which bounds the scores to (-c, c).
    z_loss : float >= 0, default 0.0
        zeta, which draws the log-sum-exp to 0.
    reduction : "mean", "sum" or "none", default "mean"
        sum(w l)/sum(w), sum(w l), or w l for each row, where w is the sample weight times the
        class weight of the target. A mean over no rows is 0 with zero gradients.

    Returns
    -------
    array or tensor like ``scores``
        One number, or one a row.

    Raises
    ------
    InvalidInput
        Shapes that do not fit, a target out of range (with its row), soft targets that do not sum
        to 1 (by how much and where), a score that is NaN or +inf, a target at -inf unless
        ``reduction="none"`` (its loss is then +inf), options out of range.

    Notes
    -----
    Torch weighs soft targets by class inside the sum over classes and divides by the number of
    rows; here both kinds of targets follow the same rule.

    References
    ----------
    Szegedy et al. (2016), "Rethinking the Inception architecture" (smoothing); Menon et al. (2021),
    "Long-tail learning via logit adjustment", eq. 10 (prior); Chowdhery et al. (2022), "PaLM",
    section 5 (z-loss); Gemma Team (2024), "Gemma 2", section 2 (soft cap).

    Examples
    --------
    >>> import numpy as np
    >>> float(cross_entropy(np.zeros((2, 4)), np.array([0, 3])).round(4))
    1.3863
    """
    loss = CrossEntropy(smoothing, smoothing_kind)

    def at_once(
        rows: Tensor, row_targets: Tensor, per_class: Tensor | None, reduction: str
    ) -> Tensor:
        eps = uniform_smoothing(smoothing, smoothing_kind, rows.shape[1])
        if eps > 1.0:  # torch does not take it, though the target is still on the simplex
            return reduce_rows(loss.per_example(rows, row_targets), None, reduction)
        return torch_cross_entropy(
            rows, row_targets, per_class, reduction=reduction, label_smoothing=eps
        )

    # Torch weighs the smoothed part of a target by the classes it falls on; the rule here does not.
    has_twin = z_loss == 0.0 and (smoothing == 0.0 or class_weight is None)
    return reduced_loss(
        "cross_entropy",
        loss.per_example,
        scores,
        targets,
        dim=dim,
        class_weight=class_weight,
        sample_weight=sample_weight,
        ignore_index=ignore_index,
        reduction=reduction,
        adjustment=Adjustment(temperature, prior, soft_cap, z_loss),
        at_once=at_once if has_twin else None,
    )


class CrossEntropyLoss(LossModule):
    """The module of :func:`cross_entropy`, with its options.

    A temperature given as ``torch.nn.Parameter`` is learned with the network.

    Examples
    --------
    >>> import torch
    >>> round(float(CrossEntropyLoss()(torch.zeros(3, 4), torch.tensor([0, 1, 2]))), 4)
    1.3863
    """

    def __init__(
        self,
        *,
        dim: int = -1,
        smoothing: float = 0.0,
        smoothing_kind: str = "others",
        class_weight: Any = None,
        ignore_index: int | None = None,
        temperature: float | Tensor = 1.0,
        prior: Any = None,
        soft_cap: float | None = None,
        z_loss: float = 0.0,
        reduction: str = "mean",
    ) -> None:
        super().__init__(dim, class_weight, ignore_index, reduction)
        self.smoothing = CrossEntropy(smoothing, smoothing_kind).smoothing
        self.smoothing_kind = smoothing_kind
        self.soft_cap = Adjustment(temperature, prior, soft_cap, z_loss).soft_cap
        self.z_loss = z_loss
        self.keep("temperature", temperature)
        self.keep("prior", prior)

    def forward(self, scores: Any, targets: Any, sample_weight: Any = None) -> Any:
        """Give the loss; see :func:`cross_entropy`."""
        return cross_entropy(
            scores,
            targets,
            smoothing=self.smoothing,
            smoothing_kind=self.smoothing_kind,
            temperature=self.temperature,
            prior=self.prior,
            soft_cap=self.soft_cap,
            z_loss=self.z_loss,
            **self.reduction_options(sample_weight),
        )
