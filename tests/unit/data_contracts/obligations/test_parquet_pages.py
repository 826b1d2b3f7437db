from __future__ import annotations

import importlib.util
import os
import random
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_contracts.obligations.pages import KINDS, check_output_file
from data_contracts.obligations.parquet.bloom import xxh64
from data_contracts.obligations.parquet.levels import hybrid, ones
from data_contracts.obligations.parquet.thrift import UnaccountedError, read_struct

_SPEC = importlib.util.spec_from_file_location(
    "parquet_tables", Path(__file__).with_name("parquet_tables.py")
)
assert _SPEC is not None
assert _SPEC.loader is not None
tables: Any = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(tables)

FUZZED = int(os.environ.get("ISTHMUS_FUZZ", "400"))


def failed(path: Path) -> set[str]:
    found = check_output_file(path)
    assert [rule.id for rule in found] == [f"output.file.{kind}" for kind in KINDS]
    return {rule.rule for rule in found if not rule.success}


def frozen(table: pa.Table) -> bytes:
    sink = pa.BufferOutputStream()
    plain = table.combine_chunks().replace_schema_metadata(None)
    with pa.ipc.new_stream(sink, plain.schema) as writer:
        writer.write_table(plain)
    return bytes(sink.getvalue().to_pybytes())


@pytest.mark.parametrize(
    "options",
    [
        {"compression": "zstd"},
        {"compression": "snappy"},
        {"compression": "none"},
        {"write_page_index": True},
        {"write_page_checksum": True},
        {"use_dictionary": False},
        {"row_group_size": 70},
        {"data_page_size": 300, "write_page_index": True},
        {"max_rows_per_page": 100, "dictionary_pagesize_limit": 200},
        {"bloom_filter_options": {"s": True, "i": True}},
    ],
    ids=str,
)
@pytest.mark.parametrize("rows", [0, 1, 700])
def test_what_the_writer_writes_passes(tmp_path: Path, options: dict[str, Any], rows: int) -> None:
    path = tmp_path / "x.parquet"
    pq.write_table(tables.every_type(rows), path, **options)
    assert failed(path) == set()


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"data_page_version": "2.0"}, "another kind of page"),
        ({"compression": "gzip"}, "a codec that we never write"),
        ({"compression": "brotli"}, "as above"),
        ({"use_dictionary": False, "column_encoding": {"i": "DELTA_BINARY_PACKED"}}, "another encoding"),
        ({"sorting_columns": [pq.SortingColumn(0)]}, "a field that we never write"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_we_do_not_know_is_refused(tmp_path: Path, options: dict[str, Any], reason: str) -> None:
    path = tmp_path / "x.parquet"
    pq.write_table(tables.every_type(50).select(["i", "s"]), path, **options)
    assert "bytes" in failed(path), reason


@pytest.mark.parametrize(
    "options", [{"compression": "zstd"}, {"compression": "none", "write_page_index": True}]
)
def test_a_flipped_bit_is_caught_or_is_data(tmp_path: Path, options: dict[str, Any]) -> None:
    """Whatever passes decodes to its own content: a change that no reader sees is none that passes."""
    path, other = tmp_path / "x.parquet", tmp_path / "y.parquet"
    names = ["i", "s", "few", "b", "dec", "list", "struct"]
    table = tables.every_type(60).select(names)
    pq.write_table(table, path, store_schema=False, **options)
    raw, content = path.read_bytes(), frozen(pq.read_table(path))
    rng = random.Random(7)  # noqa: S311 - a seed, no secret
    unseen = 0
    for _ in range(FUZZED):
        changed = bytearray(raw)
        place = rng.randrange(len(raw))
        changed[place] ^= 1 << rng.randrange(8)
        other.write_bytes(changed)
        if not failed(other):
            unseen += frozen(pq.read_table(other)) == content
    # What is left: bits of a zstd block that pad its own streams, digits of the writer's version, and which
    # of three orders an index claims.
    assert unseen <= max(1, FUZZED // 200)


def test_truncated_anywhere_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.parquet"
    pq.write_table(tables.every_type(20), path)
    raw = path.read_bytes()
    for size in range(0, len(raw), max(1, len(raw) // 100)):
        path.write_bytes(raw[:size])
        assert "bytes" in failed(path)


def test_a_hash_is_the_published_one() -> None:
    # Test values of the xxHash specification and of its reference program.
    assert xxh64(b"") == 0xEF46DB3751D8E999
    assert xxh64(b"abc") == 0x44BC2CF5AD770999
    assert xxh64(b"Nobody inspects the spammish repetition") == 0xFBCEA83C8A378BF1


@pytest.mark.parametrize(
    "raw",
    [
        b"\x15\x82\x00\x00",  # a number with a byte that adds nothing
        b"\x15\x02\x15\x02\x00",  # a field that is not known
        b"\x05\x02\x02\x00",  # the long form of a short step
        b"\x16\x02\x00",  # another type
        b"\x15\x02",  # no end
        b"\x15\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x00",
    ],
)
def test_thrift_has_one_form(raw: bytes) -> None:
    assert read_struct(b"\x15\x02\x00", 0, {1: ("version", "i32")}) == ({"version": 1}, 3)
    with pytest.raises(UnaccountedError):
        read_struct(raw, 0, {1: ("version", "i32")})


@pytest.mark.parametrize(
    "raw",
    [
        b"\x06\x01\x00",  # a byte behind the last value
        b"\x08\x01",  # a run that is longer than what is asked for
        b"\x03\x0f",  # packed, and a bit of the padding is set
        b"\x00\x06\x01",  # an empty run
        b"\x06\x02",  # a value wider than its bits
        b"\x06",
        b"",
    ],
)
def test_runs_leave_nothing_over(raw: bytes) -> None:
    assert hybrid(memoryview(b"\x06\x01"), 1, 3).tolist() == [1, 1, 1]
    assert hybrid(memoryview(b"\x03\x07"), 1, 3).tolist() == [1, 1, 1]
    assert ones(memoryview(b"\x06\x01"), 3) == ones(memoryview(b"\x03\x07"), 3) == 3
    with pytest.raises(UnaccountedError):
        hybrid(memoryview(raw), 1, 3)
    with pytest.raises(UnaccountedError):
        ones(memoryview(raw), 3)


@pytest.mark.parametrize("width", [1, 3, 8, 13, 17, 32])
def test_runs_and_packed_numbers_are_read_as_they_follow_each_other(width: int) -> None:
    rng = random.Random(width)  # noqa: S311 - a seed, no secret
    raw, wanted = b"", []
    for kind in "prprpp":
        if kind == "r":
            value, length = rng.randrange(1 << width), rng.randrange(1, 300)
            head = length << 1
            raw += bytes([head & 0x7F | 0x80, head >> 7]) if head > 0x7F else bytes([head])
            raw += value.to_bytes((width + 7) // 8, "little")
            wanted += [value] * length
        else:
            numbers = [rng.randrange(1 << width) for _ in range(8 * 5)]
            bits = sum(number << width * at for at, number in enumerate(numbers))
            raw += bytes([5 << 1 | 1]) + bits.to_bytes(5 * width, "little")
            wanted += numbers
    assert hybrid(memoryview(raw), width, len(wanted)).tolist() == wanted
    with pytest.raises(UnaccountedError):
        hybrid(memoryview(raw[:-1]), width, len(wanted))
    if width == 1:
        assert ones(memoryview(raw), len(wanted)) == sum(wanted)


@given(st.binary(max_size=9), st.integers(0, 300))
def test_levels_are_counted_as_they_are_read(raw: bytes, count: int) -> None:
    try:
        wanted = int(hybrid(raw, 1, count).sum())
    except UnaccountedError:
        with pytest.raises(UnaccountedError):
            ones(raw, count)
    else:
        assert ones(raw, count) == wanted
