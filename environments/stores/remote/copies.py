"""Filling the local copy of a version, and looking at what stands in it.

Invariants:
1. A file is made beside, from objects whose chunks were compared, and appears under its path whole.
2. A copy is no record: a file that power took is found by whoever compares it, and fetched again.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

from data_contracts.errors import NotVerifiableError, UnreachableError
from environments.bulk import write_all
from environments.objects.bucket import Objects
from environments.private import disk_errors, make_private
from environments.stores.lanes import in_lanes
from environments.stores.record import AssetRecord
from environments.stores.remote.cache import Cache
from environments.stores.remote.draft import LANES
from environments.stores.remote.pieces import Piece, fetch
from environments.stores.staging import stage

__all__ = ["fill", "keep_copies", "refuse_links", "strangers"]

_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


def refuse_links(folder: Path, target: Path, what: str) -> None:
    """Refuse a file that is a link or stands behind one.

    Raises:
        NotVerifiableError: it is, or does.
    """
    for place in (target, *target.parents):
        if place.is_symlink():
            raise NotVerifiableError(
                f"{what}: something in the local copy is a link", remedy=f"find out who made it: {folder}"
            )
        if place == folder:
            return


def fill(bucket: Objects, cache: Cache, pieces: Sequence[Piece], target: Path, what: str) -> None:
    """Fetch one file into its place.

    Raises:
        NotVerifiableError: an object of it is missing, or is not what was committed.
        UnreachableError: the store or the disk refuses.
    """
    with disk_errors(f"{what}: the local copy cannot be written"):
        staged = stage(cache.staging)
        try:
            draft = staged.folder / "file"
            descriptor = os.open(draft, _NEW, 0o600)
            try:

                def lane() -> Callable[[Piece], None]:
                    return lambda piece: write_all(descriptor, fetch(bucket, piece, what), piece.offset)

                in_lanes(pieces, lane, lanes=LANES)
                os.fchmod(descriptor, 0o400)
            finally:
                os.close(descriptor)
            make_private(target.parent)
            draft.replace(target)
        finally:
            staged.release()


def keep_copies(cache: Cache, record: AssetRecord, files: Path) -> None:
    """Move the files of a version that was just committed where they will be read, if there is room."""
    with suppress(UnreachableError):
        folder = cache.hold(record.version.removeprefix("sha256:"), record.size)
        for entry in record.files:
            target = folder / entry.path
            make_private(target.parent)
            if not target.exists() and not target.is_symlink():
                (files / entry.path).replace(target)


def strangers(folder: Path, record: AssetRecord) -> int:
    """Return how many files stand in a copy that are no files of the version."""
    own = {entry.path for entry in record.files}
    found = {p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_symlink() or not p.is_dir()}
    return len(found - own)
