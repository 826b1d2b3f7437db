"""Verifying a ledger: every way in which it may have been changed, as data.

Invariants:
1. Every entry is read and hashed; the chain, the sequence and the owner are checked at each.
2. The newest head must be signed by the owner and name the last entry: with the chain it proves all before.
   Every kept head must name the entry at its place; the signature of each thousandth is verified too, and
   where the chain breaks, the heads say from where on it is another history.
3. A head that names more entries than there are (the ledger's own, one that was shown, or one that a peer
   witnessed) means that the tail was cut, whatever the rest looks like.
4. What is added while it runs is left for the next time; nobody who writes waits for longer than a page.

Example:
    >>> report = verify_ledger(folder.ledger, identity.public, witnessed=[head_from_peer])
    >>> report.success, [problem.id for problem in report.problems]
    (True, [])
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

from data_contracts.errors import NotVerifiableError
from environments.ledger.database import last_row, reading, signed_heads, signed_pages
from environments.ledger.entry import GENESIS, HEAD_EVERY, Head, parse_entry
from environments.ledger.migrate import take_over
from environments.ledger.shown import most_shown

if TYPE_CHECKING:
    from environments.identity.public import PublicIdentity

__all__ = ["LedgerProblem", "LedgerReport", "verify_ledger"]

_MAX_PROBLEMS = 100
_TIME = 40
"""The length of the end of an entry: `,"time":"2026-11-23T20:02:49.707+00:00"}`."""
_NOT_SIGNED = "this entry, or one before it, is not the one that was signed"
_END = re.compile(rb',"time":"[0-9T:.+-]{29}"\}')


@dataclass(frozen=True)
class LedgerProblem:
    """One finding.

    Attributes:
        id: `altered`, `removed`, `reordered`, `unreadable`, `foreign`, `signature`, `truncated`, `head`,
            `forked`.
        sequence: the entry that it is about; 0 for the ledger as a whole.
        message: what it means.
    """

    id: str
    sequence: int
    message: str


@dataclass(frozen=True)
class LedgerReport:
    """What verifying found.

    Attributes:
        entries: how many entries were read.
        sequence: of the last readable entry; 0 for an empty ledger.
        digest: of the last readable entry.
        problems: what is wrong, in the order of the ledger; empty if it verifies.
    """

    entries: int
    sequence: int
    digest: str
    problems: tuple[LedgerProblem, ...]

    @property
    def success(self) -> bool:
        """Whether nothing is wrong."""
        return not self.problems

    def to_json(self) -> dict[str, Any]:
        """Return the report as a JSON object."""
        return {
            "success": self.success,
            "entries": self.entries,
            "sequence": self.sequence,
            "digest": self.digest,
            "problems": [vars(problem) for problem in self.problems],
        }


class _Walk:
    """Goes along the entries; quick where each follows from the one before, careful where one does not."""

    def __init__(self, environment: str, heads: dict[int, set[tuple[str, bool]]]) -> None:
        self.environment = environment
        self.heads = heads
        self.problems: list[LedgerProblem] = []
        self.count = 0
        self.sequence = 0
        self.digest = GENESIS

    def say(self, kind: str, sequence: int, message: str) -> None:
        known = any((found.id, found.sequence) == (kind, sequence) for found in self.problems)
        if not known and len(self.problems) < _MAX_PROBLEMS:
            self.problems.append(LedgerProblem(kind, sequence, message))

    def page(self, rows: list[tuple[int, bytes, bytes | None]]) -> None:
        owner = b',"environment":"' + self.environment.encode() + b'","kind":"'
        expected, previous, heads = self.sequence, self.digest.encode(), self.heads
        for number, payload, signed in rows:
            expected += 1
            tail = b'","previous":"%b","sequence":%d' % (previous, expected)
            end = len(payload) - _TIME
            start = payload.rfind(owner, 0, end)
            if (
                number == expected
                and start > 0
                and payload.endswith(tail, 0, end)
                and b'"' not in payload[start + len(owner) : end - len(tail)]
                and _END.fullmatch(payload, end)
            ):
                previous = b"sha256:" + sha256(payload).hexdigest().encode()
            else:
                self.sequence, self.digest = expected - 1, previous.decode()
                self.step(number, payload)
                expected, previous = self.sequence, self.digest.encode()
            if signed is not None and signed != previous:
                self.say("altered", number, _NOT_SIGNED)
            if expected in heads:
                self.meet(expected, previous.decode())
        self.count += len(rows)
        self.sequence, self.digest = expected, previous.decode()

    def step(self, number: int, payload: bytes) -> None:
        try:
            entry = parse_entry(payload)
        except NotVerifiableError:
            self.say("unreadable", number, "what stands there is no entry")
            return
        if entry.environment != self.environment:
            self.say("foreign", entry.sequence, "an entry of another environment")
        if entry.sequence > self.sequence + 1:
            missing = entry.sequence - self.sequence - 1
            self.say("removed", self.sequence + 1, f"{missing} entries are missing before the next")
        elif entry.sequence <= self.sequence:
            self.say("reordered", entry.sequence, "this entry stands after a later one, or twice")
        elif entry.previous != self.digest:
            # The one before no longer hashes to what this one names; a head says more where one was kept.
            self.say("altered", max(self.sequence, 1), "this entry, or what the next one names, was changed")
        elif number != entry.sequence:
            self.say("reordered", entry.sequence, "this entry stands at another entry's place")
        self.sequence, self.digest = entry.sequence, "sha256:" + sha256(payload).hexdigest()

    def meet(self, sequence: int, digest: str) -> None:
        for named, own in sorted(self.heads.pop(sequence)):
            if named == digest:
                continue
            if own:
                self.say("altered", sequence, _NOT_SIGNED)
            else:
                self.say("forked", sequence, "a head that a peer witnessed names another entry at this place")


def verify_ledger(folder: Path, public: PublicIdentity, *, witnessed: Iterable[Head] = ()) -> LedgerReport:
    """Verify the ledger in `folder` against its owner's public identity.

    Args:
        folder: the environment's ledger folder.
        public: its public identity.
        witnessed: heads of this ledger that peers have kept (from their receipts).
    """
    walk = _Walk(public.name, {})
    try:
        take_over(folder, public)
        with reading(folder) as database:
            _walk(walk, database, public, witnessed)
        most = most_shown(folder)
        if most > walk.sequence:
            walk.say(
                "truncated", walk.sequence, f"entry {most} was shown to a peer; the ledger ends before it"
            )
    except NotVerifiableError as error:
        walk.say("unreadable", 0, str(error))
    return LedgerReport(walk.count, walk.sequence, walk.digest, tuple(walk.problems))


def _walk(
    walk: _Walk, database: sqlite3.Connection | None, public: PublicIdentity, witnessed: Iterable[Head]
) -> None:
    kept: list[tuple[Head, str]] = []
    until = 0
    if database is not None:
        database.execute("BEGIN")  # what there is now: heads and entries of one moment
        kept, row = signed_heads(database, public.name, every=HEAD_EVERY), last_row(database)
        database.execute("COMMIT")
        until = row.sequence if row else 0
    _check_heads(walk, kept, public, list(witnessed), until)
    if database is not None:
        for rows in signed_pages(database, until=until):
            walk.page(rows)
    for sequence in sorted(walk.heads):
        if sequence > walk.sequence:
            walk.say(
                "truncated", walk.sequence, f"a signed head names entry {sequence}; the ledger ends before it"
            )
            break


def _check_heads(
    walk: _Walk, kept: list[tuple[Head, str]], public: PublicIdentity, witnessed: list[Head], until: int
) -> None:
    """Verify the heads' signatures, and give the walk what they name."""
    known = public.ever.key_ids
    for number, (head, key) in enumerate(kept, 1):
        newest = number == len(kept)
        if newest or key in known:
            _signed(walk, head, public)
        if newest:
            walk.heads.setdefault(head.sequence, set()).add((head.digest, True))
    for head in witnessed:
        if _signed(walk, head, public):
            walk.heads.setdefault(head.sequence, set()).add((head.digest, False))
    if until and (not kept or kept[-1][0].sequence < until):
        walk.say("head", until, "the last entry has no signed head")


def _signed(walk: _Walk, head: Head, public: PublicIdentity) -> bool:
    try:
        head.verify(public.ever)
    except NotVerifiableError:
        walk.say("signature", head.sequence, "a head whose signature is not the owner's")
        return False
    return True
