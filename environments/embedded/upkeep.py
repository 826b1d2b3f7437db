"""What the supervisor does now and then: logs that do not grow for ever, a server that hangs.

Invariants:
1. It looks at the system's own logs; an environment's worker keeps those of its environment.
2. A server that says nothing for six rounds in a row, though its process lives, is killed; the back-off
   starts it again.
"""

from __future__ import annotations

import signal
import time
from pathlib import Path

from environments.embedded.parts import Parts
from environments.embedded.processes import send
from environments.embedded.server import server_answers
from environments.embedded.system import System
from environments.logkeeping import keep_logs

__all__ = ["Upkeep", "last_words"]

_ROUND, _PATIENCE = 10.0, 6


def last_words(log: Path) -> str:
    """Return the last message of ours in a part's log: written to be shown, it holds no value."""
    try:
        lines = log.read_text(encoding="utf-8", errors="replace").splitlines()[-200:]
    except OSError:
        return ""
    ours = [line.removeprefix("isthmus: ") for line in lines if line.startswith("isthmus: ")]
    return ours[-1] if ours else ""


class Upkeep:
    """One system's upkeep."""

    def __init__(self, system: System, parts: Parts) -> None:
        """Begin with nothing missed."""
        self._system, self._parts = system, parts
        self._next = time.monotonic() + _ROUND
        self._missed = 0

    def round(self) -> None:
        """Do what is due; takes at most three seconds."""
        if time.monotonic() < self._next:
            return
        self._next = time.monotonic() + _ROUND
        keep_logs(self._system.logs)
        server = self._parts.get("server")
        if server is None or server.process is None:
            return
        answered = server_answers(self._system.settings.port or 0, timeout=3.0)
        self._missed = 0 if answered else self._missed + 1
        if self._missed >= _PATIENCE:
            self._missed = 0
            send(server.process, signal.SIGKILL)
