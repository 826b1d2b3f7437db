"""One column chunk: its pages one after the other, each value and each level accounted for."""

from __future__ import annotations

import zlib
from dataclasses import dataclass, field
from typing import Any

from data_contracts.arrow import Values
from data_contracts.obligations.parquet.compression import expanded
from data_contracts.obligations.parquet.format import PAGE_HEADER
from data_contracts.obligations.parquet.leaves import BOOLEAN, BYTES, FIXED, Leaf, plain
from data_contracts.obligations.parquet.levels import hybrid
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

    leaf: Leaf
    values: Values
    codec: int
    found: Pages = field(default_factory=Pages)
    dictionary: Any = None
    used: set[int] = field(default_factory=set)


def read_chunk(raw: bytes, start: int, leaf: Leaf, values: Values, codec: int) -> Pages:
    """Walk over a chunk's bytes.

    Args:
        raw: the chunk, which begins at `start` of the file.
        start: its offset.
        leaf: what the schema says of it.
        values: the present values that a reader gets, in order.
        codec: the chunk's compression.

    Raises:
        UnaccountedError: some byte is not of these values.
    """
    reading = _Reading(leaf, values, codec)
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
    if done != len(values):
        raise UnaccountedError("pages")
    if reading.dictionary is not None and len(reading.used) != reading.found.entries:
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
    reading.dictionary = _entries(reading.leaf, page, count)
    reading.found.dictionary, reading.found.entries = offset, count
    reading.found.forms.add(encoding)
    _count(reading.found, _DICTIONARY, encoding)


def _entries(leaf: Leaf, page: memoryview, count: int) -> Any:  # noqa: ANN401 - numpy rows, or an Arrow array
    import numpy as np
    import pyarrow as pa

    width = leaf.width if leaf.type == FIXED else _WIDTHS.get(leaf.type, 0)
    if width:
        if len(page) != count * width:
            raise UnaccountedError("dictionaries")
        return np.frombuffer(page, np.uint8).reshape(count, width)
    if leaf.type != BYTES:
        raise UnaccountedError("dictionaries")
    at = 0
    entries = []
    for _ in range(count):
        size = int.from_bytes(page[at : at + 4], "little")
        if at + 4 + size > len(page):
            raise UnaccountedError("dictionaries")
        entries.append(bytes(page[at + 4 : at + 4 + size]))
        at += 4 + size
    if at != len(page):
        raise UnaccountedError("dictionaries")
    return pa.array(entries, pa.large_binary())


def _level(page: memoryview, at: int, most: int, count: int) -> tuple[Any, int]:
    import numpy as np

    if not most:
        return np.zeros(count, np.uint64), at
    size = int.from_bytes(page[at : at + 4], "little")
    if at + 4 + size > len(page):
        raise UnaccountedError("pages")
    found = hybrid(page[at + 4 : at + 4 + size], most.bit_length(), count)
    if len(found) and int(found.max()) > most:
        raise UnaccountedError("pages")
    return found, at + 4 + size


def _data(reading: _Reading, header: dict[str, Any], page: memoryview, place: tuple[int, int]) -> None:
    import numpy as np

    leaf, found = reading.leaf, reading.found
    count = int(header.get("values", -1))
    if count < 0 or header.get("definitions") != _RLE or header.get("repetitions") != _RLE:
        raise UnaccountedError("structure")
    repetitions, at = _level(page, 0, leaf.repetitions, count)
    definitions, at = _level(page, at, leaf.definitions, count)
    there = int((definitions == leaf.definitions).sum())
    first = found.data[-1].first + found.data[-1].count if found.data else 0
    values = reading.values.slice(first, there)
    if len(values) != there:
        raise UnaccountedError("pages")
    _compare(reading, header.get("encoding"), page[at:], values)
    nulls = count - there
    if "statistics" in header:
        check_statistics(header["statistics"], values, nulls, leaf)
    levels = {
        "repetitions": np.bincount(repetitions.astype(np.int64), minlength=leaf.repetitions + 1).tolist(),
        "definitions": np.bincount(definitions.astype(np.int64), minlength=leaf.definitions + 1).tolist(),
    }
    rows = int((repetitions == 0).sum())
    found.data.append(Page(place[0], place[1], rows, first, there, nulls, levels))
    found.values += count
    found.forms |= {header["encoding"]} | ({_RLE} if leaf.definitions or leaf.repetitions else set())
    _count(found, _DATA, header["encoding"])


def _compare(reading: _Reading, encoding: int | None, body: memoryview, values: Values) -> None:
    """Compare a page's values with those that a reader gets."""
    leaf = reading.leaf
    if encoding == _PLAIN:
        if bytes(body) != plain(values, leaf):
            raise UnaccountedError("pages")
        return
    if encoding == _RLE and leaf.type == BOOLEAN:
        _compare_runs(body, values)
        return
    if encoding not in {_PLAIN_DICTIONARY, _RLE_DICTIONARY} or reading.dictionary is None or not len(body):
        raise UnaccountedError("structure")
    indices = hybrid(body[1:], body[0], len(values))
    if len(indices) and int(indices.max()) >= reading.found.entries:
        raise UnaccountedError("pages")
    reading.used.update(_distinct(indices))
    if plain(values, leaf) != _looked_up(reading, indices):
        raise UnaccountedError("pages")


def _compare_runs(body: memoryview, values: Values) -> None:
    size = int.from_bytes(body[:4], "little")
    if size != len(body) - 4:
        raise UnaccountedError("pages")
    bits = hybrid(body[4:], 1, len(values))
    if (bits.astype(bool) != values.to_numpy(zero_copy_only=False)).any():
        raise UnaccountedError("pages")


def _distinct(indices: Any) -> list[int]:  # noqa: ANN401 - numpy
    import numpy as np

    found: list[int] = np.unique(indices).tolist()
    return found


def _looked_up(reading: _Reading, indices: Any) -> bytes:  # noqa: ANN401 - numpy
    import numpy as np
    import pyarrow as pa

    entries = reading.dictionary
    if reading.leaf.type != BYTES:
        return bytes(entries[indices.astype(np.int64)].tobytes())
    places: Any = pa.array(indices.astype(np.int64))
    return plain(entries.take(places), reading.leaf)


def _count(found: Pages, kind: int, encoding: int) -> None:
    found.encodings[kind, encoding] = found.encodings.get((kind, encoding), 0) + 1
