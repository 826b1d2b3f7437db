"""The store on objects itself; what lies where is said in `environments.stores.remote`.

Invariants:
1. A path is given out only for a local copy whose every byte was compared just now, with the record; one that
   fails is fetched anew, and that is logged. A link is refused.
2. Whether the store refuses a second create is tried before the first draft, not believed. One that does not
   is used by one writer at a time, which a lock on this machine sees to, and the log says so.
"""

from __future__ import annotations

import fcntl
import json
import logging
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from data_contracts.digest import digest_bytes
from data_contracts.errors import IsthmusError, NotVerifiableError, UnreachableError, UsageError
from data_contracts.model import Contract
from environments.objects.bucket import Objects
from environments.private import disk_errors, make_private
from environments.ref import check_name
from environments.stores.cutting import verify_file
from environments.stores.lanes import in_lanes
from environments.stores.record import AssetRecord
from environments.stores.remote.cache import Cache
from environments.stores.remote.copies import fill, keep_copies, refuse_links, strangers
from environments.stores.remote.documents import ENTRY, Document, Entry, contract_name
from environments.stores.remote.draft import LANES, RemoteDraft, Version
from environments.stores.remote.erasing import Erasing
from environments.stores.remote.form import has_form, try_store
from environments.stores.remote.history import MAX_DOCUMENT, RemoteHistory
from environments.stores.remote.marks import Marks
from environments.stores.remote.pieces import ALTERED, Piece, fetch
from environments.stores.remote.sets import RemoteSetDraft
from environments.stores.remote.snapshot import RemoteSnapshot, Seen, take_snapshot
from environments.stores.snapshot import unknown_asset
from environments.stores.staging import Staged, stage, sweep
from environments.transits import Capabilities

__all__ = ["RemoteStore"]

_log = logging.getLogger(__name__)
_KEPT = 64


def _now() -> datetime:
    return datetime.now(UTC)


class RemoteStore(Erasing):
    """See `environments.stores.protocol.AssetStore`."""

    def __init__(
        self,
        bucket: Objects,
        folder: Path,
        *,
        medium: str,
        limit: int,
        clock: Callable[[], datetime] = _now,
        patience: float = 10.0,
    ) -> None:
        """Name a store; nothing is asked and nothing written.

        Args:
            bucket: its objects.
            folder: where local copies and drafts lie.
            medium: `s3`, `azure` or `directory`, for messages.
            limit: bytes that the copies may take.
            clock: the time now.
            patience: seconds for which a set that another writer claimed is waited for.
        """
        self._bucket = bucket
        self._cache = Cache(folder, limit)
        self._medium = medium
        self._clock = clock
        self._marks = Marks(bucket, patience)
        self._documents: dict[tuple[str, int], Document] = {}
        self._checked = False
        self._capabilities: Capabilities | None = None

    # what there is

    def names(self) -> tuple[str, ...]:
        """Return the names of all assets that have a version, sorted."""
        return tuple(
            name for name in sorted(self._numbered()) if any(True for _ in self._history(name).entries())
        )

    def _numbered(self) -> set[str]:
        """Return the names of all assets of which a number was taken."""
        self._check_format()
        return {match["name"] for match in map(ENTRY.fullmatch, self._bucket.names("assets")) if match}

    def versions(self, name: str) -> tuple[AssetRecord, ...]:
        """Return every version of an asset, oldest first."""
        return tuple(self._document(entry).record for entry in self._history(name).entries())

    def record(self, name: str, version: str | None = None) -> AssetRecord:
        """Return one version's record; without a digest, the latest's."""
        history = self._history(name)
        found = history.find(version)
        if found is not None:
            return self._document(found).record
        count = sum(1 for _ in history.entries())
        if not count:
            raise unknown_asset(name, self.names())
        raise UsageError(
            f"{name} has no version {version} here",
            remedy=f"it has {count}; see them with `isthmus asset show {name}`",
        )

    def contract(self, record: AssetRecord) -> Contract:
        """Return the contract that the version was committed under, as it was then."""
        from data_contracts.loading import contract_from_document

        what = f"{record.name}: the contract of version {record.version}"
        raw = self._bucket.get(contract_name(record.contract_digest), limit=MAX_DOCUMENT)
        if raw is None or digest_bytes(raw) != record.contract_digest:
            raise NotVerifiableError(f"{what}: is not the one that it was committed under", remedy=ALTERED)
        # Its digest is that of the one form: it says all that the strictness of our own documents would. A
        # contract, unlike these, may hold numbers with fractions.
        try:
            return contract_from_document(json.loads(raw))
        except (ValueError, RecursionError):
            raise NotVerifiableError(f"{what}: is no JSON", remedy=ALTERED) from None

    # making a version

    def begin(self, name: str) -> RemoteDraft:
        """Begin a version."""
        history = self._history(name)
        place = (self._bucket, history, self._stage())
        return RemoteDraft(*place, self._clock, self._publish, self._cache.objects)

    def begin_set(self, names: Iterable[str]) -> RemoteSetDraft:
        """Begin versions of several assets that shall become visible at once."""
        histories = tuple(self._history(name) for name in names)
        if not histories or len({history.name for history in histories}) != len(histories):
            raise UsageError("a set of assets: none, or one of them twice", remedy="name each asset once")
        place = (self._bucket, histories, self._marks, self._stage())
        return RemoteSetDraft(*place, self._clock, self._finish, self._cache.objects)

    def _stage(self) -> Staged:
        self.capabilities()
        with disk_errors(f"{self._cache.folder}: no draft can be made"):
            make_private(self._cache.folder)
            sweep(self._cache.staging)
            return stage(self._cache.staging)

    def snapshot(self, names: Iterable[str] | None = None) -> RemoteSnapshot:
        """Return the store as it is now, of these assets or of all."""
        asked = None if names is None else {check_name(name, "the asset") for name in names}

        def look() -> Seen:
            decided = self._marks.decided()
            wanted = sorted(self._numbered() if asked is None else asked)
            return Seen(decided, {name: self._history(name).standing() for name in wanted})

        def commit(name: str, number: int) -> Entry | None:
            entry = self._history(name).entry(number)
            return entry if self._marks.counts(entry, seen.decided) else None

        seen = take_snapshot(look)
        return RemoteSnapshot(seen.numbers, commit, lambda entry: self._document(entry).record, self.names)

    def capabilities(self) -> Capabilities:
        """Return what the store promises, found by trying: a mark must not be created twice."""
        if self._capabilities is None:
            self._check_format()  # another version's mark is refused before anything is written
            self._capabilities = try_store(self._bucket, self._medium)
            for warning in self._capabilities.warnings:
                _log.warning("%s", warning)
        return self._capabilities

    def is_new(self) -> bool:
        """Whether nothing was ever written here; then nobody knows yet what it promises."""
        self._check_format()
        return not self._checked

    def _publish(
        self, history: RemoteHistory, version: Version, files: Path, expected: str | None
    ) -> AssetRecord:
        def commit() -> dict[str, AssetRecord]:
            made = history.publish(partial(version.record, history.name), expected=expected)
            return {history.name: made[0].record}

        return self._finish(commit, lambda _: files)[history.name]

    def _finish(
        self, commit: Callable[[], dict[str, AssetRecord]], files: Callable[[str], Path]
    ) -> dict[str, AssetRecord]:
        with self._single_writer():
            found = commit()
        for name, record in found.items():
            keep_copies(self._cache, record, files(name))
        return found

    @contextmanager
    def _single_writer(self) -> Iterator[None]:
        if self.capabilities().one_writer_wins:
            yield
            return
        flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
        descriptor = os.open(self._cache.folder / ".writer", flags, 0o600)
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
            refuse_links(self._cache.place(record.version[7:]), target, what)
            _log.warning("%s: the local copy is not what was committed; it is fetched again", what)
            fill(self._bucket, self._cache, self._pieces(record, path), target, what)
            verify_file(target, entry, what)
        return target

    def locate(self, record: AssetRecord, path: str) -> Path:
        """Return a local path of one file; if it was there, nothing of it was verified."""
        entry = record.file(path)
        check_name(record.name, "the asset")
        what = f"{record.name}: file {entry.path} of version {record.version}"
        folder = self._cache.hold(record.version[7:], record.size)
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
        entry = history.entry(record.sequence)
        document = history.document(entry)
        if document.record != record or not Marks(self._bucket, 0.0).counts(entry):
            raise NotVerifiableError(f"{record.name}: the store's record is another one by now")
        try:
            self.contract(record)
        except (NotVerifiableError, UnreachableError):
            raise
        except IsthmusError as error:
            raise NotVerifiableError(f"{record.name}: its contract does not load: {error}") from None
        what = f"{record.name}: version {record.version}"
        pieces = {piece.name: piece for entry in record.files for piece in document.pieces(entry.path)}

        in_lanes(pieces.values(), lambda: lambda piece: fetch(self._bucket, piece, what), lanes=LANES)
        copy = self._cache.place(record.version[7:])
        extra = strangers(copy, record)
        if extra:
            raise NotVerifiableError(
                f"{record.name}: {extra} files stand in the local copy of a version that are not its own",
                remedy=f"find out who put them there, then remove {copy}",
            )

    def _pieces(self, record: AssetRecord, path: str) -> list[Piece]:
        history = RemoteHistory(self._bucket, record.name, self._marks)
        document = self._documents.get((record.name, record.sequence))
        if document is None or document.record != record:
            document = self._document(history.entry(record.sequence))
        if document.record.files != record.files:
            raise NotVerifiableError(f"{record.name}: the store's record is another one by now")
        return document.pieces(path)

    def _document(self, entry: Entry) -> Document:
        document = RemoteHistory(self._bucket, entry.name, self._marks).document(entry)
        if len(self._documents) >= _KEPT:
            self._documents.clear()
        self._documents[entry.name, entry.sequence] = document
        return document

    def _history(self, name: str) -> RemoteHistory:
        history = RemoteHistory(self._bucket, check_name(name, "the asset"), self._marks)
        self._check_format()
        return history

    def _check_format(self) -> None:
        if self._checked:
            return
        self._checked = has_form(self._bucket, self._medium)
