"""Messages on the pipes between parent and child: a kind, a length, bytes.

Kinds: `J` one JSON value; `A` some bytes of an Arrow IPC stream; `Z` its end; `E` a reason code. Nothing
that runs code when it is read (no pickle) ever stands in one.
"""

from __future__ import annotations

import struct

__all__ = ["ARROW", "CODES", "END", "ERROR", "HEAD", "JSON", "PIECE", "head", "parse_head"]

JSON, ARROW, END, ERROR = b"J", b"A", b"Z", b"E"
HEAD = 5
PIECE = 1 << 20
CODES = frozenset({"memory", "refused", "failed", "locks"})


def head(kind: bytes, length: int) -> bytes:
    """Return the head of a frame."""
    return struct.pack(">cI", kind, length)


def parse_head(raw: bytes) -> tuple[bytes, int]:
    """Return kind and length."""
    kind, length = struct.unpack(">cI", raw)
    return kind, length
