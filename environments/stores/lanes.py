"""Doing one thing to many pieces in two threads, where each thread keeps its buffers.

Invariants:
1. Every piece is begun at most once; after the first error no further one is begun, and that error is raised
   when all threads have ended.
2. Memory is that of `LANES` threads, whatever the number of pieces. No thread outlives the call.

Example:
    >>> seen = []
    >>> in_lanes([1, 2, 3], lambda: seen.append)
    >>> sorted(seen)
    [1, 2, 3]
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from typing import TypeVar, cast

__all__ = ["LANES", "in_lanes"]

LANES = 2
"""Threads: hashing, sealing, reading and writing run outside the interpreter's lock; more gain little."""
Item = TypeVar("Item")


def in_lanes(items: Iterable[Item], make: Callable[[], Callable[[Item], object]]) -> None:
    """Call, for each item, a function that `make` made once for the thread.

    Raises:
        BaseException: the first error of any thread.
    """
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

    others = [threading.Thread(target=lane, daemon=True) for _ in range(LANES - 1)]
    for thread in others:
        thread.start()
    lane()
    for thread in others:
        thread.join()
    if errors:
        raise errors[0]
