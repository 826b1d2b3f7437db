"""A copy of an outbox that a person keeps, and putting it back.

A copy is older than what happened since. That is safe: before an entry is sent or expires, the ledger is
asked what became of it (`environments.boundary.pump.recorded`), so nothing that has ended goes again.

Invariants:
1. A copy is one moment of the outbox, also while others work with it.
2. What is put back is an outbox of our form that reads whole; what stood there is moved aside, never deleted.
3. A copy says whose it is, in SQLite's application id, and goes back to no other environment: wishes for
   another's assets would each end as failed there.

Example:
    >>> put_back(folder, copy_of(folder), replacing=True)
    PosixPath('…/outbox/replaced/20261130T002700.000000Z')
"""

from __future__ import annotations

import datetime as dt
import hashlib
import os
import sqlite3
from contextlib import closing
from pathlib import Path

from data_contracts.errors import NotVerifiableError, UsageError
from environments.folder import EnvironmentFolder
from environments.outbox.database import FILE, FORM, has_outbox, open_outbox
from environments.private import disk_errors, make_private, sync_folder, write_private

__all__ = ["copy_of", "put_back"]

_TABLES = {"entries", "lanes", "lines", "arrivals"}
_NO_LOG = b"\1\1"
"""What the header's bytes 18 and 19 say of a database without a write-ahead log: in memory there is none.

Source: sqlite.org/c3ref/deserialize.html, sqlite.org/fileformat2.html (1.3.3)."""
_WHOSE = slice(68, 72)
"""Where the header has the application id (sqlite.org/fileformat2.html, 1.3.17)."""
_NOBODY = bytes(4)


def copy_of(folder: EnvironmentFolder) -> bytes:
    """Return the outbox of one environment as it is now, as one file.

    Raises:
        UsageError: nothing was ever queued here.
        NotVerifiableError: it is damaged: the copy before this one is the better one.
        UnreachableError: the disk refuses.
    """
    if not has_outbox(folder):
        raise UsageError(f"{folder.name}: nothing was ever queued here", remedy="there is nothing to keep")
    with open_outbox(folder) as outbox:
        raw = outbox.copy()
    _check(raw, f"{folder.name}'s outbox")
    return raw[: _WHOSE.start] + _mark(folder) + raw[_WHOSE.stop :]


def put_back(folder: EnvironmentFolder, raw: bytes, *, replacing: bool = False) -> Path | None:
    """Put a copy in the place of an outbox, while no pump runs; return where the other one was moved.

    Raises:
        UsageError: an outbox stands there, and it was not asked to replace it; another version made the copy.
        NotVerifiableError: it is no copy of an outbox, damaged, or a copy of another environment's.
        UnreachableError: the disk refuses.
    """
    _check(raw, "this file")
    if raw[_WHOSE] not in {_mark(folder), _NOBODY}:  # nobody's: copied by hand, or by an earlier version
        raise NotVerifiableError(
            f"this file: a copy of another environment's outbox, not of {folder.name}'s",
            remedy="put it back with `--env` of the environment that it is of",
        )
    place = make_private(folder.outbox)
    aside: Path | None = None
    if os.path.lexists(place / FILE):
        if not replacing:
            raise UsageError(
                f"{place / FILE}: an outbox stands there",
                remedy="`--replace` moves it aside and puts the copy in its place",
            )
        moment = dt.datetime.now(dt.UTC).strftime("%Y%m%dT%H%M%S.%fZ")
        aside = make_private(place / "replaced" / moment)
        with disk_errors(f"{place}: cannot be written"):
            for name in (f"{FILE}-shm", f"{FILE}-wal", FILE):
                if os.path.lexists(place / name):
                    (place / name).rename(aside / name)
            sync_folder(aside)
    write_private(place / FILE, raw)
    with open_outbox(folder):
        return aside


def _mark(folder: EnvironmentFolder) -> bytes:
    return hashlib.sha256(f"isthmus-outbox {folder.name}".encode()).digest()[:4]


def _check(raw: bytes, what: str) -> None:
    refusal = NotVerifiableError(f"{what}: no outbox that reads whole", remedy="use another copy")
    with closing(sqlite3.connect(":memory:")) as base:
        try:
            base.deserialize(raw[:18] + _NO_LOG + raw[20:])
            found = {name for (name,) in base.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
            sound = base.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
            [form] = base.execute("PRAGMA user_version").fetchone()
        except sqlite3.Error:
            raise refusal from None
    if not sound or not found >= _TABLES:
        raise refusal
    if form != FORM:
        raise UsageError(
            f"{what}: another version of Isthmus made it (form {form}; this one reads {FORM})",
            remedy="use that version for it; nothing here was changed",
        )
