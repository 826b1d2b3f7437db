"""The log tab of a run: lines of a fixed shape, and nothing else ever.

A line is a phase, a number of rows or of bytes, seconds, and rule ids. A phase must be a word of the code
(`StepRun.progress` sees to it), so a value from the data has no way in.

What works never waits for its lines: a thread posts them in their order, all that wait in one request. While
the server is away they wait, the oldest give way to newer ones, and the run's end waits for what is left.

Example:
    >>> line_of("fit", 14276, 1.234)
    'fit: 14,276 rows, 1.23 s'
    >>> read_moved(moved_line("egress.seal", 1000, 4000, 0.5))
    Moved(phase='egress.seal', done=1000, total=4000, seconds=0.5)
"""

from __future__ import annotations

import re
import sys
import threading
import time
from collections import deque
from dataclasses import dataclass
from datetime import UTC, datetime

from data_contracts.errors import IsthmusError
from flows.runtime.endings import Ending
from flows.runtime.server import LogLine, Server

__all__ = ["MOVED", "Moved", "Progress", "line_of", "moved_line", "read_moved"]

_INFO, _ERROR = 20, 40
_MOST = 200
"""Lines that wait for a server that is away; each stands in the run's local log besides."""
_SOON, _SELDOM, _SHARE = 1.0, 15.0, 20
"""Seconds between two lines about bytes: at least, at most, and else a share of those that passed."""
MOVED = re.compile(
    r"(?P<phase>[a-z]{1,20}\.[a-z]{1,20}): (?P<done>[0-9,]{1,26}) of (?P<total>[0-9,]{1,26}) bytes, "
    r"(?P<seconds>[0-9]{1,9}\.[0-9]{2}) s"
)
"""The only form of a line about bytes."""


@dataclass(frozen=True)
class Moved:
    """How far a step has come with what it moves.

    Attributes:
        phase: such as `egress.seal`.
        done: bytes.
        total: bytes that will be.
        seconds: since it began to move them.
    """

    phase: str
    done: int
    total: int
    seconds: float


def line_of(phase: str, rows: int | None, seconds: float | None) -> str:
    """Return one line."""
    details = []
    if rows is not None:
        details.append(f"{rows:,} rows")
    if seconds is not None:
        details.append(f"{seconds:.2f} s")
    return f"{phase}: {', '.join(details)}" if details else phase


def moved_line(phase: str, done: int, total: int, seconds: float) -> str:
    """Return one line about bytes."""
    return f"{phase}: {done:,} of {total:,} bytes, {seconds:.2f} s"


def read_moved(line: str) -> Moved | None:
    """Read a line about bytes; None for any other. It comes from a server: nothing but this form is read."""
    found = MOVED.fullmatch(line)
    if found is None:
        return None
    done, total = (int(found[key].replace(",", "") or 0) for key in ("done", "total"))
    return Moved(found["phase"], min(done, total), total, float(found["seconds"]))


class Progress:
    """Posts lines for one run; a line that cannot be posted is not worth a run."""

    def __init__(self, server: Server, run_id: str) -> None:
        """Post to one run's log tab."""
        self._server, self._run_id = server, run_id
        self._lock = threading.Lock()
        self._counting = threading.Lock()
        self._moving: tuple[str, float, float] = ("", 0.0, 0.0)
        self._waiting: deque[LogLine] = deque(maxlen=_MOST)
        self._posting: threading.Thread | None = None

    def report(self, phase: str, rows: int | None = None, seconds: float | None = None) -> None:
        """Say where the run is."""
        self.say(line_of(phase, rows, seconds))

    def moved(self, phase: str, done: int, total: int) -> None:
        """Say how many bytes have moved: first and last, and between them now and then, as lines get away."""
        now = time.monotonic()
        with self._counting:
            known, began, told = self._moving
            if known != phase or done == 0:
                began, told = now, 0.0
            pause = min(_SELDOM, max(_SOON, (now - began) / _SHARE))
            late = told and done < total and now - told < pause
            self._moving = (phase, began, told)
            if late or (0 < done < total and self._posting is not None):
                return
            self._moving = (phase, began, now)
        self.say(moved_line(phase, done, total, now - began))

    def say(self, line: str, *, level: int = _INFO) -> None:
        """Have one line of ours posted, and keep it in the run's local log."""
        with self._lock:
            sys.stdout.write(f"{line}\n")
            sys.stdout.flush()
            self._waiting.append(LogLine(line, level, datetime.now(UTC)))
            if self._posting is None or not self._posting.is_alive():
                self._posting = threading.Thread(target=self._post, name="progress", daemon=True)
                self._posting.start()

    def _post(self) -> None:
        while True:
            with self._lock:
                lines = tuple(self._waiting)
                self._waiting.clear()
                if not lines:
                    self._posting = None
                    return
            try:
                self._server.log(self._run_id, lines)
            except IsthmusError:
                with self._lock:
                    sys.stdout.write(f"({len(lines)} lines above could not be posted)\n")

    def flush(self) -> None:
        """Wait until every line was posted, or the server's patience with them was over."""
        while (posting := self._posting) is not None and posting.is_alive():
            posting.join()

    def say_ending(self, ending: Ending) -> None:
        """Say how the run ends, behind every line that waits."""
        if ending.type == "FAILED" or ending.name != "Completed":
            level = _ERROR if ending.type == "FAILED" else _INFO
            self.say(f"{ending.name}: {ending.message}", level=level)
        self.flush()
