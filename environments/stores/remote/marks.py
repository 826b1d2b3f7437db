"""The one object that decides a set of versions: its members count once it says so, and not before.

    ROOT/sets/SET.json    committed, with the members; or abandoned

Invariants:
1. Members are claimed first (each a commit that names the set), then the mark is created, once. Whoever
   creates it decides: the set's writer that it is committed, or who waited long enough that it is abandoned.
2. A member counts if the mark is there, is committed and lists it. A committed mark that does not is damage.
3. Reading decides nothing and writes nothing.

Example:
    >>> Marks(bucket, patience=10.0).counts(entry)
    True
"""

from __future__ import annotations

import time
from collections.abc import Container, Iterable

from data_contracts.digest import canonical
from data_contracts.errors import NotVerifiableError, UnreachableError
from environments.objects.bucket import Objects
from environments.signed import is_canonical, strict_json
from environments.stores.remote.documents import Entry, is_set
from environments.stores.remote.pieces import ALTERED

__all__ = ["Marks"]

_FORMAT = 1
_MAX_MARK = 16 * 1024 * 1024
_PAUSE_S = 0.05
_KEYS = {"format", "set", "state", "members"}


def _place(set_id: str) -> str:
    return f"sets/{set_id}.json"


def _bytes(set_id: str, state: str, members: list[list[str | int]]) -> bytes:
    return canonical({"format": _FORMAT, "set": set_id, "state": state, "members": members})


class Marks:
    """The marks of one store."""

    def __init__(self, bucket: Objects, patience: float) -> None:
        """Name them, and for how many seconds another writer's set is waited for."""
        self._bucket = bucket
        self._patience = patience
        self._decided: dict[str, frozenset[tuple[str, int, str]] | None] = {}

    def decided(self) -> frozenset[str]:
        """Return the ids of all sets that are decided now."""
        found = (name.removeprefix("sets/").removesuffix(".json") for name in self._bucket.names("sets"))
        return frozenset(set_id for set_id in found if is_set(set_id))

    def counts(self, entry: Entry, among: Container[str] | None = None) -> bool:
        """Whether a commit is a version: now, or when `among` were the sets that were decided.

        Raises:
            NotVerifiableError: its set's mark is damaged, or does not list it.
        """
        if entry.set is None:
            return True
        if (among is not None and entry.set not in among) or not self._known(entry.set):
            return False
        members = self._decided[entry.set]
        if members is None:
            return False
        if (entry.name, entry.sequence, entry.record) not in members:
            raise NotVerifiableError(
                f"{entry.name}: the set that brought version {entry.sequence} does not list it",
                remedy=ALTERED,
            )
        return True

    def settle(self, entry: Entry) -> bool:
        """Return whether a commit counts, for good: an undecided set is waited for, then abandoned.

        Raises:
            UnreachableError: the store cannot be asked, or loses what it takes.
        """
        deadline = time.monotonic() + self._patience
        while entry.set is not None and not self._known(entry.set):
            if time.monotonic() > deadline:
                self._decide(entry.set, _bytes(entry.set, "abandoned", []))
            else:
                time.sleep(_PAUSE_S)
        return self.counts(entry)

    def commit(self, set_id: str, entries: Iterable[Entry]) -> bool:
        """Let the members of a set count, all at once; false if somebody abandoned it.

        Raises:
            UnreachableError: the store cannot be asked, or lost the mark; run again.
        """
        members: list[list[str | int]] = [[each.name, each.sequence, each.record] for each in entries]
        body = _bytes(set_id, "committed", members)
        return self._decide(set_id, body) == body

    def _decide(self, set_id: str, body: bytes) -> bytes:
        """Create a mark, and return what stands there then."""
        self._bucket.create(_place(set_id), body)
        found = self._bucket.get(_place(set_id), limit=_MAX_MARK)
        if found is None:
            raise UnreachableError(
                "the store took the mark of a set and does not have it",
                remedy="run it again: what was committed is found, what was not is committed",
            )
        return found

    def _known(self, set_id: str) -> bool:
        if set_id not in self._decided:
            raw = self._bucket.get(_place(set_id), limit=_MAX_MARK)
            if raw is None:
                return False
            self._decided[set_id] = _members(raw, set_id)
        return True


def _members(raw: bytes, set_id: str) -> frozenset[tuple[str, int, str]] | None:
    """Return the members that a mark lets count; None if it abandons them."""
    what = f"the mark of set {set_id[:8]}"
    value = strict_json(raw, what)
    refusal = NotVerifiableError(f"{what}: not what was written", remedy=ALTERED)
    if not isinstance(value, dict) or set(value) != _KEYS or not is_canonical(value, raw):
        raise refusal
    listed, state = value["members"], value["state"]
    if value["format"] != _FORMAT or value["set"] != set_id or not isinstance(listed, list):
        raise refusal
    if state == "abandoned" and not listed:
        return None
    shapes = all(isinstance(one, list) and [type(part) for part in one] == [str, int, str] for one in listed)
    if state != "committed" or not listed or not shapes:
        raise refusal
    return frozenset((name, sequence, record) for name, sequence, record in listed)
