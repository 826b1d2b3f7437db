"""Who reads a version: a shared lock of the kernel on its record, while a process may read its files.

Invariants:
1. A reader's lock needs no right to write, changes nothing, and is gone when the process is, however it
   ended.
2. Who removes a version holds it alone: it is not removed while anybody reads it, and whoever comes to read
   it meanwhile finds it gone, never half.
3. Where a medium has no such locks, reading goes on without, and nothing can be held alone: so nothing is
   removed there.

Example:
    >>> with alone(record_path) as free:
    ...     if free:
    ...         erase()
"""

from __future__ import annotations

import fcntl
import os
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

__all__ = ["Leases", "alone"]

_OPEN = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
_MOST = 256
"""Versions that one store object holds at once: the ones that were asked for last."""


class Leases:
    """The versions that are read through one store object; given back with it."""

    def __init__(self) -> None:
        """Hold nothing."""
        self._held: OrderedDict[Path, int] = OrderedDict()

    def __del__(self) -> None:
        """Give everything back."""
        while self._held:
            os.close(self._held.popitem()[1])

    def hold(self, record: Path) -> None:
        """Hold the version whose record this is, if it can be held."""
        if record in self._held:
            self._held.move_to_end(record)
            return
        try:
            descriptor = os.open(record, _OPEN)
        except OSError:  # gone, or no file: whoever reads on finds that and says so
            return
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except OSError:
            os.close(descriptor)
            return
        self._held[record] = descriptor
        if len(self._held) > _MOST:
            os.close(self._held.popitem(last=False)[1])


@contextmanager
def alone(record: Path) -> Iterator[bool]:
    """Give whether nobody reads the version whose record this is, and hold it alone in the block."""
    try:
        descriptor = os.open(record, _OPEN)
    except OSError:
        yield False
        return
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            yield False
            return
        yield True
    finally:
        os.close(descriptor)
