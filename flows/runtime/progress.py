"""The log tab of a run: lines of a fixed shape, and nothing else ever.

A line is a phase, a number of rows, seconds, and rule ids. A phase must be a word of the code
(`StepRun.progress` sees to it), so a value from the data has no way in.

Example:
    >>> line_of("fit", 14276, 1.234)
    'fit: 14,276 rows, 1.23 s'
"""

from __future__ import annotations

import sys
import threading

from data_contracts.errors import IsthmusError
from flows.runtime.endings import Ending
from flows.runtime.server import Server

__all__ = ["Progress", "line_of"]

_INFO, _ERROR = 20, 40


def line_of(phase: str, rows: int | None, seconds: float | None) -> str:
    """Return one line."""
    details = []
    if rows is not None:
        details.append(f"{rows:,} rows")
    if seconds is not None:
        details.append(f"{seconds:.2f} s")
    return f"{phase}: {', '.join(details)}" if details else phase


class Progress:
    """Posts lines for one run; a line that cannot be posted is not worth a run."""

    def __init__(self, server: Server, run_id: str) -> None:
        """Post to one run's log tab."""
        self._server, self._run_id = server, run_id
        self._lock = threading.Lock()

    def report(self, phase: str, rows: int | None = None, seconds: float | None = None) -> None:
        """Say where the run is."""
        self.say(line_of(phase, rows, seconds))

    def say(self, line: str, *, level: int = _INFO) -> None:
        """Post one line of ours, and keep it in the run's local log."""
        with self._lock:
            sys.stdout.write(f"{line}\n")
            sys.stdout.flush()
            try:
                self._server.log(self._run_id, [line], level=level)
            except IsthmusError:
                sys.stdout.write("(the line above could not be posted)\n")

    def say_ending(self, ending: Ending) -> None:
        """Say how the run ends."""
        if ending.type == "FAILED" or ending.name != "Completed":
            level = _ERROR if ending.type == "FAILED" else _INFO
            self.say(f"{ending.name}: {ending.message}", level=level)
