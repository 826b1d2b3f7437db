"""Bytes by the megabyte: the buffers that a thread uses over and over, and how they are written to files.

Invariants:
1. A large buffer lies in large pages of memory, where the system has them. Of small ones each must be made
   at its first use and looked up at each later one, which in a virtual machine takes as long as the copying.
2. A file is written in pieces smaller than such a page. Its place in the system's cache is taken in the size
   of the piece, and what a virtual machine has free in large pages it has given back to its host: to get them
   again takes several times as long as to fill them. Smaller ones it kept.

Example:
    >>> room = buffer(4 * 1024 * 1024)
    >>> write_all(descriptor, room)
"""

from __future__ import annotations

import mmap
import os
from contextlib import suppress

__all__ = ["buffer", "write_all"]

_LARGE = 2 * 1024 * 1024
"""Bytes of a large page, or near it, on the machines that we know."""
_PIECE = _LARGE // 2


def buffer(size: int) -> memoryview:
    """Return room for `size` bytes or more, of zeros; it goes when nobody refers to it any more.

    Raises:
        MemoryError: there is none.
    """
    if size >= _PIECE:
        with suppress(OSError, ValueError):  # what the system does not do, it does without
            made = mmap.mmap(-1, -(-size // _LARGE) * _LARGE, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
            with suppress(AttributeError, OSError):
                made.madvise(mmap.MADV_HUGEPAGE)
            return memoryview(made)
    return memoryview(bytearray(size))


def write_all(descriptor: int, data: bytes | bytearray | memoryview, offset: int | None = None) -> None:
    """Write bytes to a file: where it stands, or from `offset` on.

    Raises:
        OSError: the disk refuses; a part may have been written.
    """
    whole, done = memoryview(data), 0
    while done < len(whole):
        piece = whole[done : done + _PIECE]
        if offset is None:
            done += os.write(descriptor, piece)
        else:
            done += os.pwrite(descriptor, piece, offset + done)
