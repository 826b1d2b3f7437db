"""What would otherwise be computed from every entry of a ledger, kept beside it between two looks.

Invariants:
1. Nothing is decided by an index, and it can be removed at any time: it is computed again from the ledger.
   Damaged, of another form, or on a disk that cannot be written, that is what happens.
2. It follows one ledger: it knows the last entry that it took by place and digest. Where that entry is
   another one by now (a restore), everything is forgotten and taken again.
3. One process at a time brings it up to date, in one transaction; what it gives out is of one moment.

Example:
    >>> with reading(folder.ledger) as record:
    ...     INDEX.rewind(database, record)
    ...     for entry in take_new(database, record):
    ...         counts[entry.kind] += 1
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from data_contracts.digest import digest_bytes
from data_contracts.errors import UnreachableError
from environments.folder import EnvironmentFolder
from environments.ledger.database import pages
from environments.ledger.entry import Entry, parse_entry
from environments.private import make_private

__all__ = ["LedgerIndex", "take_new"]

_MEMORY = ":memory:"
_SCHEMA = """
BEGIN EXCLUSIVE;
CREATE TABLE IF NOT EXISTS followed (sequence INTEGER NOT NULL, digest TEXT NOT NULL) STRICT;
INSERT INTO followed SELECT 0, '' WHERE NOT EXISTS (SELECT 1 FROM followed);
{tables}
PRAGMA user_version={version};
COMMIT;
"""
Result = TypeVar("Result")


@dataclass(frozen=True)
class LedgerIndex:
    """One index.

    Attributes:
        file: its name, in the environment's `index` folder.
        version: of its form.
        tables: statements that make its tables, each only where there is none.
        counted: the tables that hold what was taken from the ledger.
        wait: seconds that another process's update is waited for.
    """

    file: str
    version: int
    tables: str
    counted: tuple[str, ...]
    wait: float

    def update(self, folder: EnvironmentFolder, work: Callable[[sqlite3.Connection], Result]) -> Result:
        """Run `work` over the index in one transaction, and return what it gives.

        Raises:
            UnreachableError: another process updated it all the time that we were ready to wait.
        """
        try:
            path = make_private(folder.root / "index") / self.file
        except UnreachableError:  # a disk that cannot be written: computed again at each call
            return self._run(_MEMORY, work)
        try:
            return self._run(str(path), work)
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}:
                raise UnreachableError(
                    f"{path}: another process has brought this index up to date for {self.wait:.0f} s",
                    remedy="wait for it, then run it again",
                ) from error
            return self._run(_MEMORY, work)
        except sqlite3.DatabaseError:  # not ours, of another version, or damaged: it is only an index
            _remove(path)
            return self._run(str(path), work)

    def rewind(self, database: sqlite3.Connection, record: sqlite3.Connection | None) -> None:
        """Forget what was taken, if `record` is another ledger than the one that it was taken from."""
        sequence, digest = database.execute("SELECT * FROM followed").fetchone()
        if sequence and (record is None or _digest_at(record, sequence) != digest):
            for table in self.counted:
                database.execute(f"DELETE FROM {table}")  # noqa: S608 - our own names
            database.execute("UPDATE followed SET sequence = 0, digest = ''")

    def _run(self, place: str, work: Callable[[sqlite3.Connection], Result]) -> Result:
        with closing(self._connect(place)) as database:
            database.execute("BEGIN IMMEDIATE")
            try:
                found = work(database)
            except BaseException:
                if database.in_transaction:
                    database.execute("ROLLBACK")
                raise
            database.execute("COMMIT")
        return found

    def _connect(self, place: str) -> sqlite3.Connection:
        database = sqlite3.connect(place, timeout=self.wait, isolation_level=None)
        try:
            # It may be lost at any time, so nobody waits for the disk.
            database.execute("PRAGMA synchronous=OFF")
            [version] = database.execute("PRAGMA user_version").fetchone()
            if version == 0:
                database.executescript(_SCHEMA.format(tables=self.tables, version=self.version))
        except BaseException:
            database.close()
            raise
        if version not in {0, self.version}:
            database.close()
            raise sqlite3.DatabaseError("an index of another form")
        return database


def take_new(database: sqlite3.Connection, record: sqlite3.Connection | None) -> Iterator[Entry]:
    """Give the entries that were not taken yet, in order, and note at their end that they were."""
    if record is None:
        return
    [sequence] = database.execute("SELECT sequence FROM followed").fetchone()
    last = None
    for page in pages(record, after=sequence):
        for _, payload in page:
            yield parse_entry(payload)
        last = page[-1]
    if last is not None:
        database.execute("UPDATE followed SET sequence = ?, digest = ?", (last[0], digest_bytes(last[1])))


def _digest_at(record: sqlite3.Connection, sequence: int) -> str:
    found = record.execute("SELECT payload FROM entries WHERE sequence = ?", (sequence,)).fetchone()
    return "" if found is None else digest_bytes(found[0])


def _remove(path: Path) -> None:
    for name in (path, path.with_name(f"{path.name}-journal")):
        name.unlink(missing_ok=True)
