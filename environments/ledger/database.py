"""The database under the ledger: one SQLite file, written by one transaction at a time.

What a commit means: the journal is a rollback journal (`journal_mode=TRUNCATE`) under `synchronous=EXTRA`.
SQLite flushes the old pages to the journal, then the new ones to the database, and then cuts the journal
and flushes that too; each is an `fsync` or `fdatasync` that returned before the commit does. So what was
committed survives a loss of power, as far as the disk keeps what it said it kept, and what was not
committed is undone by whoever opens the file next, reader or writer.

Invariants:
1. An entry and the head that it makes are one transaction: both are there, or neither.
2. Looking things up uses indexes over the entries' own JSON: there is no second copy of a crossing's id
   that could say something else than the entry.
3. A file that holds anything but our tables and indexes (a trigger, a view) is refused before it is used.
4. Connections live as long as one operation. None is carried over a fork.

Example:
    >>> with writing(folder) as database:
    ...     add(database, 1, payload, head, key_id)
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from data_contracts.errors import NotVerifiableError, UnreachableError
from environments.ledger.entry import Head
from environments.private import check_private, disk_errors, make_private, sync_folder

__all__ = [
    "DATABASE",
    "PAGE",
    "Row",
    "add",
    "head_pages",
    "last_row",
    "newest_head",
    "pages",
    "reading",
    "signed_heads",
    "signed_pages",
    "writing",
]

DATABASE = "ledger.db"
Signed: TypeAlias = "tuple[int, bytes, bytes | None]"
PAGE = 8192
"""How many entries one read takes at most; no lock is held between two reads."""
_WAIT = 120.0
_VERSION = 2
_KIND = "json_extract(payload, '$.kind')"
_CROSSING = "json_extract(payload, '$.body.crossing')"
_MANIFEST = "json_extract(payload, '$.body.manifest')"


def _index(name: str, value: str, *then: str) -> str:
    return f"CREATE INDEX {name} ON entries ({', '.join((value, *then))}) WHERE {value} IS NOT NULL"


_SCHEMA = {
    "entries": "CREATE TABLE entries (sequence INTEGER PRIMARY KEY, payload TEXT NOT NULL) STRICT",
    "heads": (
        "CREATE TABLE heads (sequence INTEGER PRIMARY KEY, digest TEXT NOT NULL, signature BLOB NOT NULL, "
        "key TEXT NOT NULL) STRICT"
    ),
    "by_kind": f"CREATE INDEX by_kind ON entries ({_KIND})",
    # With the kind, or what a hostile transit has refused a thousand times is read at every look.
    "by_crossing": _index("by_crossing", _CROSSING, _KIND),
    "by_manifest": _index("by_manifest", _MANIFEST, _KIND),
}
_SCHEMA_1 = _SCHEMA | {
    "by_crossing": _index("by_crossing", _CROSSING),
    "by_manifest": _index("by_manifest", _MANIFEST),
}
INDEXED = {"crossing": _CROSSING, "manifest": _MANIFEST}
KIND = _KIND
_UNREACHABLE = {
    sqlite3.SQLITE_BUSY: "another process holds the ledger: wait for it, then run it again",
    sqlite3.SQLITE_LOCKED: "another process holds the ledger: wait for it, then run it again",
    sqlite3.SQLITE_FULL: "free space on this disk, then run it again; nothing was left half-written",
    sqlite3.SQLITE_IOERR: "the disk reports errors: look at the system's log before anything else",
    sqlite3.SQLITE_READONLY: "run as the user who owns this folder, on a disk that can be written",
    sqlite3.SQLITE_CANTOPEN: "run as the user who owns this folder",
    sqlite3.SQLITE_PERM: "run as the user who owns this folder",
    sqlite3.SQLITE_NOMEM: "free memory, then run it again",
}


@dataclass(frozen=True)
class Row:
    """One entry as it stands in the database: where, and its canonical JSON."""

    sequence: int
    payload: bytes


@contextmanager
def _errors(folder: Path) -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF
        if code in _UNREACHABLE:
            raise UnreachableError(
                f"{folder / DATABASE}: the ledger cannot be used: {error}", remedy=_UNREACHABLE[code]
            ) from error
        raise NotVerifiableError(
            f"{folder / DATABASE}: not a ledger, or a damaged one",
            remedy="keep the file as it is; then `isthmus ledger restore` this environment's backup",
        ) from error


def _open(path: Path) -> sqlite3.Connection:
    check_private(path)
    database = sqlite3.connect(
        f"{path.as_uri()}?mode=rw", uri=True, timeout=_WAIT, isolation_level=None, cached_statements=16
    )
    database.text_factory = bytes
    for pragma in ("temp_store=MEMORY", "cell_size_check=ON", "synchronous=EXTRA"):
        database.execute(f"PRAGMA {pragma}")
    return database


def _check_schema(database: sqlite3.Connection) -> dict[str, str]:
    """Return what is there, of this version or the one before; nothing in a new file.

    Raises:
        NotVerifiableError: something else is there too, or something is missing.
    """
    rows = database.execute("SELECT name, sql FROM sqlite_schema")
    found = {name.decode(errors="replace"): (sql or b"").decode(errors="replace") for name, sql in rows}
    if found not in ({}, _SCHEMA, _SCHEMA_1):
        raise NotVerifiableError(
            f"{DATABASE}: its tables are not those of a ledger",
            remedy="keep the file as it is; somebody wrote into it, or a newer version of isthmus made it",
        )
    return found


def _bring_up(database: sqlite3.Connection) -> None:
    """Make what the file lacks, in the transaction that is open; entries keep their bytes."""
    found = _check_schema(database)
    for name, statement in _SCHEMA.items():
        if found.get(name) != statement:
            if name in found:
                database.execute(f"DROP INDEX {name}")
            database.execute(statement)
    if found != _SCHEMA:
        database.execute(f"PRAGMA user_version={_VERSION}")


@contextmanager
def reading(folder: Path) -> Iterator[sqlite3.Connection | None]:
    """Give the open ledger, which this connection cannot change; None where there is none yet.

    Raises:
        NotVerifiableError: the file is no ledger.
        UnreachableError: the disk refuses.
    """
    path = folder / DATABASE
    if not os.path.lexists(path):
        yield None
        return
    with _errors(folder), closing(_open(path)) as database:
        database.execute("PRAGMA query_only=ON")
        yield database if _check_schema(database) else None


@contextmanager
def writing(folder: Path) -> Iterator[sqlite3.Connection]:
    """Give the ledger in one transaction, committed durably at the end of the block, else undone.

    Raises:
        NotVerifiableError: the file is no ledger.
        UnreachableError: the disk refuses, or another process holds the ledger for too long.
    """
    make_private(folder)
    path = folder / DATABASE
    new = _make(path)
    with _errors(folder), closing(_open(path)) as database:
        database.execute("PRAGMA journal_mode=TRUNCATE")
        database.execute("BEGIN IMMEDIATE")
        try:
            _bring_up(database)
            yield database
        except BaseException:
            if database.in_transaction:  # a full disk has undone it already
                database.execute("ROLLBACK")
            raise
        database.execute("COMMIT")
    if new:
        with disk_errors(f"{folder}: the ledger cannot be written"):
            sync_folder(folder)


def _make(path: Path) -> bool:
    """Make the file, private, where there is none: SQLite would take the umask's word."""
    with disk_errors(f"{path}: cannot be made"), suppress(FileExistsError):
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        os.close(os.open(path, flags, 0o600))
        return True
    return False


def add(database: sqlite3.Connection, row: Row, head: Head | None, key: str) -> None:
    """Add one entry, and the head that it makes where that is kept."""
    database.execute("INSERT INTO entries VALUES (?, ?)", (row.sequence, row.payload.decode()))
    if head is not None:
        values = (head.sequence, head.digest, head.signature, key)
        database.execute("INSERT INTO heads VALUES (?, ?, ?, ?)", values)


def last_row(database: sqlite3.Connection) -> Row | None:
    """Return the newest entry; None where there is none."""
    found = database.execute("SELECT * FROM entries ORDER BY sequence DESC LIMIT 1").fetchone()
    return None if found is None else Row(*found)


def newest_head(database: sqlite3.Connection, environment: str) -> tuple[Head, str] | None:
    """Return the newest head and the id of the key that signed it; None where there is none."""
    found = database.execute("SELECT * FROM heads ORDER BY sequence DESC LIMIT 1").fetchone()
    return None if found is None else _head(environment, *found)


def signed_heads(database: sqlite3.Connection, environment: str, *, every: int) -> list[tuple[Head, str]]:
    """Return the heads of each `every`th entry and the newest one, oldest first, each with its key's id."""
    newest = "(SELECT max(sequence) FROM heads)"
    query = f"SELECT * FROM heads WHERE sequence % ? = 0 OR sequence = {newest} ORDER BY sequence"  # noqa: S608 - ours
    return [_head(environment, *found) for found in database.execute(query, (every,))]


def head_pages(database: sqlite3.Connection, environment: str, *, until: int) -> Iterator[tuple[Head, str]]:
    """Give the kept heads before `until`, oldest first, each with its key's id."""
    query = "SELECT * FROM heads WHERE sequence > ? AND sequence < ? ORDER BY sequence LIMIT ?"
    after = 0
    while page := database.execute(query, (after, until, PAGE)).fetchall():
        yield from (_head(environment, *found) for found in page)
        after = page[-1][0]


def _head(environment: str, sequence: int, digest: bytes, signature: bytes, key: bytes) -> tuple[Head, str]:
    text = digest.decode("ascii", "replace"), key.decode("ascii", "replace")
    return Head(environment, sequence, text[0], signature), text[1]


def pages(
    database: sqlite3.Connection, *, after: int = 0, until: int | None = None
) -> Iterator[list[tuple[int, bytes]]]:
    """Give the entries behind `after`, in order, some thousands at a time; no lock is held in between."""
    query = (
        "SELECT sequence, payload FROM entries WHERE sequence > ? AND sequence <= ? ORDER BY sequence LIMIT ?"
    )
    last = 2**63 - 1 if until is None else until
    while page := database.execute(query, (after, last, PAGE)).fetchall():
        yield page
        after = page[-1][0]


def signed_pages(database: sqlite3.Connection, *, until: int) -> Iterator[list[Signed]]:
    """Give the entries up to `until` as `pages` does, each with the digest that its kept head names."""
    query = (
        "SELECT entries.sequence, payload, digest FROM entries LEFT JOIN heads USING (sequence) "
        "WHERE entries.sequence > ? AND entries.sequence <= ? ORDER BY entries.sequence LIMIT ?"
    )
    after = 0
    while page := database.execute(query, (after, until, PAGE)).fetchall():
        yield page
        after = page[-1][0]
