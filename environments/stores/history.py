"""One asset's committed versions on disk: `assets/NAME/SEQUENCE-HEX/{record.json,contract.json,data/…}`.

Invariants:
1. What does not have the form of a version is no version: drafts, locks and foreign files are not seen.
2. A record is believed only if its digest, its name, its place and its version agree.
3. Reading takes no lock and writes nothing.
"""

from __future__ import annotations

import json
import os
import re
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from data_contracts.digest import digest_json
from data_contracts.errors import NotVerifiableError, UnreachableError
from environments.locking import held
from environments.private import make_private
from environments.stores.record import AssetRecord

__all__ = ["History", "read_json"]

_ENTRY = re.compile(r"(?P<sequence>[0-9]{8})-(?P<hex>[0-9a-f]{64})")
_MAX_DOCUMENT = 64 * 1024 * 1024
_ALTERED = "the store was altered or damaged: restore it from a backup; do not use this asset"


class History:
    """The versions of one asset.

    Attributes:
        name: the asset's.
        folder: where its versions stand.
    """

    def __init__(self, assets: Path, name: str) -> None:
        """Name a history; nothing is touched."""
        self.name = name
        self.folder = assets / name

    def entries(self) -> list[Path]:
        """Return the folders of all versions, oldest first."""
        try:
            with os.scandir(self.folder) as found:
                names = sorted(entry.name for entry in found if _ENTRY.fullmatch(entry.name))
        except (FileNotFoundError, NotADirectoryError):
            return []
        except OSError as error:
            raise UnreachableError(
                f"{self.folder}: cannot be read: {error.strerror}", remedy="look at its owner, mode and disk"
            ) from None
        return [self.folder / name for name in names]

    def place(self, record: AssetRecord) -> Path:
        """Return the folder of a version."""
        return self.folder / f"{record.sequence:08d}-{record.version.removeprefix('sha256:')}"

    def next_sequence(self) -> int:
        """Return the number of the version after the latest."""
        entries = self.entries()
        return int(entries[-1].name.split("-")[0]) + 1 if entries else 1

    def read(self, entry: Path) -> AssetRecord:
        """Read one version's record.

        Raises:
            NotVerifiableError: it is damaged, or stands where it does not belong.
        """
        what = f"{self.name}: the record of version {entry.name}"
        if self.folder.is_symlink() or not stat.S_ISDIR(entry.lstat().st_mode):
            raise NotVerifiableError(f"{what}: stands behind a link", remedy=_ALTERED)
        document = read_json(entry / "record.json", what)
        body = document.get("record") if isinstance(document, dict) else None
        try:
            sound = isinstance(body, dict) and document["digest"] == digest_json(body)
        except (KeyError, ValueError):
            sound = False
        if not sound:
            raise NotVerifiableError(f"{what}: does not match its digest", remedy=_ALTERED)
        record = AssetRecord.from_json(body)
        if record.name != self.name or self.place(record) != entry:
            raise NotVerifiableError(f"{what}: belongs to another place", remedy=_ALTERED)
        return record

    def find_same(self, record: AssetRecord) -> AssetRecord | None:
        """Return the version that a commit of `record` would only repeat, if there is one.

        The same bytes under the same contract and labels repeat the latest version, or, for a crossing,
        the version that this very crossing brought.
        """
        entries = self.entries()
        for entry in reversed(entries):
            if not entry.name.endswith(record.version.removeprefix("sha256:")):
                continue
            found = self.read(entry)
            same = (found.contract_digest, found.labels) == (record.contract_digest, record.labels)
            crossing = record.lineage.get("crossing")
            again = crossing is not None and found.lineage.get("crossing") == crossing
            if same and (again or (entry == entries[-1] and crossing is None)):
                return found
        return None

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Hold the asset against other writers.

        Raises:
            ConflictError: another writer held it all the time that we were ready to wait.
            UnreachableError: the disk refuses.
        """
        make_private(self.folder)
        with held(self.folder / ".lock", f"the asset {self.name}"):
            yield


def read_json(path: Path, what: str) -> Any:  # noqa: ANN401 - any JSON value
    """Read one JSON document of the store, following no link.

    Raises:
        NotVerifiableError: it is missing, a link, too large or no JSON.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
        with os.fdopen(descriptor, "rb") as stream:
            data = stream.read(_MAX_DOCUMENT + 1)
    except OSError as error:
        raise NotVerifiableError(f"{what}: cannot be read: {error.strerror}", remedy=_ALTERED) from None
    if len(data) > _MAX_DOCUMENT:
        raise NotVerifiableError(f"{what}: is too large", remedy=_ALTERED)
    try:
        return json.loads(data)
    except (ValueError, RecursionError):
        raise NotVerifiableError(f"{what}: is no JSON", remedy=_ALTERED) from None
