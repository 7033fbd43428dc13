from __future__ import annotations

import math

import pytest

from softplex._text import (
    count,
    exact,
    head_and_tail,
    isolated,
    listed,
    number,
    percent,
    quoted,
    readable,
    rows,
    short_count,
    whole_percent,
)


@pytest.mark.parametrize(
    ("share", "text"),
    [
        (0.0, "0%"),
        (1.0, "100%"),
        (0.9716, "97.2%"),
        (0.00001, "<0.1%"),
        (0.9997, "99.97%"),
        (0.999999, ">99.99%"),
        (-0.012, "\N{MINUS SIGN}1.2%"),
        (math.nan, "\N{EN DASH}"),
    ],
)
def test_percent_keeps_the_last_error(share: float, text: str) -> None:
    assert percent(share) == text


def test_whole_percent_keeps_decimals_only_beside_the_ends() -> None:
    assert [whole_percent(share) for share in (0.784, 0.999, 0.002, 1.0, math.nan)] == [
        "78%", "99.9%", "0.2%", "100%", "\N{EN DASH}",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0"),
        (0.08123, "0.0812"),
        (1.23456, "1.235"),
        (123.456, "123.46"),
        (-0.5, "\N{MINUS SIGN}0.5000"),
        (1.05e-10, "1.05 \N{MULTIPLICATION SIGN} 10⁻¹⁰"),
        (math.inf, "∞"),
        (-math.inf, "\N{MINUS SIGN}∞"),
        (math.nan, "\N{EN DASH}"),
    ],
)
def test_number(value: float, text: str) -> None:
    assert number(value) == text


def test_exact_shows_late_differences() -> None:
    assert exact(1234.56789012) != exact(1234.56789013)
    assert exact(-math.inf) == "\N{MINUS SIGN}∞"


def test_counts() -> None:
    assert [count(value) for value in (1234, 2.5)] == ["1,234", "2.5"]
    assert [rows(value) for value in (1, 2)] == ["1 row", "2 rows"]
    assert [short_count(value) for value in (7, 999, 1234, 12_345, 999_400, 2.5e6)] == [
        "7", "999", "1.2k", "12k", "999k", "2.5M",
    ]  # fmt: skip


def test_names_are_one_clean_line() -> None:
    assert readable("  a\n b\t c ") == "a b c"
    assert readable("") == "(empty)"
    assert readable("x\x00y\x1b[31m") == "x\N{REPLACEMENT CHARACTER}y\N{REPLACEMENT CHARACTER}[31m"
    assert readable("turned \u202e around") == "turned around"
    assert readable("\ud800").encode() == "\N{REPLACEMENT CHARACTER}".encode()
    assert readable(None) == "None"


def test_long_names_are_cut() -> None:
    assert readable("x" * 10_000, 10) == "x" * 9 + "…"
    assert len(readable("ab " * 10_000)) <= 80


def test_long_names_keep_their_last_letters_apart() -> None:
    assert head_and_tail("short") == ("short", "")
    assert head_and_tail("the same beginning 13") == ("the same beginn", "ing 13")


def test_names_in_sentences_are_isolated() -> None:
    assert isolated("日本語") == "\u2068日本語\u2069"
    assert quoted("bee") == "“\u2068bee\u2069”"


def test_lists_end_in_and() -> None:
    assert listed([]) == ""
    assert listed(["a"]) == "a"
    assert listed(["a", "b", "c"]) == "a, b and c"
    assert listed(list("abcdefg")) == "a, b, c, d and 3 more"
