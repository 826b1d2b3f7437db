"""One column chunk: its pages one after the other, each value and each level accounted for."""

from __future__ import annotations

import zlib
from dataclasses import dataclass, field
from typing import Any

from data_contracts.obligations.parquet.cells import Cells
from data_contracts.obligations.parquet.compression import expanded
from data_contracts.obligations.parquet.format import PAGE_HEADER
from data_contracts.obligations.parquet.leaves import BOOLEAN, BYTES, FIXED, Leaf
from data_contracts.obligations.parquet.levels import hybrid, ones
from data_contracts.obligations.parquet.statistics import check_statistics
from data_contracts.obligations.parquet.thrift import UnaccountedError, read_struct

__all__ = ["Page", "Pages", "read_chunk"]

_DATA, _DICTIONARY = 0, 2
_PLAIN, _PLAIN_DICTIONARY, _RLE, _RLE_DICTIONARY = 0, 2, 3, 8
_WIDTHS = {1: 4, 2: 8, 4: 4, 5: 8}


@dataclass(frozen=True)
class Page:
    """One data page as it was found.

    Attributes:
        offset: in the file; `size` counts its header too.
        rows: rows that begin in it.
        first: number of its first present value in the chunk; `count` present values.
        nulls: entries without a value.
        levels: how often each level occurs.
    """

    offset: int
    size: int
    rows: int
    first: int
    count: int
    nulls: int
    levels: dict[str, list[int]]


@dataclass
class Pages:
    """A chunk's pages, and what they add up to."""

    data: list[Page] = field(default_factory=list)
    dictionary: int | None = None
    entries: int = 0
    values: int = 0
    uncompressed: int = 0
    encodings: dict[tuple[int, int], int] = field(default_factory=dict)
    forms: set[int] = field(default_factory=set)


@dataclass
class _Reading:
    """What the walk over one chunk's pages carries along."""

    cells: Cells
    codec: int
    found: Pages = field(default_factory=Pages)
    dictionary: Any = None
    used: Any = None


def read_chunk(raw: bytes, start: int, cells: Cells, codec: int) -> Pages:
    """Walk over a chunk's bytes.

    Args:
        raw: the chunk, which begins at `start` of the file.
        start: its offset.
        cells: the present values that a reader gets.
        codec: the chunk's compression.

    Raises:
        UnaccountedError: some byte is not of these values.
    """
    reading = _Reading(cells, codec)
    at = 0
    while at < len(raw):
        header, body = read_struct(raw, at, PAGE_HEADER)
        end = body + int(header.get("compressed", -1))
        if not {"type", "uncompressed", "compressed"} <= set(header) or not body <= end <= len(raw):
            raise UnaccountedError("structure")
        packed = memoryview(raw)[body:end]
        if "crc" in header and header["crc"] & 0xFFFFFFFF != zlib.crc32(packed):
            raise UnaccountedError("structure")
        page = expanded(packed, codec, header["uncompressed"])
        reading.found.uncompressed += header["uncompressed"] + body - at
        if header["type"] == _DICTIONARY and "dictionary" in header and "data" not in header:
            _dictionary(reading, header["dictionary"], page, start + at)
        elif header["type"] == _DATA and "data" in header and "dictionary" not in header:
            _data(reading, header["data"], page, (start + at, end - at))
        else:
            raise UnaccountedError("structure")
        at = end
    done = sum(page.count for page in reading.found.data)
    if done != len(cells):
        raise UnaccountedError("pages")
    if reading.dictionary is not None and not reading.used.all():
        # An entry that no row uses: what a column held before its rows were changed.
        raise UnaccountedError("dictionaries")
    return reading.found


def _dictionary(reading: _Reading, header: dict[str, Any], page: memoryview, offset: int) -> None:
    encoding, count = header.get("encoding"), int(header.get("values", -1))
    if (
        encoding not in {_PLAIN, _PLAIN_DICTIONARY}
        or reading.found.dictionary is not None
        or reading.found.data
    ):
        raise UnaccountedError("structure")
    import numpy as np

    reading.dictionary = _entries(reading.cells.leaf, page, count)
    reading.used = np.zeros(count, np.bool_)
    reading.found.dictionary, reading.found.entries = offset, count
    reading.found.forms.add(encoding)
    _count(reading.found, _DICTIONARY, encoding)


def _entries(leaf: Leaf, page: memoryview, count: int) -> Any:  # noqa: ANN401 - numpy rows, or an Arrow array
    import numpy as np

    width = leaf.width if leaf.type == FIXED else _WIDTHS.get(leaf.type, 0)
    if width:
        if len(page) != count * width:
            raise UnaccountedError("dictionaries")
        return np.frombuffer(page, f"<u{width}" if leaf.type != FIXED else np.dtype((np.void, width)))
    if leaf.type != BYTES:
        raise UnaccountedError("dictionaries")
    return _texts(page, count)


def _texts(page: memoryview, count: int) -> Any:  # noqa: ANN401 - an Arrow array
    import numpy as np
    import pyarrow as pa

    at, size, ends, bodies = 0, len(page), [0], []
    for _ in range(count):
        end = at + 4 + int.from_bytes(page[at : at + 4], "little")
        if end > size:
            raise UnaccountedError("dictionaries")
        bodies.append(page[at + 4 : end])
        ends.append(end - 4 * len(bodies))
        at = end
    if at != size:
        raise UnaccountedError("dictionaries")
    offsets: Any = np.array(ends, np.int32)
    buffers = [None, pa.py_buffer(offsets), pa.py_buffer(b"".join(bodies))]
    return pa.Array.from_buffers(pa.binary(), count, buffers)


def _level(page: memoryview, at: int, most: int, count: int) -> tuple[list[int], int]:
    """Return how often each level occurs, and where they end."""
    import numpy as np

    if not most:
        return [count], at
    size = int.from_bytes(page[at : at + 4], "little")
    if at + 4 + size > len(page):
        raise UnaccountedError("pages")
    raw = page[at + 4 : at + 4 + size]
    if most == 1:
        there = ones(raw, count)
        return [count - there, there], at + 4 + size
    found = hybrid(raw, most.bit_length(), count)
    if len(found) and int(found.max()) > most:
        raise UnaccountedError("pages")
    return np.bincount(found, minlength=most + 1).tolist(), at + 4 + size


def _data(reading: _Reading, header: dict[str, Any], page: memoryview, place: tuple[int, int]) -> None:
    cells, found = reading.cells, reading.found
    leaf = cells.leaf
    count = int(header.get("values", -1))
    if count < 0 or header.get("definitions") != _RLE or header.get("repetitions") != _RLE:
        raise UnaccountedError("structure")
    repetitions, at = _level(page, 0, leaf.repetitions, count)
    definitions, at = _level(page, at, leaf.definitions, count)
    there = definitions[leaf.definitions]
    first = found.data[-1].first + found.data[-1].count if found.data else 0
    if first + there > len(cells):
        raise UnaccountedError("pages")
    _compare(reading, header.get("encoding"), page[at:], first, there)
    nulls = count - there
    if "statistics" in header:
        check_statistics(header["statistics"], cells, nulls, first=first, count=there)
    levels = {"repetitions": repetitions, "definitions": definitions}
    found.data.append(Page(place[0], place[1], repetitions[0], first, there, nulls, levels))
    found.values += count
    found.forms |= {header["encoding"]} | ({_RLE} if leaf.definitions or leaf.repetitions else set())
    _count(found, _DATA, header["encoding"])


def _compare(reading: _Reading, encoding: int | None, body: memoryview, first: int, count: int) -> None:
    """Compare a page's values with those that a reader gets."""
    import numpy as np

    cells = reading.cells
    if encoding == _PLAIN:
        if not cells.are_plain(body, first, count):
            raise UnaccountedError("pages")
        return
    if encoding == _RLE and cells.leaf.type == BOOLEAN:
        _compare_runs(body, cells, first, count)
        return
    if encoding not in {_PLAIN_DICTIONARY, _RLE_DICTIONARY} or reading.dictionary is None or not len(body):
        raise UnaccountedError("structure")
    indices = hybrid(body[1:], body[0], count).astype(np.int64)
    if count and int(indices.max()) >= reading.found.entries:
        raise UnaccountedError("pages")
    named = np.zeros(reading.found.entries, np.bool_)
    named[indices] = True
    reading.used |= named
    if not cells.are_entries(reading.dictionary, indices, first, named):
        raise UnaccountedError("pages")


def _compare_runs(body: memoryview, cells: Cells, first: int, count: int) -> None:
    size = int.from_bytes(body[:4], "little")
    if size != len(body) - 4:
        raise UnaccountedError("pages")
    bits = hybrid(body[4:], 1, count)
    if (bits.astype(bool) != cells.values.slice(first, count).to_numpy(zero_copy_only=False)).any():
        raise UnaccountedError("pages")


def _count(found: Pages, kind: int, encoding: int) -> None:
    found.encodings[kind, encoding] = found.encodings.get((kind, encoding), 0) + 1
