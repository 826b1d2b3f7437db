"""Which requests were taken here already, and for what: durable, in the environment's own folder.

    trust/requests/NONCE     the one thing that this request was taken for

Invariants:
1. The first use decides: a nonce is good for that thing again (a retry), and for nothing else, for as long
   as any statement with it could count.
2. It is on disk before the use goes on. Of two uses at once, one is the first.
3. A file that cannot be read is a use for something else.
4. What was being written when its writer was killed goes a day later.

Example:
    >>> taken = Nonces(folder.trust / "requests")
    >>> taken.bind(nonce, "run-1", now), taken.bind(nonce, "run-1", now), taken.bind(nonce, "run-2", now)
    (True, True, False)
"""

from __future__ import annotations

import datetime as dt
import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from data_contracts.digest import digest_bytes
from environments.private import disk_errors, make_private, read_private, sync_folder

__all__ = ["KEPT", "Nonces"]

KEPT = dt.timedelta(days=130)
"""Longer than a statement counts (90 days) and a manifest of it may wait in a transit (31 days)."""
_SWEEP = dt.timedelta(days=1)


@dataclass(frozen=True)
class Nonces:
    """One environment's record of nonces."""

    folder: Path

    def bind(self, nonce: str, thing: str, now: dt.datetime) -> bool:
        """Return whether `nonce` is of this thing: it is new, or was taken for the same before.

        Args:
            nonce: hexadecimal, from a statement whose signature verified.
            thing: what it is used for.
            now: the time; older records than any statement counts are swept, at most once a day.

        Raises:
            UnreachableError: the disk refuses.
        """
        make_private(self.folder)
        self._sweep(now)
        path, content = self.folder / nonce, digest_bytes(thing.encode()).encode("ascii")
        with disk_errors("the record of requests cannot be written"):
            # Written aside and linked: a reader never sees a part of it, and the first link wins.
            aside = self.folder / f".{nonce}.{os.getpid()}.{os.urandom(4).hex()}"
            descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
            try:
                with os.fdopen(descriptor, "wb") as file:
                    file.write(content)
                    file.flush()
                    os.fsync(file.fileno())
                os.utime(aside, (now.timestamp(), now.timestamp()))
                with suppress(FileExistsError):
                    os.link(aside, path)
            finally:
                aside.unlink()
            sync_folder(self.folder)
        return read_private(path) == content

    def _sweep(self, now: dt.datetime) -> None:
        """Remove what is older than any statement that could still count."""
        mark = self.folder / ".swept"
        with disk_errors("the record of requests cannot be swept"):
            with suppress(FileNotFoundError):
                if now.timestamp() - mark.stat().st_mtime < _SWEEP.total_seconds():
                    return
            for path in self.folder.iterdir():
                kept = _SWEEP if path.name.startswith(".") else KEPT
                if now.timestamp() - path.stat().st_mtime > kept.total_seconds():
                    path.unlink(missing_ok=True)
            mark.touch(mode=0o600)
            os.utime(mark, (now.timestamp(), now.timestamp()))
