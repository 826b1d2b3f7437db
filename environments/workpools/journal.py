"""What a worker has taken on, on its own disk: so that a restarted one knows what it owes.

Invariants:
1. A run is written down before the server hears that it was taken, and struck out after the server
   has heard how it ended.
2. What is owed is read from here alone: the server cannot name a run, or a process, to be ended.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from environments.private import make_private, write_private
from environments.workpools.linux import start_time

__all__ = ["Journal", "Owed"]


@dataclass(frozen=True)
class Owed:
    """A run that was taken and whose end the server has not heard.

    Attributes:
        run_id: the run.
        pid: the process that was given it; None if none was.
        started: that process's start time.
    """

    run_id: uuid.UUID
    pid: int | None = None
    started: int | None = None


class Journal:
    """One file for each run that is taken."""

    def __init__(self, folder: Path) -> None:
        """Keep the journal in `folder`, which is made."""
        self._folder = make_private(folder)

    def take(self, run_id: uuid.UUID) -> None:
        """Write down that a run is about to be taken."""
        self._write(Owed(run_id))

    def given(self, run_id: uuid.UUID, pid: int) -> None:
        """Write down which process was given the run."""
        self._write(Owed(run_id, pid, start_time(pid)))

    def settle(self, run_id: uuid.UUID) -> None:
        """Strike a run out."""
        self._path(run_id).unlink(missing_ok=True)

    def owed(self) -> Iterator[Owed]:
        """Read every run that stands in the journal; what is damaged counts as given to no process."""
        for path in sorted(self._folder.glob("*.json")):
            with suppress(ValueError):
                run_id = uuid.UUID(path.stem)
                pid = started = None
                with suppress(OSError, ValueError, AttributeError):
                    entry = json.loads(path.read_text("utf-8"))
                    pid, started = entry.get("pid"), entry.get("started")
                yield Owed(run_id, pid, started)

    def _path(self, run_id: uuid.UUID) -> Path:
        return self._folder / f"{run_id}.json"

    def _write(self, owed: Owed) -> None:
        entry = {"pid": owed.pid, "started": owed.started}
        write_private(self._path(owed.run_id), json.dumps(entry).encode())
