"""Buffers that a thread uses over and over, for bytes by the megabyte.

Invariants:
1. A large buffer lies in large pages of memory, where the system has them: each thousand small ones of a
   buffer would be made at its first use, and looked up again at each later one. In a virtual machine those
   look-ups take as long as the copying itself.
2. A small one is ordinary memory: a large page is two megabytes at least.

Example:
    >>> len(buffer(4 * 1024 * 1024))
    4194304
"""

from __future__ import annotations

import mmap
from contextlib import suppress

__all__ = ["buffer"]

_LARGE = 2 * 1024 * 1024
_FROM = 1024 * 1024


def buffer(size: int) -> memoryview:
    """Return room for `size` bytes, of zeros; it goes when nobody refers to it any more.

    Raises:
        MemoryError: there is none.
    """
    if size >= _FROM:
        with suppress(OSError, ValueError):  # what the system does not do, it does without
            made = mmap.mmap(-1, -(-size // _LARGE) * _LARGE, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
            with suppress(AttributeError, OSError):
                made.madvise(mmap.MADV_HUGEPAGE)
            return memoryview(made)[:size]
    return memoryview(bytearray(size))
