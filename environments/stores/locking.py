"""Who may write: one writer of an asset, or one commit of several assets, at a time.

Invariants:
1. A writer of one asset holds that asset's lock alone, and the store's together with other such writers; a
   commit of several assets holds the store's alone. So no other version is numbered while a set is.
2. The store's lock is taken first: no two writers wait for each other.
3. Locks are the kernel's: a killed process holds none. Readers take none, but for a snapshot that writers who
   never pause have kept waiting: it holds the store for one look.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from environments.locking import held
from environments.private import make_private

__all__ = ["asset_lock", "store_lock"]


@contextmanager
def asset_lock(folder: Path) -> Iterator[None]:
    """Hold one asset, whose folder this is, against other writers.

    Raises:
        ConflictError: another writer held it all the time that we were ready to wait.
        UnreachableError: the disk refuses.
    """
    make_private(folder)
    with (
        held(folder.parent / ".lock", "the store", shared=True),
        held(folder / ".lock", f"the asset {folder.name}"),
    ):
        yield


@contextmanager
def store_lock(assets: Path) -> Iterator[None]:
    """Hold the store, whose folder of assets this is, against every other writer.

    Raises:
        ConflictError: other writers held it all the time that we were ready to wait.
        UnreachableError: the disk refuses.
    """
    with held(make_private(assets) / ".lock", "the store"):
        yield
