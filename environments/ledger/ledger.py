"""Writing the record of one environment, and answering for it to peers.

Invariants:
1. `append` returns when the entry and its signed head are on disk, in one transaction; what it returned is
   never unsaid. A writer that is killed leaves the chain as it was, or longer by one whole entry.
2. Nothing is added behind a last entry that the newest head does not name, or behind a head that this
   environment did not sign: whoever edits the file makes it stop, and cannot have it signed anew.
3. A head shown to a peer is written down first, with every earlier one that the peer may have seen, and
   each later head shown carries their digests (`trail`): a rewritten history cannot keep its promises.
4. A ledger that is empty although heads of it were shown was deleted: nothing is added.

Example:
    >>> ledger = Ledger(folder.ledger, load_identity(folder))
    >>> ledger.append("note", {"about": "set-up"}).sequence
    1
    >>> verify_ledger(folder.ledger, identity.public).success
    True
"""

from __future__ import annotations

import datetime as dt
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from data_contracts.digest import digest_bytes
from data_contracts.errors import DefectError, NotVerifiableError
from environments.ledger.database import Row, add, last_row, newest_head, reading, writing
from environments.ledger.entry import GENESIS, MAX_ENTRY, Entry, Head, head_payload, is_kept, parse_entry
from environments.ledger.lookup import newest, read_entries, read_head
from environments.ledger.migrate import take_over
from environments.ledger.shown import changing, most_shown, shown_to, write_shown

if TYPE_CHECKING:
    from environments.identity.keys import Identity

__all__ = ["Ledger", "utc_now"]


def utc_now() -> dt.datetime:
    """Return the time now, in UTC."""
    return dt.datetime.now(dt.UTC)


class Ledger:
    """One environment's record, open for writing."""

    def __init__(
        self, folder: Path, identity: Identity, *, clock: Callable[[], dt.datetime] = utc_now
    ) -> None:
        """Name the folder, whose identity signs, and the clock that stamps entries."""
        self._folder = folder
        self._identity = identity
        self._clock = clock

    def append(self, kind: str, body: Mapping[str, Any]) -> Entry:
        """Add one entry, durably.

        Raises:
            NotVerifiableError: the ledger does not end where its signed head says, or is another's.
            UnreachableError: the disk refuses.
        """
        take_over(self._folder, self._identity.public)
        with writing(self._folder) as database:
            sequence, previous = self._end(database)
            time = self._clock().astimezone(dt.UTC).isoformat(timespec="milliseconds")
            entry = Entry(sequence + 1, self._identity.name, kind, time, previous, dict(body))
            payload = entry.payload()
            if len(payload) >= MAX_ENTRY:
                raise DefectError(
                    f"a ledger entry of {len(payload)} bytes; at most {MAX_ENTRY} are read back"
                )
            head = self._head(entry.sequence, digest_bytes(payload))
            add(database, Row(entry.sequence, payload), head, self._identity.public.key_id)
        return entry

    def _end(self, database: sqlite3.Connection) -> tuple[int, str]:
        """Return where the ledger ends, and forget that head unless it is one that is kept."""
        row, found = last_row(database), newest_head(database, self._identity.name)
        if row is None:
            self._never_shown()
            self._reaches(0, GENESIS, found[0] if found else None)
            return 0, GENESIS
        last, digest = parse_entry(row.payload), digest_bytes(row.payload)
        self._own(last)
        if last.sequence != row.sequence or found is None:
            raise NotVerifiableError("the last entry has no signed head: it was changed", remedy=_STOP)
        self._reaches(row.sequence, digest, found[0])
        found[0].verify(self._identity.public.ever)
        if not is_kept(last.kind, last.sequence):
            database.execute("DELETE FROM heads WHERE sequence = ?", (last.sequence,))
        return row.sequence, digest

    def _own(self, entry: Entry) -> None:
        if entry.environment != self._identity.name:
            raise NotVerifiableError(
                f"this ledger is {entry.environment}'s, not {self._identity.name}'s",
                remedy="run `isthmus ledger verify`, then restore this environment's own from its backup",
            )

    def _never_shown(self) -> None:
        most = most_shown(self._folder)
        if most:
            raise NotVerifiableError(
                f"this ledger is empty, and its entry {most} was shown to a peer: it was deleted",
                remedy=_STOP,
            )

    @staticmethod
    def _reaches(sequence: int, digest: str, head: Head | None) -> None:
        if head is not None and (head.sequence, head.digest) != (sequence, digest):
            raise NotVerifiableError(
                f"this ledger ends at entry {sequence}; its signed head names entry {head.sequence}",
                remedy=_STOP,
            )

    def _head(self, sequence: int, digest: str) -> Head:
        signature = self._identity.sign(head_payload(self._identity.name, sequence, digest))
        return Head(self._identity.name, sequence, digest, signature)

    def entries(self) -> Iterator[Entry]:
        """Give every entry, oldest first."""
        take_over(self._folder, self._identity.public)
        return read_entries(self._folder)

    def head(self) -> Head | None:
        """Return the newest signed head; None for a ledger without entries."""
        take_over(self._folder, self._identity.public)
        return read_head(self._folder)

    def find(self, kind: str, **wanted: object) -> Entry | None:
        """Return the newest entry of a kind whose body has these values; None where there is none.

        By `crossing` or `manifest` it is looked up; by other values the entries of the kind are searched,
        newest first.
        """
        take_over(self._folder, self._identity.public)
        with reading(self._folder) as database:
            return None if database is None else newest(database, kind, wanted)

    def show(self, peer: str) -> Head:
        """Return the head for a peer, with a trail, after writing down that it was shown."""
        if self.head() is None:
            self.append("opened", {})
        with changing(self._folder):
            # Read under the lock: of two that show at once the later one shows no earlier head, which no
            # trail would name and its peer would refuse for ever.
            head = self.head()
            if head is None:
                raise NotVerifiableError("this ledger was deleted while a head of it was shown", remedy=_STOP)
            shown = shown_to(self._folder, peer)
            write_shown(self._folder, peer, [*shown, head.sequence])
        trail = {}
        with reading(self._folder) as database:
            for sequence in shown if database is not None else ():
                query = "SELECT payload FROM entries WHERE sequence = ?"
                found = database.execute(query, (sequence,)).fetchone() if database is not None else None
                if found is not None:
                    trail[sequence] = digest_bytes(found[0])
        return replace(head, trail=trail)

    def acknowledged(self, peer: str, sequence: int) -> None:
        """Keep in mind that `peer` has witnessed `sequence`: earlier heads need no more to be trailed."""
        with changing(self._folder):
            shown = shown_to(self._folder, peer)
            if sequence in shown:
                write_shown(self._folder, peer, [number for number in shown if number >= sequence])


_STOP = "run `isthmus ledger verify`; nothing is added to a ledger that was cut or changed"
