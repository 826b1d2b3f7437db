"""Python's regular expressions in the linear engine: found in exactly the same texts, or not translated."""

from __future__ import annotations

import random
import re
import time

import polars as pl
import pytest

from data_contracts.errors import UsageError
from data_contracts.suites.patterns import to_linear
from data_contracts.suites.wanted import Unfamiliar

ALPHABET = "abcABCxyz019 _-.@\n\t\r\x0b\x1cé\u0130\u017f\u212a\u0663\u00aa\u2028\u3000ß'\"$^[](){}|\\"


def texts(seed: int, count: int = 400) -> list[str]:
    order = random.Random(seed)  # noqa: S311 - repeatable, not secret
    return ["", "\n", *("".join(order.choices(ALPHABET, k=order.randint(0, 8))) for _ in range(count))]


@pytest.mark.parametrize(
    "pattern",
    [
        "a",
        "^a",
        "a$",
        "^$",
        "^a$",
        r"\Aa\Z",
        "a|b$",
        "(a$)|(^b)",
        "(?m)^a$",
        "(?s)a.b",
        "a.b",
        "[abc]",
        "[^abc]",
        "[a-c1-9_]",
        r"[\w.-]+@[\w-]+",
        r"\d",
        r"\D",
        r"\w",
        r"\W",
        r"\s",
        r"\S",
        r"[^\s\d]",
        r"[\d\-]",
        "(?i)k",
        "(?i)S",
        "(?i)[a-c]",
        "(?i)[^k]",
        "(?i)ß",
        "(?a)\\w",
        "(?x) a  b # c",
        "a{2}",
        "a{1,2}b",
        "a{0,}c",
        "a*?b+?",
        "(?:ab|c)+",
        "(?P<n>a)b",
        r"\.",
        r"\\",
        r"\$",
        r"[\]]",
        "[]a]",
        "é",
        r"\u0663",
        r"\x41",
        "",
        "(?i:A)b",
        "[^\n]",
        r"\n",
        r"a\r?\n?",
    ],
)
def test_found_in_the_same_texts(pattern: str) -> None:
    every = texts(len(pattern))
    ours = pl.Series(every).str.contains(to_linear(pattern)).to_list()
    assert ours == [re.search(pattern, text) is not None for text in every]


def test_random_patterns_mean_the_same() -> None:
    order = random.Random(4)  # noqa: S311 - repeatable, not secret
    pieces = [
        "a",
        "b",
        ".",
        "[ab]",
        "[^a]",
        r"\d",
        r"\w",
        r"\s",
        "(a|b)",
        "(?:c|d$)",
        "^",
        "$",
        "é",
        "x*",
        "1+",
        "y?",
        "_{2}",
    ]
    every = texts(5, 150)
    translated = 0
    for _ in range(250):
        pattern = order.choice(["", "", "(?i)", "(?s)", "(?m)"]) + "".join(
            order.choices(pieces, k=order.randint(1, 5))
        )
        try:
            linear = to_linear(pattern)
        except Unfamiliar:
            continue
        translated += 1
        ours = pl.Series(every).str.contains(linear).to_list()
        assert ours == [re.search(pattern, text) is not None for text in every], pattern
    assert translated > 120


@pytest.mark.parametrize(
    "pattern",
    [
        r"(a)\1",
        "(?=a)",
        "(?!a)a",
        "(?<=a)b",
        r"\bword\b",
        r"\Ba",
        "a$b",
        "($)+a",
        "a{5000}",
        r"\ud800",
        "a++",
        "(?>a)b",
    ],
)
def test_what_would_mean_another_thing_is_not_translated(pattern: str) -> None:
    with pytest.raises(Unfamiliar):
        to_linear(pattern)


@pytest.mark.parametrize("pattern", ["(", "[", "a**", "(?P<n", "(?(1)a|b)", "(?L)a", "\\"])
def test_what_is_no_pattern_of_python(pattern: str) -> None:
    with pytest.raises(UsageError):
        to_linear(pattern)


@pytest.mark.attack
def test_a_pattern_that_backtracks_for_ever_does_not() -> None:
    started = time.monotonic()
    found = pl.Series(["a" * 5000 + "!"]).str.contains(to_linear("^(a+)+$"))
    assert found.to_list() == [False]
    assert time.monotonic() - started < 5
