"""A set of the local store: versions of several assets that become visible by one rename.

    staging/SET/…             in the making; becomes sets/SET by that rename
        data/NAME/…           each member's files
        contracts/HEX.json    each contract once
        set.json              the members that it adds: name, sequence, version and digest of the record
    assets/NAME/SEQUENCE-HEX.SET   a member's record, which counts once sets/SET stands

The order of a commit, each step of which may be the last that happens:
1. every file is refused or cut (or found to be the one that was verified as it was written), made read-only,
   and all are made durable;
2. under the store's lock, every member gets its number; `set.json`, then the records, are written, durably;
3. one rename makes the set stand, and the folder of sets is made durable.
Before 3 no reader sees any member, after it every reader sees all. What a killed writer left is found by its
`set.json`, which stood before any record did.

What is durable: few files are put on disk one by one; many by one `syncfs` for all, which costs the same for
ten thousand as for a hundred, and which tells of lost writes (Linux 5.8 and later; before, one by one).
"""

from __future__ import annotations

import ctypes
import os
import platform
import re
import shutil
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from data_contracts.digest import canonical, digest_bytes, digest_json
from data_contracts.errors import NotVerifiableError, UsageError
from environments.private import disk_errors, make_private, sync_folder
from environments.ref import check_name
from environments.stores.draft import write_document
from environments.stores.drafting import StagedSet
from environments.stores.files import kept_files
from environments.stores.history import History, read_json
from environments.stores.locking import store_lock
from environments.stores.protocol import SetMember
from environments.stores.record import AssetRecord, FileEntry, record_bytes, version_of
from environments.stores.staging import Staged

__all__ = ["LocalSetDraft", "check_listed", "forget_set"]

_LIST = "set.json"
_FEW = 32
"""Members up to which each file is put on disk by itself: nobody else's writes are waited for."""


class LocalSetDraft(StagedSet):
    """A set of the local store."""

    def __init__(self, histories: tuple[History, ...], staged: Staged, clock: Callable[[], datetime]) -> None:
        """Take over a staged folder."""
        super().__init__(tuple(history.name for history in histories), staged)
        self._histories = histories
        self._clock = clock
        self._one_by_one = len(histories) <= _FEW or not _syncfs_tells()
        # Opened before anything is written: `syncfs` tells of what was lost since then.
        self._disk = os.open(staged.folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            make_private(staged.folder / "data")
            for name in self.names:
                self.path(name).mkdir(mode=0o700)
        except BaseException:
            self.abandon()
            raise

    def abandon(self) -> None:
        """Throw the draft away; nothing happens after a commit."""
        if self._staged.lock < 0:
            return
        os.close(self._disk)
        with disk_errors("the draft of a set cannot be removed"):
            try:
                forget_set(self._staged.folder)
            finally:
                self._staged.release()

    def _commit(self, members: Mapping[str, SetMember]) -> tuple[AssetRecord, ...]:
        files = {name: self._keep(name, members[name]) for name in self.names}
        self._flush()
        assets = self._histories[0].assets
        with store_lock(assets):
            created = self._clock().astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
            wanted = [self._record(each, members[each.name], files, created) for each in self._histories]
            found = [
                each.find_same(record) if record.sequence > 1 else None
                for each, record in zip(self._histories, wanted, strict=True)
            ]
            new = [record for record, same in zip(wanted, found, strict=True) if same is None]
            if new:
                self._enter(new, {record.name: members[record.name] for record in new})
        return tuple(same or record for record, same in zip(wanted, found, strict=True))

    def _keep(self, name: str, member: SetMember) -> tuple[FileEntry, ...]:
        return kept_files(name, self.path(name), member.written, durable=self._one_by_one)

    def _flush(self) -> None:
        """Make the files durable."""
        if not self._one_by_one:
            _syncfs(self._disk)

    def _record(
        self, history: History, member: SetMember, files: Mapping[str, tuple[FileEntry, ...]], created: str
    ) -> AssetRecord:
        return AssetRecord(
            name=history.name,
            version=version_of(files[history.name]),
            sequence=history.next_sequence(),
            contract_ref=member.contract.reference,
            contract_digest=member.contract.digest,
            labels=member.labels,
            files=files[history.name],
            rows=member.rows,
            created=created,
            lineage=dict(member.lineage),
        )

    def _enter(self, records: list[AssetRecord], members: Mapping[str, SetMember]) -> None:
        """Write contracts, the list and the records, durably; then make the set stand."""
        folder, assets = self._staged.folder, self._histories[0].assets
        for name in set(self.names) - set(members):  # what only repeats a version that stands
            shutil.rmtree(self.path(name))
        sync_folder(folder / "data")
        contracts = make_private(folder / "contracts")
        for digest, contract in {each.contract.digest: each.contract for each in members.values()}.items():
            write_document(contracts / f"{_hex(digest)}.json", canonical(contract.document))
        sync_folder(contracts)
        bodies = [record_bytes(record.to_json()) for record in records]
        digests = [digest_bytes(body) for body in bodies]
        _write_list(folder, [_listed(*each) for each in zip(records, digests, strict=True)])
        places = {history.name: history for history in self._histories}
        for record, body, digest in zip(records, bodies, digests, strict=True):
            document = b'{"digest":"' + digest.encode() + b'","record":' + body + b"}"
            self._write_record(places[record.name], record, document)
        sync_folder(assets) if self._one_by_one else _syncfs(self._disk)
        sets = make_private(assets.parent / "sets")
        folder.rename(sets / folder.name)
        sync_folder(sets)

    def _write_record(self, history: History, record: AssetRecord, document: bytes) -> None:
        with suppress(FileExistsError):
            history.folder.mkdir(mode=0o700)
        place = history.folder / f"{history.version_name(record)}.{self._staged.folder.name}"
        write_document(place, document, durable=self._one_by_one)
        if self._one_by_one:
            sync_folder(history.folder)


def _write_list(folder: Path, listed: list[list[str | int]]) -> None:
    """Write the list of a set's members, durably."""
    write_document(folder / _LIST, canonical({"members": listed, "digest": digest_json(listed)}))
    sync_folder(folder)


def check_listed(folder: Path, record: AssetRecord) -> None:
    """Return if the set in this folder lists this record.

    Raises:
        NotVerifiableError: it does not, or its list is damaged.
    """
    what = f"{record.name}: the list of the set that brought version {record.version}"
    document = read_json(folder / _LIST, what)
    listed = document.get("members") if isinstance(document, dict) else None
    if not isinstance(listed, list) or document.get("digest") != digest_json(listed):
        raise NotVerifiableError(f"{what}: does not match its digest")
    if _listed(record, record.digest) not in listed:
        raise NotVerifiableError(f"{what}: has not this record")


def _listed(record: AssetRecord, digest: str) -> list[str | int]:
    return [record.name, record.sequence, record.version, digest]


def forget_set(folder: Path) -> None:
    """Remove the records of a set that was never committed, whose staged folder this is.

    Raises:
        OSError: the disk refuses.
    """
    try:
        document = read_json(folder / _LIST, "the list of a set")
        names = [check_name(name, "a member") for name, *_ in document["members"]]
    except (NotVerifiableError, UsageError, KeyError, TypeError, ValueError):
        return  # no list, or half of one: no record was written yet
    assets = folder.parents[1] / "assets"
    for name in names:
        for place in (assets / name).glob(f"*.{folder.name}"):
            place.unlink(missing_ok=True)


def _hex(digest: str) -> str:
    return digest.removeprefix("sha256:")


def _syncfs_tells() -> bool:
    """Whether `syncfs` tells of writes that were lost (Linux 5.8 and later)."""
    found = re.match(r"(\d+)\.(\d+)", platform.release())
    return found is not None and (int(found[1]), int(found[2])) >= (5, 8)


def _syncfs(descriptor: int) -> None:
    """Put everything that was written to this file system on disk.

    Raises:
        OSError: something of it was lost since the descriptor was opened.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.syncfs(descriptor) != 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
