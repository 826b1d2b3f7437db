"""Many objects into one directory transit, put on disk behind their writer's back.

Invariants:
1. An object appears under its name only when its bytes are on disk. When the block ends, all of them and
   their names are there for good.
2. What is written and not yet on disk is a few objects: a writer that is quicker than the disk waits for it.
3. A block that ends by an error has put what it put: whoever goes on later goes on from there. Once the disk
   refused nothing more appears, and what has no name yet is removed.

A flush for each object, and one more for its name, is what a directory takes longest for: a journal is
written each time. Here names are flushed once, and objects while the next ones are sealed.

Example:
    >>> with transit.batch() as put:
    ...     put(chunk_name(crossing, address), sealed)
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack, nullcontext, suppress
from threading import BoundedSemaphore, Lock
from types import TracebackType
from typing import Self

from data_contracts.errors import UnreachableError
from environments.bulk import write_all
from environments.transit.names import check_object
from environments.transit.port import Data

__all__ = ["Batch", "discard", "stage"]

_THREADS, _UNDER_WAY = 2, 8
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


def stage(folder: int, data: Data, mode: int) -> tuple[int, str]:
    """Write a new file under a name that no reader knows; return it, open, and that name.

    Raises:
        OSError: the disk refuses; nothing stays.
    """
    name = f".{secrets.token_hex(16)}"
    descriptor = os.open(name, _NEW, 0o600, dir_fd=folder)
    try:
        write_all(descriptor, data)
        os.fchmod(descriptor, mode)  # whatever the umask
    except BaseException:
        os.close(descriptor)
        discard(folder, name)
        raise
    return descriptor, name


def discard(folder: int, name: str) -> None:
    """Remove a file that was staged."""
    with suppress(OSError):
        os.unlink(name, dir_fd=folder)


class Batch:
    """The objects of one block; `put` may be called by several threads."""

    def __init__(
        self,
        opened: Callable[[list[str]], AbstractContextManager[int]],
        flush: Callable[[int], None],
        errors: Callable[[], AbstractContextManager[None]],
        mode: int,
    ) -> None:
        """Take how a folder is opened, a file put on disk, and an error of the disk told; the files' mode."""
        self._opened, self._flush, self._errors, self._mode = opened, flush, errors, mode
        self._folders: dict[tuple[str, ...], int] = {}
        self._stack, self._lock = ExitStack(), Lock()
        self._pool = ThreadPoolExecutor(_THREADS, "isthmus-batch")
        self._room = BoundedSemaphore(_UNDER_WAY)
        self._error: BaseException | None = None

    def put(self, name: str, data: Data) -> None:
        """Write one object; it appears when it is on disk.

        Raises:
            UnreachableError: the disk refuses.
        """
        *parts, last = check_object(name).split("/")
        with self._errors():
            if self._error is not None:
                raise self._error
            folder = self._folder(parts)
            self._room.acquire()
            try:
                descriptor, staged = stage(folder, data, self._mode)
            except BaseException:
                self._room.release()
                raise
        self._pool.submit(self._appear, folder, descriptor, staged, last)

    def _folder(self, parts: list[str]) -> int:
        with self._lock:
            if (known := tuple(parts)) not in self._folders:
                self._folders[known] = self._stack.enter_context(self._opened(parts))
            return self._folders[known]

    def _appear(self, folder: int, descriptor: int, staged: str, last: str) -> None:
        try:
            try:
                if self._error is None:
                    self._flush(descriptor)
            finally:
                os.close(descriptor)
            if self._error is None:
                os.replace(staged, last, src_dir_fd=folder, dst_dir_fd=folder)
        except BaseException as error:  # noqa: BLE001 - raised by whoever puts next, or ends the block
            self._error = error
        finally:
            if self._error is not None:
                discard(folder, staged)
            self._room.release()

    def __enter__(self) -> Self:
        """Begin."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Wait for what is under way.

        Raises:
            UnreachableError: the disk refused.
        """
        # Of two errors the block's own is told: it was interrupted, and nobody takes all to be there.
        with suppress(UnreachableError) if kind else nullcontext(), self._errors(), self._stack:
            self._pool.shutdown(wait=True)
            if self._error is not None:
                raise self._error
            for folder in self._folders.values():
                os.fsync(folder)
