"""Sealed parts that were fetched and are not committed yet: an interrupted fetch goes on where it stopped.

    outbox/CROSSING/fetched/INDEX

Invariants:
1. Only what opened in its own place and is the listed part is kept, as it came: sealed. What is found here is
   opened and compared like what comes from the transit; torn, altered or of an earlier attempt it is fetched.
2. Nothing is kept of a transit that is a folder: reading it again costs what reading this would.
3. It goes with the answer to the crossing, whatever that says, and with what does not verify. Of a crossing
   that never ends here it is removed once no manifest of it could count (`stale_fetched`).

What is kept waits for no disk: what a power cut loses or tears is fetched again. That it goes does.

Example:
    >>> kept = Fetched.of(outbox, transit)
    >>> kept.keep(7, sealed)
    >>> bytes(kept.read(7, limit=len(sealed))) == sealed
    True
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from environments.boundary.contents import Part
from environments.boundary.context import EnvironmentContext
from environments.boundary.manifest import LIFETIME
from environments.boundary.outbox import Outbox, unattended
from environments.boundary.sealing import OVERHEAD
from environments.private import disk_errors, make_private, sync_folder
from environments.transit import Transit

__all__ = ["Fetched", "clear_fetched", "stale_fetched"]

_FOLDER = "fetched"
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_WHAT = "what was fetched of a crossing"


@dataclass(frozen=True)
class Fetched:
    """The parts of one crossing.

    Attributes:
        folder: where they lie; None where nothing is kept.
    """

    folder: Path | None

    @classmethod
    def of(cls, outbox: Outbox, transit: Transit) -> Fetched:
        """Return what is kept of a crossing whose folder the caller holds."""
        return cls(None if transit.capabilities.near else outbox.folder / _FOLDER)

    def left_of(self, parts: Iterable[Part]) -> int:
        """Return how many bytes of some parts are still to be fetched, as far as sizes say."""
        sizes = {} if self.folder is None else _sizes(self.folder)
        return sum(part.size + OVERHEAD for part in parts if not sizes.get(part.index))

    def read(self, index: int, *, limit: int) -> bytes | None:
        """Return one part as it was kept; None where it is not, or is larger than it may be."""
        if self.folder is None:
            return None
        try:
            descriptor = os.open(self.folder / str(index), _READ)
        except OSError:  # not there, or nothing that we made: it is fetched
            return None
        with os.fdopen(descriptor, "rb") as stream, disk_errors(f"{_WHAT} cannot be read"):
            found = stream.read(limit + 1)
        return found if len(found) <= limit else None

    def keep(self, index: int, sealed: memoryview) -> None:
        """Keep one part that verified.

        Raises:
            UnreachableError: the disk refuses.
        """
        if self.folder is None:
            return
        with disk_errors(f"{_WHAT} cannot be kept"):
            path = make_private(self.folder) / str(index)
            path.unlink(missing_ok=True)
            with os.fdopen(os.open(path, _NEW, 0o600), "wb") as stream:
                stream.write(sealed)


def clear_fetched(place: Path) -> None:
    """Remove what was fetched of one crossing, if anything was; `place` is its folder, which we hold.

    Raises:
        UnreachableError: the disk refuses.
    """
    with disk_errors(f"{_WHAT} cannot be removed"), suppress(FileNotFoundError):
        shutil.rmtree(place / _FOLDER)
        sync_folder(place)  # nobody comes back to a crossing that has ended


def stale_fetched(env: EnvironmentContext, *, clear: bool = False) -> tuple[str, ...]:
    """Return the crossings of which parts are kept that nobody can still ask for; `clear` removes them.

    They were answered by a process that died over that, or are older than a manifest counts.

    Raises:
        UnreachableError: the disk refuses.
    """
    found, oldest = [], (env.clock() - LIFETIME).timestamp()
    for crossing, place in unattended(env.folder, _FOLDER):
        if (place.parent / "receipt").exists() or place.stat().st_mtime < oldest:
            found.append(crossing)
            if clear:
                clear_fetched(place.parent)
    return tuple(found)


def _sizes(folder: Path) -> dict[int, int]:
    with suppress(FileNotFoundError):
        return {int(each.name): each.stat().st_size for each in os.scandir(folder) if each.name.isdigit()}
    return {}
