"""The file under the ledger: lines are added at its end, durably, by one writer at a time.

Invariants:
1. A line counts once it ends in a newline and `fsync` returned; the append returns only then.
2. A last line without its newline is an append that never returned (power, kill -9). The next writer
   cuts it off under the lock; a reader leaves it out.
3. Nothing before the end of the file is ever written again.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from environments.ledger.entry import MAX_LINE
from environments.private import disk_errors, make_private, sync_folder

__all__ = ["LOG", "add_line", "last_line", "lines", "writing"]

LOG = "entries.log"


@contextmanager
def writing(folder: Path) -> Iterator[int]:
    """Hold the one writer's lock, and give the open log, cut to its last whole line."""
    make_private(folder)
    with disk_errors(f"{folder.name}: the ledger cannot be written"):
        lock = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            new = not (folder / LOG).exists()
            log = os.open(folder / LOG, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
            try:
                if new:
                    sync_folder(folder)
                _cut_torn_line(log)
                yield log
            finally:
                os.close(log)
        finally:
            os.close(lock)


def _tail(log: int) -> tuple[int, bytes]:
    size = os.fstat(log).st_size
    start = max(0, size - 2 * MAX_LINE)
    return size, os.pread(log, size - start, start)


def _cut_torn_line(log: int) -> None:
    size, tail = _tail(log)
    torn = len(tail) - (tail.rfind(b"\n") + 1)
    if torn:
        os.ftruncate(log, size - torn)
        os.fsync(log)


def last_line(log: int) -> bytes | None:
    """Return the last whole line without its newline; None where there is none."""
    _, tail = _tail(log)
    whole = tail[: tail.rfind(b"\n") + 1].rstrip(b"\n")
    return whole[whole.rfind(b"\n") + 1 :] or None


def add_line(log: int, line: bytes) -> None:
    """Add one line at the end and put it on disk."""
    os.lseek(log, 0, os.SEEK_END)
    view = memoryview(line + b"\n")
    while view:
        view = view[os.write(log, view) :]
    os.fsync(log)


def lines(folder: Path) -> Iterator[bytes]:
    """Give every whole line, oldest first, without its newline, in bounded memory."""
    path = folder / LOG
    if not path.exists():
        return
    with disk_errors(f"{folder.name}: the ledger cannot be read"), path.open("rb") as file:
        while line := file.readline(MAX_LINE + 1):
            if line.endswith(b"\n"):
                yield line[:-1]
            elif len(line) > MAX_LINE:
                yield line
