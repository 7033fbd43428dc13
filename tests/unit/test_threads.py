"""How many threads a fit takes, and that they are given back."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch
from threadpoolctl import threadpool_info

from softplex._threads import threads_for


@pytest.fixture(autouse=True)
def two_threads() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


def counts() -> list[int]:
    return [pool["num_threads"] for pool in threadpool_info()]


def test_small_work_has_one_thread_and_gives_the_others_back() -> None:
    before = counts()
    with threads_for(1000):
        assert torch.get_num_threads() == 1
        assert set(counts()) == {1}
    assert torch.get_num_threads() == 2
    assert counts() == before


def test_large_work_keeps_what_it_has() -> None:
    before = counts()
    with threads_for(10**9):
        assert torch.get_num_threads() == 2
        assert counts() == before


def test_an_error_gives_them_back_too() -> None:
    with pytest.raises(ZeroDivisionError), threads_for(1000):
        raise ZeroDivisionError
    assert torch.get_num_threads() == 2


def test_within_one_another_the_outer_number_comes_back() -> None:
    with threads_for(1000):
        with threads_for(1000):
            assert torch.get_num_threads() == 1
        assert torch.get_num_threads() == 1
    assert torch.get_num_threads() == 2
