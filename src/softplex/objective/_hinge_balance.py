r"""Dual rows of a hinge with an unpenalised intercept: the balance, exactly.

With F_yj the mass sum_i s_i u_ij of the rows of class y on class j, the balance says that each
class gets as much as it gives, :math:`\sum_j F_{cj} = \sum_y F_{yc}`. Rows that nearly have it
are repaired so that they stay in U:

* by a Newton step v, :math:`u_j \leftarrow u_j + c_j (v_j - \bar v)`, with weights c that vanish
  where u_j may not move: u (1 - u) for the box, u for the cone; on the simplex the step is that of
  softmax, u (v - u.v), with the rest of the mass as the share of the true class. It moves only
  entries between their bounds, which cost nothing to first order;
* what is left then, by taking mass from p -> q, where class p gives too much and q gets too much,
  and where there is not enough of it, by adding mass to q -> p.

Where the rows have no room for it, u / 2 has more, and u = 0 is balanced, with the bound 0.
"""

from __future__ import annotations

import torch
from torch import Tensor

from softplex.objective._hinge import HingeDual, hinge_direction

# Residual of the balance, as a share of the mass in it, that is float64 rounding.
_ROUNDING = 1e-15
_ROUNDS, _HALVINGS = 3, 12


def feasible(dual: Tensor, y: Tensor, pieces: HingeDual) -> Tensor:
    """Give rows in U without an own column, whatever rounding did to them."""
    dual = dual.clamp_min(0.0).scatter_(1, y[:, None], 0.0)
    if pieces.loss.squared:
        return dual
    if pieces.joint:
        return dual / dual.sum(1, keepdim=True).clamp_min(1.0)
    return dual.clamp_max_(1.0)


def imbalance(dual: Tensor, y: Tensor, row_weight: Tensor) -> Tensor:
    """Give sum_i s_i sum_j u_ij (e_j - e_y), ``(k,)``."""
    return row_weight @ hinge_direction(dual, y)


def balanced(dual: Tensor, y: Tensor, row_weight: Tensor, pieces: HingeDual) -> Tensor:
    """Give rows in U with the balance up to rounding; ``dual`` is in U without own columns."""
    for _ in range(_HALVINGS):
        for _ in range(_ROUNDS):
            residual = imbalance(dual, y, row_weight)
            left, mass = float(residual.abs().max()), float((row_weight @ dual).sum())
            if left <= _ROUNDING * mass:
                return dual
            stepped = _newton_step(dual, y, row_weight, residual, pieces)
            dual = _moved_mass(dual, y, row_weight, pieces) if stepped is None else stepped
        if _is_balanced(dual, y, row_weight):
            return dual
        dual = 0.5 * dual
    return torch.zeros_like(dual)


def _is_balanced(dual: Tensor, y: Tensor, row_weight: Tensor) -> bool:
    """Whether no more is left than repeated repairs leave."""
    left = float(imbalance(dual, y, row_weight).abs().max())
    return left <= 100.0 * _ROUNDING * float((row_weight @ dual).sum())


def _newton_step(
    dual: Tensor, y: Tensor, row_weight: Tensor, residual: Tensor, pieces: HingeDual
) -> Tensor | None:
    """Move entries between their bounds; None where the step would leave U."""
    k = dual.shape[1]
    own = y[:, None]
    if pieces.own_takes_part:
        free = dual.scatter(1, own, (1.0 - dual.sum(1, keepdim=True)).clamp_min_(0.0))
        matrix = torch.diag(row_weight @ free) - free.T @ (free * row_weight[:, None])
    else:
        box = not pieces.loss.squared
        free = dual * (1.0 - dual) if box else dual
        flow = torch.zeros(k, k, dtype=dual.dtype, device=dual.device)
        flow.index_add_(0, y, free * row_weight[:, None])
        matrix = torch.diag(flow.sum(0) + flow.sum(1)) - flow - flow.T
    gauge = float(matrix.trace()) / k**2
    step, info = torch.linalg.solve_ex(matrix + gauge, -residual)
    if int(info) != 0 or not bool(torch.isfinite(step).all()):
        return None
    centre = (free @ step)[:, None] if pieces.own_takes_part else step[y][:, None]
    spread = step - centre
    if float((spread.abs() * (free > 0.0)).amax()) > 1.0:
        return None
    moved = (dual + free * spread).scatter_(1, own, 0.0)
    return feasible(moved, y, pieces)


def _moved_mass(dual: Tensor, y: Tensor, row_weight: Tensor, pieces: HingeDual) -> Tensor:
    k = dual.shape[1]
    weighted = torch.zeros(k, k, dtype=dual.dtype, device=dual.device)
    weighted.index_add_(0, y, dual * row_weight[:, None])
    given_less_got = weighted.sum(1) - weighted.sum(0)
    excess, lack = given_less_got.clamp_min(0.0), (-given_less_got).clamp_min(0.0)
    total = 0.5 * float(given_less_got.abs().sum())
    if total == 0.0:
        return dual
    wanted = torch.outer(excess, lack) / total
    taken = torch.minimum(wanted, weighted)
    share = torch.where(weighted > 0.0, taken / weighted.clamp_min(1e-300), 0.0)
    room = _room(dual, y, pieces)
    capacity = torch.zeros_like(weighted).index_add_(0, y, room * row_weight[:, None])
    added = (wanted - taken).T
    filled = torch.where(added > 0.0, added / capacity.clamp_min(1e-300), 0.0)
    return feasible(dual * (1.0 - share[y]) + room * filled[y], y, pieces)


def _room(dual: Tensor, y: Tensor, pieces: HingeDual) -> Tensor:
    """How much each entry may grow beside the others."""
    if pieces.loss.squared:
        room = torch.ones_like(dual)
    elif pieces.joint:
        room = (1.0 - dual.sum(1, keepdim=True)).clamp_min(0.0).expand_as(dual).contiguous()
    else:
        room = 1.0 - dual
    return room.scatter(1, y[:, None], 0.0)
