"""Reading the record: all of it, a page of it, what concerns a crossing.

Invariants:
1. What is read is what was committed; a reader holds up no writer for longer than one page.
2. Looking up is not verifying: `verify_ledger` does that.

Example:
    >>> [entry.kind for entry in find_entries(folder.ledger, crossing="sha256:e1e1e5")]
    ['egress', 'settle']
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping
from pathlib import Path

from environments.ledger.database import INDEXED, KIND, last_row, newest_head, pages, reading
from environments.ledger.entry import Entry, Head, parse_entry

__all__ = ["find_entries", "newest", "read_entries", "read_head"]

_END = "g"
"""Behind every hexadecimal digit: all digests that begin with P lie between P and P + "g"."""


def read_entries(folder: Path) -> Iterator[Entry]:
    """Give every entry, oldest first.

    Raises:
        NotVerifiableError: the file is no ledger, or an entry is none.
    """
    with reading(folder) as database:
        if database is None:
            return
        for page in pages(database):
            for _, payload in page:
                yield parse_entry(payload)


def read_head(folder: Path) -> Head | None:
    """Return the newest signed head; None for a ledger without entries.

    Raises:
        NotVerifiableError: the file is no ledger.
    """
    with reading(folder) as database:
        row = None if database is None else last_row(database)
        if database is None or row is None:
            return None
        found = newest_head(database, parse_entry(row.payload).environment)
        return None if found is None else found[0]


def newest(database: sqlite3.Connection, kind: str, wanted: Mapping[str, object]) -> Entry | None:
    """Return the newest entry of a kind whose body has these values; None where there is none."""
    conditions, values = [f"{KIND} = ?"], [kind]
    for name, expression in INDEXED.items():
        value = wanted.get(name)
        if isinstance(value, str):
            conditions.append(f"{expression} = ?")
            values.append(value)
    query = f"SELECT payload FROM entries WHERE {' AND '.join(conditions)} ORDER BY sequence DESC"  # noqa: S608 - our own expressions
    for (payload,) in database.execute(query, values):
        entry = parse_entry(payload)
        if all(entry.body.get(key) == value for key, value in wanted.items()):
            return entry
    return None


def find_entries(
    folder: Path,
    *,
    crossing: str | None = None,
    kind: str | None = None,
    after: int = 0,
    last: int | None = None,
) -> list[Entry]:
    """Return the entries that match, oldest first.

    Args:
        folder: the environment's ledger folder.
        crossing: the beginning of a crossing's id, with `sha256:`.
        kind: what happened.
        after: only entries behind this sequence.
        last: at most this many: the newest; with `after`, the oldest behind it.
    """
    conditions, values = ["sequence > ?"], [str(after)]
    if crossing is not None:
        expression = INDEXED["crossing"]
        conditions += [f"{expression} >= ? AND {expression} < ?"]
        values += [crossing, crossing + _END]
    if kind is not None:
        conditions.append(f"{KIND} = ?")
        values.append(kind)
    order = "DESC" if last is not None and not after else "ASC"
    query = f"SELECT payload FROM entries WHERE {' AND '.join(conditions)} ORDER BY sequence {order} LIMIT ?"  # noqa: S608 - our own expressions
    with reading(folder) as database:
        if database is None:
            return []
        rows = database.execute(query, [*values, -1 if last is None else last]).fetchall()
    found = [parse_entry(payload) for (payload,) in rows]
    return found[::-1] if order == "DESC" else found
