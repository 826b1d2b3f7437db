"""Writing the record of one environment, and answering for it to peers.

Invariants:
1. `append` returns when the entry is on disk; what it returned is never unsaid.
2. The head file is written after its entry. It may lag by the entry of an append that was killed, and
   never leads; so a head beyond the log proves that the log was cut.
3. A head shown to a peer is written down first, with every earlier one that the peer may have seen, and
   each later head shown carries their digests (`trail`): a rewritten history cannot keep its promises.

Example:
    >>> ledger = Ledger(folder.ledger, load_identity(folder))
    >>> ledger.append("note", {"about": "set-up"}).sequence
    1
    >>> verify_ledger(folder.ledger, identity.public).success
    True
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from data_contracts.digest import canonical, digest_bytes
from data_contracts.errors import DefectError, NotVerifiableError
from environments.identity.keys import Identity
from environments.identity.public import encode
from environments.ledger.entry import GENESIS, MAX_LINE, Entry, Head, head_payload, parse_line
from environments.ledger.log import add_line, last_line, lines, writing
from environments.private import make_private, read_private, write_private
from environments.ref import check_name

__all__ = ["HEAD", "Ledger", "read_entries", "read_head", "utc_now"]

HEAD = "head.json"


def utc_now() -> dt.datetime:
    """Return the time now, in UTC."""
    return dt.datetime.now(dt.UTC)


def read_entries(folder: Path) -> Iterator[Entry]:
    """Give every entry, oldest first.

    Raises:
        NotVerifiableError: a line is no entry.
    """
    for line in lines(folder):
        yield parse_line(line)[0]


def read_head(folder: Path) -> Head | None:
    """Return the head that was last written down; None for a ledger without entries.

    Raises:
        NotVerifiableError: its file is damaged.
    """
    try:
        return Head.from_json(json.loads(read_private(folder / HEAD)))
    except FileNotFoundError:
        return None
    except ValueError:
        raise NotVerifiableError(
            f"{HEAD}: not a ledger head", remedy="run `isthmus ledger verify`, then compare with a backup"
        ) from None


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
            NotVerifiableError: the log's last line is no entry of this environment.
            UnreachableError: the disk refuses.
        """
        with writing(self._folder) as log:
            before = last_line(log)
            sequence, previous = 1, GENESIS
            if before is not None:
                last, previous, _ = parse_line(before)
                self._own(last)
                sequence = last.sequence + 1
            self._reaches_head(sequence - 1, previous)
            time = self._clock().astimezone(dt.UTC).isoformat(timespec="milliseconds")
            entry = Entry(sequence, self._identity.name, kind, time, previous, dict(body))
            payload = entry.payload()
            head = self._head(sequence, digest_bytes(payload))
            line = payload + b"\t" + encode(head.signature).encode()
            if len(line) >= MAX_LINE:
                raise DefectError(f"a ledger entry of {len(line)} bytes; at most {MAX_LINE} are read back")
            add_line(log, line)
            write_private(self._folder / HEAD, canonical(head.to_json()))
        return entry

    def _own(self, entry: Entry) -> None:
        if entry.environment != self._identity.name:
            raise NotVerifiableError(
                f"this ledger is {entry.environment}'s, not {self._identity.name}'s",
                remedy="run `isthmus ledger verify`, then restore this environment's own from its backup",
            )

    def _reaches_head(self, sequence: int, digest: str) -> None:
        head = read_head(self._folder)
        if head is None or head.sequence < sequence:
            return
        if (head.sequence, head.digest) != (sequence, digest):
            raise NotVerifiableError(
                f"this ledger ends at entry {sequence}; its signed head names entry {head.sequence}",
                remedy="run `isthmus ledger verify`; nothing is added to a ledger that was cut or changed",
            )

    def _head(self, sequence: int, digest: str) -> Head:
        signature = self._identity.sign(head_payload(self._identity.name, sequence, digest))
        return Head(self._identity.name, sequence, digest, signature)

    def entries(self) -> Iterator[Entry]:
        """Give every entry, oldest first."""
        return read_entries(self._folder)

    def head(self) -> Head | None:
        """Return the head that the log makes now; None for a ledger without entries."""
        with writing(self._folder) as log:
            line = last_line(log)
        if line is None:
            return None
        entry, digest, signature = parse_line(line)
        return Head(entry.environment, entry.sequence, digest, signature)

    def find(self, kind: str, **wanted: object) -> Entry | None:
        """Return the newest entry of a kind whose body has these values; None where there is none."""
        found = None
        for entry in self.entries():
            if entry.kind == kind and all(entry.body.get(key) == value for key, value in wanted.items()):
                found = entry
        return found

    def show(self, peer: str) -> Head:
        """Return the head for a peer, with a trail, after writing down that it was shown."""
        head = self.head()
        while head is None:
            self.append("opened", {})
            head = self.head()
        shown = self._shown(peer)
        write_private(self._shown_path(peer), canonical(sorted({*shown, head.sequence})))
        trail = {}
        for line in lines(self._folder) if shown else ():
            entry, digest, _ = parse_line(line)
            if entry.sequence in shown:
                trail[entry.sequence] = digest
        return replace(head, trail=trail)

    def acknowledged(self, peer: str, sequence: int) -> None:
        """Keep in mind that `peer` has witnessed `sequence`: earlier heads need no more to be trailed."""
        shown = self._shown(peer)
        if sequence in shown:
            keep = [number for number in shown if number >= sequence]
            write_private(self._shown_path(peer), canonical(sorted(keep)))

    def _shown_path(self, peer: str) -> Path:
        return make_private(self._folder / "shown") / f"{check_name(peer, 'the peer')}.json"

    def _shown(self, peer: str) -> list[int]:
        try:
            return list(json.loads(read_private(self._shown_path(peer))))
        except FileNotFoundError:
            return []
