"""The search: every file of a place, raw, decoded and decompressed, for every mark that may not be there.

Invariants:
1. A place that holds nothing at all is no proof, and fails.
2. What is compressed is opened: Parquet by its columns, and any gzip, zlib or zstd stream that begins
   anywhere in a file.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
from planting import MARKS
from sentinels import Sentinel, in_files, in_texts

_ZLIB = re.compile(rb"\x1f\x8b\x08|x[\x01\x5e\x9c\xda]")
_ZSTD = re.compile(rb"\x28\xb5\x2f\xfd")
_PIECE = 64 * 1024
_MOST = 64 * 1024 * 1024


@dataclass(frozen=True)
class Found:
    """What a search found in one place.

    Attributes:
        place: what was searched, in words.
        things: how many files, rows or answers.
        bytes: how many bytes, before anything was opened.
        leaks: which of them hold a mark.
    """

    place: str
    things: int
    bytes: int
    leaks: tuple[str, ...]


def marks_but_of(*environments: str) -> tuple[Sentinel, ...]:
    """Return the marks that may be in none of these environments; without any, all of them."""
    return tuple(mark for mark, places in MARKS.items() if places.isdisjoint(environments))


def opened(data: bytes) -> Iterator[bytes]:
    """Yield what every compressed stream holds that begins in some bytes."""
    for match in _ZLIB.finditer(data):
        made = _inflated(memoryview(data)[match.start() :])
        if made:
            yield made
    for match in _ZSTD.finditer(data):
        made = bytearray()
        with suppress(OSError):  # what follows the stream is none
            rest = pa.py_buffer(memoryview(data)[match.start() :])
            stream = pa.CompressedInputStream(pa.BufferReader(rest), "zstd")
            while len(made) < _MOST and (some := stream.read(_PIECE)):
                made += some
        if made:
            yield bytes(made)


def files(place: str, folders: Iterable[Path], marks: Iterable[Sentinel]) -> Found:
    """Search every file below some folders."""
    things = size = 0
    leaks: dict[str, None] = {}
    for folder in folders:
        known = [path for path in sorted(folder.rglob("*")) if path.is_file() and not path.is_symlink()]
        things += len(known)
        size += sum(path.stat().st_size for path in known)
        for mark in marks:
            leaks |= dict.fromkeys(f"{folder.name}/{name}" for name in in_files(mark, folder))
        for path in known:
            if any(mark.pattern.search(made) for made in opened(path.read_bytes()) for mark in marks):
                leaks[f"{folder.name}/{path.relative_to(folder)} (opened)"] = None
    return Found(place, things, size, tuple(leaks))


def _inflated(rest: memoryview) -> bytes:
    """Return what a stream holds, as far as it is one."""
    engine, made = zlib.decompressobj(wbits=47), bytearray()
    with suppress(zlib.error):
        for begin in range(0, len(rest), _PIECE):
            made += engine.decompress(rest[begin : begin + _PIECE])
            if engine.eof or len(made) > _MOST:
                break
    return bytes(made)


def texts(place: str, told: list[tuple[str, str]], marks: Iterable[Sentinel]) -> Found:
    """Search what was answered, printed or read from a database."""
    leaks = {name: None for mark in marks for name in in_texts(mark, iter(told))}
    return Found(place, len(told), sum(len(text.encode()) for _, text in told), tuple(leaks))
