"""A transit in a directory that two users of one machine, or of one file server, share: by a group of theirs.

Invariants:
1. The folder stands, belongs to the group with which it is shared, and lets nobody else in; else nothing is
   read or written. What is put below it is the group's, too.
2. Which of the two users wrote what is not asked: a transit is believed by nobody.

Between the making of a folder and its opening to the group the other user may find it closed: that is told
as a medium that cannot be reached, and tried again like one.

Example:
    >>> SharedDirectoryTransit(Path("/srv/exchange"), "onprem", "cloud").capabilities.medium
    'directory'
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from data_contracts.errors import NotVerifiableError
from environments.private import disk_errors
from environments.transit.directory import DirectoryTransit

__all__ = ["SharedDirectoryTransit"]

_GROUP = stat.S_ISGID | stat.S_IRWXG


class SharedDirectoryTransit(DirectoryTransit):
    """Objects as files below `SRC/DST` of one folder that a group shares."""

    folder_mode, file_mode = 0o2770, 0o640

    def __init__(self, place: Path, source: str, destination: str) -> None:
        """Name the folder, and whose transit below it this is."""
        super().__init__(place)
        self._below = [source, destination]

    def _make_root(self) -> None:
        """Nothing: whoever administrates the machine made it."""

    @contextmanager
    def _folder(self, parts: list[str], *, make: bool) -> Iterator[int]:
        _check_shared(self._root)
        with super()._folder([*self._below, *parts], make=make) as descriptor:
            yield descriptor


def _check_shared(place: Path) -> None:
    """Refuse a folder that is not shared with one group, and with nobody else.

    Raises:
        NotVerifiableError: others may enter it, or its group may not use it.
        UnreachableError: it is not there.
    """
    with disk_errors(f"{place}: the shared transit cannot be opened"):
        facts = os.lstat(place)
    remedy = f"as its administrator: chgrp GROUP {place} && chmod 2770 {place}; both users are in GROUP"
    if not stat.S_ISDIR(facts.st_mode):
        raise NotVerifiableError(f"{place}: is no folder", remedy=remedy)
    if facts.st_mode & stat.S_IRWXO:
        raise NotVerifiableError(f"{place}: everybody on this machine may enter it", remedy=remedy)
    if facts.st_mode & _GROUP != _GROUP:
        raise NotVerifiableError(
            f"{place}: is not shared with its group (mode {stat.S_IMODE(facts.st_mode):04o})", remedy=remedy
        )
