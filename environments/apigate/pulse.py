"""What a gate says of itself in `run/gate.json`, for `isthmus status`.

Invariants:
1. Counts, times, its own address and our word for what is wrong with the server; nothing of any message.
2. It is written as `environments.pulses` has it: a full disk stops no traffic.
"""

from __future__ import annotations

import os
import time
from collections import Counter
from pathlib import Path
from typing import Any

from environments.pulses import PulseFile

__all__ = ["Pulse"]


class Pulse:
    """Counts, and writes them down."""

    def __init__(self, path: Path, address: str) -> None:
        """Begin, and say so."""
        self._file = PulseFile(path)
        self._counts: Counter[str] = Counter()
        self._state: dict[str, Any] = {
            "pid": os.getpid(),
            "address": address,
            "started": time.time(),
            "problem": "",
            "withheld": 0,
        }
        self._write(force=True)

    def count(self, what: str) -> None:
        """Count one of `refused`, `strangers`."""
        self._counts[what] += 1

    def asked(self, problem: str, withheld: int) -> None:
        """Note how a request ended."""
        self._counts["asked"] += 1
        changed = (problem, withheld) != (self._state["problem"], self._state["withheld"])
        self._state |= {"problem": problem, "withheld": withheld}
        self._write(force=changed and bool(problem))

    def stopped(self) -> None:
        """Remove the file: no gate runs."""
        self._file.remove()

    def _write(self, *, force: bool = False) -> None:
        self._file.write(self._state | {"counts": dict(self._counts)}, force=force)
