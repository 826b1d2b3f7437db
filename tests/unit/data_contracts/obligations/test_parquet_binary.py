"""Texts of a page, compared two ways: rows of one width at once, others one by one. Both say the same."""

from __future__ import annotations

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_contracts.obligations.parquet.binary import (
    _pieces_are,
    _rows_are,
    binary_parts,
    ends_of_rows,
    one_width,
    texts_are,
)
from data_contracts.obligations.parquet.levels import hybrid

one_wide = st.integers(1, 40).flatmap(
    lambda width: st.lists(st.binary(min_size=width, max_size=width), min_size=1, max_size=20)
)


def page_of(texts: list[bytes]) -> bytes:
    return b"".join(len(text).to_bytes(4, "little") + text for text in texts)


def lying_inside(texts: list[bytes]) -> pa.Array:
    """As a slice of more: neither its offsets nor its bytes begin at zero."""
    return pa.array([b"before", *texts, b"behind"], pa.binary()).slice(1, len(texts))


def both(page: bytes, texts: list[bytes]) -> bool:
    values = lying_inside(texts)
    offsets, data = binary_parts(values)
    found = _pieces_are(memoryview(page), values, offsets)
    width = one_width(offsets)
    if width:
        rows = data[int(offsets[0]) : int(offsets[-1])]
        assert _rows_are(memoryview(page), rows, width, len(texts)) == found
    assert texts_are(memoryview(page), values) == found
    return found


@given(one_wide | st.lists(st.binary(max_size=12), min_size=1, max_size=20))
def test_a_page_is_its_texts_and_no_other(texts: list[bytes]) -> None:
    page = page_of(texts)
    assert both(page, texts)
    for place in range(len(page)):
        changed = bytearray(page)
        changed[place] ^= 1 << place % 8
        assert not both(bytes(changed), texts)
    assert not texts_are(memoryview(page + b"\0"), lying_inside(texts))
    assert not texts_are(memoryview(page[:-1]), lying_inside(texts))


@given(one_wide)
def test_texts_of_one_width_in_another_order_are_other_texts(texts: list[bytes]) -> None:
    turned = texts[::-1]
    assert both(page_of(turned), texts) == (turned == texts)


@pytest.mark.parametrize("kind", [pa.binary(), pa.large_binary()])
def test_no_text_and_empty_texts(kind: pa.DataType) -> None:
    assert texts_are(memoryview(b""), pa.array([], kind))
    assert not texts_are(memoryview(b"\0"), pa.array([], kind))
    assert texts_are(memoryview(bytes(12)), pa.array([b""] * 3, kind))
    assert not texts_are(memoryview(bytes(8)), pa.array([b""] * 3, kind))
    assert not texts_are(memoryview(bytes(11) + b"\1"), pa.array([b""] * 3, kind))
    assert texts_are(memoryview(page_of([b"a", b"bc"])), pa.array([b"a", b"bc"], kind))


@given(one_wide)
def test_the_ends_are_those_of_bytes(texts: list[bytes]) -> None:
    offsets, data = binary_parts(lying_inside(texts))
    rows = data[int(offsets[0]) : int(offsets[-1])]
    assert ends_of_rows(rows, len(texts[0])) == (min(texts), max(texts))


def test_texts_that_add_up_to_one_width_have_none() -> None:
    offsets, _ = binary_parts(pa.array([b"a", b"abc"], pa.binary()))
    assert one_width(offsets) == 0


@pytest.mark.parametrize("width", range(1, 33))
def test_packed_numbers_of_every_width(width: int) -> None:
    numbers = [(at * 0x9E3779B1 ^ at >> 3) & ((1 << width) - 1) for at in range(64)]
    bits = sum(number << width * at for at, number in enumerate(numbers))
    raw = bytes([len(numbers) // 8 << 1 | 1]) + bits.to_bytes(len(numbers) * width // 8, "little")
    assert hybrid(raw, width, len(numbers)).tolist() == numbers
