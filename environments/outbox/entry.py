"""One crossing that waits, and what is known of the lines on which such go.

Invariants:
1. An entry holds names, digests, counts and times, and the signed statement of who asks. No value of data.
2. `waiting`, `sending` and `sent` are on their way; every other state is an end, and no state follows it.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

__all__ = ["ENDS", "Arrival", "Line", "Queued", "State", "Waits"]

State: TypeAlias = Literal[
    "waiting", "sending", "sent", "arrived", "denied", "broken", "failed", "expired", "dropped", "superseded"
]
ENDS = {
    "arrived": "the destination committed it",
    "denied": "terms or policy deny it, here or there",
    "broken": "the data breaks its contract",
    "failed": "what it sends is not here any more",
    "expired": "it waited for longer than it was asked to",
    "dropped": "somebody took it out",
    "superseded": "a newer version was queued in its place",
}
"""What the ends mean."""
SET = "set"


@dataclass(frozen=True)
class Queued:
    """One crossing that was asked for.

    Attributes:
        crossing: its id.
        request: its request id.
        members: name and version of what it sends, one by one.
        name: the asset; `set` for a set.
        version: the asset's; of a set, its digest.
        destination: where to.
        purpose: what for.
        priority: 0 to 9; the higher one goes first.
        size: bytes of the versions.
        signed: the statement of who asks; None where nobody signed.
        queued: when.
        expires: from when on it waits no more.
        number: its place in the order of queueing; 0 before it has one.
        state: where it stands.
        attempts: how often it was tried.
        due: when it is tried next.
        reason: why it waits, or how it ended.
        ahead: assets of it of which an earlier version goes first.
        until: of one that was sent, until when the destination takes it.
    """

    crossing: str
    request: str
    members: tuple[tuple[str, str], ...]
    name: str
    version: str
    destination: str
    purpose: str
    priority: int
    size: int
    signed: bytes | None = field(repr=False)
    queued: dt.datetime
    expires: dt.datetime
    number: int = 0
    state: State = "waiting"
    attempts: int = 0
    due: dt.datetime | None = None
    reason: str = ""
    ahead: int = 0
    until: dt.datetime | None = None

    @property
    def ended(self) -> bool:
        """Whether nothing more happens to it."""
        return self.state in ENDS

    def to_json(self) -> dict[str, Any]:
        """Return it as a JSON object, without the signed statement."""
        return {
            "crossing": self.crossing,
            "request": self.request,
            "name": self.name,
            "version": self.version,
            "members": len(self.members),
            "destination": self.destination,
            "purpose": self.purpose,
            "priority": self.priority,
            "bytes": self.size,
            "signed": self.signed is not None,
            "state": self.state,
            "queued": _shown(self.queued),
            "expires": _shown(self.expires),
            "attempts": self.attempts,
            "next_attempt": None if self.due is None or self.ended else _shown(self.due),
            "behind_earlier_versions": self.ahead > 0 and not self.ended,
            "reason": self.reason,
        }


@dataclass(frozen=True)
class Line:
    """What is known of the way to a peer (`send`) or from it (`fetch`).

    Attributes:
        failures: in a row.
        due: when it is tried next; None: at any time.
        reason: what was the matter last.
    """

    failures: int = 0
    due: dt.datetime | None = None
    reason: str = ""


@dataclass(frozen=True)
class Waits:
    """What waits for one destination.

    Attributes:
        entries: how many.
        bytes: of their versions.
        oldest: when the oldest was queued.
        sent: how many of them are sent and not answered.
    """

    entries: int
    bytes: int
    oldest: dt.datetime
    sent: int


@dataclass(frozen=True)
class Arrival:
    """What was made of something that lies in a transit from a peer.

    Attributes:
        manifest: digest of the manifest that was looked at.
        attempts: how often.
        due: when it is looked at next.
        reason: what was the matter; empty where it was answered.
    """

    manifest: str
    attempts: int
    due: dt.datetime
    reason: str = ""


def _shown(moment: dt.datetime) -> str:
    return moment.astimezone(dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
