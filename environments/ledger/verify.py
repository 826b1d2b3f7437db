"""Verifying a ledger: every way in which it may have been changed, as data.

Invariants:
1. Every line is read and hashed; the chain, the sequence and the owner are checked at each.
2. The last line's signature and the head file's are verified; together with the chain they prove all
   entries before. Where the chain breaks, the signatures beside the break say which side was changed.
3. A head that names more entries than there are (the ledger's own, or one that a peer witnessed) means
   that the tail was cut, whatever the rest looks like.

Example:
    >>> report = verify_ledger(folder.ledger, identity.public, witnessed=[head_from_peer])
    >>> report.success, [problem.id for problem in report.problems]
    (True, [])
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from data_contracts.errors import NotVerifiableError
from environments.identity.public import PublicIdentity
from environments.ledger.entry import GENESIS, Entry, Head, head_payload, parse_line
from environments.ledger.ledger import read_head
from environments.ledger.log import lines

__all__ = ["LedgerProblem", "LedgerReport", "verify_ledger"]

_MAX_PROBLEMS = 100


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
        entries: how many lines were read.
        sequence: of the last readable entry; 0 for an empty ledger.
        digest: of the last readable entry.
        problems: what is wrong, in the order of the log; empty if the ledger verifies.
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
    def __init__(self, public: PublicIdentity, heads: dict[int, list[Head]]) -> None:
        self.public = public
        self.heads = heads
        self.problems: list[LedgerProblem] = []
        self.count = 0
        self.last: tuple[Entry | None, str, bytes] = (None, GENESIS, b"")

    def say(self, kind: str, sequence: int, message: str) -> None:
        if len(self.problems) < _MAX_PROBLEMS:
            self.problems.append(LedgerProblem(kind, sequence, message))

    def signed(self, entry: Entry, digest: str, signature: bytes) -> bool:
        try:
            self.public.verify(head_payload(self.public.name, entry.sequence, digest), signature)
        except NotVerifiableError:
            return False
        return True

    def step(self, line: bytes) -> None:
        self.count += 1
        try:
            entry, digest, signature = parse_line(line)
        except NotVerifiableError:
            self.say("unreadable", self.count, "a line that is no entry")
            return
        if entry.environment != self.public.name:
            self.say("foreign", entry.sequence, "an entry of another environment")
        self.link(entry, digest, signature)
        for head in self.heads.pop(entry.sequence, ()):
            if head.digest != digest:
                self.say("forked", entry.sequence, "a signed head names another entry at this place")
        self.last = (entry, digest, signature)

    def link(self, entry: Entry, digest: str, signature: bytes) -> None:
        before, before_digest, before_signature = self.last
        expected = before.sequence + 1 if before else 1
        if entry.sequence == expected and entry.previous == before_digest:
            return
        if entry.sequence > expected:
            self.say("removed", expected, f"{entry.sequence - expected} entries are missing before the next")
        elif entry.sequence < expected:
            self.say("reordered", entry.sequence, "this entry stands after a later one, or twice")
        elif before and not self.signed(before, before_digest, before_signature):
            self.say("altered", before.sequence, "this entry was changed after it was written")
        else:
            changed = not self.signed(entry, digest, signature)
            what = (
                "this entry was changed after it was written" if changed else "the entry before was exchanged"
            )
            self.say("altered", entry.sequence, what)


def verify_ledger(folder: Path, public: PublicIdentity, *, witnessed: Iterable[Head] = ()) -> LedgerReport:
    """Verify the ledger in `folder` against its owner's public identity.

    Args:
        folder: the environment's ledger folder.
        public: its public identity.
        witnessed: heads of this ledger that peers have kept (from their receipts).
    """
    own, problems = _own_head(folder)
    heads: dict[int, list[Head]] = {}
    for head in [*([own] if own else []), *witnessed]:
        try:
            head.verify(public)
        except NotVerifiableError:
            problems.append(LedgerProblem("head", head.sequence, "a head whose signature is not the owner's"))
            continue
        heads.setdefault(head.sequence, []).append(head)
    walk = _Walk(public, heads)
    for line in lines(folder):
        walk.step(line)
    last, digest, signature = walk.last
    if last is not None and not walk.signed(last, digest, signature):
        walk.say("signature", last.sequence, "the last entry's signature is not the owner's")
    if walk.heads:
        most = max(walk.heads)
        reached = last.sequence if last else 0
        if most > reached:
            walk.say("truncated", reached, f"a signed head names entry {most}; the ledger ends before it")
    if own is None and last is not None:
        walk.say("head", last.sequence, "the head file is missing")
    return LedgerReport(
        walk.count, last.sequence if last else 0, digest, (*problems, *walk.problems)[:_MAX_PROBLEMS]
    )


def _own_head(folder: Path) -> tuple[Head | None, list[LedgerProblem]]:
    try:
        return read_head(folder), []
    except NotVerifiableError:
        return None, [LedgerProblem("head", 0, "the head file is damaged")]
