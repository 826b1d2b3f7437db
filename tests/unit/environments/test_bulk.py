"""Buffers and writes of many bytes are those of few, whatever memory they lie in."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from environments.bulk import buffer, write_all

MIB = 1024 * 1024
SIZES = [0, 1, 4096, MIB - 1, MIB, MIB + 1, 2 * MIB, 2 * MIB + 1, 4 * MIB + 33]


@pytest.mark.parametrize("size", SIZES)
def test_a_buffer_has_room_is_empty_and_is_nobody_elses(size: int) -> None:
    one, other = buffer(size), buffer(size)
    assert len(one) >= size
    assert one == bytes(len(one))
    assert one.format == "B"
    one[:] = b"x" * len(one)
    assert other == bytes(len(other))


def test_a_view_outlives_the_name_of_its_buffer() -> None:
    room = buffer(4 * MIB)
    view = room[MIB : MIB + 5]
    view[:] = b"stays"
    del room
    buffer(4 * MIB)[:] = b"y" * len(buffer(4 * MIB))
    assert view == b"stays"


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("offset", [None, 0, 7])
def test_what_is_written_is_what_was_given(tmp_path: Path, size: int, offset: int | None) -> None:
    path, data = tmp_path / "file", os.urandom(size)
    path.write_bytes(b"before.")
    descriptor = os.open(path, os.O_WRONLY | (os.O_APPEND if offset is None else 0))
    try:
        write_all(descriptor, memoryview(data), offset)
    finally:
        os.close(descriptor)
    before = b"before." if offset != 0 else b""
    after = b"" if offset != 0 else b"before."[size:]
    assert path.read_bytes() == before + data + after
