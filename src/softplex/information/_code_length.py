"""The length of codes: ideal ones, and Huffman's."""

from __future__ import annotations

import math
from typing import Any

import torch

from softplex._arrays import answer_in_kind, to_float_tensor
from softplex.coding import huffman_code_lengths
from softplex.exceptions import InvalidInput
from softplex.information._arguments import answer, check_unit, read_rows
from softplex.information._entropy import cross_entropy_in_nats
from softplex.maps import softmax


def expected_code_length(
    p: Any, q: Any, *, unit: str = "nats", dim: int = -1, from_scores: bool = False
) -> Any:
    r"""Give the mean length of symbols drawn from p under the best code for q.

    .. math:: L(p, q) = \sum_j p_j \log(1 / q_j) = H(p, q)

    The ideal code for q spends log(1 / q_j) on symbol j, and an arithmetic coder reaches this for
    whole messages up to a few digits, so the cross-entropy in bits is the length of the file, by
    the symbol. What it costs to believe q rather than p is KL(p || q).

    Parameters
    ----------
    p : array or tensor of any shape
        The distribution of the symbols: probabilities, or scores with ``from_scores=True``.
    q : array or tensor that broadcasts against ``p``
        The distribution that the code was made for, in the same form.
    unit : "nats" or "bits", default "nats"
        Bits are binary digits.
    dim : int, default -1
        The dimension of the symbols.
    from_scores : bool, default False
        Read p and q as scores; ``-inf`` is an absent symbol.

    Returns
    -------
    array or tensor of the broadcast shape without ``dim``
        :func:`cross_entropy`, with its gradient; +inf where q = 0 < p, for such a symbol has no
        codeword.

    Raises
    ------
    InvalidInput
        As :func:`cross_entropy` does.

    References
    ----------
    Cover and Thomas (2006), Elements of Information Theory, theorem 5.4.3; Rissanen (1976),
    "Generalized Kraft inequality and arithmetic coding".

    Examples
    --------
    >>> import numpy as np
    >>> symbols, code = np.array([0.5, 0.25, 0.25]), np.array([0.25, 0.25, 0.5])
    >>> float(expected_code_length(symbols, code, unit="bits"))
    1.75
    """
    check_unit(unit)
    nats = cross_entropy_in_nats("expected_code_length", p, q, dim, from_scores)
    return answer(nats, unit, p, q)


def huffman_code_length(p: Any, *, dim: int = -1, from_scores: bool = False) -> Any:
    r"""Give the mean length of the Huffman code, in binary digits a symbol.

    .. math:: L = \sum_j p_j l_j, \qquad H(p) \le L < H(p) + 1

    with H in bits. No code that gives every symbol its own codeword is shorter.

    Parameters
    ----------
    p : array or tensor of any shape
        Probabilities, or scores with ``from_scores=True``; ``-inf`` is then an absent symbol.
    dim : int, default -1
        The dimension of the symbols.
    from_scores : bool, default False
        Read p as scores.

    Returns
    -------
    array or tensor like ``p`` without ``dim``
        Mean lengths in binary digits; 0 where one symbol is certain. The lengths move in steps, so
        the result has no gradient.

    Raises
    ------
    InvalidInput
        When a row is no distribution, a row of scores is all -inf, or there are no symbols.

    References
    ----------
    Huffman (1952), "A method for the construction of minimum-redundancy codes".

    Examples
    --------
    >>> import numpy as np
    >>> float(huffman_code_length(np.array([0.5, 0.25, 0.125, 0.125])))
    1.75
    """
    rows = read_rows("huffman_code_length", "p", p, dim, from_scores).detach()
    probabilities = softmax(rows) if from_scores else rows
    flat = probabilities.reshape(math.prod(rows.shape[:-1]), rows.shape[-1])
    empty = ~(flat > 0).any(-1)
    if bool(empty.any()):
        raise InvalidInput(
            f"huffman_code_length needs a symbol in every row, but row {int(empty.nonzero()[0])} "
            "has none."
        )
    lengths = [(row * huffman_code_lengths(row)).sum() for row in flat]
    result = torch.stack(lengths) if lengths else flat.new_zeros(0)
    return answer_in_kind(result.reshape(rows.shape[:-1]).to(to_float_tensor(p).dtype), p)
