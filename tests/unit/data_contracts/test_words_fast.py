"""A text that is plainly one word is looked at without the search for words, and found all the same."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_contracts.obligations import words

CHARACTERS = st.one_of(st.sampled_from("aZ09_-. @\u00df\u0130\u0131\u017f\u212a"), st.characters())


def searched(text: str, longest: int) -> tuple[list[str], list[str]]:
    """The definition: runs of up to so many words, and an original's first words."""
    parts = re.findall(r"[^\W_]+", text.casefold())
    ends = [(at, end) for at in range(len(parts)) for end in range(at + 1, min(at + longest, len(parts)) + 1)]
    return [" ".join(parts[at:end]) for at, end in ends], [" ".join(parts[:longest])]


@given(st.text(CHARACTERS, max_size=24))
def test_the_short_way_finds_what_the_search_finds(text: str) -> None:
    runs, first = searched(text, 6)
    assert list(words._runs(text)) == runs
    assert list(words._long([text])) == (first if len(text) >= 8 else [])


@pytest.mark.parametrize(
    "text", ["P0000000000017", "p0000000000017", "Kelvin\u212a8", "stra\u00dfe99", "a_b_c_d_e"]
)
def test_ones_that_are_and_are_not_plain(text: str) -> None:
    runs, first = searched(text, 6)
    assert (list(words._runs(text)), list(words._long([text]))) == (runs, first)
