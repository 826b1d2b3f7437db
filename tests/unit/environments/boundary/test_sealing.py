"""A sealed part opens in its own place, whole, and nowhere else."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_contracts.errors import NotVerifiableError
from environments.boundary.sealing import Seal, chunk_address, new_key

CROSSING, OTHER = "sha256:" + "a" * 64, "sha256:" + "b" * 64
SEAL = Seal(b"k" * 32, CROSSING, 3)


@given(st.binary(max_size=4096), st.integers(0, 2))
def test_what_was_closed_opens(plain: bytes, index: int) -> None:
    assert SEAL.open("chunk", index, SEAL.close("chunk", index, plain), limit=len(plain)) == plain


def test_what_repeats_is_compressed() -> None:
    assert len(SEAL.close("chunk", 0, b"same " * 10_000)) < 1000


@pytest.mark.parametrize(
    ("seal", "part", "index"),
    [
        (SEAL, "chunk", 1),
        (SEAL, "contents", 0),
        (replace(SEAL, count=4), "chunk", 0),
        (replace(SEAL, crossing=OTHER), "chunk", 0),
        (replace(SEAL, key=new_key()), "chunk", 0),
    ],
    ids=["index", "part", "count", "crossing", "key"],
)
def test_it_opens_in_its_own_place_only(seal: Seal, part: str, index: int) -> None:
    sealed = SEAL.close("chunk", 0, b"rows")
    with pytest.raises(NotVerifiableError):
        seal.open(part, index, sealed)


def test_every_bit_counts() -> None:
    sealed = SEAL.close("chunk", 0, b"rows")
    for position in range(len(sealed) * 8):
        changed = bytearray(sealed)
        changed[position // 8] ^= 1 << position % 8
        with pytest.raises(NotVerifiableError):
            SEAL.open("chunk", 0, bytes(changed))
    for length in range(len(sealed)):
        with pytest.raises(NotVerifiableError):
            SEAL.open("chunk", 0, sealed[:length])


def test_nothing_beyond_the_limit_is_unpacked() -> None:
    with pytest.raises(NotVerifiableError, match="larger"):
        SEAL.open("chunk", 0, SEAL.close("chunk", 0, bytes(1001)), limit=1000)


def test_the_same_bytes_are_sealed_differently_each_time() -> None:
    assert SEAL.close("chunk", 0, b"rows") != SEAL.close("chunk", 0, b"rows")


def test_an_address_is_the_pairs_secret() -> None:
    assert chunk_address(b"a" * 32, b"rows") == chunk_address(b"a" * 32, b"rows")
    assert chunk_address(b"a" * 32, b"rows") != chunk_address(b"b" * 32, b"rows")


def test_the_key_is_not_shown() -> None:
    assert "kkk" not in repr(SEAL)
