"""Taking a crossing into the outbox, and taking one out: what ends without crossing is recorded as that.

Invariants:
1. What is queued is a wish for this environment's own assets and a declared peer, decided when it is sent.
2. Its crossing id is the one that it would have had at once: the same request again is the same entry.
3. Whoever ends it without a crossing (expired, dropped, superseded) writes that into the ledger first, and
   takes back what had been sent; where the destination has answered, it is not taken back.
4. It ends once: of several who end it at the same moment, the first one's word stands in the ledger and here.
5. Whoever begins to send it has its folder first, and looks whether it has ended then (`ending_alone`): it
   is either sent or ended, or sent and taken back.

Example:
    >>> enqueue(env, CrossingRequest("alarms", version, "onprem", "monitoring", "alarm-7")).state
    'waiting'
"""

from __future__ import annotations

import datetime as dt
from contextlib import AbstractContextManager, nullcontext
from typing import Literal, cast

from data_contracts.errors import ConflictError, UsageError
from environments.boundaries import USUAL
from environments.boundary.asking import resolve
from environments.boundary.context import EnvironmentContext
from environments.boundary.crossing import CrossingRequest, Member, told_members
from environments.boundary.outbox import Outbox as Kept
from environments.boundary.outbox import working_on
from environments.boundary.result import GateRule
from environments.locking import held
from environments.outbox import Outbox, Queued, open_outbox
from environments.outbox.limits import LONGEST
from environments.transit import crossing_prefix, receipt_name

__all__ = ["ENDINGS", "Ending", "drop", "end_unsent", "ending_alone", "enqueue", "request_of"]

_ABOUT = frozenset({
    "crossing", "name", "source_version", "destination", "purpose", "request", "requester", "attribution",
    "contract_ref", "count", "members",
})  # fmt: skip
Ending = Literal["expired", "dropped", "superseded"]
ENDINGS = {
    "expired": "it waited for longer than it was asked to",
    "dropped": "somebody took it out of the outbox",
    "superseded": "a newer version was queued in its place",
}
"""How an entry ends without a crossing, and why."""


def request_of(entry: Queued) -> CrossingRequest:
    """Return what an entry asks for."""
    members = [Member(name, version) for name, version in entry.members]
    return CrossingRequest.of(members, entry.destination, entry.purpose, entry.request)


def enqueue(
    env: EnvironmentContext,
    request: CrossingRequest,
    signed: bytes | None = None,
    *,
    lasts: dt.timedelta | None = None,
    priority: int | None = None,
    supersede: bool = False,
) -> Queued:
    """Put a crossing into this environment's outbox; the same again is the one that waits there.

    Args:
        env: the source.
        request: what shall cross.
        signed: the statement of who asks.
        lasts: how long it may wait; by default what the environment's file says.
        priority: 0 to 9; by default that of its boundary's limits.
        supersede: end what waits, unsent, of the same asset, destination and purpose.

    Raises:
        UsageError: no such asset, version or environment; it would wait for too long.
        DeniedError: as much waits for the destination as may.
        UnreachableError: the disk refuses.
    """
    asked = resolve(env, request)
    now, lasts = env.clock(), lasts or env.profile.outbox.lifetime
    if not dt.timedelta(0) < lasts <= LONGEST:
        raise UsageError(f"a crossing may wait for at most {LONGEST.days} days", remedy="say a shorter time")
    limits = env.profile.limits_with(request.destination, "send")
    usual = USUAL if limits is None else limits.priority(request.name, request.purpose)
    entry = Queued(
        crossing=asked.crossing,
        request=request.request_id,
        members=tuple((member.name, member.version) for member in request.assets),
        name=request.name,
        version=request.version,
        destination=request.destination,
        purpose=request.purpose,
        priority=usual if priority is None else priority,
        size=sum(member.record.size for member in asked.members),
        signed=signed,
        queued=now,
        expires=now + lasts,
    )
    with open_outbox(env.folder) as outbox:
        queued = outbox.add(entry, env.profile.outbox)
        for older in outbox.older(queued) if supersede and not queued.ended else ():
            end_unsent(env, outbox, older, "superseded", f"by request {queued.request}")
    return queued


def drop(env: EnvironmentContext, entry: Queued) -> bool:
    """Take an entry out; false where it had ended, or its destination has answered already.

    Raises:
        UnreachableError: the disk refuses, or the transit from which something must be taken back.
        ConflictError: another process is sending it.
    """
    with open_outbox(env.folder) as outbox:
        return end_unsent(env, outbox, entry, "dropped")


def end_unsent(
    env: EnvironmentContext, outbox: Outbox, entry: Queued, ending: Ending, more: str = ""
) -> bool:
    """End an entry that did not cross: taken back, recorded, ended, in that order; false where it crossed.

    Raises:
        UnreachableError: the disk refuses, or the transit from which something must be taken back.
        ConflictError: another process is sending it.
    """
    reason = f"{ENDINGS[ending]}{more and ', '}{more}"
    place = Kept.of(env.folder, entry.crossing).folder
    # Thousands may expire that nobody ever began to send: these get no folder for that.
    alone = ending != "expired" or place.exists()
    with working_on(env.folder, entry.crossing) if alone else nullcontext() as kept:
        if kept is not None and not _taken_back(env, entry, kept, GateRule(ending, reason)):
            return False
        with ending_alone(env):
            if kept is None and place.exists():
                raise ConflictError(f"somebody began to send request {entry.request} at this moment")
            stands = outbox.get(entry.crossing)
            if stands is None or stands.ended:
                return False
            told = env.ledger.find("outbox", crossing=entry.crossing)
            if told is not None:  # whoever wrote that was killed before it ended here
                ended = cast("Ending", told.body["outcome"])
                return outbox.end(entry, ended, env.clock(), str(told.body["reason"])) and ended == ending
            env.ledger.append("outbox", _about(entry) | {"outcome": ending, "reason": reason})
            env.progress("outbox.recorded")
            return outbox.end(entry, ending, env.clock(), reason)


def ending_alone(env: EnvironmentContext) -> AbstractContextManager[None]:
    """Hold the one lock under which entries end otherwise than by an arrival, for a moment.

    Raises:
        ConflictError: another process held it all the time that we were ready to wait.
    """
    return held(env.folder.outbox / "ending.lock", f"how what waits in {env.name} ends")


def _taken_back(env: EnvironmentContext, entry: Queued, kept: Kept, rule: GateRule) -> bool:
    """Remove what was sent of a crossing; false where it was answered."""
    if kept.read("receipt") is not None:
        return False
    if kept.begun:
        transit = env.outgoing(entry.destination)
        if transit.size(receipt_name(entry.crossing)) is not None:
            return False
        transit.clear(crossing_prefix(entry.crossing))
    sent = env.ledger.find("egress", crossing=entry.crossing, outcome="permitted")
    if kept.read("manifest") is not None and sent is not None:
        # Whoever follows the ledger reads that what had been sent lies there no more.
        about = {key: value for key, value in sent.body.items() if key in _ABOUT}
        env.ledger.append("egress", about | {"outcome": "denied", "rules": [rule.to_json()]})
    for name in ("manifest", "sealed", "request", "pinned"):
        kept.forget(name)
    return True


def _about(entry: Queued) -> dict[str, object]:
    return {
        "crossing": entry.crossing,
        "name": entry.name,
        "source_version": entry.version,
        "destination": entry.destination,
        "purpose": entry.purpose,
        "request": entry.request,
    } | told_members(request_of(entry).members)
