"""One destination's line: what has waited too long is ended, answers are read, and what waits is sent.

Invariants:
1. What was sent and not answered is asked about ever more seldom, and sent anew when its manifest counts no
   more, or does not lie in the transit any more: it is decided again then.
2. A destination that is declared no more, a boundary that is closed, a transit that cannot be reached: the
   line rests, and everything waits.
3. What the ledger says has ended is not sent, and does not expire (`recorded`).
4. An entry that fails for a reason of its own waits longer each time, and the others go on; where several
   in a row do, the reason is not theirs alone, and the line rests.
5. What lies there as an answer and is none is removed, so that its destination gives its own again.
"""

from __future__ import annotations

import datetime as dt
from contextlib import suppress

from data_contracts.errors import (
    ConflictError,
    IsthmusError,
    NotVerifiableError,
    UnreachableError,
    UsageError,
)
from environments.boundaries import HOLDS
from environments.boundary.approving import APPROVAL
from environments.boundary.egress import egress
from environments.boundary.manifest import LIFETIME, open_manifest
from environments.boundary.ordering import ORDER
from environments.boundary.outbox import Outbox as Kept
from environments.boundary.pump.recorded import close, closed_before, end, ended_before, lacks, said
from environments.boundary.pump.work import Work, told
from environments.boundary.queueing import end_unsent, request_of
from environments.boundary.result import EgressResult
from environments.boundary.settle import NoAnswerError, settle
from environments.outbox import Queued, State
from environments.transit import manifest_name, receipt_name

__all__ = ["send_line"]

_SOON_S, _CONFLICT_S, _ORDER_S, _UNDECLARED_S = 1.0, 30.0, 60.0, 60.0
_SEVERAL = 3
_LONGEST_ENTRY, _LONGEST_LOOK = 3600.0, 300.0
_APPROVAL = dt.timedelta(hours=6)
"""Whoever approves wakes the entry; this is for an approval that came by another way."""


def send_line(work: Work, destination: str) -> None:
    """Work on one destination until nothing is due, or the line rests."""
    try:
        _expire(work, destination)
        if destination not in work.env.peers:
            reason = (
                f"{destination} is not declared here any more; what waits for it is kept until it is, or "
                "until it is taken out (isthmus outbox drop)"
            )
            work.rest(destination, "send", reason, work.after(_UNDECLARED_S))
            return
        _read_answers(work, destination)
        reached, failed, room = False, 0, work.env.profile.outbox.in_flight - _in_flight(work, destination)
        while room > 0:
            entry = next(iter(work.outbox.ready(destination, "waiting", work.now)), None)
            if entry is None:
                break
            if not reached:  # before anything is checked and transformed for a link that is down
                with suppress(NotVerifiableError):  # of this one entry, which says so when it is sent
                    work.env.outgoing(destination).size(manifest_name(entry.crossing))
                reached = True
            work.env.progress("pump.send")
            retried = work.did["retried"]
            if not _send(work, entry):
                return
            room -= 1
            failed = failed + 1 if work.did["retried"] > retried else 0
            if failed == _SEVERAL:
                reason = "several in a row failed, each for the reason that stands with it"
                work.rest(destination, "send", reason)
                return
    except UnreachableError as error:
        work.did["unreachable"] += 1
        work.rest(destination, "send", told(error))
        return
    work.outbox.reopen(destination, "send")


def _in_flight(work: Work, destination: str) -> int:
    waits = work.outbox.waits(destination).get(destination)
    return waits.sent if waits else 0


def _expire(work: Work, destination: str) -> None:
    for entry in work.outbox.expired(destination, work.now):
        work.env.progress("pump.expire")
        try:
            if not ended_before(work, entry):
                _expired(work, entry)
        except ConflictError:  # somebody works on it at this moment: at the next round
            continue
        except NotVerifiableError as error:
            _later(work, entry, error)


def _expired(work: Work, entry: Queued) -> bool:
    """End what has waited for too long, by its destination's answer where there is one; false in its time."""
    if entry.expires > work.now:
        return False
    if end_unsent(work.env, work.outbox, entry, "expired"):
        work.did["expired"] += 1
        return True
    stands = work.outbox.get(entry.crossing)
    if stands is not None and not stands.ended:
        _answered(work, entry, lies=True)
    return True


def _send(work: Work, entry: Queued) -> bool:
    """Send one; false where the line rests."""
    outbox = work.outbox
    try:
        # Also what expired since this round began: what goes before it may have taken long.
        if ended_before(work, entry) or _expired(work, entry):
            return True
        if gone := _gone(work, entry):
            end(work, entry, "failed", gone)
            return True
    except ConflictError as error:
        outbox.mark(entry, "waiting", work.now, due=work.after(_CONFLICT_S), reason=told(error))
        return True
    except NotVerifiableError as error:
        due = work.back_off(entry.attempts + 1, _LONGEST_ENTRY)
        outbox.mark(entry, "waiting", work.now, due=due, reason=told(error), tried=True)
        return True
    outbox.mark(entry, "sending", work.now, tried=True)
    work.env.progress("pump.sending")
    try:
        sent = egress(work.env, request_of(entry), entry.signed, queued=True)
        work.env.progress("pump.sent")
        return _noted(work, entry, sent)
    except UnreachableError as error:
        outbox.mark(entry, "waiting", work.now, reason=told(error))
        raise
    except ConflictError as error:
        outbox.mark(entry, "waiting", work.now, due=work.after(_CONFLICT_S), reason=told(error))
        return True
    except IsthmusError as error:
        due = work.back_off(entry.attempts + 1, _LONGEST_ENTRY)
        outbox.mark(entry, "waiting", work.now, due=due, reason=told(error))
        work.did["retried"] += 1
        return True


def _gone(work: Work, entry: Queued) -> str:
    """Say what of an entry is not here any more; nothing where all of it is."""
    try:
        for name, version in entry.members:
            work.env.store.record(name, version)
    except UsageError as error:
        return told(error)
    return ""


def _noted(work: Work, entry: Queued, sent: EgressResult) -> bool:
    if sent.outcome == "permitted":
        work.outbox.mark(entry, "sent", work.now, due=work.after(_SOON_S), until=_until(work, entry))
        work.did["sent"] += 1
        return True
    why, rules = said(sent.rules), {rule.id for rule in sent.rules}
    if sent.not_before is not None:
        work.outbox.mark(entry, "waiting", work.now, reason=why)
        work.rest(entry.destination, "send", why, sent.not_before)
        work.did["held_back"] += 1
        return False
    if sent.outcome == "denied" and rules in ({APPROVAL}, {ORDER}):
        due = work.now + _APPROVAL if APPROVAL in rules else work.after(_ORDER_S)
        work.outbox.mark(entry, "waiting", work.now, due=due, reason=why)
        work.did["held_back"] += 1
    elif rules & set(HOLDS):
        end(work, entry, "denied", f"{why}: waiting does not help")
    else:
        end(work, entry, "denied" if sent.outcome == "denied" else "broken", why)
    return True


def _until(work: Work, entry: Queued) -> dt.datetime:
    """Return until when the destination takes what was sent."""
    raw = Kept.of(work.env.folder, entry.crossing).read("manifest")
    if raw is None:
        return work.now
    return open_manifest(raw, work.env.identity.public)[0].expires


def _read_answers(work: Work, destination: str) -> None:
    most = work.env.profile.outbox.in_flight
    for entry in work.outbox.ready(destination, "sent", work.now, most):
        work.env.progress("pump.answer")
        try:
            if not _answered(work, entry):
                _look_again(work, entry)
        except NotVerifiableError as error:
            _later(work, entry, error)


def _answered(work: Work, entry: Queued, *, lies: bool = False) -> bool:
    """Note the answer to what was sent, looked for unless it is known to lie; false where there is none."""
    try:
        if not lies and work.env.outgoing(entry.destination).size(receipt_name(entry.crossing)) is None:
            return closed_before(work, entry)
        found = settle(work.env, entry.destination, entry.crossing)
        work.env.progress("pump.settled")
        if lacks(found.rules):  # the next attempt sends everything; asked in vain, less often
            due = work.back_off(entry.attempts, _LONGEST_ENTRY)
            work.outbox.mark(entry, "waiting", work.now, due=due, reason=f"{said(found.rules)}: all is sent")
        else:
            close(work, entry, found.outcome, found.rules)
    except (ConflictError, NotVerifiableError) as error:
        if isinstance(error, NoAnswerError):  # damaged or planted: its destination gives the answer again
            work.env.outgoing(entry.destination).delete(receipt_name(entry.crossing))
        _later(work, entry, error)
    return True


def _later(work: Work, entry: Queued, error: ConflictError | NotVerifiableError) -> None:
    """Note why what was sent could not be looked at: the others go on, and it is tried ever more seldom."""
    due = work.back_off(entry.attempts + 1, _LONGEST_ENTRY)
    kept = Kept.of(work.env.folder, entry.crossing)
    # Whoever sent it anew was killed before it was signed: nothing can be settled until that has ended.
    again = kept.read("manifest") is None and entry.expires > work.now
    state: State = "waiting" if again else "sent"
    work.outbox.mark(entry, state, work.now, due=due, reason=told(error), tried=True, until=entry.until)


def _look_again(work: Work, entry: Queued) -> None:
    until, transit = entry.until or work.now, work.env.outgoing(entry.destination)
    if until <= work.now or transit.size(manifest_name(entry.crossing)) is None:
        why = (
            "its manifest counts no more" if until <= work.now else "it does not lie in the transit any more"
        )
        work.outbox.mark(entry, "waiting", work.now, reason=f"{why}: it is decided and sent anew")
        return
    since = max(0.0, (work.now - (until - LIFETIME)).total_seconds())
    due = min(until, work.after(min(_LONGEST_LOOK, max(_SOON_S, since / 8))))
    reason = f"sent; no answer from {entry.destination} yet"
    work.outbox.mark(entry, "sent", work.now, due=due, reason=reason, until=until)
