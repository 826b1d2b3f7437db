"""The store on objects itself; what lies where is said in `environments.stores.remote`.

Invariants:
1. A path is given out only for a local copy whose every byte was compared just now, with the record; one that
   fails is fetched anew, and that is logged. A link is refused.
2. Whether the store refuses a second create is tried before the first draft, not believed. One that does not
   is used by one writer at a time, which a lock on this machine sees to, and the log says so.
"""

from __future__ import annotations

import fcntl
import logging
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from data_contracts.digest import digest_bytes
from data_contracts.errors import IsthmusError, NotVerifiableError, UnreachableError, UsageError
from data_contracts.model import Contract
from environments.objects.bucket import Objects
from environments.private import disk_errors, make_private
from environments.ref import check_name
from environments.signed import strict_json
from environments.stores.cutting import verify_file
from environments.stores.lanes import in_lanes
from environments.stores.protocol import SetDraft
from environments.stores.record import AssetRecord
from environments.stores.remote.cache import Cache
from environments.stores.remote.copies import fill, keep_copies, refuse_links, strangers
from environments.stores.remote.documents import ENTRY, Document, Entry, contract_name
from environments.stores.remote.draft import LANES, RemoteDraft
from environments.stores.remote.history import MAX_DOCUMENT, RemoteHistory
from environments.stores.remote.pieces import ALTERED, Piece, fetch
from environments.stores.remote.snapshot import RemoteSnapshot, take_snapshot
from environments.stores.single import SetOfOne
from environments.stores.staging import stage, sweep
from environments.transits import Capabilities

__all__ = ["RemoteStore"]

_log = logging.getLogger(__name__)
_FORMAT = 1
_MARK = f"{_FORMAT}\n".encode()
_KEPT = 64


def _now() -> datetime:
    return datetime.now(UTC)


class RemoteStore:
    """See `environments.stores.protocol.AssetStore`."""

    def __init__(
        self,
        bucket: Objects,
        folder: Path,
        *,
        medium: str,
        limit: int,
        clock: Callable[[], datetime] = _now,
    ) -> None:
        """Name a store; nothing is asked and nothing written.

        Args:
            bucket: its objects.
            folder: where local copies and drafts lie.
            medium: `s3`, `azure` or `directory`, for messages.
            limit: bytes that the copies may take.
            clock: the time now.
        """
        self._bucket = bucket
        self._cache = Cache(folder, limit)
        self._medium = medium
        self._clock = clock
        self._documents: dict[tuple[str, int], Document] = {}
        self._checked = False
        self._capabilities: Capabilities | None = None

    # what there is

    def names(self) -> tuple[str, ...]:
        """Return the names of all assets that have a version, sorted."""
        self._check_format()
        found = {match["name"] for match in map(ENTRY.fullmatch, self._bucket.names("assets")) if match}
        return tuple(sorted(found))

    def versions(self, name: str) -> tuple[AssetRecord, ...]:
        """Return every version of an asset, oldest first."""
        history = self._history(name)
        return tuple(self._document(history.entry(sequence)).record for sequence in history.sequences())

    def record(self, name: str, version: str | None = None) -> AssetRecord:
        """Return one version's record; without a digest, the latest's."""
        history = self._history(name)
        sequences = history.sequences()
        if not sequences:
            known = ", ".join(self.names()[:20]) or "none"
            raise UsageError(f"no asset is named {name} here", remedy=f"the assets here are: {known}")
        found = history.entry(sequences[-1]) if version is None else history.find(version)
        if found is None:
            raise UsageError(
                f"{name} has no version {version} here",
                remedy=f"it has {len(sequences)}; see them with `isthmus asset show {name}`",
            )
        return self._document(found).record

    def contract(self, record: AssetRecord) -> Contract:
        """Return the contract that the version was committed under, as it was then."""
        from data_contracts.loading import contract_from_document

        what = f"{record.name}: the contract of version {record.version}"
        raw = self._bucket.get(contract_name(record.contract_digest), limit=MAX_DOCUMENT)
        if raw is None or digest_bytes(raw) != record.contract_digest:
            raise NotVerifiableError(f"{what}: is not the one that it was committed under", remedy=ALTERED)
        return contract_from_document(strict_json(raw, what))

    # making a version

    def begin(self, name: str) -> RemoteDraft:
        """Begin a version."""
        history = self._history(name)
        self.capabilities()
        with disk_errors(f"{self._cache.folder}: no draft can be made"):
            make_private(self._cache.folder)
            sweep(self._cache.staging)
            staged = stage(self._cache.staging)
        return RemoteDraft(self._bucket, history, staged, self._clock, self._publish)

    def begin_set(self, names: Iterable[str]) -> SetDraft:
        """Begin a set of one asset.

        Raises:
            UsageError: of several: no object store commits more than one object at once.
        """
        asked = tuple(names)
        if len(asked) != 1:
            raise UsageError(
                f"the store in {self._medium}: takes one asset at a time, not {len(asked)} as one set",
                remedy="let them cross one by one, or give the destination a store on a disk",
            )
        return SetOfOne(self.begin(asked[0]))

    def snapshot(self, names: Iterable[str] | None = None) -> RemoteSnapshot:
        """Return the store as it is now, of these assets or of all."""

        def look() -> dict[str, list[int]]:
            asked = self.names() if names is None else sorted(set(wanted))
            return {name: self._history(name).sequences() for name in asked}

        wanted = () if names is None else tuple(names)
        return take_snapshot(
            look, lambda name, number: self._document(self._history(name).entry(number)).record
        )

    def capabilities(self) -> Capabilities:
        """Return what the store promises, found by trying: a mark must not be created twice."""
        if self._capabilities is None:
            self._bucket.create("FORMAT", _MARK)
            self._check_format()
            again = self._bucket.create("FORMAT", _MARK)
            self._capabilities = Capabilities(self._medium, one_writer_wins=not again)
            for warning in self._capabilities.warnings:
                _log.warning("%s", warning)
        return self._capabilities

    def _publish(
        self, history: RemoteHistory, make: Callable[[int], AssetRecord], files: Path
    ) -> AssetRecord:
        with self._single_writer(history.name):
            record = history.publish(make).record
        keep_copies(self._cache, record, files)
        return record

    @contextmanager
    def _single_writer(self, name: str) -> Iterator[None]:
        if self.capabilities().one_writer_wins:
            yield
            return
        flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
        descriptor = os.open(self._cache.folder / f".{name}.writer", flags, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)

    # the files

    def materialise(self, record: AssetRecord, path: str) -> Path:
        """Return a local path of one file, every byte of it verified just now."""
        entry, target = record.file(path), self.locate(record, path)
        what = f"{record.name}: file {entry.path} of version {record.version}"
        try:
            verify_file(target, entry, what)
        except NotVerifiableError:
            refuse_links(self._cache.place(_hex(record)), target, what)
            _log.warning("%s: the local copy is not what was committed; it is fetched again", what)
            fill(self._bucket, self._cache, self._pieces(record, path), target, what)
            verify_file(target, entry, what)
        return target

    def locate(self, record: AssetRecord, path: str) -> Path:
        """Return a local path of one file; if it was there, nothing of it was verified."""
        entry = record.file(path)
        check_name(record.name, "the asset")
        what = f"{record.name}: file {entry.path} of version {record.version}"
        folder = self._cache.hold(_hex(record), record.size)
        target = folder / entry.path
        refuse_links(folder, target, what)
        if not target.exists():
            fill(self._bucket, self._cache, self._pieces(record, path), target, what)
        return target

    def open(self, record: AssetRecord) -> tuple[Path, ...]:
        """Return the paths of all files, in the record's order, each verified."""
        return tuple(self.materialise(record, entry.path) for entry in record.files)

    def verify(self, record: AssetRecord) -> None:
        """Read everything of a version in the store and compare; also that no stranger stands in its copy."""
        history = self._history(record.name)
        document = history.document(history.entry(record.sequence))
        if document.record != record:
            raise NotVerifiableError(f"{record.name}: the store's record is another one by now")
        try:
            self.contract(record)
        except (NotVerifiableError, UnreachableError):
            raise
        except IsthmusError as error:
            raise NotVerifiableError(f"{record.name}: its contract does not load: {error}") from None
        what = f"{record.name}: version {record.version}"
        pieces = {piece.name: piece for entry in record.files for piece in document.pieces(entry.path)}

        def lane() -> Callable[[Piece], object]:
            return lambda piece: fetch(self._bucket, piece, what)

        in_lanes(pieces.values(), lane, lanes=LANES)
        copy = self._cache.place(_hex(record))
        extra = strangers(copy, record)
        if extra:
            raise NotVerifiableError(
                f"{record.name}: {extra} files stand in the local copy of a version that are not its own",
                remedy=f"find out who put them there, then remove {copy}",
            )

    def _pieces(self, record: AssetRecord, path: str) -> list[Piece]:
        history = RemoteHistory(self._bucket, record.name)
        document = self._documents.get((record.name, record.sequence))
        if document is None or document.record != record:
            document = self._document(history.entry(record.sequence))
        if document.record.files != record.files:
            raise NotVerifiableError(f"{record.name}: the store's record is another one by now")
        return document.pieces(path)

    def _document(self, entry: Entry) -> Document:
        document = RemoteHistory(self._bucket, entry.name).document(entry)
        if len(self._documents) >= _KEPT:
            self._documents.clear()
        self._documents[entry.name, entry.sequence] = document
        return document

    def _history(self, name: str) -> RemoteHistory:
        history = RemoteHistory(self._bucket, check_name(name, "the asset"))
        self._check_format()
        return history

    def _check_format(self) -> None:
        if self._checked:
            return
        found = self._bucket.get("FORMAT", limit=len(_MARK))
        if found not in (None, _MARK):
            raise UsageError(
                f"the store in {self._medium}: another Isthmus wrote it (its format is not {_FORMAT})",
                remedy="use that version of Isthmus; nothing there was changed",
            )
        self._checked = found is not None


def _hex(record: AssetRecord) -> str:
    return record.version.removeprefix("sha256:")
