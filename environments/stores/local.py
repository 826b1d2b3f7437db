"""The store on a local disk.

    STORE/FORMAT                                 "2"; of "1", which had no sets, the rest is the same
    STORE/assets/NAME/SEQUENCE-HEX/record.json   the record and its digest
                                   contract.json the contract as it was
                                   data/…        the files, read-only
    STORE/assets/NAME/SEQUENCE-HEX.SET           the record of a version that a set brought
    STORE/sets/SET/…                             its files and contract; see `sets`
    STORE/assets/NAME/SEQUENCE-HEX.erased        what stays of a version that was erased; see `tombstones`
    STORE/staging/…                              drafts

Example:
    >>> import tempfile
    >>> store = LocalStore(Path(tempfile.mkdtemp()) / "store")
    >>> store.names(), store.versions("tests")
    ((), ())
"""

from __future__ import annotations

import stat
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from data_contracts.digest import digest_json
from data_contracts.errors import IsthmusError, NotVerifiableError, UnreachableError, UsageError
from data_contracts.model import Contract
from environments.private import disk_errors, make_private, write_private
from environments.ref import check_name
from environments.stores.changes import changes
from environments.stores.cutting import verify_file
from environments.stores.draft import LocalDraft
from environments.stores.erasing import erase_version, tombstone_at
from environments.stores.history import Entry, History, mode_of, read_json
from environments.stores.leases import Leases, alone
from environments.stores.locking import store_lock
from environments.stores.protocol import Tombstone
from environments.stores.record import FORMAT, FORMATS, AssetRecord
from environments.stores.sets import LocalSetDraft, check_listed, forget_set
from environments.stores.snapshot import LocalSnapshot, find, take_snapshot
from environments.stores.staging import Staged, abandoned, stage, sweep
from environments.stores.tombstones import new_tombstone

__all__ = ["LocalStore"]

_MOST = 20_000
"""Of how many versions a store remembers where they stood when their records were read."""


def _now() -> datetime:
    return datetime.now(UTC)


@contextmanager
def _staged(folder: Path) -> Iterator[Staged]:
    """Stage a draft's folder; where no draft can be made of it, it goes at once, and not with the process."""
    staged = stage(folder / "staging")
    try:
        yield staged
    except BaseException:
        staged.release()
        raise


class LocalStore:
    """See `environments.stores.protocol.AssetStore`.

    Attributes:
        folder: the store's folder; made at the first draft.
    """

    def __init__(self, folder: Path, *, clock: Callable[[], datetime] = _now) -> None:
        """Name a store; nothing is written.

        Raises:
            UsageError: another version of Isthmus wrote it.
        """
        self.folder = folder
        self._assets = folder / "assets"
        self._clock = clock
        self._leases = Leases()
        self._stood: dict[tuple[str, int, str], tuple[History, Entry]] = {}
        self._check_format()

    def names(self) -> tuple[str, ...]:
        """Return the names of all assets that have a version, sorted."""
        return tuple(name for name in self._folders() if self._history(name).entries())

    def _folders(self) -> list[str]:
        try:
            found = sorted(path.name for path in self._assets.iterdir())
        except FileNotFoundError:
            return []
        except OSError as error:
            raise UnreachableError(f"{self._assets}: cannot be read: {error.strerror}") from None
        return [name for name in found if not name.startswith(".")]

    def versions(self, name: str) -> tuple[AssetRecord, ...]:
        """Return every version of an asset, oldest first."""
        history = self._history(name)
        return tuple(history.read(entry) for entry in history.entries())

    def record(self, name: str, version: str | None = None) -> AssetRecord:
        """Return one version's record; without a digest, the latest's."""
        history = self._history(name)
        entry = find(history, history.entries(), version, self.names)
        record = history.read(entry)
        if len(self._stood) >= _MOST:
            self._stood.clear()
        self._stood[name, record.sequence, record.version] = history, entry
        return record

    def contract(self, record: AssetRecord) -> Contract:
        """Return the contract that the version was committed under, as it was then."""
        from data_contracts.loading import contract_from_document

        what = f"{record.name}: the contract of version {record.version}"
        document = read_json(self._place(record).contract(record.contract_digest), what)
        if digest_json(document) != record.contract_digest:
            raise NotVerifiableError(f"{what}: is not the one that it was committed under")
        return contract_from_document(document)

    def begin(self, name: str) -> LocalDraft:
        """Begin a version."""
        history = self._history(name)
        with disk_errors(f"{self.folder}: the store cannot be written"):
            self._lay_out()
            with _staged(self.folder) as staged:
                return LocalDraft(history, staged, self._clock)

    def begin_set(self, names: Iterable[str]) -> LocalSetDraft:
        """Begin versions of several assets that shall become visible at once."""
        histories = tuple(self._history(name) for name in names)
        if not histories or len({history.name for history in histories}) != len(histories):
            raise UsageError("a set: no asset, or one asset twice", remedy="name each asset once")
        with disk_errors(f"{self.folder}: the store cannot be written"):
            self._lay_out()
            self._raise_format()
            with _staged(self.folder) as staged:
                return LocalSetDraft(histories, staged, self._clock)

    def snapshot(self, names: Iterable[str] | None = None) -> LocalSnapshot:
        """Return the store as it is now, of these assets or of all."""
        told = self.names, partial(store_lock, self._assets)
        if names is None:
            return take_snapshot(lambda: [self._history(name) for name in self._folders()], *told)
        histories = [self._history(name) for name in sorted(set(names))]
        return take_snapshot(lambda: histories, *told)

    def materialise(self, record: AssetRecord, path: str) -> Path:
        """Return a local path of one file, every byte of it verified just now."""
        entry, target = record.file(path), self.locate(record, path)
        verify_file(target, entry, f"{record.name}: file {entry.path} of version {record.version}")
        return target

    def locate(self, record: AssetRecord, path: str) -> Path:
        """Return a local path of one file, nothing of it verified."""
        # Held against removal as long as this store is used; it may have gone in the same moment, or since
        # its record was read: `again` looks.
        history, place = self._stood.get((record.name, record.sequence, record.version)) or self._at(record)
        self._leases.hold(place.record)
        target = history.again(place, record).file(record.file(path).path)
        self._refuse_links(target, record)
        return target

    def alone(self, record: AssetRecord) -> AbstractContextManager[bool]:
        """Give whether no other process or store object reads a version, and hold it alone in the block."""
        return alone(self._place(record).record)

    def open(self, record: AssetRecord) -> tuple[Path, ...]:
        """Return the paths of all files, in the record's order, each verified."""
        return tuple(self.materialise(record, entry.path) for entry in record.files)

    def verify(self, record: AssetRecord) -> None:
        """Read everything of a version and compare."""
        place = self._place(record)
        if self._history(record.name).read(place) != record:
            raise NotVerifiableError(f"{record.name}: the store's record is another one by now")
        if place.set_folder is not None:
            check_listed(place.set_folder, record)
        try:
            self.contract(record)
        except NotVerifiableError:
            raise
        except IsthmusError as error:
            raise NotVerifiableError(f"{record.name}: its contract does not load: {error}") from None
        self.open(record)
        data = place.data
        found = {p.relative_to(data).as_posix() for p in data.rglob("*") if p.is_symlink() or not p.is_dir()}
        extra = found - {entry.path for entry in record.files}
        if extra:
            raise NotVerifiableError(
                f"{record.name}: {len(extra)} files stand in version {record.version} that are not its own"
            )

    def abandoned(self, *, clear: bool = False) -> int:
        """Return how many drafts were left by writers that died; `clear` removes them."""
        with disk_errors(f"{self.folder}: the drafts cannot be looked at"):
            if clear:
                return sweep(self.folder / "staging", forget_set)
            return abandoned(self.folder / "staging")

    def erase(self, record: AssetRecord, why: str) -> Tombstone:
        """Remove the bytes of one version and leave a tombstone."""
        return erase_version(self._history(record.name), new_tombstone(record, why, self._clock()))

    def tombstones(self, name: str) -> tuple[Tombstone, ...]:
        """Return what stays of an asset's erased versions, oldest first."""
        history = self._history(name)
        return tuple(tombstone_at(history, entry) for entry in history.erased())

    def erased_names(self) -> tuple[str, ...]:
        """Return the names of all assets of which a version was erased, sorted."""
        return tuple(name for name in self._folders() if self._history(name).erased())

    def changes(self) -> dict[str, tuple[int, ...]]:
        """Return what changes with each asset's history (see `environments.consistency.catalogue`)."""
        return changes(self._assets)

    def _history(self, name: str) -> History:
        return History(self._assets, check_name(name, "the asset"))

    def _at(self, record: AssetRecord) -> tuple[History, Entry]:
        history = self._history(record.name)
        return history, history.at(record)

    def _place(self, record: AssetRecord) -> Entry:
        return self._at(record)[1]

    def _lay_out(self) -> None:
        make_private(self.folder)
        if not (self.folder / "FORMAT").exists():
            write_private(self.folder / "FORMAT", f"{FORMAT}\n".encode())
        make_private(self._assets)
        sweep(self.folder / "staging", forget_set)

    def _raise_format(self) -> None:
        """A program that knows no sets must not write where there are some: it would number past them."""
        if (self.folder / "FORMAT").read_text(encoding="ascii").strip() != str(FORMAT):
            with store_lock(self._assets):
                write_private(self.folder / "FORMAT", f"{FORMAT}\n".encode())

    def _refuse_links(self, target: Path, record: AssetRecord) -> None:
        """The file itself is opened without following a link; here are the folders above it."""
        root, folder = str(self.folder), str(target).rpartition("/")[0]
        while folder != root and len(folder) > len(root):
            if stat.S_ISLNK(mode_of(folder)):
                raise NotVerifiableError(f"{record.name}: a folder of the store is a link")
            folder = folder.rpartition("/")[0]

    def _check_format(self) -> None:
        try:
            text = (self.folder / "FORMAT").read_text(encoding="ascii").strip()
        except FileNotFoundError:
            return
        except (OSError, ValueError) as error:
            raise UnreachableError(f"{self.folder}: the store cannot be read: {error}") from None
        if text not in map(str, FORMATS):
            raise UsageError(
                f"{self.folder}: another Isthmus wrote this store (its format is not {FORMAT})",
                remedy="use that version of Isthmus; nothing here was changed",
            )
