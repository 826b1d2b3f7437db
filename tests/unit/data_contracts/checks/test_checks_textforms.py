"""What is told from buffers is what the expression says, for every text, cut and way to store it."""

from __future__ import annotations

from typing import Any

import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_contracts.checks.nested import Flat
from data_contracts.checks.rowrules import RowRule
from data_contracts.checks.textforms import fixed_form
from data_contracts.model import Column

PATTERNS = [
    "^P[0-9]{3}$",
    "^[0-9]{5}$",
    "^\\d\\d$",
    "^[A-Za-z_]{2}-[a-f0-9]{1}$",
    "^[a-c ][\\d]{2}\\.x$",
    "^a$",
    "^[\\d\\-a-b]{2}$",
]
OTHERS = [
    "a",
    "^a",
    "a$",
    "^a|b$",
    "^a*$",
    "^a+$",
    "^a?$",
    "^a{1,2}$",
    "^[^a]$",
    "^.$",
    "^(a)$",
    "^\\w$",
    "^\\D$",
    "^ä$",
    "^a\\$",
    "^[a-]$",
    "^[]a]$",
    "^a{0}$",
    "^$",
    "^[z-a]$",
    "^a{99}$",
]
TEXT = st.text("aAbPx019-_. ä\n", max_size=6)
LIKELY = st.from_regex("^(P[0-9]{3}|[0-9]{5}|[ab]9|[A-Z]_-f|[a-c]12.x|a)$", fullmatch=True)
VALUES = st.lists(st.none() | LIKELY, max_size=12) | st.lists(st.none() | TEXT | LIKELY, max_size=12)
STRING = Column("s", "string")
KINDS: list[Any] = [pa.string(), pa.large_string(), pa.dictionary(pa.int32(), pa.string())]


def both(rule: RowRule, values: pa.ChunkedArray) -> tuple[int | None, int]:
    """What the buffers say, and what the expression says."""
    test = rule.broken()
    assert test is not None
    frame = Flat({}, {"s": values}, len(values)).frame(["s"])
    return rule.quick(values), int(frame.select(test.sum()).item())


def chunked(values: list[str | None], kind: Any, cut: int) -> pa.ChunkedArray:
    whole = pa.array(["before", None, *values, "after"], pa.string()).cast(kind)
    inside = whole.slice(2, len(values))  # offsets that do not begin at 0
    at = cut % (len(values) + 1)
    return pa.chunked_array([inside.slice(0, at), inside.slice(at)], type=kind)


@given(st.sampled_from(PATTERNS), st.sampled_from(KINDS), VALUES, st.integers(0, 20))
def test_fixed_forms(pattern: str, kind: Any, values: list[str | None], cut: int) -> None:
    quick, slow = both(RowRule("s", STRING, "pattern", pattern), chunked(values, kind, cut))
    assert quick in {None, slow}
    valid = RowRule("s", STRING, "invalidValues", {"pattern": pattern})
    assert valid.quick(chunked(values, kind, cut)) in {None, slow}


@given(st.booleans(), st.sampled_from(KINDS), VALUES, st.integers(0, 20), st.integers(0, 6))
def test_lengths(least: bool, kind: Any, values: list[str | None], cut: int, bound: int) -> None:
    word = "minLength" if least else "maxLength"
    quick, slow = both(RowRule("s", STRING, word, bound), chunked(values, kind, cut))
    assert quick in {None, slow}


@given(values=VALUES, cut=st.integers(0, 20), valid=st.lists(LIKELY, max_size=3))
def test_enumerations_of_a_dictionary(values: list[str | None], cut: int, valid: list[str]) -> None:
    rule = RowRule("s", STRING, "invalidValues", {"validValues": [*valid, None]})
    quick, slow = both(rule, chunked(values, KINDS[2], cut))
    assert quick in {None, slow}
    assert rule.quick(chunked(values, pa.string(), cut)) is None


def test_the_usual_columns_are_told_from_buffers() -> None:
    """Else nothing above would show that anything is."""
    texts = pa.chunked_array([pa.array(["P123", None, "P12x", "P999"])])
    assert RowRule("s", STRING, "pattern", "^P[0-9]{3}$").quick(texts) == 1
    assert RowRule("s", STRING, "pattern", "^P[0-9]{4}$").quick(texts) == 3
    assert RowRule("s", STRING, "minLength", 5).quick(texts) == 3
    listed = RowRule("s", STRING, "invalidValues", {"validValues": ["P123"]})
    assert listed.quick(texts.dictionary_encode()) == 2
    assert RowRule("s", STRING, "maxLength", 3).quick(pa.chunked_array([["ä"]])) is None


@pytest.mark.parametrize("pattern", OTHERS)
def test_what_is_no_fixed_form_is_left_to_the_engine(pattern: str) -> None:
    assert fixed_form(pattern) is None


@pytest.mark.parametrize("pattern", PATTERNS)
def test_fixed_forms_are_known(pattern: str) -> None:
    assert fixed_form(pattern) is not None


def test_bytes_under_nulls_do_not_matter() -> None:
    buffers = [pa.py_buffer(b"\x05"), pa.py_buffer(b"\0\0\0\0\1\0\0\0\2\0\0\0\3\0\0\0"), pa.py_buffer(b"1x2")]
    values = pa.chunked_array([pa.Array.from_buffers(pa.string(), 3, buffers)])
    assert values.to_pylist() == ["1", None, "2"]
    quick, slow = both(RowRule("s", STRING, "pattern", "^[0-9]$"), values)
    assert slow == 0
    assert quick in {None, 0}
    assert pl.Series(values.to_pylist()).null_count() == 1


def test_a_dictionary_with_entries_that_are_null_or_unused() -> None:
    indices = pa.array([0, 1, None, 1], pa.int32())
    unused = pa.chunked_array([pa.DictionaryArray.from_arrays(indices, pa.array(["a", "b", "bad"]))])
    rule = RowRule("s", STRING, "invalidValues", {"validValues": ["a", "b"]})
    assert both(rule, unused) == (0, 0)
    null = pa.chunked_array([pa.DictionaryArray.from_arrays(indices, pa.array(["a", None, "bad"]))])
    assert rule.quick(null) is None
