"""What waits in an environment's outbox, for `isthmus status`: counts, times and reasons."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from environments.folder import EnvironmentFolder
from environments.outbox import has_outbox, open_outbox

__all__ = ["OutboxStatus", "outbox_of", "outboxes", "waiting_in"]


@dataclass(frozen=True)
class OutboxStatus:
    """What waits for one destination.

    Attributes:
        environment: whose outbox.
        destination: where to.
        waiting: how many crossings, with those that are sent and not answered.
        sent: how many of them are sent and not answered.
        bytes: of their versions.
        oldest: when the oldest was queued.
        rests_until: when it is tried again; None: at any time.
        reason: why not before.
    """

    environment: str
    destination: str
    waiting: int
    sent: int
    bytes: int
    oldest: str
    rests_until: str | None
    reason: str


def outbox_of(folder: EnvironmentFolder) -> list[dict[str, Any]]:
    """Return what waits in one environment; for a process that may open its folder."""
    if not has_outbox(folder):
        return []
    found = []
    with open_outbox(folder, durable=False) as outbox:
        for name, one in outbox.waits().items():
            line = outbox.line(name, "send")
            rests = None if line.due is None or not line.reason else line.due.isoformat(timespec="seconds")
            made = OutboxStatus(
                folder.name, name, one.entries, one.sent, one.bytes, one.oldest.isoformat(timespec="seconds"),
                rests, line.reason if rests else "",
            )  # fmt: skip
            found.append(vars(made))
    return found


def outboxes(told: Iterable[Mapping[str, Any]]) -> list[OutboxStatus]:
    """Return what environments said with `outbox_of`."""
    return [OutboxStatus(**one) for answer in told for one in answer.get("outbox") or ()]


def waiting_in(told: Mapping[str, Any]) -> str:
    """Return how much waits in what one environment said, in words."""
    count = sum(int(one["waiting"]) for one in told.get("outbox") or ())
    return f"{count} wait" if count else "nothing waits"
