"""The files of a draft, as any store takes them: each refused, cut, or found to be the one that was verified.

Invariants:
1. What is no plain file of one name, or stands behind a link, is refused; so is a draft without a file.
2. After the call every file is read-only and, unless the caller makes all durable at once, durable, and so is
   every folder of the draft.

Example:
    >>> [entry.path for entry in kept_files("visits", draft.path, None)]
    ['part-00000.parquet']
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from data_contracts.errors import NotVerifiableError, UsageError
from environments.private import sync_folder
from environments.stores.cutting import Written, keep
from environments.stores.record import FileEntry, check_path

__all__ = ["kept_files"]


def kept_files(
    name: str, folder: Path, written: Iterable[Written] | None, *, durable: bool = True
) -> tuple[FileEntry, ...]:
    """Return the entries of a draft's files, sorted by path.

    Raises:
        UsageError: there is none, or something that is no plain file.
        NotVerifiableError: they are not those that were `written`.
        OSError: the disk refuses.
    """
    known = None if written is None else {each.entry.path: each for each in written}
    files = tuple(sorted(_kept(name, folder, known, durable=durable), key=lambda entry: entry.path))
    if not files:
        raise UsageError(f"{name}: a version without a file", remedy="write its files before commit")
    if known is not None and len(files) != len(known):
        raise NotVerifiableError(f"{name}: a file that was verified is gone")
    return files


def _kept(
    name: str, folder: Path, known: Mapping[str, Written] | None, *, durable: bool, above: str = ""
) -> Iterator[FileEntry]:
    """Cut every file, or compare those that are known; each folder after what is in it."""
    with os.scandir(folder) as found:
        entries = sorted(found, key=lambda entry: entry.name)
    for entry in entries:
        if entry.is_dir(follow_symlinks=False):
            below = f"{above}{entry.name}/"
            yield from _kept(name, Path(entry.path), known, durable=durable, above=below)
        elif entry.is_dir():
            raise UsageError(f"{name}: a link to a folder may not be part of an asset")
        else:
            path = check_path(f"{above}{entry.name}")
            if known is not None and path not in known:
                raise NotVerifiableError(f"{name}: a file that nobody verified stands in the draft")
            written = known[path] if known is not None else None
            yield keep(entry.path, path, written, durable=durable)
    if durable:
        sync_folder(folder)
