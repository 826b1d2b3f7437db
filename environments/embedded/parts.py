"""Parts that are kept alive: started, reaped, restarted with back-off, stopped in order.

Invariants:
1. A part that dies is started again after half a second, then twice as long each time, at most 30 s; after
   a minute of life it counts as healthy and its back-off starts over.
2. Stopping goes through the parts in the reverse order of their starting, and ends with each of them gone.
3. Every change is visible in `describe()`, which holds pids with their start times, so that a stranger can
   end the parts safely when we are gone.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from environments.embedded.processes import ProcessId, alive, end, identify

__all__ = ["Part", "Parts"]

_FIRST_PAUSE, _LONGEST_PAUSE, _HEALTHY_AFTER = 0.5, 30.0, 60.0
_TOO_OFTEN = 3


@dataclass
class Part:
    """One part.

    Attributes:
        name: `postgresql`, `server`, `host@cloud`.
        start: forks it and returns its pid.
        stop: the signals that stop it, each with the seconds it gets.
        process: who it is now; None while it is down.
        since: when it was started (Unix time).
        restarts: how often it was started again.
        last_exit: how it last ended: a status, or minus a signal's number.
    """

    name: str
    start: Callable[[], int]
    stop: tuple[tuple[int, float], ...]
    process: ProcessId | None = None
    since: float = 0.0
    restarts: int = 0
    last_exit: int | None = None
    _pid: int = 0
    _due: float | None = None
    _pause: float = field(default=_FIRST_PAUSE)

    def launch(self) -> None:
        """Start it."""
        self._pid = self.start()
        self.process = identify(self._pid)
        self.since = time.time()
        self._due = None

    def died(self, status: int) -> None:
        """Note that it ended, and when it is due again."""
        self.process, self.last_exit = None, os.waitstatus_to_exitcode(status)
        if time.time() - self.since > _HEALTHY_AFTER:
            self._pause = _FIRST_PAUSE
        self._due = time.monotonic() + self._pause
        self._pause = min(2 * self._pause, _LONGEST_PAUSE)

    def describe(self) -> dict[str, Any]:
        """Return it as recorded in the run state."""
        return {
            "process": self.process.to_json() if self.process else None,
            "since": self.since,
            "restarts": self.restarts,
            "last_exit": self.last_exit,
        }


class Parts:
    """All parts, in the order of their starting."""

    def __init__(self) -> None:
        """Begin with none."""
        self._parts: dict[str, Part] = {}

    def add(self, part: Part) -> Part:
        """Take a part and start it."""
        self._parts[part.name] = part
        part.launch()
        return part

    def reap(self) -> list[Part]:
        """Collect every child that ended, ours or not; return the parts among them."""
        ended = []
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                break
            if pid == 0:
                break
            for part in self._parts.values():
                if part._pid == pid and part.process is not None:  # noqa: SLF001 - a part of ours
                    part.died(status)
                    ended.append(part)
        return ended

    def restart_due(self) -> list[Part]:
        """Start every part whose pause is over; return them."""
        now = time.monotonic()
        due = [part for part in self._parts.values() if part._due is not None and part._due <= now]  # noqa: SLF001
        for part in due:
            part.launch()
            part.restarts += 1
        return due

    def next_due(self) -> float | None:
        """Seconds until the next restart; None where none waits."""
        pauses = [part._due for part in self._parts.values() if part._due is not None]  # noqa: SLF001
        return max(0.0, min(pauses) - time.monotonic()) if pauses else None

    def get(self, name: str) -> Part | None:
        """Return one part."""
        return self._parts.get(name)

    def failing(self) -> list[str]:
        """Return the parts that died over and over."""
        return [name for name, part in self._parts.items() if part.restarts >= _TOO_OFTEN]

    def describe(self) -> dict[str, Any]:
        """Return every part as recorded in the run state."""
        return {name: part.describe() for name, part in self._parts.items()}

    def stop(self, groups: Iterable[Callable[[str], bool]]) -> None:
        """Stop group after group of parts; the parts of one group stop at the same time."""
        for belongs in groups:
            group = [part for part in self._parts.values() if belongs(part.name)]
            self._stop_together(group)
            for part in group:
                part._due = None  # noqa: SLF001 - a part of ours

    def _stop_together(self, group: list[Part]) -> None:
        steps = max((len(part.stop) for part in group), default=0)
        for step in range(steps):
            running = [part for part in group if part.process is not None and len(part.stop) > step]
            grace = max((part.stop[step][1] for part in running), default=0.0)
            for part in running:
                if part.process is not None:
                    end([part.process], signals=((part.stop[step][0], 0.0),))
            deadline = time.monotonic() + grace
            while time.monotonic() < deadline and any(p.process and alive(p.process) for p in running):
                self.reap()
                time.sleep(0.02)
            self.reap()


GENTLY_THEN_FIRMLY = ((signal.SIGTERM, 12.0), (signal.SIGKILL, 3.0))
"""How a host or the server is stopped."""
DATABASE = ((signal.SIGINT, 10.0), (signal.SIGQUIT, 3.0), (signal.SIGKILL, 2.0))
"""How PostgreSQL is stopped: a fast shutdown, an immediate one, then by force (postgres(1))."""
