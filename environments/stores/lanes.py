"""Doing one thing to many pieces in a few threads, where each thread keeps its buffers.

Invariants:
1. Every piece is begun at most once; after the first error no further one is begun, and that error is raised
   when all threads have ended.
2. Memory is that of `lanes` threads, whatever the number of pieces. No thread outlives the call.

Example:
    >>> seen = []
    >>> in_lanes([1, 2, 3], lambda: seen.append)
    >>> sorted(seen)
    [1, 2, 3]
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence, Sized
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar, cast

__all__ = ["LANES", "flushing", "in_lanes"]

LANES = 2
"""Threads: hashing, sealing, reading and writing run outside the interpreter's lock; more gain little."""
_PAUSE_S = 0.02
Item = TypeVar("Item")


def in_lanes(
    items: Iterable[Item], make: Callable[[], Callable[[Item], object]], *, lanes: int = LANES
) -> None:
    """Call, for each item, a function that `make` made once for the thread.

    Raises:
        BaseException: the first error of any thread.
    """
    if isinstance(items, Sized) and len(items) <= 1:  # one piece needs no thread beside this one
        for only in items:
            make()(only)
        return
    waiting, lock, errors = iter(items), threading.Lock(), list[BaseException]()
    over = object()

    def lane() -> None:
        try:
            work = make()
            while not errors:
                with lock:
                    item: object = next(waiting, over)
                if item is over:
                    return
                work(cast("Item", item))
        except BaseException as error:  # noqa: BLE001 - carried to the caller's thread, whatever it is
            errors.append(error)

    others = [threading.Thread(target=lane, daemon=True) for _ in range(lanes - 1)]
    for thread in others:
        thread.start()
    lane()
    for thread in others:
        thread.join()
    if errors:
        raise errors[0]


@contextmanager
def flushing(paths: Sequence[Path]) -> Iterator[None]:
    """Put files on disk while they are written in the block, so that a later fsync waits for little.

    Raises:
        OSError: the disk refuses. It must not be swallowed: the kernel tells of a lost write once.
    """
    over, errors = threading.Event(), list[OSError]()

    def flush() -> None:
        try:
            while not over.wait(_PAUSE_S):
                for path in paths:
                    descriptor = os.open(path, os.O_WRONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
                    try:
                        os.fdatasync(descriptor)
                    finally:
                        os.close(descriptor)
        except OSError as error:
            errors.append(error)

    thread = threading.Thread(target=flush, daemon=True) if paths else None
    if thread is not None:
        thread.start()
    try:
        yield
    finally:
        over.set()
        if thread is not None:
            thread.join()
    if errors:
        raise errors[0]
