"""What the worker says of itself to the environment's own `run/worker.json`, for `isthmus status`.

Invariants:
1. The file holds counts, times, the worker's name and those of listed steps; nothing of any run.
2. It is written as `environments.pulses` has it: a full disk ends no worker, and with it no run.
"""

from __future__ import annotations

import os
import socket
import time
from bisect import bisect_left
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from environments.metrics.catalogue import BOUNDS
from environments.pulses import PulseFile

if TYPE_CHECKING:
    from environments.profile import Profile

__all__ = ["Pulse"]


class Pulse:
    """Counts, and writes them down."""

    seconds = 10
    """The interval of the heartbeats to the server."""

    def __init__(self, path: Path, profile: Profile) -> None:
        """Begin; the file is written at the first poll."""
        self._file = PulseFile(path)
        self._counts: Counter[str] = Counter()
        self._took: dict[str, tuple[list[int], float]] = {}
        self._state: dict[str, Any] = {
            "pid": os.getpid(),
            "name": f"{profile.name}@{socket.gethostname()}",
            "pool": profile.work_pool,
            "started": time.time(),
            "reachable": False,
            "last_poll": None,
            "reason": "not polled yet",
        }
        self._write(force=True)

    @property
    def name(self) -> str:
        """The name under which the worker shows in the UI."""
        return str(self._state["name"])

    def count(self, what: str) -> None:
        """Count one of `taken`, `refused`, `completed`, `failed`, `crashed`, `cancelled` and so on."""
        self._counts[what] += 1
        self._write()

    def took(self, step: str, seconds: float) -> None:
        """Count how long a run of a listed step or pipeline took."""
        counts, total = self._took.get(step, ([0] * (len(BOUNDS) + 1), 0.0))
        counts[bisect_left(BOUNDS, seconds)] += 1
        self._took[step] = counts, total + seconds

    def polled(self, running: Mapping[str, int], spares: int) -> None:
        """Note that the server answered."""
        first = not self._state["reachable"]
        self._state |= {"reachable": True, "last_poll": time.time(), "reason": ""}
        self._state |= {"running": dict(running), "spares": spares}
        self._write(force=first)

    def lost(self, reason: str) -> bool:
        """Note that the server did not answer; return whether it had until now."""
        before = bool(self._state["reachable"])
        self._state |= {"reachable": False, "reason": reason}
        self._write(force=before)
        return before

    def stopped(self) -> None:
        """Remove the file: no worker runs."""
        self._file.remove()

    def _write(self, *, force: bool = False) -> None:
        self._file.write(self._state | {"counts": dict(self._counts), "took": self._took}, force=force)
