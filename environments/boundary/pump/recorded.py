"""What the ledger says of an entry before it is sent or expires: it knows more than a queue from a backup.

Invariants:
1. What was answered, taken out, superseded or refused for good since it was queued ends as that, and is
   not sent again: neither a queue that was put back nor a kill between ledger and queue repeats anything.
2. A refusal from before an entry was queued is none of it: it is decided again, as everything that waits.
3. Nothing is written into the ledger here.

Example:
    >>> ended_before(work, entry)
    False
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable

from environments.boundary.approving import APPROVAL
from environments.boundary.looking import clear_over
from environments.boundary.opening import NOT_HELD
from environments.boundary.ordering import ORDER
from environments.boundary.pump.work import Work
from environments.boundary.queueing import ENDINGS, ending_alone
from environments.boundary.result import GateRule
from environments.outbox import Queued

__all__ = ["close", "closed_before", "end", "ended_before", "lacks", "said"]


def ended_before(work: Work, entry: Queued) -> bool:
    """End an entry that the ledger says has ended; false where it says nothing of that.

    Raises:
        UnreachableError: what is left of it in the transit cannot be cleared.
    """
    return _taken_out(work, entry) or closed_before(work, entry) or _refused(work, entry)


def _taken_out(work: Work, entry: Queued) -> bool:
    found = work.env.ledger.find("outbox", crossing=entry.crossing)
    if found is None:
        return False
    _end(work, entry, str(found.body["outcome"]), str(found.body["reason"]))
    return True


def closed_before(work: Work, entry: Queued) -> bool:
    """Note an answer that was read by another way, or before a crash."""
    closed = work.env.ledger.find("settle", crossing=entry.crossing)
    if closed is None or closed.body["outcome"] == "failed":
        return False
    sent = work.env.ledger.find("egress", crossing=entry.crossing)
    if sent and sent.sequence > closed.sequence:
        return False
    clear_over(work.env, entry.destination, entry.crossing)
    rules = tuple(GateRule.from_json(rule) for rule in closed.body["rules"])
    if lacks(rules):
        return False
    close(work, entry, str(closed.body["outcome"]), rules)
    return True


def _refused(work: Work, entry: Queued) -> bool:
    found = work.env.ledger.find("egress", crossing=entry.crossing)
    if found is None or found.body["outcome"] == "permitted" or "not_before" in found.body:
        return False
    rules = tuple(GateRule.from_json(rule) for rule in found.body["rules"])
    waits = {APPROVAL, ORDER, *ENDINGS}
    if {rule.id for rule in rules} <= waits or dt.datetime.fromisoformat(found.time) < entry.queued:
        return False
    end(work, entry, str(found.body["outcome"]), said(rules))
    return True


def lacks(rules: Iterable[GateRule]) -> bool:
    """Whether a destination only lacked what it was taken to hold: it lost it, or was asked to erase it."""
    return {rule.id for rule in rules} == {NOT_HELD}


def close(work: Work, entry: Queued, outcome: str, rules: Iterable[GateRule]) -> None:
    """End an entry by its answer."""
    if outcome == "permitted":  # kept with its receipt: nobody takes it out any more
        _end(work, entry, "arrived", "")
    else:
        state = "denied" if outcome == "denied" else "broken"
        end(work, entry, state, f"{entry.destination}: {said(rules)}")


def end(work: Work, entry: Queued, state: str, reason: str) -> None:
    """End an entry, unless somebody takes it out at this moment; what the ledger says of that stands.

    Raises:
        ConflictError: another process ends something, and takes too long.
    """
    with ending_alone(work.env):
        if not _taken_out(work, entry):
            _end(work, entry, state, reason)


def _end(work: Work, entry: Queued, state: str, reason: str) -> None:
    work.env.progress("pump.end")
    if work.outbox.end(entry, state, work.now, reason):  # type: ignore[arg-type] # one of the ends
        work.did[state] += 1


def said(rules: Iterable[GateRule]) -> str:
    """Return rules as the reason of what ended or waits."""
    return "; ".join(f"{rule.id}: {rule.reason}" for rule in rules)[:400]
