"""Taking over the ledger of an older version: a file of lines, each a canonical entry, a tab and a signature.

Invariants:
1. It is taken over only if it verifies whole: chain, owner, the kept signatures, and the head file. Else
   nothing changes, and the old file stays what it was.
2. Entries keep their bytes, so every head that a peer witnessed still holds.
3. Killed anywhere, the next use takes it over again, or finds it taken over. The old file is kept aside.

Example:
    >>> take_over(folder.ledger, identity.public)
    True
    >>> sorted(path.name for path in (folder.ledger / "lines").iterdir())
    ['entries.log', 'head.json']
"""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from data_contracts.digest import digest_bytes
from data_contracts.errors import NotVerifiableError
from environments.encoding import decode
from environments.ledger.database import Row, add, last_row, writing
from environments.ledger.entry import GENESIS, HEAD_EVERY, MAX_ENTRY, Head, is_kept, parse_entry
from environments.private import disk_errors, make_private, read_private, sync_folder

if TYPE_CHECKING:
    from environments.identity.public import PublicIdentity

__all__ = ["take_over"]

_LOG, _HEAD, _ASIDE = "entries.log", "head.json", "lines"


def take_over(folder: Path, public: PublicIdentity) -> bool:
    """Move the entries of an older version's files into the database; return whether there were any.

    Raises:
        NotVerifiableError: they do not verify, or the database holds others already.
        UnreachableError: the disk refuses.
    """
    if not os.path.lexists(folder / _LOG):
        return False
    with writing(folder) as database:
        if os.path.lexists(folder / _LOG):
            _import(folder, public, database)
    _put_aside(folder)
    return True


def _refuse(what: str) -> NotVerifiableError:
    return NotVerifiableError(
        f"{_LOG}, an older version's ledger: {what}",
        remedy="nothing was changed; compare it with a backup and with what peers witnessed",
    )


def _import(folder: Path, public: PublicIdentity, database: sqlite3.Connection) -> None:
    named = _named(folder, public)
    there = last_row(database)
    count, previous, head, kept = 0, GENESIS, None, True
    for count, (payload, signature) in enumerate(_lines(folder), 1):
        entry = parse_entry(payload)
        if (entry.environment, entry.sequence, entry.previous) != (public.name, count, previous):
            raise _refuse(f"it breaks at entry {count}")
        previous = digest_bytes(payload)
        head = Head(public.name, count, previous, signature)
        _agrees(named, head)
        kept = is_kept(entry.kind, count)
        if count % HEAD_EVERY == 0:
            head.verify(public)
        if there is None:
            add(database, Row(count, payload), head if kept else None, public.key_id)
        elif there.sequence == count and there.payload != payload:
            raise _refuse("the database holds another history already")
    if named is not None and named.sequence > count:
        raise _refuse(f"it ends at entry {count}; its head names entry {named.sequence}")
    if head is not None:
        head.verify(public)
        if there is None and not kept:
            values = (head.sequence, head.digest, head.signature, public.key_id)
            database.execute("INSERT INTO heads VALUES (?, ?, ?, ?)", values)
    if there is not None and there.sequence < count:
        raise _refuse("the database holds a part of it")


def _agrees(named: Head | None, head: Head) -> None:
    if named is not None and named.sequence == head.sequence and named.digest != head.digest:
        raise _refuse(f"its head names another entry {head.sequence}")


def _lines(folder: Path) -> Iterator[tuple[bytes, bytes]]:
    with disk_errors(f"{folder / _LOG}: cannot be read"), (folder / _LOG).open("rb") as file:
        # A last line without its newline is an append that never returned.
        while (line := file.readline(MAX_ENTRY + 1)).endswith(b"\n"):
            payload, _, signature = line[:-1].partition(b"\t")
            yield payload, decode(signature.decode("ascii", "replace"), what="a ledger signature", length=64)
        if len(line) > MAX_ENTRY:
            raise _refuse("a line that is no entry")


def _named(folder: Path, public: PublicIdentity) -> Head | None:
    try:
        head = Head.from_json(json.loads(read_private(folder / _HEAD)))
    except FileNotFoundError:
        return None
    except ValueError:
        raise _refuse("its head file is damaged") from None
    head.verify(public)
    return head


def _put_aside(folder: Path) -> None:
    aside = make_private(folder / _ASIDE)
    with disk_errors(f"{aside}: cannot be written"):
        for name in (_HEAD, _LOG):
            if os.path.lexists(folder / name):
                (folder / name).replace(aside / name)
        sync_folder(aside)
        sync_folder(folder)
