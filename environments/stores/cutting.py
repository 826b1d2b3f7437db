"""Cutting files into chunks and comparing them, in one pass with one buffer.

Invariants:
1. A file is opened without following a link and must be a regular file of one name (a second hard link
   would be a way to change it afterwards).
2. Memory is one chunk, whatever the file's size.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterator
from pathlib import Path

from data_contracts.errors import NotVerifiableError, UsageError
from environments.stores.record import CHUNK, FileEntry

__all__ = ["cut", "verify_file"]

_OPEN = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
_ALTERED = "do not use it; restore the store from a backup, or let the asset cross or be added again"


def _chunks(descriptor: int) -> Iterator[tuple[int, str]]:
    """Yield (bytes, digest) of chunk after chunk, until the file ends."""
    buffer = memoryview(bytearray(CHUNK))
    filled = CHUNK
    while filled == CHUNK:
        filled = 0
        while filled < CHUNK and (count := os.readv(descriptor, [buffer[filled:]])):
            filled += count
        if filled:
            yield filled, "sha256:" + hashlib.sha256(buffer[:filled]).hexdigest()


def cut(path: Path, name: str) -> FileEntry:
    """Cut one file of a draft, and make it durable and read-only.

    Raises:
        UsageError: it is no regular file of one name.
        OSError: the disk refuses.
    """
    found = path.lstat()
    if not stat.S_ISREG(found.st_mode) or found.st_nlink != 1:
        raise UsageError(f"{name}: not a plain file of its own (a link, or something special)")
    descriptor = os.open(path, _OPEN)
    try:
        pieces = list(_chunks(descriptor))
        os.fchmod(descriptor, 0o400)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    return FileEntry(name, sum(size for size, _ in pieces), tuple(digest for _, digest in pieces))


def verify_file(path: Path, entry: FileEntry, what: str) -> None:
    """Compare every byte of a file with its entry.

    Raises:
        NotVerifiableError: it is missing, no regular file, shorter, longer, or holds a wrong byte.
    """
    try:
        descriptor = os.open(path, _OPEN)
    except OSError as error:
        raise NotVerifiableError(f"{what}: cannot be opened: {error.strerror}", remedy=_ALTERED) from None
    try:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode) or found.st_size != entry.size:
            raise NotVerifiableError(
                f"{what}: {found.st_size} bytes stand where {entry.size} were committed", remedy=_ALTERED
            )
        if len(entry.chunks) != -(-entry.size // CHUNK):
            raise NotVerifiableError(f"{what}: its list of chunks is not one of this size", remedy=_ALTERED)
        for number, (_, digest) in enumerate(_chunks(descriptor)):
            if number >= len(entry.chunks) or digest != entry.chunks[number]:
                raise NotVerifiableError(
                    f"{what}: chunk {number + 1} of {len(entry.chunks)} is not what was committed",
                    remedy=_ALTERED,
                )
    except OSError as error:
        raise NotVerifiableError(f"{what}: cannot be read: {error.strerror}", remedy=_ALTERED) from None
    finally:
        os.close(descriptor)
