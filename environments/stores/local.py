"""The store on a local disk.

    STORE/FORMAT                                 "1"
    STORE/assets/NAME/SEQUENCE-HEX/record.json   the record and its digest
                                   contract.json the contract as it was
                                   data/…        the files, read-only
    STORE/staging/…                              drafts

Example:
    >>> import tempfile
    >>> store = LocalStore(Path(tempfile.mkdtemp()) / "store")
    >>> store.names(), store.versions("tests")
    ((), ())
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from data_contracts.digest import digest_json
from data_contracts.errors import IsthmusError, NotVerifiableError, UnreachableError, UsageError
from data_contracts.model import Contract
from environments.private import disk_errors, make_private, write_private
from environments.ref import check_name
from environments.stores.cutting import verify_file
from environments.stores.draft import LocalDraft
from environments.stores.history import History, read_json
from environments.stores.record import FORMAT, AssetRecord
from environments.stores.staging import stage, sweep

__all__ = ["LocalStore"]


def _now() -> datetime:
    return datetime.now(UTC)


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
        self._check_format()

    def names(self) -> tuple[str, ...]:
        """Return the names of all assets that have a version, sorted."""
        try:
            found = sorted(path.name for path in self._assets.iterdir())
        except FileNotFoundError:
            return ()
        except OSError as error:
            raise UnreachableError(f"{self._assets}: cannot be read: {error.strerror}") from None
        return tuple(name for name in found if not name.startswith(".") and self._history(name).entries())

    def versions(self, name: str) -> tuple[AssetRecord, ...]:
        """Return every version of an asset, oldest first."""
        history = self._history(name)
        return tuple(history.read(entry) for entry in history.entries())

    def record(self, name: str, version: str | None = None) -> AssetRecord:
        """Return one version's record; without a digest, the latest's."""
        history = self._history(name)
        entries = history.entries()
        if not entries:
            known = ", ".join(self.names()[:20]) or "none"
            raise UsageError(f"no asset is named {name} here", remedy=f"the assets here are: {known}")
        wanted = "" if version is None else version.removeprefix("sha256:")
        for entry in reversed(entries):
            if entry.name.endswith(wanted):
                return history.read(entry)
        raise UsageError(
            f"{name} has no version {version} here",
            remedy=f"it has {len(entries)}; see them with `isthmus asset show {name}`",
        )

    def contract(self, record: AssetRecord) -> Contract:
        """Return the contract that the version was committed under, as it was then."""
        from data_contracts.loading import contract_from_document

        what = f"{record.name}: the contract of version {record.version}"
        document = read_json(self._place(record) / "contract.json", what)
        if digest_json(document) != record.contract_digest:
            raise NotVerifiableError(f"{what}: is not the one that it was committed under")
        return contract_from_document(document)

    def begin(self, name: str) -> LocalDraft:
        """Begin a version."""
        history = self._history(name)
        with disk_errors(f"{self.folder}: the store cannot be written"):
            make_private(self.folder)
            if not (self.folder / "FORMAT").exists():
                write_private(self.folder / "FORMAT", f"{FORMAT}\n".encode())
            make_private(self._assets)
            sweep(self.folder / "staging")
            return LocalDraft(history, stage(self.folder / "staging"), self._clock)

    def materialise(self, record: AssetRecord, path: str) -> Path:
        """Return a local path of one file, every byte of it verified just now."""
        entry, target = record.file(path), self.locate(record, path)
        verify_file(target, entry, f"{record.name}: file {entry.path} of version {record.version}")
        return target

    def locate(self, record: AssetRecord, path: str) -> Path:
        """Return a local path of one file, nothing of it verified."""
        target = self._place(record) / "data" / record.file(path).path
        self._refuse_links(target, record)
        return target

    def open(self, record: AssetRecord) -> tuple[Path, ...]:
        """Return the paths of all files, in the record's order, each verified."""
        return tuple(self.materialise(record, entry.path) for entry in record.files)

    def verify(self, record: AssetRecord) -> None:
        """Read everything of a version and compare."""
        place = self._place(record)
        if self._history(record.name).read(place) != record:
            raise NotVerifiableError(f"{record.name}: the store's record is another one by now")
        try:
            self.contract(record)
        except NotVerifiableError:
            raise
        except IsthmusError as error:
            raise NotVerifiableError(f"{record.name}: its contract does not load: {error}") from None
        self.open(record)
        data = place / "data"
        found = {p.relative_to(data).as_posix() for p in data.rglob("*") if p.is_symlink() or not p.is_dir()}
        extra = found - {entry.path for entry in record.files}
        if extra:
            raise NotVerifiableError(
                f"{record.name}: {len(extra)} files stand in version {record.version} that are not its own"
            )

    def _history(self, name: str) -> History:
        return History(self._assets, check_name(name, "the asset"))

    def _place(self, record: AssetRecord) -> Path:
        return self._history(record.name).place(record)

    def _refuse_links(self, target: Path, record: AssetRecord) -> None:
        """The file itself is opened without following a link; here are the folders above it."""
        for folder in target.parents:
            if folder == self.folder:
                return
            if folder.is_symlink():
                raise NotVerifiableError(f"{record.name}: a folder of the store is a link")

    def _check_format(self) -> None:
        try:
            text = (self.folder / "FORMAT").read_text(encoding="ascii").strip()
        except FileNotFoundError:
            return
        except (OSError, ValueError) as error:
            raise UnreachableError(f"{self.folder}: the store cannot be read: {error}") from None
        if text != str(FORMAT):
            raise UsageError(
                f"{self.folder}: another Isthmus wrote this store (its format is not {FORMAT})",
                remedy="use that version of Isthmus; nothing here was changed",
            )
