"""A store as it was at one moment, found without a lock where writers pause now and then.

Every asset's entries are looked at twice in a row; if the second look sees what the first saw, then that
was how all of them stood at the moment between the two, since an entry never changes and a set's entries
count from one rename on.

Invariants:
1. A snapshot holds all members of a set or none, and what is committed afterwards does not change it.
2. Taking one takes no lock and writes nothing, unless writers who never pause kept it waiting for five
   seconds: then it holds the store against them, for one look.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import TypeVar

from data_contracts.errors import UsageError
from environments.ref import check_name
from environments.stores.history import Entry, History
from environments.stores.record import AssetRecord

__all__ = ["LocalSnapshot", "find", "look_twice", "take_snapshot", "unknown_asset"]

_PATIENCE_S = 5.0
_Seen = TypeVar("_Seen")


@dataclass(frozen=True)
class LocalSnapshot:
    """See `environments.stores.protocol.Snapshot`."""

    _seen: Mapping[str, tuple[History, tuple[Entry, ...]]]
    _there: Callable[[], tuple[str, ...]] = field(repr=False)
    """Names the store's assets, also those that were not asked for: what an error tells."""

    def names(self) -> tuple[str, ...]:
        """Return the names of all assets in it that had a version, sorted."""
        return tuple(name for name, (_, entries) in self._seen.items() if entries)

    def versions(self, name: str) -> tuple[AssetRecord, ...]:
        """Return every version that an asset had, oldest first."""
        if check_name(name, "the asset") not in self._seen:
            return ()
        history, entries = self._seen[name]
        return tuple(history.read(entry) for entry in entries)

    def record(self, name: str, version: str | None = None) -> AssetRecord:
        """Return one version's record; without a digest, what was the latest then."""
        if check_name(name, "the asset") not in self._seen:
            raise unknown_asset(name, self._there())
        history, entries = self._seen[name]
        return history.read(find(history, entries, version, self._there))


def take_snapshot(
    histories: Callable[[], Iterable[History]],
    there: Callable[[], tuple[str, ...]],
    alone: Callable[[], AbstractContextManager[None]],
) -> LocalSnapshot:
    """Look until two looks in a row see the same; where writers never pause, look once while they wait.

    Args:
        histories: gives what is looked at.
        there: names all assets, for the text of an error.
        alone: holds the store against every writer.

    Raises:
        ConflictError: a writer held the store all the time that we were ready to wait.
    """

    def held_off() -> list[tuple[History, tuple[Entry, ...]]]:
        with alone():
            return _look(histories())

    after = look_twice(lambda: _look(histories()), _PATIENCE_S, held_off)
    return LocalSnapshot({history.name: (history, entries) for history, entries in after}, there)


def look_twice(look: Callable[[], _Seen], patience: float, moving: Callable[[], _Seen]) -> _Seen:
    """Look until two looks in a row see the same; after `patience` seconds, return what `moving` gives."""
    deadline, before = time.monotonic() + patience, look()
    while (after := look()) != before:
        if time.monotonic() > deadline:
            return moving()
        before = after
    return after


def _look(histories: Iterable[History]) -> list[tuple[History, tuple[Entry, ...]]]:
    return [(history, history.entries()) for history in histories]


def find(
    history: History, entries: Sequence[Entry], version: str | None, names: Callable[[], tuple[str, ...]]
) -> Entry:
    """Return the entry of a version, or of the latest.

    Raises:
        UsageError: there is none; the text says what there is.
    """
    if not entries:
        raise unknown_asset(history.name, names())
    found = history.pick(entries, version)
    if found is None:
        raise UsageError(
            f"{history.name} has no version {version} here",
            remedy=f"it has {len(entries)}; see them with `isthmus asset show {history.name}`",
        )
    return found


def unknown_asset(name: str, names: tuple[str, ...]) -> UsageError:
    """Return the error of an asset that is not in the store, which has `names`."""
    known = ", ".join(names[:20]) or "none"
    return UsageError(f"no asset is named {name} here", remedy=f"the assets here are: {known}")
