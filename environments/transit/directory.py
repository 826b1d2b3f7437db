"""A transit in a directory, by default `HOME/transit/SRC/DST`.

Invariants:
1. Every folder below the root is opened without following links, from its parent's descriptor: a link
   that somebody planted or swapped in leads nowhere.
2. An object is written under a name that no reader knows, put on disk, then renamed; to create one, it is
   linked instead, which the file system does for one writer only.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import TypeVar

from data_contracts.errors import NotVerifiableError
from environments.private import disk_errors, make_private
from environments.transit.batch import Batch, discard, stage
from environments.transit.names import check_object, check_prefix, listed, listed_crossings
from environments.transit.port import Capabilities, Data, Put

__all__ = ["DirectoryTransit"]

_ATTEMPTS = 5
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_NO_FILE = (errno.ELOOP, errno.ENXIO, errno.ENOTDIR)
"""What opening a link, a socket or a device without a driver answers."""
Found = TypeVar("Found")


class DirectoryTransit:
    """Objects as files below one root."""

    capabilities = Capabilities("directory")
    folder_mode, file_mode = 0o700, 0o600

    def __init__(self, root: Path) -> None:
        """Name the root; it is made by the first `put`."""
        self._root = root

    def _errors(self, verb: str) -> AbstractContextManager[None]:
        """Tell the medium's errors."""
        return disk_errors(f"the transit cannot be {verb}")

    def _flush(self, descriptor: int) -> None:
        """Put a file's bytes on disk."""
        os.fsync(descriptor)

    def _make_root(self) -> None:
        make_private(self._root)

    @contextmanager
    def _folder(self, parts: list[str], *, make: bool) -> Iterator[int]:
        """Open the folder `parts` below the root, link by link.

        Raises:
            FileNotFoundError: it is not there, and `make` is false.
            NotVerifiableError: something on the way is a link or no folder.
        """
        if make:
            self._make_root()
        descriptor = os.open(self._root, _FOLDER)
        try:
            for part in parts:
                made = make and self._made(part, descriptor)
                try:
                    below = os.open(part, _FOLDER, dir_fd=descriptor)
                except OSError as error:
                    if error.errno in (errno.ENOTDIR, errno.ELOOP):
                        raise _planted() from None
                    raise
                os.close(descriptor)
                descriptor = below
                if made:
                    os.fchmod(descriptor, self.folder_mode)  # whatever the umask
            yield descriptor
        finally:
            os.close(descriptor)

    @staticmethod
    def _made(name: str, folder: int) -> bool:
        """Make a folder in another one; False where it stands."""
        try:
            os.mkdir(name, 0o700, dir_fd=folder)
        except FileExistsError:
            return False
        os.fsync(folder)
        return True

    def put(self, name: str, data: Data) -> None:
        """Store one object, durably and whole."""
        self._store(name, data, replace=True)

    @contextmanager
    def batch(self) -> Iterator[Put]:
        """Give a `put` whose objects are on disk, under their names, when the block ends."""
        opened, errors = partial(self._folder, make=True), partial(self._errors, "written")
        with Batch(opened, self._flush, errors, self.file_mode) as batch:
            yield batch.put

    def create(self, name: str, data: Data) -> bool:
        """Store one object, durably and whole, if there is none of the name."""
        return self._store(name, data, replace=False)

    def _store(self, name: str, data: Data, *, replace: bool) -> bool:
        *parts, last = check_object(name).split("/")
        with self._errors("written"):
            for _ in range(_ATTEMPTS - 1):
                # The other side may clear the crossing's folder in the same moment: then it is made anew.
                with suppress(FileNotFoundError):
                    return self._write(parts, last, data, replace=replace)
            return self._write(parts, last, data, replace=replace)

    def _write(self, parts: list[str], last: str, data: Data, *, replace: bool) -> bool:
        with self._folder(parts, make=True) as folder:
            descriptor, staged = stage(folder, data, self.file_mode)
            try:
                try:
                    self._flush(descriptor)
                finally:
                    os.close(descriptor)
                if replace:
                    os.replace(staged, last, src_dir_fd=folder, dst_dir_fd=folder)
                else:
                    os.link(staged, last, src_dir_fd=folder, dst_dir_fd=folder, follow_symlinks=False)
                    os.unlink(staged, dir_fd=folder)
                os.fsync(folder)
            except BaseException as error:
                discard(folder, staged)
                if isinstance(error, FileExistsError) and not replace:
                    return False
                raise
        return True

    def get(self, name: str, *, limit: int) -> bytes | None:
        """Return one object of at most `limit` bytes; None where there is none."""
        *parts, last = check_object(name).split("/")
        return self._load(parts, last, limit)

    def get_into(self, name: str, into: memoryview) -> memoryview | None:
        """Return one object of at most `len(into)` bytes, in `into`; None where there is none."""
        *parts, last = check_object(name).split("/")
        size = self._read(parts, last, lambda descriptor: _read_into(descriptor, into))
        return None if size is None else into[:size]

    def _load(self, parts: list[str], last: str, limit: int) -> bytes | None:
        return self._read(parts, last, lambda descriptor: _read(descriptor, limit))

    def _read(self, parts: list[str], last: str, read: Callable[[int], Found]) -> Found | None:
        with self._errors("read"):
            try:
                with self._folder(parts, make=False) as folder, _opened(last, folder) as descriptor:
                    return read(descriptor)
            except FileNotFoundError:
                return None

    def size(self, name: str) -> int | None:
        """Return an object's size in bytes; None where there is none."""
        *parts, last = check_object(name).split("/")
        with self._errors("read"):
            try:
                with self._folder(parts, make=False) as folder:
                    return os.stat(last, dir_fd=folder, follow_symlinks=False).st_size
            except FileNotFoundError:
                return None

    def names(self, prefix: str, *, after: str = "") -> Iterator[str]:
        """Return the names of the objects of one crossing that sort after `after`, sorted."""
        found: list[str] = []
        for parts in ([check_prefix(prefix)], [prefix, "chunks"]):
            found += ["/".join([*parts, name]) for name in self._entries(parts)]
        return listed(sorted(found), prefix, after)

    def crossings(self, *, after: str = "") -> Iterator[str]:
        """Return the prefixes of the crossings that lie here and sort after `after`, sorted."""
        return listed_crossings(sorted(self._entries([])), after)

    def _entries(self, parts: list[str]) -> list[str]:
        with (
            self._errors("read"),
            suppress(FileNotFoundError),
            self._folder(parts, make=False) as folder,
        ):
            return os.listdir(folder)  # noqa: PTH208 - a descriptor, not a path
        return []

    def clear(self, prefix: str) -> None:
        """Remove everything of one crossing, also what a killed `put` left."""
        with self._errors("written"):
            for parts in ([check_prefix(prefix), "chunks"], [prefix], []):
                with suppress(FileNotFoundError), self._folder(parts, make=False) as folder:
                    self._empty(folder, [prefix] if not parts else self._entries(parts))

    def _empty(self, folder: int, names: list[str]) -> None:
        for name in names:
            try:
                if stat.S_ISDIR(os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode):
                    os.rmdir(name, dir_fd=folder)
                else:
                    os.unlink(name, dir_fd=folder)
            except OSError as error:
                # Gone already, or filled again by the other side: both are its right.
                if error.errno not in (errno.ENOENT, errno.ENOTEMPTY):
                    raise
        os.fsync(folder)

    def delete(self, name: str) -> None:
        """Remove one object, if it is there."""
        *parts, last = check_object(name).split("/")
        with (
            self._errors("written"),
            suppress(FileNotFoundError),
            self._folder(parts, make=False) as folder,
        ):
            os.unlink(last, dir_fd=folder)
            os.fsync(folder)


def _planted() -> NotVerifiableError:
    return NotVerifiableError(
        "something in the transit is a link or nothing that belongs there",
        remedy="find out who can write to the transit; nothing was read through it",
    )


@contextmanager
def _opened(name: str, folder: int) -> Iterator[int]:
    try:
        descriptor = os.open(name, _READ, dir_fd=folder)
    except OSError as error:
        if error.errno in _NO_FILE:
            raise _planted() from None
        raise
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _read(descriptor: int, limit: int) -> bytes:
    said, pieces, size = _size(descriptor, limit), list[bytes](), 0
    # One byte more than it said: what grows while it is read is refused, not followed.
    while piece := os.read(descriptor, said + 1 - size):
        pieces.append(piece)
        size += len(piece)
        if size > said:
            raise _grown()
    return b"".join(pieces)


def _read_into(descriptor: int, into: memoryview) -> int:
    said, size = _size(descriptor, len(into)), 0
    while size < said and (count := os.readv(descriptor, [into[size:said]])):
        size += count
    if os.read(descriptor, 1):
        raise _grown()
    return size


def _size(descriptor: int, limit: int) -> int:
    facts = os.fstat(descriptor)
    if not stat.S_ISREG(facts.st_mode):
        raise _planted()
    if facts.st_size > limit:
        raise NotVerifiableError(f"an object in the transit is larger than {limit} bytes")
    return facts.st_size


def _grown() -> NotVerifiableError:
    return NotVerifiableError("an object in the transit grew while it was read")
