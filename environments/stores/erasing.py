"""Erasing one version of a store on a disk: a tombstone first, then its files, both durably.

Invariants:
1. From the tombstone on no reader sees the version; what a crash leaves of its files, a second call removes.
2. A writer of the asset comes before or after, never between: the asset is locked.
3. Nothing is removed but the folder of the version's own files; links in it are removed, not followed.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from data_contracts.errors import NotVerifiableError
from environments.private import disk_errors, sync_folder, write_private
from environments.stores.history import Entry, History
from environments.stores.protocol import Tombstone
from environments.stores.tombstones import MAX_TOMBSTONE, read_tombstone, write_tombstone

__all__ = ["erase_version", "tombstone_at"]


def erase_version(history: History, stone: Tombstone) -> Tombstone:
    """Leave a tombstone in the place of a version; of one that was erased, remove what is left.

    Raises:
        NotVerifiableError: the asset has no such version, or its record is another one.
        UnreachableError: the disk refuses.
    """
    record = stone.record
    wanted = history.version_name(record)
    with history.lock(), disk_errors(f"{record.name}: a version cannot be erased"):
        for entry in history.erased():
            if entry.version == wanted:
                _remove(entry)
                return tombstone_at(history, entry)
        entry = history.at(record)
        if history.read(entry) != record:
            raise NotVerifiableError(f"{record.name}: the store's record is another one by now")
        write_private(history.tombstone(entry), write_tombstone(stone))
        sync_folder(history.folder)
        _remove(entry)
    return stone


def _remove(entry: Entry) -> None:
    """Remove the files of a version."""
    if entry.data.is_symlink():
        entry.data.unlink()
    if entry.data.exists():
        _writable(entry.data)
        shutil.rmtree(entry.data)
        sync_folder(entry.data.parent)


def _writable(folder: Path) -> None:
    """Let the folders of a version be emptied: a store may keep them read-only."""
    for place in (folder, *(path for path in folder.rglob("*") if path.is_dir() and not path.is_symlink())):
        place.chmod(0o700)


def tombstone_at(history: History, entry: Entry) -> Tombstone:
    """Read the tombstone of a version.

    Raises:
        NotVerifiableError: it is damaged, a link, or of another version.
        UnreachableError: the disk refuses.
    """
    with disk_errors(f"{history.name}: a tombstone cannot be read"):
        place = history.tombstone(entry)
        if place.is_symlink() or place.stat().st_size > MAX_TOMBSTONE:
            raise NotVerifiableError(f"{history.name}: a tombstone is no file of ours")
        stone = read_tombstone(place.read_bytes(), history.name)
    if history.version_name(stone.record) != entry.version:
        raise NotVerifiableError(f"{history.name}: a tombstone stands where it does not belong")
    return stone
