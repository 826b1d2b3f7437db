"""One asset's commits in an object store.

Invariants:
1. A version is committed by one create of its number, which the store grants to one writer. Whoever comes
   second looks whether it was the same, and takes the next number.
2. Before that create, everything that the commit names was written, and seen to be there; after it, the
   commit was read back. A write that the store lost is an error, never a version.
3. A listing may be old: it only says where to begin.
4. What has not the form of a commit is none.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from itertools import islice

from data_contracts.digest import digest_bytes
from data_contracts.errors import ConflictError, NotVerifiableError, UnreachableError
from environments.objects.bucket import Objects
from environments.stores.protocol import Tombstone, check_expected
from environments.stores.record import AssetRecord
from environments.stores.remote.documents import (
    ENTRY,
    ERASED,
    Document,
    Entry,
    entry_name,
    erased_name,
    record_name,
)
from environments.stores.remote.marks import Marks
from environments.stores.remote.pieces import ALTERED
from environments.stores.tombstones import MAX_TOMBSTONE, read_tombstone

__all__ = ["MAX_DOCUMENT", "RemoteHistory", "put_surely"]

MAX_DOCUMENT = 64 * 1024 * 1024
_MAX_ENTRY = 4096
_MAX_LISTED = 1_000_000
_RIVALS = 1000
"""Writers that may come before us, one after the other, before we give up."""
_TRIES = 3


def put_surely(bucket: Objects, name: str, data: bytes | memoryview) -> None:
    """Store one object, and see that it is there.

    Raises:
        UnreachableError: the store refuses, or loses what it took.
    """
    for _ in range(_TRIES):
        bucket.put(name, data)
        if bucket.size(name) == len(data):
            return
    raise UnreachableError(
        "the store took an object and does not have it", remedy="nothing was committed: run it again"
    )


class RemoteHistory:
    """The versions of one asset.

    Attributes:
        name: the asset's.
    """

    def __init__(self, bucket: Objects, name: str, marks: Marks) -> None:
        """Name a history; nothing is asked."""
        self.name = name
        self._bucket = bucket
        self._marks = marks

    def entries(self, *, newest_first: bool = False) -> Iterator[Entry]:
        """Yield the commits of all versions, oldest first: those that count."""
        for sequence in sorted(self.standing(), reverse=newest_first):
            entry = self.entry(sequence)
            if self._marks.counts(entry):
                yield entry

    def sequences(self) -> list[int]:
        """Return the numbers that were taken, oldest first: also those of sets that do not count (yet)."""
        listed = list(islice(self._bucket.names(f"assets/{self.name}"), _MAX_LISTED + 1))
        if len(listed) > _MAX_LISTED:
            raise NotVerifiableError(f"{self.name}: the store lists more versions than there can be")
        found = [match for match in map(ENTRY.fullmatch, listed) if match and match["name"] == self.name]
        return sorted(int(match["sequence"]) for match in found)

    def standing(self) -> list[int]:
        """Return the numbers that were taken and not erased, oldest first."""
        taken = self.sequences()
        gone = set(self.erased()) if taken else set()
        return [sequence for sequence in taken if sequence not in gone]

    def erased(self) -> list[int]:
        """Return the numbers of the versions that were erased, oldest first."""
        listed = islice(self._bucket.names(f"erased/{self.name}"), _MAX_LISTED)
        found = [match for match in map(ERASED.fullmatch, listed) if match and match["name"] == self.name]
        return sorted(int(match["sequence"]) for match in found)

    def tombstone(self, sequence: int) -> Tombstone:
        """Read a tombstone.

        Raises:
            NotVerifiableError: it is missing or damaged.
        """
        raw = self._bucket.get(erased_name(self.name, sequence), limit=MAX_TOMBSTONE)
        stone = None if raw is None else read_tombstone(raw, self.name)
        if stone is None or stone.record.sequence != sequence:
            raise NotVerifiableError(f"{self.name}: the tombstone of version {sequence} is not there")
        return stone

    def entry(self, sequence: int) -> Entry:
        """Read one commit.

        Raises:
            NotVerifiableError: it is missing or damaged.
        """
        raw = self._bucket.get(entry_name(self.name, sequence), limit=_MAX_ENTRY)
        if raw is None:
            raise NotVerifiableError(f"{self.name}: commit {sequence} is missing", remedy=ALTERED)
        return Entry.from_bytes(raw, self.name, sequence)

    def document(self, entry: Entry) -> Document:
        """Read the record of a commit.

        Raises:
            NotVerifiableError: it is missing or damaged.
        """
        raw = self._bucket.get(record_name(entry.record), limit=MAX_DOCUMENT)
        if raw is None:
            raise NotVerifiableError(
                f"{self.name}: the record of version {entry.sequence} is missing", remedy=ALTERED
            )
        return Document.from_bytes(raw, entry)

    def find(self, version: str | None) -> Entry | None:
        """Return the latest commit of a version, or the latest of all."""
        return next(
            (each for each in self.entries(newest_first=True) if version in (None, each.version)), None
        )

    def find_same(self, record: AssetRecord, sequences: list[int]) -> Document | None:
        """Return the version that a commit of `record` would only repeat, if it is one of these.

        The same bytes under the same contract and labels repeat the latest version, or, for a crossing,
        the version that this very crossing brought. Whether another writer's set counts is waited for.
        """
        crossing = record.lineage.get("crossing")
        for sequence in reversed(sequences):
            entry = self.entry(sequence)
            if not self._marks.settle(entry):
                continue
            if entry.version == record.version:
                document = self.document(entry)
                found = document.record
                gone = self._bucket.size(erased_name(self.name, sequence)) is not None
                same = not gone and (found.contract_digest, found.labels) == (
                    record.contract_digest,
                    record.labels,
                )
                if same and (crossing is None or found.lineage.get("crossing") == crossing):
                    return document
            if crossing is None:
                return None
        return None

    def _up_to_date(self) -> list[int]:
        """Return the numbers that were taken, also those that a listing does not show yet."""
        sequences = self.sequences()
        following = (sequences[-1] if sequences else 0) + 1
        while self._bucket.size(entry_name(self.name, following)) is not None:
            sequences.append(following)
            following += 1
        return sequences

    def publish(
        self, make: Callable[[int], AssetRecord], set_id: str | None = None, *, expected: str | None = None
    ) -> tuple[Document, Entry | None]:
        """Commit the version that `make` returns for its number, or find the one that it repeats.

        Returns:
            the version, and its commit; None where it repeats another. A member of a set does not count yet.

        Raises:
            ConflictError: too many other writers came first, or one where a latest version was `expected`. A
                set that another writer is about to commit is not waited for.
            UnreachableError: the store refuses, or lost what it took; run again, it is the same version.
        """
        sequences, writer = self._up_to_date(), secrets.token_hex(16)
        sequence = (sequences[-1] if sequences else 0) + 1
        for _ in range(_RIVALS):
            document = Document.of(make(sequence))
            same = self.find_same(document.record, sequences)
            if same is not None:
                return same, None
            if expected is not None:
                newest = self.find(None)
                check_expected(self.name, newest.version if newest else None, expected)
            body = document.to_bytes()
            version = document.record.version
            entry = Entry(self.name, sequence, version, digest_bytes(body), writer, set_id)
            put_surely(self._bucket, record_name(entry.record), body)
            if self._create(entry):
                return document, entry
            # Whoever was quicker; then what came before it, if that does not count.
            sequences, sequence = [*sequences, sequence], sequence + 1
        raise ConflictError(
            f"{self.name}: {_RIVALS} other versions were committed before ours", remedy="run it again"
        )

    def _create(self, entry: Entry) -> bool:
        """Create a commit; say whether what stands there is ours."""
        place, body = entry_name(self.name, entry.sequence), entry.to_bytes()
        self._bucket.create(place, body)
        # The client repeats a request whose answer was lost, and is then told that the name is taken: what
        # stands there says who won.
        found = self._bucket.get(place, limit=_MAX_ENTRY)
        if found is None:
            raise UnreachableError(
                f"{self.name}: the store took a commit and does not have it",
                remedy="run it again: what was committed is found, what was not is committed",
            )
        return found == body
