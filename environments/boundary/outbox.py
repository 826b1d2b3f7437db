"""Where one environment keeps its side of a crossing: `OUTBOX/CROSSING-HEX/`.

    lock        one process at a time works on a crossing
    work/       the output in the making, in clear; removed before the manifest is published
    sealed      name to digest of what was put into the transit: a retry sees what is missing or changed
    manifest    the envelope that this side signed or accepted
    receipt     the envelope that the destination signed

Invariants:
1. An envelope is kept here, durably, before it is recorded or published: a retry publishes the same bytes.
2. The lock is the kernel's: a killed process holds none.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from data_contracts.digest import canonical
from data_contracts.errors import NotVerifiableError
from environments.boundary.envelope import MAX_ENVELOPE
from environments.home import EnvironmentFolder
from environments.private import disk_errors, make_private, read_private, sync_folder, write_private

__all__ = ["Outbox", "working_on"]


@dataclass(frozen=True)
class Outbox:
    """One crossing's folder."""

    folder: Path

    def read(self, name: str) -> bytes | None:
        """Return a kept envelope; None where there is none."""
        try:
            raw = read_private(self.folder / name)
        except FileNotFoundError:
            return None
        if len(raw) > MAX_ENVELOPE:
            raise NotVerifiableError(f"the kept {name}: larger than an envelope is")
        return raw

    def keep(self, name: str, raw: bytes) -> None:
        """Keep an envelope, durably."""
        write_private(self.folder / name, raw)

    def read_sealed(self) -> dict[str, str] | None:
        """Return what was put into the transit; None where that is not known."""
        try:
            found = json.loads(read_private(self.folder / "sealed"))
        except (FileNotFoundError, ValueError):
            return None
        return found if isinstance(found, dict) else None

    def keep_sealed(self, sealed: Mapping[str, str]) -> None:
        """Keep what was put into the transit."""
        write_private(self.folder / "sealed", canonical(dict(sealed)))

    def forget(self, name: str) -> None:
        """Keep an envelope no longer."""
        with disk_errors(f"the kept {name} cannot be removed"), suppress(FileNotFoundError):
            (self.folder / name).unlink()
            sync_folder(self.folder)

    def fresh_work(self) -> Path:
        """Return an empty folder for the output; what a killed attempt left in it is gone."""
        self.clear_work()
        return make_private(self.folder / "work")

    def clear_work(self) -> None:
        """Remove the output in clear."""
        with disk_errors("the outbox cannot be cleared"):
            if (self.folder / "work").exists():
                shutil.rmtree(self.folder / "work")


@contextmanager
def working_on(folder: EnvironmentFolder, crossing: str) -> Iterator[Outbox]:
    """Hold one crossing's folder for this process alone; waits while another process has it."""
    place = make_private(make_private(folder.outbox) / crossing.removeprefix("sha256:"))
    with disk_errors("the outbox cannot be used"):
        lock = os.open(place / "lock", os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield Outbox(place)
    finally:
        os.close(lock)
