"""Erasing versions of a store on objects: the tombstone first, then the objects that no other version holds.

Invariants:
1. From the tombstone on no reader sees the version; what a crash leaves of its objects, a second call
   removes.
2. An object that a version which counts, or one whose set is not decided yet, names too is not removed.
3. The local copy on this machine goes too. Copies on others go when room is made; nobody is given them.
4. Nobody commits while objects are removed: a writer that found one there just now would name it in vain.
   The lock for that lies in the folder of local copies, which all processes of an environment share.
"""

from __future__ import annotations

import shutil
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from datetime import datetime

from data_contracts.errors import ConflictError, NotVerifiableError
from environments.objects.bucket import Objects
from environments.private import disk_errors
from environments.stores.protocol import Tombstone
from environments.stores.record import AssetRecord
from environments.stores.remote.cache import Cache
from environments.stores.remote.documents import ENTRY, ERASED, Document, erased_name
from environments.stores.remote.history import RemoteHistory, put_surely
from environments.stores.tombstones import new_tombstone, write_tombstone

__all__ = ["Erasing"]


class Erasing(ABC):
    """The part of a store on objects that erases."""

    _bucket: Objects
    _cache: Cache
    _clock: Callable[[], datetime]
    _held_alone = False

    @abstractmethod
    def _history(self, name: str) -> RemoteHistory:
        """Return an asset's history."""

    @abstractmethod
    def _single_writer(self) -> AbstractContextManager[None]:
        """Hold the store, where it needs that."""

    @contextmanager
    def alone(self, record: AssetRecord) -> Iterator[bool]:
        """Give whether no process here reads a version or commits one, and hold both off in the block."""
        with ExitStack() as stack:
            free = stack.enter_context(self._cache.alone(_hex(record)))
            try:
                if free:
                    stack.enter_context(self._cache.objects(alone=True, patience=0.0))
            except ConflictError:
                free = False
            self._held_alone = free
            try:
                yield free
            finally:
                self._held_alone = False

    def erase(self, record: AssetRecord, why: str) -> Tombstone:
        """Remove the bytes of one version and leave a tombstone; see the protocol."""
        history, stone = self._history(record.name), new_tombstone(record, why, self._clock())
        off = nullcontext() if self._held_alone else self._cache.objects(alone=True)
        with off, self._single_writer():
            entry = history.entry(record.sequence)
            document = history.document(entry)
            if document.record != record:
                raise NotVerifiableError(f"{record.name}: the store's record is another one by now")
            if record.sequence in history.erased():
                stone = history.tombstone(record.sequence)
            else:
                put_surely(self._bucket, erased_name(record.name, record.sequence), write_tombstone(stone))
            held, same = self._held_by_others(record)
            self._bucket.delete(sorted(_objects(document) - held))
            if not same:
                self._drop_copy(record)
        return stone

    def _drop_copy(self, record: AssetRecord) -> None:
        place = self._cache.place(_hex(record))
        with disk_errors(f"{record.name}: the local copy cannot be removed"):
            if place.is_dir() and not place.is_symlink():
                shutil.rmtree(place)

    def _held_by_others(self, record: AssetRecord) -> tuple[set[str], bool]:
        """Return the objects that other versions hold, and whether one of them is of the same bytes."""
        held: set[str] = set()
        same = False
        for name in {match["name"] for match in map(ENTRY.fullmatch, self._bucket.names("assets")) if match}:
            history = self._history(name)
            for sequence in history.standing():
                if (name, sequence) == (record.name, record.sequence):
                    continue
                document = history.document(history.entry(sequence))
                held |= _objects(document)
                same = same or document.record.version == record.version
        return held, same

    def tombstones(self, name: str) -> tuple[Tombstone, ...]:
        """Return what stays of an asset's erased versions, oldest first."""
        history = self._history(name)
        return tuple(history.tombstone(number) for number in history.erased())

    def erased_names(self) -> tuple[str, ...]:
        """Return the names of all assets of which a version was erased, sorted."""
        found = {match["name"] for match in map(ERASED.fullmatch, self._bucket.names("erased")) if match}
        return tuple(sorted(found))


def _hex(record: AssetRecord) -> str:
    return record.version.removeprefix("sha256:")


def _objects(document: Document) -> set[str]:
    paths = [entry.path for entry in document.record.files]
    return {piece.name for path in paths for piece in document.pieces(path)}
