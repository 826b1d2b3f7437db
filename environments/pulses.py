"""What a part says of itself in a file of its environment's `run` folder, for `isthmus status`.

Invariants:
1. It is replaced whole, at most about once a second unless something is new.
2. No part stops for it: on a disk that takes nothing, `status` shows an old time.

Example:
    >>> file = PulseFile(folder.run / "worker.json")
    >>> file.write({"pid": os.getpid()}, force=True)
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

__all__ = ["PulseFile"]

_EVERY = 1.0
_WRITE = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC


class PulseFile:
    """One part's file."""

    def __init__(self, path: Path) -> None:
        """Name it; nothing is written yet."""
        self._path, self._written = path, 0.0

    def write(self, state: Mapping[str, Any], *, force: bool = False) -> None:
        """Replace it; without `force` only where the last time is a second ago."""
        now = time.monotonic()
        if not force and now - self._written < _EVERY:
            return
        self._written = now
        draft = self._path.with_suffix(".draft")
        # Not synced: it describes a process, and none outlives a power cut.
        with suppress(OSError), os.fdopen(os.open(draft, _WRITE, 0o600), "w", encoding="utf-8") as stream:
            json.dump(state, stream)
            stream.flush()
            draft.replace(self._path)

    def remove(self) -> None:
        """Say nothing any more: the part ends."""
        self._path.unlink(missing_ok=True)
