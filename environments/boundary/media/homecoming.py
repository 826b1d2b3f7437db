"""Taking the answers on a disk home, at the source.

Invariants, in order:
1. A receipt is verified and recorded by `settle`, with the disk as the transit.
2. Then the crossing's own copy in the transit of this source is cleared, and last the index names it no more.
3. A crossing without an answer stays as it is, on the disk and here.

Example:
    >>> [(one.crossing[:10], one.outcome) for one in take_home(env, disk)]
    [('sha256:7f3', 'permitted')]
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from data_contracts.errors import UnreachableError
from environments.boundary.context import EnvironmentContext
from environments.boundary.media.arriving import index_of
from environments.boundary.media.disk import Disk, Listed
from environments.boundary.result import CrossingFailedError, GateRule
from environments.boundary.settle import settle
from environments.ledger import find_entries
from environments.transit import crossing_prefix, receipt_name

__all__ = ["Closed", "take_home"]


@dataclass(frozen=True)
class Closed:
    """What became of one crossing.

    Attributes:
        crossing: its id.
        outcome: the destination's; `unanswered`, where there is no receipt yet; `failed`, where it does not
            verify.
        version: of the commit there.
        rules: those that spoke against it there.
        receipt: the digest of the answer.
        cleared: whether this source's own copy of what was sent is gone.
        why: of a failure, or of what was not cleared.
        remedy: what to do about it.
    """

    crossing: str
    outcome: str
    version: str = ""
    rules: tuple[GateRule, ...] = ()
    receipt: str = ""
    cleared: bool = False
    why: str = ""
    remedy: str = ""


def take_home(env: EnvironmentContext, disk: Disk) -> tuple[Closed, ...]:
    """Settle every crossing on the disk that was answered.

    Raises:
        UsageError: the destination is no declared peer; the disk is none of ours, or of another pair.
        NotVerifiableError: the disk's index is damaged or was never written.
        UnreachableError: the disk, or this environment's own, refuses; run it again.
    """
    env.peer(disk.destination)
    there = replace(env, disk=disk)
    listed = index_of(disk)
    closed = [_close(env, there, disk, each) for each in listed]
    left = tuple(each for each, now in zip(listed, closed, strict=True) if not now.cleared)
    if left != listed:
        env.progress("media.index")
        disk.write_index(left)
    return tuple(closed)


def _close(env: EnvironmentContext, there: EnvironmentContext, disk: Disk, listed: Listed) -> Closed:
    crossing = listed.crossing
    answered = disk.size(receipt_name(crossing)) is not None
    if not answered and not _settled(env, crossing):
        return Closed(
            crossing, "unanswered", remedy=f"`isthmus media import` in {disk.destination} answers it"
        )
    try:
        # Also of one that was settled before and was not cleared to the end: then it reads its own record.
        found = settle(there, disk.destination, crossing)
    except CrossingFailedError as error:
        rules = (GateRule(error.rule, "not_verifiable"),)
        return Closed(crossing, "failed", rules=rules, why=str(error), remedy=error.remedy)
    why, remedy = "", ""
    env.progress("media.clear")
    disk.clear(crossing_prefix(crossing))
    try:
        env.outgoing(disk.destination).clear(crossing_prefix(crossing))
    except UnreachableError as error:
        why, remedy = str(error), "settle it again when the transit answers; only its copy there stays"
    return Closed(crossing, found.outcome, found.version, found.rules, found.receipt, not why, why, remedy)


def _settled(env: EnvironmentContext, crossing: str) -> bool:
    entries = find_entries(env.folder.ledger, crossing=crossing, kind="settle")
    return any(entry.body.get("outcome") != "failed" for entry in entries)
