"""A file's footer, and a map of its bytes: which are spoken for, so that none is left."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any, BinaryIO

from data_contracts.obligations.parquet.format import FOOTER
from data_contracts.obligations.parquet.leaves import Leaf, leaves_of
from data_contracts.obligations.parquet.thrift import UnaccountedError, read_struct

__all__ = ["File", "open_file"]

_MAGIC = b"PAR1"
_TAIL = 8
_MOST = 64 * 1024 * 1024
_VERSIONS = {1, 2}
_WRITER = re.compile(r"parquet-cpp-arrow version [0-9]{1,3}\.[0-9]{1,3}\.[0-9]{1,3}")


@dataclass
class File:
    """An open file with its footer.

    Attributes:
        footer: its fields.
        leaves: of its schema, in the order of a row group's chunks.
        taken: (begin, end) of every byte range that is accounted for.
    """

    stream: BinaryIO
    size: int
    footer: dict[str, Any]
    leaves: list[Leaf]
    taken: list[tuple[int, int]] = field(default_factory=list)

    def take(self, start: int, length: int) -> bytes:
        """Return the bytes of a range, and account for it.

        Raises:
            UnaccountedError: the range is not inside the file.
        """
        if start < len(_MAGIC) or length <= 0 or start + length > self.size:
            raise UnaccountedError("structure")
        self.taken.append((start, start + length))
        self.stream.seek(start)
        return self.stream.read(length)

    def gaps(self) -> bool:
        """Whether some byte is of no range, or of two."""
        at = 0
        for start, end in sorted(self.taken):
            if start != at:
                return True
            at = end
        return at != self.size


def open_file(stream: BinaryIO, size: int) -> File:
    """Read the footer.

    Raises:
        UnaccountedError: it is none, or says something that we do not know.
    """
    stream.seek(max(0, size - _TAIL))
    tail = stream.read(_TAIL)
    length = int.from_bytes(tail[:4], "little")
    start = size - _TAIL - length
    if len(tail) != _TAIL or tail[4:] != _MAGIC or start < len(_MAGIC) or length > _MOST:
        raise UnaccountedError("structure")
    stream.seek(0)
    if stream.read(len(_MAGIC)) != _MAGIC:
        raise UnaccountedError("structure")
    stream.seek(start)
    raw = stream.read(length)
    footer, end = read_struct(raw, 0, FOOTER)
    if end != length or not {"version", "schema", "rows", "groups"} <= set(footer):
        raise UnaccountedError("structure")
    if footer["version"] not in _VERSIONS or not _WRITER.fullmatch(footer.get("writer", "")):
        raise UnaccountedError("metadata")
    leaves = leaves_of(footer["schema"])
    orders = footer.get("orders")
    if orders is not None and orders != [{"type": {}}] * len(leaves):
        raise UnaccountedError("structure")
    # The magic number before, the footer with its length and the magic number behind.
    return File(stream, size, footer, leaves, [(0, len(_MAGIC)), (start, size)])
