"""Keyed hashes: equal for equal bytes wherever they lie, and what two sides share is counted exactly."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_contracts.buckets import BucketFile
from data_contracts.obligations import hashes

KEY = bytes(range(32))


def of(values: list[bytes], key: bytes = KEY, kind: pa.DataType | None = None) -> list[int]:
    [run] = hashes.keyed_hashes(pa.array(values, kind or pa.binary()), key)
    return [int(number) for number in run]


@given(st.lists(st.binary(max_size=40)))
def test_only_the_first_bytes_count_and_zeros_fill_up(values: list[bytes]) -> None:
    alone = [of([value])[0] for value in values]
    filled = [of([value[:16].ljust(16, b"\0")])[0] for value in values]
    assert alone == filled
    together = of(values)
    assert set(together) == set(alone)
    assert together == alone or len(set(alone)) < len(alone)
    assert len(set(alone)) == len({value[:16].ljust(16, b"\0") for value in values})


def test_slices_and_wide_offsets_give_the_same() -> None:
    values = [b"", b"a", b"12345678", b"123456789", b"1234567890123456", b"more than sixteen bytes"]
    array = pa.array([b"before", *values, b"after"], pa.binary()).slice(1, len(values))
    assert [int(x) for x in hashes.keyed_hashes(array, KEY)[0]] == of(values)
    assert of(values, kind=pa.large_binary()) == of(values)
    assert set(of(values, KEY[::-1])).isdisjoint(of(values))
    assert of([]) == []


def test_what_repeats_is_kept_once() -> None:
    assert sorted(of([b"x", b"y"] * 5000)) == sorted(of([b"x", b"y"]))


@pytest.mark.parametrize("size", [0, 10, 40_000, 400_000])
@pytest.mark.parametrize("both", [0, 1, 7, 9_000])
def test_what_two_sides_share_is_counted_once(size: int, both: int) -> None:
    drawn = np.random.default_rng([size, both]).integers(0, 2**64, 2 * size + both, dtype=np.uint64)
    common, left, right = np.split(drawn, [both, both + size])
    assert hashes.shared((left, common), (common, right, common)) == both
    assert hashes.shared((common,), ()) == 0


@pytest.mark.parametrize("at_once", [1, 10_000, 1 << 22])
def test_hashes_that_were_put_aside_are_compared_alike(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at_once: int
) -> None:
    monkeypatch.setattr(hashes, "_AT_ONCE", at_once)
    drawn = np.random.default_rng(3).integers(0, 2**64, 90_000, dtype=np.uint64)
    common, left, right = np.split(drawn, [123, 40_000])
    aside = hashes.put_aside((left, common), tmp_path)
    assert [type(run) for run in aside] == [BucketFile]
    assert sum(map(len, aside)) == 40_000
    assert hashes.put_aside(aside, tmp_path) == aside
    assert hashes.put_aside((), tmp_path) == ()
    for other in ((right, common), hashes.put_aside((right, common, common), tmp_path)):
        assert hashes.shared(aside, other) == 123
        assert hashes.shared(other, aside) == 123
    assert hashes.shared(aside, hashes.put_aside((right,), tmp_path)) == 0
