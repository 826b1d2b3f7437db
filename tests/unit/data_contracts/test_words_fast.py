"""A text that is plainly one word is looked at without the search for words, and found all the same."""

from __future__ import annotations

import re
from collections.abc import Iterable

import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_contracts.obligations import words

KEY = b"k" * 32
CHARACTERS = st.one_of(st.sampled_from("aZ09_-. @\u00df\u0130\u0131\u017f\u212a"), st.characters())


def searched(text: str, longest: int) -> tuple[list[str], list[str]]:
    """The definition: runs of up to so many words, and an original's first words."""
    parts = re.findall(r"[^\W_]+", text.casefold())
    ends = [(at, end) for at in range(len(parts)) for end in range(at + 1, min(at + longest, len(parts)) + 1)]
    return [" ".join(parts[at:end]) for at, end in ends], [" ".join(parts[:longest])]


def hashes(said: Iterable[str]) -> set[int]:
    return set(words._hashes(words._series(set(said)), KEY).tolist())


def found(runs: words.Runs) -> set[int]:
    """The hashes of some runs; that of no text at all is nobody's original, and does not count."""
    nothing = words._hashes(pl.Series([""]), KEY).tolist()
    return {value for run in runs for value in run.tolist()} - set(nothing)


@given(st.lists(st.text(CHARACTERS, max_size=24), max_size=4))
def test_the_short_way_finds_what_the_search_finds(texts: list[str]) -> None:
    array = pa.array(texts, pa.string())
    runs = [run for text in texts for run in searched(text, 6)[0]]
    assert found(words._words(array, KEY)) == hashes(runs)
    originals = [first for text in texts if len(text) >= 8 for first in searched(text, 6)[1]]
    assert found(words._originals(array, KEY)) == hashes(originals)


@pytest.mark.parametrize(
    "text", ["P0000000000017", "p0000000000017", "Kelvin\u212a8", "stra\u00dfe99", "a_b_c_d_e"]
)
def test_ones_that_are_and_are_not_plain(text: str) -> None:
    runs, first = searched(text, 6)
    array = pa.array([text])
    assert list(words._runs(text)) == runs
    assert found(words._words(array, KEY)) == hashes(runs) != set()
    assert found(words._originals(array, KEY)) == hashes(first) != set()
