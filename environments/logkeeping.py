"""Logs that do not grow for ever.

Invariants:
1. A log over the limit is copied and truncated in place (its writer appends, so nothing is lost but a line
   in between); the copy of before is the only one kept.
2. The log of a run is kept for thirty days after its last line, and then removed: the record of what
   happened is the ledger, not a log.

Example:
    >>> rotate(Path("no-such.log"))
    False
"""

from __future__ import annotations

import shutil
import time
from contextlib import suppress
from pathlib import Path

__all__ = ["keep_logs", "rotate"]

MAX_LOG = 16 * 1024 * 1024
RUN_DAYS = 30
_DAY = 86_400


def rotate(log: Path, *, limit: int = MAX_LOG) -> bool:
    """Move a log over the limit (bytes) to `NAME.1`; whether it was over."""
    try:
        if log.stat().st_size <= limit:
            return False
        shutil.copyfile(log, log.with_name(f"{log.name}.1"))
        with log.open("r+b") as stream:
            stream.truncate(0)
    except OSError:  # no space for the copy: the log stays, `isthmus doctor` tells of the disk
        return False
    return True


def keep_logs(folder: Path, *, runs: Path | None = None) -> None:
    """Rotate the logs in `folder`, and remove those of runs in `runs` that are too old."""
    with suppress(OSError):
        for log in folder.glob("*.log"):
            rotate(log)
    if runs is None:
        return
    oldest = time.time() - RUN_DAYS * _DAY
    for log in runs.glob("*.log"):
        with suppress(OSError):
            if log.stat().st_mtime < oldest:
                log.unlink()
