"""One thread where more would only wait for each other.

A fit of a few thousand rows is thousands of operations of some microseconds. To wake a second
thread for each costs more than it does, and the pools of NumPy and torch take the processor from
each other while they wait: on two cores scikit-learn's digits took ten times as long on two threads
as on one.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

import torch
from threadpoolctl import ThreadpoolController

# Multiplications in one product of a fit, n d k, below which it runs on one thread.
_SMALL = 8_000_000


@contextmanager
def threads_for(multiplications: int) -> Iterator[None]:
    """Run on one thread within, and on as many as before after it, if the work is small.

    Parameters
    ----------
    multiplications : int
        In a large operation of the work, such as n d k.
    """
    before = torch.get_num_threads()
    if multiplications >= _SMALL or before == 1:
        yield
        return
    with _controller().limit(limits=1):
        torch.set_num_threads(1)
        try:
            yield
        finally:
            torch.set_num_threads(before)


@cache
def _controller() -> ThreadpoolController:
    """What knows the thread pools of the process; to look for them takes milliseconds."""
    return ThreadpoolController()
