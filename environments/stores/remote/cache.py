"""The local copies of a store on objects: one folder, bounded, shared by all processes of an environment.

    CACHE/HEX/…          files of one version, each under its path
    CACHE/HEX.lock       how many bytes the whole version may take; held (shared) by who was given a path
    CACHE/.lock          held while room is made
    CACHE/.objects.lock  held by who commits, together with others; alone by who removes objects
    CACHE/staging/…      files on their way here, and drafts

Invariants:
1. A version's room is reserved before a byte of it is fetched; all reservations together stay within the
   limit. What nobody holds makes room, the least lately used first.
2. What a process was given stays until that process (and every child that it forked) ends. Who removes a
   version from the store holds it alone: not while somebody was given it, and nobody is given it meanwhile.
3. A file appears whole, by a rename. It is compared on each use by whoever hands it out, and not here.
4. Nothing is reached through a link.

Drafts, and files while they are fetched, lie beside and are not counted.

Example:
    >>> folder = Cache(Path("cache"), limit=1024**3).hold("00" * 32, 4096)
"""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from data_contracts.errors import NotVerifiableError, UnreachableError
from environments.locking import held, taken
from environments.private import disk_errors, make_private

__all__ = ["Cache"]

_VERSION = re.compile(r"[0-9a-f]{64}")
_LOCK = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
_HELD: dict[Path, int] = {}
"""The locks that this process holds until its end, by their files."""
_GUARD = threading.Lock()


class Cache:
    """See the module.

    Attributes:
        folder: where the copies lie; made at the first use.
        staging: where files are made that are moved into a version, or into none.
    """

    def __init__(self, folder: Path, limit: int) -> None:
        """Name a folder and how many bytes its versions may take; nothing is touched."""
        self.folder = folder
        self.staging = folder / "staging"
        self._limit = limit

    def place(self, version: str) -> Path:
        """Return where the files of a version lie, if they do."""
        return self.folder / version

    def hold(self, version: str, size: int) -> Path:
        """Reserve room for a version, hold it until this process ends, and return its folder.

        Raises:
            UnreachableError: there is no room, the disk refuses, or the version is removed at this moment.
            NotVerifiableError: a folder is a link, or not ours alone.
        """
        lock = self.folder / f"{version}.lock"
        with _GUARD, disk_errors(f"{self.folder}: the local copies cannot be kept"):
            if lock not in _HELD:
                make_private(self.folder)
                with self._alone():
                    if not lock.exists():
                        self._make_room(size)
                    _HELD[lock] = self._reserve(lock, size)
            os.utime(lock)
            return make_private(self.place(version))

    def release(self) -> None:
        """Let go of what this process holds of this folder: for who uses no path of it any more."""
        with _GUARD:
            for lock in [lock for lock in _HELD if lock.parent == self.folder]:
                os.close(_HELD.pop(lock))

    @contextmanager
    def alone(self, version: str) -> Iterator[bool]:
        """Give whether nobody was given a version, and let nobody be given it in the block.

        Raises:
            UnreachableError: the disk refuses.
        """
        lock = self.folder / f"{version}.lock"
        with disk_errors(f"{self.folder}: the local copies cannot be held"):
            make_private(self.folder)
            with self._alone():
                descriptor = os.open(lock, _LOCK, 0o600)
                free = taken(descriptor, fcntl.LOCK_EX)
                if free and not os.fstat(descriptor).st_size:
                    os.pwrite(descriptor, b"0", 0)
        try:
            yield free
        finally:
            if free:
                with self._alone():
                    if not self.place(version).exists():
                        lock.unlink(missing_ok=True)
            os.close(descriptor)

    @contextmanager
    def objects(self, *, alone: bool = False, patience: float | None = None) -> Iterator[None]:
        """Hold the store's objects: with others that commit, or alone against all of them.

        Raises:
            ConflictError: others held them all the time.
            UnreachableError: the disk refuses.
        """
        with disk_errors(f"{self.folder}: the local copies cannot be kept"):
            make_private(self.folder)
        with held(self.folder / ".objects.lock", "the store's objects", patience=patience, shared=not alone):
            yield

    @contextmanager
    def _alone(self) -> Iterator[None]:
        descriptor = os.open(self.folder / ".lock", _LOCK, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)

    @staticmethod
    def _reserve(lock: Path, size: int) -> int:
        descriptor = os.open(lock, _LOCK, 0o600)
        try:
            _share(descriptor)
            os.pwrite(descriptor, b"%d" % size, 0)
        except BaseException:
            os.close(descriptor)
            raise
        return descriptor

    def _make_room(self, size: int) -> None:
        """Remove versions that nobody holds, the least lately used first, until `size` bytes fit."""
        locks = sorted(self.folder.glob("*.lock"), key=lambda lock: lock.lstat().st_mtime_ns)
        kept = {lock: _reserved(lock) for lock in locks if _VERSION.fullmatch(lock.stem)}
        total = sum(kept.values())
        for lock, reserved in kept.items():
            if total + size <= self._limit:
                return
            if self._remove(lock):
                total -= reserved
        if total + size > self._limit:
            raise UnreachableError(
                f"{self.folder}: {size} bytes do not fit beside the {total} in use, of {self._limit}",
                remedy="raise `cache` in the environment's file, or wait for the runs that use the others",
            )

    def _remove(self, lock: Path) -> bool:
        """Remove one version unless somebody holds it. `.lock` is held, so nobody begins to meanwhile."""
        descriptor = os.open(lock, _LOCK, 0o600)
        try:
            if not taken(descriptor, fcntl.LOCK_EX):
                return False
            place = self.place(lock.stem)
            if place.is_symlink():
                raise NotVerifiableError(f"{place}: is a symbolic link", remedy="find out who put it there")
            if place.exists():
                shutil.rmtree(place)
            lock.unlink()
        finally:
            os.close(descriptor)
        return True


def _share(descriptor: int) -> None:
    """Hold a version with others. `.lock` is held, so nobody is in the way but who removes the version."""
    if not taken(descriptor, fcntl.LOCK_SH):
        raise UnreachableError(
            "this version is removed from the store at this moment", remedy="ask for one that is there"
        )


def _reserved(lock: Path) -> int:
    text = lock.read_bytes()[:20]
    if not text.isdigit():
        raise NotVerifiableError(f"{lock}: not what was written", remedy="remove the folder of local copies")
    return int(text)
