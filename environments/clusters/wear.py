"""Which of a cluster's workers has worn: it grew while it worked, and nobody needs what it holds.

A library that was imported stays (Great Expectations with pandas: 127 MiB and 2,300 modules), and so does
most of what an allocator was once given. In a process nothing but its end gives that back. While an
environment works, a warm worker is worth its memory: the next check need not import again.

Invariants:
1. A worker is due only after `rest` seconds in which nobody was connected to the cluster and no task was
   known to it. Whoever connects begins that time anew.
2. It is due only if it grew by more than `growth` over the least that was seen of it: a light step costs
   no new process.
3. One is due at a time, the largest first.

Example:
    >>> wear = Wear(rest=10.0, growth=100)
    >>> wear.due(0.0, busy=True, sizes={"a": 50}), wear.due(1.0, busy=False, sizes={"a": 200})
    (None, None)
    >>> wear.due(11.0, busy=False, sizes={"a": 200})
    'a'
"""

from __future__ import annotations

from collections.abc import Mapping

__all__ = ["GROWTH", "REST", "Wear"]

REST = 10.0
GROWTH = 48 * 2**20


class Wear:
    """Remembers when the cluster came to rest, and how small each worker was."""

    def __init__(self, *, rest: float = REST, growth: int = GROWTH) -> None:
        """Begin with a cluster that is busy."""
        self._rest, self._growth = rest, growth
        self._quiet: float | None = None
        self._least: dict[str, int] = {}

    def due(self, now: float, *, busy: bool, sizes: Mapping[str, int]) -> str | None:
        """Return the worker to replace now, if there is one.

        Args:
            now: seconds of a clock that never goes back.
            busy: somebody is connected, or there are tasks.
            sizes: each worker's bytes of memory, by its address; 0 where it has not said.
        """
        known = {address: size for address, size in sizes.items() if size > 0}
        self._least = {address: min(size, self._least.get(address, size)) for address, size in known.items()}
        if busy or self._quiet is None:
            self._quiet = None if busy else now
            return None
        if now - self._quiet < self._rest or not known:
            return None
        largest = max(sorted(known), key=lambda address: known[address] - self._least[address])
        return largest if known[largest] - self._least[largest] > self._growth else None
