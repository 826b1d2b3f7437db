"""What a gate says of itself in `run/gate.json`, for `isthmus status`.

Invariants:
1. Counts, times, its own address and our word for what is wrong with the server; nothing of any message.
2. It is replaced whole, at most about once a second.
"""

from __future__ import annotations

import json
import os
import time
from collections import Counter
from pathlib import Path
from typing import Any

__all__ = ["Pulse"]

_EVERY = 1.0


class Pulse:
    """Counts, and writes them down."""

    def __init__(self, path: Path, address: str) -> None:
        """Begin, and say so."""
        self._path, self._written = path, 0.0
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
        self._path.unlink(missing_ok=True)

    def _write(self, *, force: bool = False) -> None:
        now = time.monotonic()
        if not force and now - self._written < _EVERY:
            return
        self._written = now
        draft = self._path.with_suffix(".draft")
        try:
            # Not synced: it describes a process, and none outlives a power cut.
            with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as stream:
                json.dump(self._state | {"counts": dict(self._counts)}, stream)
            draft.replace(self._path)
        except OSError:
            return  # a full disk stops no traffic; `status` shows an old time
