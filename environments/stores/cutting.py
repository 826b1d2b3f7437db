"""Cutting files into chunks and comparing them, with a few buffers.

Invariants:
1. A file is opened without following a link and must be a regular file of one name (a second hard link
   would be a way to change it afterwards).
2. Memory is a few chunks, whatever the file's size.
3. Cuts follow the content (FastCDC): bytes that were inserted change the chunks around them, not those after.
4. A file that was verified while it was written need not be read again to be committed: the kernel's own
   stamp of it (inode, size, times of change) says whether it is still that one.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from data_contracts.errors import NotVerifiableError, UsageError
from environments.bulk import buffer, write_all
from environments.stores.lanes import in_lanes
from environments.stores.record import CHUNK, FileEntry

__all__ = ["Written", "cut", "keep", "read_at", "read_chunk", "stamped", "verify_file", "written_whole"]

_OPEN = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_ALTERED = "do not use it; restore the store from a backup, or let the asset cross or be added again"
_USUAL, _MANY = 128 * 1024, 16 * 1024
"""Bytes of a usual cut, and how many of them a file may have before they are twice as large: a change costs
some cuts for every column that it touches, and a list of cuts crosses with every version."""


@dataclass(frozen=True)
class Written:
    """A file of a draft whose every chunk was verified as it was written, and its stamp after that."""

    entry: FileEntry
    stamp: tuple[int, ...]


def _stamp(found: os.stat_result) -> tuple[int, ...]:
    return (found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)


def written_whole(path: Path, entry: FileEntry, data: memoryview) -> Written:
    """Write a file that is new from the bytes that were verified, read-only, and remember which one it is.

    Raises:
        OSError: the disk refuses, or something stands there.
    """
    descriptor = os.open(path, _NEW, 0o600)
    try:
        write_all(descriptor, data)
        os.fchmod(descriptor, 0o400)
        return Written(entry, _stamp(os.fstat(descriptor)))
    finally:
        os.close(descriptor)


@contextmanager
def _plain(path: Path | str, name: str) -> Iterator[int]:
    """Open a regular file of one name.

    Raises:
        UsageError: it is something else.
        OSError: the disk refuses.
    """
    found = os.lstat(path)
    if not stat.S_ISREG(found.st_mode) or found.st_nlink != 1:
        raise UsageError(f"{name}: not a plain file of its own (a link, or something special)")
    descriptor = os.open(path, _OPEN)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _usual(size: int) -> int:
    usual = _USUAL
    while usual * _MANY < size and usual < CHUNK // 2:
        usual *= 2
    return usual


def cut(path: Path | str, name: str, *, durable: bool = True) -> FileEntry:
    """Cut one file of a draft, and make it read-only, and durable if it shall stay.

    Raises:
        UsageError: it is no regular file of one name.
        OSError: the disk refuses.
    """
    from pyfastcdc import FastCDC

    sizes, digests = [], []
    with _plain(path, name) as descriptor:
        cutter = FastCDC(usual := _usual(os.fstat(descriptor).st_size), min_size=usual // 4, max_size=CHUNK)
        with os.fdopen(os.dup(descriptor), "rb", buffering=0) as stream:
            for chunk in cutter.cut_stream(stream):
                sizes.append(chunk.length)
                digests.append("sha256:" + hashlib.sha256(chunk.data).hexdigest())
        os.fchmod(descriptor, 0o400)
        if durable:
            os.fsync(descriptor)
    return FileEntry(name, sum(sizes), tuple(digests), tuple(sizes))


def stamped(path: Path, entry: FileEntry) -> Written:
    """Make a file that was just written read-only, and remember which one it is.

    Raises:
        NotVerifiableError: it is not as long as its entry says.
        OSError: the disk refuses.
    """
    with _plain(path, entry.path) as descriptor:
        os.fchmod(descriptor, 0o400)
        found = os.fstat(descriptor)
    if found.st_size != entry.size:
        raise NotVerifiableError(f"{entry.path}: not as long as what was written")
    return Written(entry, _stamp(found))


def keep(path: Path | str, name: str, written: Written | None, *, durable: bool = True) -> FileEntry:
    """Return the entry of one file of a draft, read-only and durable if asked: cut, or as it was verified.

    Raises:
        NotVerifiableError: it is not the file that was verified any more.
        UsageError: it is no regular file of one name.
        OSError: the disk refuses.
    """
    if written is None:
        return cut(path, name, durable=durable)
    with _plain(path, name) as descriptor:
        if durable:
            os.fsync(descriptor)
        if _stamp(os.fstat(descriptor)) != written.stamp:
            raise NotVerifiableError(
                f"{name}: changed after it was verified", remedy="find out who writes into this store"
            )
    return written.entry


def read_at(descriptor: int, offset: int, into: memoryview) -> int:
    """Fill `into` from a file, as far as that reaches; return how many bytes were read."""
    filled = 0
    while filled < len(into) and (count := os.preadv(descriptor, [into[filled:]], offset + filled)):
        filled += count
    return filled


def read_chunk(descriptor: int, offset: int, digest: str, into: memoryview) -> bool:
    """Fill `into` from a file, and say whether that is the chunk of this digest."""
    filled = read_at(descriptor, offset, into)
    return filled == len(into) and hashlib.sha256(into).hexdigest() == digest.removeprefix("sha256:")


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
        try:
            pieces = entry.pieces()
        except NotVerifiableError:
            raise NotVerifiableError(
                f"{what}: its list of chunks is not one of this size", remedy=_ALTERED
            ) from None
        in_lanes(list(enumerate(pieces, 1)), lambda: _comparing(descriptor, pieces, what))
    except OSError as error:
        raise NotVerifiableError(f"{what}: cannot be read: {error.strerror}", remedy=_ALTERED) from None
    finally:
        os.close(descriptor)


def _comparing(
    descriptor: int, pieces: list[tuple[int, int, str]], what: str
) -> Callable[[tuple[int, tuple[int, int, str]]], None]:
    room = buffer(max((size for _, size, _ in pieces), default=0))

    def compare(item: tuple[int, tuple[int, int, str]]) -> None:
        number, (offset, size, digest) = item
        if not read_chunk(descriptor, offset, digest, room[:size]):
            raise NotVerifiableError(
                f"{what}: chunk {number} of {len(pieces)} is not what was committed", remedy=_ALTERED
            )

    return compare
