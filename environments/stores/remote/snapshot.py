"""A store on objects as it was at one moment: the numbers that were taken, and the sets that were decided.

Invariants:
1. Sets are listed before numbers, and a set is decided after its members took theirs: a snapshot holds all
   members of a set or none. All is looked at until two looks in a row see the same.
2. A set that is decided afterwards changes nothing: its id is not among those of the snapshot.
3. A listing may be old, so a snapshot may be, too; it never changes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from data_contracts.errors import ConflictError, UsageError
from environments.ref import check_name
from environments.stores.record import AssetRecord
from environments.stores.remote.documents import Entry
from environments.stores.snapshot import look_twice

__all__ = ["RemoteSnapshot", "Seen", "take_snapshot"]

_PATIENCE_S = 60.0


@dataclass(frozen=True)
class RemoteSnapshot:
    """See `environments.stores.protocol.Snapshot`."""

    _seen: Mapping[str, list[int]]
    _commit: Callable[[str, int], Entry | None] = field(repr=False)
    _read: Callable[[Entry], AssetRecord] = field(repr=False)
    _there: Callable[[], tuple[str, ...]] = field(repr=False)

    def _commits(self, name: str) -> Iterator[Entry]:
        """Yield the commits that counted then, newest first."""
        for number in reversed(self._seen.get(check_name(name, "the asset"), [])):
            entry = self._commit(name, number)
            if entry is not None:
                yield entry

    def names(self) -> tuple[str, ...]:
        """Return the names of all assets in it that had a version, sorted."""
        return tuple(name for name in sorted(self._seen) if any(True for _ in self._commits(name)))

    def versions(self, name: str) -> tuple[AssetRecord, ...]:
        """Return every version that an asset had, oldest first."""
        return tuple(self._read(entry) for entry in reversed(list(self._commits(name))))

    def record(self, name: str, version: str | None = None) -> AssetRecord:
        """Return one version's record; without a digest, what was the latest then."""
        found = next((each for each in self._commits(name) if version in (None, each.version)), None)
        if found is None:
            known = ", ".join(self._there()[:20]) or "none"
            raise UsageError(
                f"{name}: no such asset or version in this snapshot", remedy=f"the assets here are: {known}"
            )
        return self._read(found)


@dataclass(frozen=True)
class Seen:
    """What one look saw: the sets that were decided, then the numbers that were taken, by asset."""

    decided: frozenset[str]
    numbers: dict[str, list[int]]


def take_snapshot(look: Callable[[], Seen]) -> Seen:
    """Look until two looks in a row see the same.

    Raises:
        ConflictError: they never did, for as long as we were ready to look.
    """

    def refuse() -> Seen:
        raise ConflictError(
            f"writers have changed these assets all the time for {_PATIENCE_S:.0f} s",
            remedy="ask for fewer assets at once, or wait until their writers are done",
        )

    return look_twice(look, _PATIENCE_S, refuse)
