"""The database under the outbox: one SQLite file, `outbox/queue.db`.

What a commit means: a write-ahead log. Who queues and who takes out waits for the disk (`synchronous=FULL`);
who sends does not (`NORMAL`): a power cut may take its last notes, and never what was queued, and each note
is one that the steps of the gate give again.

Invariants:
1. The file is ours alone, and of our form; another is refused before it is used.
2. A connection belongs to one thread, lives as long as one piece of work, and is carried over no fork.
3. One transaction at a time changes it, as a whole.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

from data_contracts.errors import NotVerifiableError, UnreachableError, UsageError
from environments.folder import EnvironmentFolder
from environments.outbox.queue import Outbox
from environments.private import check_private, disk_errors, make_private, sync_folder

__all__ = ["FILE", "FORM", "has_outbox", "open_outbox"]

FILE = "queue.db"
FORM = 1
_WAIT = 60.0
_LAYOUT = f"""
BEGIN EXCLUSIVE;
CREATE TABLE IF NOT EXISTS entries (
    number INTEGER PRIMARY KEY, crossing TEXT NOT NULL UNIQUE, request TEXT NOT NULL, members TEXT NOT NULL,
    name TEXT NOT NULL, version TEXT NOT NULL, destination TEXT NOT NULL, purpose TEXT NOT NULL,
    priority INTEGER NOT NULL, size INTEGER NOT NULL, signed BLOB, queued REAL NOT NULL,
    expires REAL NOT NULL, state TEXT NOT NULL, attempts INTEGER NOT NULL, tried REAL NOT NULL,
    due REAL NOT NULL, reason TEXT NOT NULL, ahead INTEGER NOT NULL, until REAL, ended REAL
) STRICT;
CREATE INDEX IF NOT EXISTS ready ON entries (destination, state, ahead, priority DESC, number)
    WHERE ended IS NULL;
CREATE INDEX IF NOT EXISTS waits ON entries (destination, state, size, queued) WHERE ended IS NULL;
CREATE INDEX IF NOT EXISTS ends ON entries (destination, expires) WHERE ended IS NULL;
CREATE INDEX IF NOT EXISTS over ON entries (ended) WHERE ended IS NOT NULL;
CREATE INDEX IF NOT EXISTS requests ON entries (request);
CREATE TABLE IF NOT EXISTS lanes (
    destination TEXT NOT NULL, asset TEXT NOT NULL, number INTEGER NOT NULL,
    PRIMARY KEY (destination, asset, number)
) STRICT, WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS lanes_of ON lanes (number);
CREATE TABLE IF NOT EXISTS lines (
    peer TEXT NOT NULL, direction TEXT NOT NULL, failures INTEGER NOT NULL, tried REAL NOT NULL,
    due REAL NOT NULL, reason TEXT NOT NULL, PRIMARY KEY (peer, direction)
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS arrivals (
    peer TEXT NOT NULL, crossing TEXT NOT NULL, manifest TEXT NOT NULL, attempts INTEGER NOT NULL,
    tried REAL NOT NULL, due REAL NOT NULL, reason TEXT NOT NULL,
    PRIMARY KEY (peer, crossing)
) STRICT, WITHOUT ROWID;
PRAGMA user_version={FORM};
COMMIT;
"""
_BUSY = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)


@contextmanager
def open_outbox(folder: EnvironmentFolder, *, durable: bool = True) -> Iterator[Outbox]:
    """Open the outbox of one environment; it is made where there is none.

    Args:
        folder: the environment's.
        durable: whether each change waits for the disk; whoever can find out again need not.

    Raises:
        UsageError: another version of Isthmus made it.
        NotVerifiableError: it is damaged, or others may open it.
        UnreachableError: the disk refuses, or another process held it for a minute.
    """
    path = make_private(folder.outbox) / FILE
    new = _make(path)
    with _errors(path), closing(_connect(path, durable=durable)) as base:
        if new:
            with disk_errors(f"{path}: cannot be made"):
                sync_folder(path.parent)
        yield Outbox(base)


def has_outbox(folder: EnvironmentFolder) -> bool:
    """Whether anything was ever queued here."""
    return (folder.outbox / FILE).exists()


def _make(path: Path) -> bool:
    """Make the file, private, where there is none: SQLite would take the umask's word."""
    with disk_errors(f"{path}: cannot be made"), suppress(FileExistsError):
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        os.close(os.open(path, flags, 0o600))
        return True
    return False


def _connect(path: Path, *, durable: bool) -> sqlite3.Connection:
    check_private(path)
    base = sqlite3.connect(path, timeout=_WAIT, isolation_level=None)
    try:
        _lay_out(base, path)
        base.execute(f"PRAGMA synchronous={'FULL' if durable else 'NORMAL'}")
    except BaseException:
        base.close()
        raise
    return base


def _lay_out(base: sqlite3.Connection, path: Path) -> None:
    [version] = base.execute("PRAGMA user_version").fetchone()
    if version == 0:
        base.execute("PRAGMA journal_mode=WAL")
        base.execute("PRAGMA synchronous=FULL")
        base.executescript(_LAYOUT)
    elif version != FORM:
        raise _foreign(path, version)


def _foreign(path: Path, version: int) -> UsageError:
    return UsageError(
        f"{path}: another version of Isthmus made this outbox (form {version}; this one reads {FORM})",
        remedy="use that version for it; nothing here was changed",
    )


@contextmanager
def _errors(path: Path) -> Iterator[None]:
    try:
        yield
    except sqlite3.OperationalError as error:
        busy = getattr(error, "sqlite_errorcode", 0) & 0xFF in _BUSY
        what = f"another process has held it for {_WAIT:.0f} s" if busy else f"cannot be used ({error})"
        raise UnreachableError(
            f"{path}: the outbox: {what}",
            remedy="look at the disk, and at what else uses this environment; nothing that waits is lost",
        ) from None
    except sqlite3.DatabaseError:
        raise NotVerifiableError(
            f"{path}: the outbox is damaged; what waited in it is not known any more",
            remedy="restore the file from a backup, or move it away and queue again; "
            "the ledger has what was sent",
        ) from None
