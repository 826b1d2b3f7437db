"""A store on objects as it was at one moment: the numbers of every version, looked at twice in a row.

A listing may be old, so a snapshot may be, too; it never changes, and holds what stood there together.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from data_contracts.errors import ConflictError, UsageError
from environments.ref import check_name
from environments.stores.record import AssetRecord

__all__ = ["RemoteSnapshot", "take_snapshot"]

_PATIENCE_S = 60.0


@dataclass(frozen=True)
class RemoteSnapshot:
    """See `environments.stores.protocol.Snapshot`."""

    _seen: Mapping[str, list[int]]
    _read: Callable[[str, int], AssetRecord] = field(repr=False)

    def names(self) -> tuple[str, ...]:
        """Return the names of all assets in it that had a version, sorted."""
        return tuple(sorted(name for name, numbers in self._seen.items() if numbers))

    def versions(self, name: str) -> tuple[AssetRecord, ...]:
        """Return every version that an asset had, oldest first."""
        return tuple(self._read(name, number) for number in self._seen.get(check_name(name, "the asset"), ()))

    def record(self, name: str, version: str | None = None) -> AssetRecord:
        """Return one version's record; without a digest, what was the latest then."""
        numbers = self._seen.get(check_name(name, "the asset"), [])
        found = (self._read(name, number) for number in reversed(numbers))
        record = next((each for each in found if version in (None, each.version)), None)
        if record is None:
            known = ", ".join(self.names()[:20]) or "none"
            raise UsageError(
                f"{name}: no such asset or version in this snapshot", remedy=f"the assets in it are: {known}"
            )
        return record


def take_snapshot(
    look: Callable[[], dict[str, list[int]]], read: Callable[[str, int], AssetRecord]
) -> RemoteSnapshot:
    """Look until two looks in a row see the same.

    Raises:
        ConflictError: they never did, for as long as we were ready to look.
    """
    deadline, before = time.monotonic() + _PATIENCE_S, look()
    while (after := look()) != before:
        if time.monotonic() > deadline:
            raise ConflictError(
                f"writers have changed these assets all the time for {_PATIENCE_S:.0f} s",
                remedy="ask for fewer assets at once, or wait until their writers are done",
            )
        before = after
    return RemoteSnapshot(after, read)
