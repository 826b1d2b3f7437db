"""A draft of a store on objects: made in the local folder, sent object by object, committed by one create.

The order of a commit, each step of which may be the last that happens:
1. every file is refused or cut (or found to be the one that was verified as it was written);
2. what the asset's latest version does not have is sent, each chunk compared as it is read, and seen there;
3. the contract and the record are sent;
4. one create makes it the asset's next version (see `history`).
Before 4 there is nothing, after it everything. What a commit sent that did not come so far is read by nobody.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from data_contracts.digest import canonical
from data_contracts.errors import NotVerifiableError
from data_contracts.labels import Labels
from data_contracts.model import Contract
from environments.objects.bucket import Objects
from environments.stores.cutting import Written, read_chunk
from environments.stores.drafting import StagedDraft
from environments.stores.files import kept_files
from environments.stores.lanes import in_lanes
from environments.stores.record import AssetRecord, FileEntry, version_of
from environments.stores.remote.documents import contract_name
from environments.stores.remote.history import RemoteHistory, put_surely
from environments.stores.remote.pieces import Piece, groups, pieces_of
from environments.stores.staging import Staged

__all__ = ["LANES", "RemoteDraft", "Version"]

LANES = 6
"""Requests under way at once."""
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK


@dataclass(frozen=True)
class Version:
    """What shall be a version: everything of its record but name and number."""

    contract: Contract
    labels: Labels
    files: tuple[FileEntry, ...]
    lineage: dict[str, Any]
    rows: int | None
    created: datetime

    def record(self, name: str, sequence: int) -> AssetRecord:
        """Return the record under a number."""
        return AssetRecord(
            name=name,
            version=version_of(self.files),
            sequence=sequence,
            contract_ref=self.contract.reference,
            contract_digest=self.contract.digest,
            labels=self.labels,
            files=self.files,
            rows=self.rows,
            created=self.created.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            lineage=self.lineage,
        )

    def send(self, bucket: Objects, history: RemoteHistory, folder: Path) -> None:
        """Send the files and the contract, as far as the asset's latest version does not have them.

        Raises:
            NotVerifiableError: a file is not what was cut.
            UnreachableError: the store or the disk refuses.
        """
        latest = history.find(None)
        held = frozenset[str]()
        if latest is not None:
            document = history.document(latest)
            paths = [entry.path for entry in document.record.files]
            held = frozenset(piece.name for path in paths for piece in document.pieces(path))
        send(bucket, folder, self.files, held)
        put_surely(bucket, contract_name(self.contract.digest), canonical(self.contract.document))


class RemoteDraft(StagedDraft):
    """A draft of a store on objects."""

    def __init__(
        self,
        bucket: Objects,
        history: RemoteHistory,
        staged: Staged,
        clock: Callable[[], datetime],
        publish: Callable[[RemoteHistory, Version, Path, str | None], AssetRecord],
        committing: Callable[[], AbstractContextManager[None]],
    ) -> None:
        """Take over a staged folder; `publish` commits a record, and may keep the files.

        `committing` holds off who removes objects: one that is found there must stay until the commit.
        """
        super().__init__(history.name, staged)
        self._bucket = bucket
        self._history = history
        self._clock = clock
        self._publish = publish
        self._committing = committing

    def _commit(
        self,
        contract: Contract,
        labels: Labels,
        lineage: dict[str, Any],
        rows: int | None,
        written: Iterable[Written] | None,
        expected: str | None,
    ) -> AssetRecord:
        files = kept_files(self.name, self.path, written)
        given = Version(contract, labels, files, lineage, rows, self._clock())
        with self._committing():
            given.send(self._bucket, self._history, self.path)
            return self._publish(self._history, given, self.path, expected)


def send(bucket: Objects, folder: Path, files: Iterable[FileEntry], held: Collection[str]) -> None:
    """Send every object of some files; of those that are `held` see only that they are there.

    Raises:
        NotVerifiableError: a file is not what was cut.
        UnreachableError: the store or the disk refuses.
    """
    wanted: dict[str, tuple[Path, Piece]] = {}
    for entry in files:
        for piece in pieces_of(entry, groups(entry)):
            wanted.setdefault(piece.name, (folder / entry.path, piece))

    def lane() -> Callable[[tuple[Path, Piece]], None]:
        def take(item: tuple[Path, Piece]) -> None:
            path, piece = item
            if piece.name not in held or bucket.size(piece.name) != piece.size:
                put_surely(bucket, piece.name, _read(path, piece))

        return take

    in_lanes(wanted.values(), lane, lanes=LANES)


def _read(path: Path, piece: Piece) -> memoryview:
    whole, at = memoryview(bytearray(piece.size)), 0
    descriptor = os.open(path, _READ)
    try:
        for size, digest in piece.chunks:
            if not read_chunk(descriptor, piece.offset + at, digest, whole[at : at + size]):
                raise NotVerifiableError(
                    f"{path.name}: changed while it was committed",
                    remedy="find out who writes into this draft",
                )
            at += size
    finally:
        os.close(descriptor)
    return whole
