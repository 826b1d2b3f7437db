"""One asset's committed versions on disk.

    assets/NAME/SEQUENCE-HEX/{record.json,contract.json,data/…}   a version that was committed by itself
    assets/NAME/SEQUENCE-HEX.SET                                  the record of one that came in a set
    sets/SET/{set.json,contracts/HEX.json,data/NAME/…}            that set: committed if this stands
    assets/NAME/SEQUENCE-HEX.erased                               the tombstone of a version that was erased

Invariants:
1. What does not have the form of a version is no version: drafts, locks and foreign files are not seen, nor
   is the record of a set that was never committed.
2. A record is believed only if its digest, its name, its place and its version agree.
3. Reading takes no lock and writes nothing.
4. A version with a tombstone is no version any more, whatever is left of it; its number is not used again.
"""

from __future__ import annotations

import json
import os
import re
import stat
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

from data_contracts.digest import digest_bytes
from data_contracts.errors import NotVerifiableError, UnreachableError
from environments.stores.locking import asset_lock
from environments.stores.record import AssetRecord, record_bytes

__all__ = ["Entry", "History", "mode_of", "read_json"]

_ENTRY = re.compile(r"(?P<version>(?P<sequence>[0-9]{8})-[0-9a-f]{64})(?:\.(?P<set>[0-9a-f]{16}))?")
ERASED = ".erased"
_MAX_DOCUMENT = 64 * 1024 * 1024
_PIECE = 64 * 1024
_ALTERED = "the store was altered or damaged: restore it from a backup; do not use this asset"


@dataclass(frozen=True)
class Entry:
    """Where one committed version stands.

    Attributes:
        sequence: its place in the history.
        version: `SEQUENCE-HEX`.
        path: the version's folder; of a set's member, its record.
        set_folder: of the set; None for a version that was committed by itself.
    """

    sequence: int
    version: str
    path: Path
    set_folder: Path | None = None

    @property
    def record(self) -> Path:
        """The record."""
        return self.path / "record.json" if self.set_folder is None else self.path

    @property
    def data(self) -> Path:
        """The folder of the files."""
        return self.file()

    def file(self, *path: str) -> Path:
        """Return where a file of this path stands; without one, the folder of the files."""
        if self.set_folder is None:
            return self.path.joinpath("data", *path)
        return self.set_folder.joinpath("data", self._name, *path)

    def contract(self, digest: str) -> Path:
        """Return where the contract of this digest stands."""
        if self.set_folder is None:
            return self.path / "contract.json"
        return self.set_folder / "contracts" / f"{digest.removeprefix('sha256:')}.json"

    @property
    def _name(self) -> str:
        return self.path.parent.name


@dataclass(frozen=True)
class History:
    """The versions of one asset.

    Attributes:
        assets: the store's folder of assets.
        name: the asset's.
    """

    assets: Path
    name: str

    @cached_property
    def folder(self) -> Path:
        """Where its versions stand."""
        return self.assets / self.name

    def entries(self) -> tuple[Entry, ...]:
        """Return where all versions stand, oldest first."""
        names = self._names()
        gone = {name.removesuffix(ERASED) for name in names if name.endswith(ERASED)}
        found = self._entries(names)
        return tuple(entry for entry in found if entry.version not in gone) if gone else found

    def erased(self) -> tuple[Entry, ...]:
        """Return where the versions stood that were erased, oldest first."""
        names = self._names()
        gone = {name.removesuffix(ERASED) for name in names if name.endswith(ERASED)}
        return tuple(entry for entry in self._entries(names) if entry.version in gone)

    def tombstone(self, entry: Entry) -> Path:
        """Return where the tombstone of a version stands, or would."""
        return Path(self._tombstone(entry))

    def _tombstone(self, entry: Entry) -> str:
        return f"{self.folder}/{entry.version}{ERASED}"

    def _entries(self, names: Sequence[str]) -> tuple[Entry, ...]:
        return tuple(entry for entry in map(self._entry, names) if entry is not None)

    def _names(self) -> list[str]:
        try:
            return sorted(os.listdir(self.folder))  # noqa: PTH208 - names: a path for each costs more
        except (FileNotFoundError, NotADirectoryError):
            return []
        except OSError as error:
            raise UnreachableError(
                f"{self.folder}: cannot be read: {error.strerror}", remedy="look at its owner, mode and disk"
            ) from None

    def _entry(self, name: str) -> Entry | None:
        found = _ENTRY.fullmatch(name)
        if found is None:
            return None
        set_folder = None
        if found["set"]:
            set_folder = _set_folder(self.assets, found["set"])
            if not os.path.lexists(set_folder):
                return None
        return Entry(int(found["sequence"]), found["version"], self.folder / name, set_folder)

    def at(self, record: AssetRecord) -> Entry:
        """Return where a record's version stands.

        Raises:
            NotVerifiableError: it stands nowhere.
        """
        wanted = self.version_name(record)
        names = self._names()
        standing = self._entries([name for name in names if name.startswith(wanted)])
        if standing and f"{wanted}{ERASED}" not in names:
            return standing[-1]
        if standing:
            raise NotVerifiableError(
                f"{self.name}: version {record.version} was erased here",
                remedy="`isthmus ledger show` says why",
            )
        raise NotVerifiableError(
            f"{self.name}: version {record.version} is not here any more", remedy=_ALTERED
        )

    def again(self, entry: Entry, record: AssetRecord) -> Entry:
        """Return where a record's version stands now, of which `at` just gave this entry.

        Raises:
            NotVerifiableError: it is gone.
        """
        stands = os.path.lexists(entry.record) and not os.path.lexists(self._tombstone(entry))
        if stands and (entry.set_folder is None or os.path.lexists(entry.set_folder)):
            return entry
        return self.at(record)

    def version_name(self, record: AssetRecord) -> str:
        """Return the name of a version's place."""
        return f"{record.sequence:08d}-{record.version.removeprefix('sha256:')}"

    def latest(self) -> str | None:
        """Return the digest of the latest version; None where there is none."""
        entries = self.entries()
        return f"sha256:{entries[-1].version.partition('-')[2]}" if entries else None

    def next_sequence(self) -> int:
        """Return the number of the version after the latest."""
        for name in reversed(self._names()):
            entry = self._entry(name)
            if entry is not None:
                return entry.sequence + 1
        return 1

    def read(self, entry: Entry) -> AssetRecord:
        """Read one version's record.

        Raises:
            NotVerifiableError: it is damaged, or stands where it does not belong.
        """
        what = f"{self.name}: the record of version {entry.version}"
        expected = stat.S_ISDIR if entry.set_folder is None else stat.S_ISREG
        if stat.S_ISLNK(mode_of(self.folder)) or not expected(mode_of(entry.path)):
            raise NotVerifiableError(f"{what}: stands behind a link", remedy=_ALTERED)
        if entry.set_folder is not None and not stat.S_ISDIR(mode_of(entry.set_folder)):
            raise NotVerifiableError(f"{what}: its set stands behind a link", remedy=_ALTERED)
        document = read_json(entry.record, what)
        body = document.get("record") if isinstance(document, dict) else None
        try:
            sound = isinstance(body, dict) and document["digest"] == digest_bytes(record_bytes(body))
        except (KeyError, ValueError):
            sound = False
        if not sound:
            raise NotVerifiableError(f"{what}: does not match its digest", remedy=_ALTERED)
        record = AssetRecord.from_json(body)
        if record.name != self.name or self.version_name(record) != entry.version:
            raise NotVerifiableError(f"{what}: belongs to another place", remedy=_ALTERED)
        return record

    def find_same(self, record: AssetRecord) -> AssetRecord | None:
        """Return the version that a commit of `record` would only repeat, if there is one.

        The same bytes under the same contract and labels repeat the latest version, or, for a crossing,
        the version that this very crossing brought.
        """
        wanted = record.version.removeprefix("sha256:")
        if not any(wanted in name for name in self._names()):
            return None
        entries = self.entries()
        for entry in reversed(entries):
            if not entry.version.endswith(wanted):
                continue
            found = self.read(entry)
            same = (found.contract_digest, found.labels) == (record.contract_digest, record.labels)
            crossing = record.lineage.get("crossing")
            again = crossing is not None and found.lineage.get("crossing") == crossing
            if same and (again or (entry == entries[-1] and crossing is None)):
                return found
        return None

    def pick(self, entries: Sequence[Entry], version: str | None) -> Entry | None:
        """Return the latest of `entries` that has this version digest; the latest of all without one."""
        wanted = "" if version is None else version.removeprefix("sha256:")
        return next((entry for entry in reversed(entries) if entry.version.endswith(wanted)), None)

    def lock(self) -> AbstractContextManager[None]:
        """Hold the asset against other writers; see `locking`."""
        return asset_lock(self.folder)


@lru_cache(maxsize=64)
def _set_folder(assets: Path, name: str) -> Path:
    """Return where a set stands, or would: one place for each of its thousands of members."""
    return assets.parent / "sets" / name


def mode_of(path: Path | str) -> int:
    """Return the kind and the mode of what stands at a path, of a link its own; 0 of nothing."""
    try:
        return os.lstat(path).st_mode
    except OSError:
        return 0


def _read_all(descriptor: int) -> bytes:
    """Return what a file holds, and of one that is too large a little more than may be.

    Room is made as it comes: asked at once for all that there may be, the kernel maps 64 MiB for a record.
    """
    pieces, size = list[bytes](), 0
    while size <= _MAX_DOCUMENT and (data := os.read(descriptor, _PIECE)):
        pieces.append(data)
        size += len(data)
    return b"".join(pieces)


def read_json(path: Path, what: str) -> Any:  # noqa: ANN401 - any JSON value
    """Read one JSON document of the store, following no link.

    Raises:
        NotVerifiableError: it is missing, a link, too large or no JSON.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
        try:
            data = _read_all(descriptor)
        finally:
            os.close(descriptor)
    except OSError as error:
        raise NotVerifiableError(f"{what}: cannot be read: {error.strerror}", remedy=_ALTERED) from None
    if len(data) > _MAX_DOCUMENT:
        raise NotVerifiableError(f"{what}: is too large", remedy=_ALTERED)
    try:
        return json.loads(data)
    except (ValueError, RecursionError):
        raise NotVerifiableError(f"{what}: is no JSON", remedy=_ALTERED) from None
